// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MarketUpdate} from "../../src/types/Listing.sol";
import {MIN_INBOX_PER_BATCH} from "../../src/types/Limits.sol";
import {Batch} from "../../src/types/Batch.sol";
import {Claim, OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {AccountTrie} from "./AccountTrie.sol";
import {ExchangeFixture} from "./ExchangeFixture.sol";

/// @title An exchange in the hands of a fuzzer, and books of what it owes to whom
/// @notice Each public function is one random step. What must be refused is tried too; `broken` says what was not.
contract Rollup is ExchangeFixture {
    struct Entry {
        bytes data;
        address account;
        /// Zero for a forced operation's fee, and for what cost nothing.
        uint32 token;
        uint128 paid;
        bool isForceExit;
        bool refunded;
    }

    struct Debt {
        Claim claim;
        bool paid;
    }

    address private constant STRANGER = address(0x57A);
    address private constant RELAYER = address(0x4E1A);
    uint256 private constant ACTORS = 4;
    uint32 private constant MARKET = 1;

    /// In the order of their addresses.
    address[] public actors;
    Entry[] private _entries;
    Debt[] private _debts;
    /// What each account has inside, by the last settled state, until it escapes.
    mapping(address => mapping(uint32 => uint128)) private _total;
    mapping(address => mapping(uint32 => bool)) private _escaped;
    AccountTrie.Item[] private _settled;
    /// What must be in each wallet outside.
    mapping(address => mapping(uint32 => uint256)) private _wallet;
    mapping(address => uint256) private _fees;
    /// What the exchange owes of a token: inside, in outboxes, and in the inbox.
    mapping(uint32 => uint256) public liabilities;
    /// Fees that were paid and neither collected nor refunded.
    uint256 public owedFees;

    bytes32 private _chain;
    bytes32 private _root;
    uint64 private _batches;
    uint64 private _cursor;
    bool private _frozen;
    /// What the contract did and must not do; empty while all is well.
    string public broken;
    /// How often each kind of step did something.
    mapping(string => uint256) public done;

    function begin() external {
        prepare();
        for (uint256 i = 0; i < ACTORS; i++) {
            address actor = address(uint160(uint256(keccak256(abi.encode("actor", i)))));
            actors.push(actor);
            for (uint256 j = i; j > 0 && actors[j] < actors[j - 1]; j--) {
                (actors[j], actors[j - 1]) = (actors[j - 1], actors[j]);
            }
        }
        vm.startPrank(GOVERNOR);
        exchange.listMarket(marketTerms());
        exchange.open();
        vm.stopPrank();
        for (uint64 i = 0; i < exchange.inboxLength(); i++) {
            _entries.push();
        }
        _chain = exchange.inboxHash(exchange.inboxLength());
        _root = exchange.head().stateRoot;
    }

    // ------------------------------------------------------------------- steps

    function deposit(uint256 who, bool native, uint256 amount) external {
        address account = actors[who % ACTORS];
        uint128 value = uint128(bound(amount, MIN_ETH, 1e24));
        uint32 token = native ? ETH : USDC;
        if (native) {
            vm.deal(STRANGER, STRANGER.balance + value);
        } else {
            usdc.mint(STRANGER, value);
            vm.prank(STRANGER);
            usdc.approve(address(exchange), value);
        }
        bytes memory call = native
            ? abi.encodeCall(exchange.depositETH, (account))
            : abi.encodeCall(exchange.depositERC20, (USDC, account, value));
        vm.prank(STRANGER);
        (bool ok,) = address(exchange).call{value: native ? value : 0}(call);
        if (!allowed(ok, !_frozen, "deposit")) return;
        bytes memory entry = abi.encodePacked(uint8(1), uint64(block.timestamp), token, account, value);
        append(Entry(entry, account, token, value, false, false));
        liabilities[token] += value;
    }

    function force(uint256 who, uint256 kind, uint256 markets) external {
        address account = actors[who % ACTORS];
        uint128 fee = uint128(exchange.forcedFee());
        bytes[4] memory calls = [
            abi.encodeCall(exchange.forceExit, ()),
            abi.encodeCall(exchange.cancelAll, ()),
            abi.encodeCall(exchange.approveAgent, (STRANGER, 7, markets)),
            abi.encodeCall(exchange.revokeAgents, ())
        ];
        kind = kind % 4;
        uint256 extra = markets % 1 ether;
        vm.deal(account, account.balance + fee + extra);
        _wallet[account][ETH] += fee + extra;
        vm.prank(account);
        (bool ok,) = address(exchange).call{value: fee + extra}(calls[kind]);
        if (!allowed(ok, !_frozen, "force")) return;
        _wallet[account][ETH] -= fee;
        bytes memory entry = abi.encodePacked(uint8(2 + kind), uint64(block.timestamp), account);
        if (kind == 2) entry = abi.encodePacked(entry, STRANGER, uint64(7), markets);
        append(Entry(entry, account, 0, fee, kind == 0, false));
        owedFees += fee;
    }

    /// Settles a prefix of what waits, some transfers between accounts, and some withdrawals.
    function settleSome(uint256 consumed, uint256 seed, bool byStranger) external {
        uint64 length = exchange.inboxLength();
        uint64 cursor = _cursor + uint64(consumed % (length - _cursor + 1));
        bool overdue = isOverdue(_cursor);
        if (cursor - _cursor < MIN_INBOX_PER_BATCH && isOverdue(cursor)) {
            refuseSettlement(cursor);
            cursor = length;
        }
        address settler = byStranger ? STRANGER : exchange.poster();
        if (!_frozen && block.timestamp >= exchange.haltedUntil() && (!byStranger || overdue)) {
            settleTo(settler, cursor, seed);
        } else {
            allowed(trySettle(settler, nextBatch()), false, "settle");
        }
    }

    /// The poster settles all that waits, after the end of a halt.
    function settleEverything(uint256 seed) external {
        if (_frozen) return;
        if (block.timestamp < exchange.haltedUntil()) vm.warp(exchange.haltedUntil());
        settleTo(exchange.poster(), exchange.inboxLength(), seed);
    }

    function claimOne(uint256 choice) external {
        if (_debts.length == 0) return;
        Debt storage debt = _debts[choice % _debts.length];
        Claim memory owed = debt.claim;
        (bool ok,) = address(exchange).call(claimCall(owed));
        if (!allowed(ok, !debt.paid, "claim")) return;
        debt.paid = true;
        pay(owed.leaf.recipient, owed.leaf.token, owed.leaf.amount);
    }

    function claimSome(uint256 choice, uint256 count, bool withFee) external {
        if (_debts.length == 0) return;
        count = bound(count, 1, 6);
        Claim[] memory claims = new Claim[](count);
        uint256 expected = 0;
        for (uint256 i = 0; i < count; i++) {
            Debt storage debt = _debts[(choice % _debts.length + i) % _debts.length];
            claims[i] = debt.claim;
            if (debt.paid) continue;
            debt.paid = true;
            expected++;
            OutboxLeaf memory leaf = debt.claim.leaf;
            uint128 fee = withFee ? leaf.maxRelayFee : 0;
            pay(leaf.recipient, leaf.token, leaf.amount - fee);
            pay(RELAYER, leaf.token, fee);
        }
        uint256 paid = exchange.claimMany(claims, withFee ? RELAYER : address(0));
        if (paid != expected) broken = "claimMany";
        done["claimMany"]++;
    }

    function collect(bool ofStranger) external {
        address settler = ofStranger ? STRANGER : POSTER;
        uint256 before = settler.balance;
        try exchange.collectFees(settler) {
            if (settler.balance - before != _fees[settler] || _fees[settler] == 0) broken = "collect";
            owedFees -= _fees[settler];
            _fees[settler] = 0;
            done["collect"]++;
        } catch {
            if (_fees[settler] != 0) broken = "collect refused";
        }
    }

    function freezeIt(uint256 chance) external {
        uint64 oldest = _cursor;
        bool isWaiting = oldest < exchange.inboxLength();
        uint64 from = exchange.inboxTime(oldest) + DEADLINE;
        if (chance % 8 == 0 && isWaiting && block.timestamp < from) vm.warp(chance % 16 == 0 ? from : from - 1);
        bool may = !_frozen && isWaiting && block.timestamp >= from;
        (bool ok,) = address(exchange).call(abi.encodeCall(exchange.freeze, ()));
        if (allowed(ok, may, "freeze")) _frozen = true;
    }

    function escapeOne(uint256 who, bool native) external {
        uint256 index = who % ACTORS;
        address account = actors[index];
        uint32 token = native ? ETH : USDC;
        uint32[] memory tokens = new uint32[](1);
        tokens[0] = token;
        if (_settled.length == 0) return;
        bytes memory call = abi.encodeCall(exchange.escape, (account, proofOf(_settled, index), tokens));
        (bool ok,) = address(exchange).call(call);
        bool may = _frozen && _total[account][token] != 0 && !_escaped[account][token];
        if (!allowed(ok, may, "escape")) return;
        _escaped[account][token] = true;
        pay(account, token, _total[account][token]);
    }

    function refundOne(uint256 choice) external {
        uint64 index = uint64(choice % _entries.length);
        Entry storage entry = _entries[index];
        (bool ok,) = address(exchange).call(abi.encodeCall(exchange.refund, (index, entry.data)));
        bool may = _frozen && index >= _cursor && !entry.refunded && entry.paid != 0;
        if (!allowed(ok, may, "refund")) return;
        entry.refunded = true;
        if (entry.token != 0) {
            pay(entry.account, entry.token, entry.paid);
        } else {
            owedFees -= entry.paid;
            _wallet[entry.account][ETH] += entry.paid;
        }
    }

    function govern(uint256 choice, uint256 value) external {
        if (choice % 5 == 0) restrict(uint8(value % 5));
        if (choice % 5 == 1) schedule(abi.encodeCall(exchange.setForcedFee, (uint128(value % 4))), value >> 8);
        if (choice % 5 == 2) schedule(abi.encodeCall(exchange.setMarket, (MARKET, 1, update())), value >> 8);
        if (choice % 5 == 3) halt(value % 4 == 0);
        if (choice % 5 == 4) replacePoster();
    }

    /// Mostly hours; now and then longer than a deadline.
    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 0, time % 5 == 0 ? 8 days : 1 days));
        done["pass"]++;
    }

    // ------------------------------------------------------------ parts of steps

    /// Whether it happened, after noting if it happened against the rules or was refused against them.
    function allowed(bool happened, bool may, string memory step) private returns (bool) {
        if (happened != may) broken = step;
        if (happened) done[step]++;
        return happened;
    }

    function pay(address account, uint32 token, uint256 amount) private {
        liabilities[token] -= amount;
        _wallet[account][token] += amount;
    }

    function append(Entry memory entry) private {
        _chain = keccak256(abi.encodePacked(_chain, entry.data));
        _entries.push(entry);
    }

    function isOverdue(uint64 index) private view returns (bool) {
        return index < exchange.inboxLength() && exchange.inboxTime(index) + INCLUSION < block.timestamp;
    }

    function trySettle(address settler, Batch memory batch) private returns (bool ok) {
        bytes memory proof = mockProof(publicValues(batch, "data"));
        vm.prank(settler, settler);
        (ok,) = address(exchange).call(abi.encodeCall(exchange.settle, (batch, "data", proof)));
    }

    function refuseSettlement(uint64 cursor) private {
        Batch memory batch = nextBatch();
        batch.inboxCursor = cursor;
        allowed(trySettle(exchange.poster(), batch), false, "settlement that leaves overdue entries");
    }

    function consume(Entry memory entry, address settler) private {
        if (entry.token != 0) {
            _total[entry.account][entry.token] += entry.paid;
            return;
        }
        _fees[settler] += entry.paid;
        if (!entry.isForceExit) return;
        for (uint32 token = ETH; token <= USDC; token++) {
            owe(entry.account, token, _total[entry.account][token], 0);
        }
    }

    /// Takes from an account what its leaf will pay.
    function owe(address account, uint32 token, uint128 amount, uint128 fee) private {
        if (amount == 0) return;
        _total[account][token] -= amount;
        Debt storage debt = _debts.push();
        debt.claim.leaf.recipient = account;
        debt.claim.leaf.token = token;
        debt.claim.leaf.amount = amount;
        debt.claim.leaf.maxRelayFee = fee;
    }

    function transfer(uint256 seed) private {
        (address from, address to) = (actors[seed % ACTORS], actors[(seed >> 8) % ACTORS]);
        uint32 token = seed % 2 == 0 ? ETH : USDC;
        uint128 amount = uint128((seed >> 16) % (uint256(_total[from][token]) + 1));
        _total[from][token] -= amount;
        _total[to][token] += amount;
    }

    function withdraw(uint256 seed) private {
        for (uint256 i = 0; i < (seed >> 200) % 8; i++) {
            address account = actors[(seed >> (i * 9)) % ACTORS];
            uint32 token = (seed >> i) % 2 == 0 ? ETH : USDC;
            uint128 amount = uint128((seed >> 32) % (uint256(_total[account][token]) + 1));
            owe(account, token, amount, amount == 0 ? 0 : uint128((seed >> 64) % amount));
        }
    }

    function settleTo(address settler, uint64 cursor, uint256 seed) private {
        uint256 first = _debts.length;
        for (uint64 i = _cursor; i < cursor; i++) {
            consume(_entries[i], settler);
        }
        transfer(seed);
        withdraw(seed);
        delete _settled;
        for (uint256 i = 0; i < ACTORS; i++) {
            _settled.push(AccountTrie.Item(actors[i], valueOf(actors[i])));
        }
        Batch memory batch = nextBatch();
        batch.inboxCursor = cursor;
        batch.newStateRoot = stateRootOf(AccountTrie.root(_settled));
        batch.outboxCount = uint64(_debts.length - first);
        batch.outboxRoot = proveDebts(first);
        if (!allowed(trySettle(settler, batch), true, "settle")) return;
        (_root, _cursor) = (batch.newStateRoot, cursor);
        _batches++;
    }

    function valueOf(address account) private view returns (bytes memory) {
        uint32[] memory tokens = new uint32[](2);
        uint128[] memory totals = new uint128[](2);
        uint256 count = 0;
        for (uint32 token = ETH; token <= USDC; token++) {
            if (_total[account][token] == 0) continue;
            (tokens[count], totals[count]) = (token, _total[account][token]);
            count++;
        }
        assembly ("memory-safe") {
            mstore(tokens, count)
            mstore(totals, count)
        }
        return AccountTrie.valueOf(tokens, totals);
    }

    /// Gives the debts from `first` on their places and proofs in a tree as the protocol builds it; returns the root.
    function proveDebts(uint256 first) private returns (bytes32) {
        uint256 count = _debts.length - first;
        if (count == 0) return 0;
        bytes32[] memory level = new bytes32[](count);
        uint256[] memory place = new uint256[](count);
        for (uint256 i = 0; i < count; i++) {
            Claim storage owed = _debts[first + i].claim;
            owed.batchNumber = _batches + 1;
            owed.leaf.index = uint32(i);
            level[i] = leafHash(owed.leaf);
            place[i] = i;
        }
        while (level.length > 1) {
            for (uint256 i = 0; i < count; i++) {
                uint256 sibling = place[i] ^ 1;
                if (sibling < level.length) _debts[first + i].claim.proof.push(level[sibling]);
                place[i] /= 2;
            }
            level = above(level);
        }
        return level[0];
    }

    function above(bytes32[] memory level) private pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; i++) {
            next[i] = 2 * i + 1 < level.length ? nodeHash(level[2 * i], level[2 * i + 1]) : level[2 * i];
        }
    }

    function claimCall(Claim memory owed) private view returns (bytes memory) {
        OutboxLeaf memory leaf = owed.leaf;
        return abi.encodeCall(
            exchange.claim,
            (owed.batchNumber, leaf.index, leaf.recipient, leaf.token, leaf.amount, leaf.maxRelayFee, owed.proof)
        );
    }

    function update() private pure returns (MarketUpdate memory) {
        return MarketUpdate({minNotional: 1, makerFee: 1, takerFee: 1, priceBand: 0, feeAccount: GOVERNOR});
    }

    function appendSetMarket(uint8 status, MarketUpdate memory terms) private {
        bytes memory entry = abi.encodePacked(uint8(8), uint64(block.timestamp), MARKET, status, terms.minNotional);
        bytes memory rest = abi.encodePacked(terms.makerFee, terms.takerFee, terms.priceBand, terms.feeAccount);
        append(Entry(bytes.concat(entry, rest), address(0), 0, 0, false, false));
    }

    function restrict(uint8 status) private {
        (uint8 current, MarketUpdate memory terms) = exchange.marketOf(MARKET);
        vm.prank(GOVERNOR);
        (bool ok,) = address(exchange).call(abi.encodeCall(exchange.restrictMarket, (MARKET, status)));
        if (allowed(ok, !_frozen && status > current && status <= 3, "restrict")) appendSetMarket(status, terms);
    }

    /// Executes it if it is ready, else schedules it.
    function schedule(bytes memory action, uint256 patience) private {
        bytes32 id = keccak256(action);
        uint64 readyAt = exchange.scheduledAt(id);
        if (readyAt > block.timestamp && patience % 3 == 0) vm.warp(readyAt);
        bool isReady = readyAt != 0 && block.timestamp >= readyAt && block.timestamp <= readyAt + TIMELOCK;
        bool isMarket = bytes4(action) == exchange.setMarket.selector;
        vm.prank(GOVERNOR);
        (bool ok,) = address(exchange).call(abi.encodeCall(exchange.execute, (action)));
        if (allowed(ok, isReady && !(isMarket && _frozen), "execute") && isMarket) appendSetMarket(1, update());
        if (ok || (readyAt != 0 && block.timestamp <= readyAt + TIMELOCK)) return;
        vm.prank(GOVERNOR);
        exchange.schedule(action);
    }

    function halt(bool on) private {
        uint64 until = exchange.haltedUntil();
        bytes memory call = on ? abi.encodeCall(exchange.halt, ()) : abi.encodeCall(exchange.resume, ());
        bool may = on ? !_frozen && block.timestamp >= until + DEADLINE : block.timestamp < until;
        vm.prank(GUARDIAN);
        (bool ok,) = address(exchange).call(call);
        allowed(ok, may, "halt");
    }

    /// The same one again, which goes through all of a change.
    function replacePoster() private {
        vm.prank(GOVERNOR);
        exchange.setPoster(POSTER);
    }

    // ------------------------------------------------------------------- books

    function checkWallets() external view {
        for (uint256 i = 0; i <= ACTORS; i++) {
            address account = i < ACTORS ? actors[i] : RELAYER;
            assertEq(account.balance, _wallet[account][ETH]);
            assertEq(usdc.balanceOf(account), _wallet[account][USDC]);
        }
    }

    function checkHead() external view {
        assertEq(exchange.inboxHash(exchange.inboxLength()), _chain);
        assertEq(exchange.inboxLength(), _entries.length);
        assertEq(exchange.head().stateRoot, _root);
        assertEq(exchange.head().batchNumber, _batches);
        assertEq(exchange.head().inboxCursor, _cursor);
        assertTrue(exchange.frozen() == _frozen, "frozen only by freeze");
    }

    function holdings(uint32 token) external view returns (uint256) {
        return exchange.tokenOf(token).holdings;
    }

    function balance(uint32 token) external view returns (uint256) {
        return token == ETH ? address(exchange).balance : usdc.balanceOf(address(exchange));
    }

    // -------------------------------------------------------------------- end

    /// Freezes the exchange if it is not, and takes everybody out by every way there is.
    function drain() external {
        if (!_frozen) {
            if (_cursor == exchange.inboxLength()) {
                this.force(0, 0, 0);
            }
            vm.warp(
                exchange.inboxTime(_cursor) + DEADLINE > block.timestamp
                    ? exchange.inboxTime(_cursor) + DEADLINE
                    : block.timestamp
            );
            this.freezeIt(1);
        }
        for (uint256 i = 0; i < 2; i++) {
            payEverybody();
        }
    }

    /// The second time, all of it is refused.
    function payEverybody() private {
        for (uint256 i = 0; i < _debts.length; i++) {
            this.claimOne(i);
        }
        for (uint256 i = 0; i < ACTORS; i++) {
            this.escapeOne(i, true);
            this.escapeOne(i, false);
        }
        for (uint256 i = 0; i < _entries.length; i++) {
            this.refundOne(i);
        }
        this.collect(true);
        this.collect(false);
    }
}
