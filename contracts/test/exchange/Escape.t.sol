// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Exchange} from "../../src/Exchange.sol";
import {IExchange} from "../../src/interfaces/IExchange.sol";
import {AccountProof} from "../../src/types/AccountProof.sol";
import {Batch} from "../../src/types/Batch.sol";
import {OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {AccountTrie} from "../support/AccountTrie.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";
import {BlacklistToken} from "../tokens/BlacklistToken.sol";

/// @title Calls back while it is paid
contract CallingAccount {
    bytes private _call;
    bool public succeeded;

    function setCall(bytes calldata call) external {
        _call = call;
    }

    receive() external payable {
        (succeeded,) = msg.sender.call(_call);
    }
}

/// @title Takes no ether
contract RefusingAccount {}

contract EscapeTest is ExchangeFixture {
    uint32 private constant BLACKLISTING = 3;
    BlacklistToken private token;
    AccountTrie.Item[] private items;

    function setUp() public override {
        prepare();
        token = new BlacklistToken();
        vm.startPrank(GOVERNOR);
        exchange.listToken(address(token), 6, 1);
        exchange.open();
        vm.stopPrank();
    }

    function add(address account, uint128 eth, uint128 dollars, uint128 blacklisting) private {
        uint32[] memory tokens = new uint32[](3);
        (tokens[0], tokens[1], tokens[2]) = (ETH, USDC, BLACKLISTING);
        uint128[] memory totals = new uint128[](3);
        (totals[0], totals[1], totals[2]) = (eth, dollars, blacklisting);
        items.push(AccountTrie.Item(account, AccountTrie.valueOf(tokens, totals)));
        for (uint256 i = items.length - 1; i > 0 && items[i].key < items[i - 1].key; i--) {
            AccountTrie.Item memory before = items[i - 1];
            items[i - 1] = items[i];
            items[i] = before;
        }
        if (eth != 0) depositEth(eth);
        if (dollars != 0) depositUsdc(dollars);
        token.mint(ALICE, blacklisting);
        vm.startPrank(ALICE);
        token.approve(address(exchange), blacklisting);
        if (blacklisting != 0) exchange.depositERC20(BLACKLISTING, ALICE, blacklisting);
        vm.stopPrank();
    }

    function frozenWith(address account) private returns (AccountProof memory proof) {
        add(account, 2 ether, 5e6, 70);
        for (uint160 i = 0; i < 20; i++) {
            add(address(uint160(uint256(keccak256(abi.encode(i))))), 1 ether, 1e6, 1);
        }
        settleAccounts(items);
        freeze();
        return proofOf(items, indexOf(account));
    }

    function indexOf(address account) private view returns (uint256 index) {
        while (items[index].key != account) index++;
    }

    function one(uint32 id) private pure returns (uint32[] memory tokens) {
        tokens = new uint32[](1);
        tokens[0] = id;
    }

    function two(uint32 first, uint32 second) private pure returns (uint32[] memory tokens) {
        tokens = new uint32[](2);
        (tokens[0], tokens[1]) = (first, second);
    }

    function expectRefused(AccountProof memory proof) private {
        vm.expectRevert(IExchange.InvalidAccountProof.selector);
        exchange.escape(BOB, proof, one(ETH));
    }

    // ------------------------------------------------------------------ freeze

    function testFuzzFreezeOnTimeAndNotBefore(uint64 early) public {
        settle(nextBatch());
        vm.warp(START + 100);
        depositEth(1 ether);
        vm.warp(START + 200);
        depositEth(1 ether);
        uint256 from = START + 100 + DEADLINE;
        vm.warp(from - bound(early, 1, DEADLINE));
        vm.expectRevert(abi.encodeWithSelector(IExchange.DeadlineNotPassed.selector, from));
        exchange.freeze();
        vm.warp(from);
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Frozen(1, exchange.head().stateRoot);
        vm.prank(address(0x1234));
        exchange.freeze();
    }

    function testAnInboxThatIsServedIsNoReasonToFreeze() public {
        settle(nextBatch());
        vm.warp(START + 1000 days);
        vm.expectRevert(abi.encodeWithSelector(IExchange.DeadlineNotPassed.selector, type(uint256).max));
        exchange.freeze();
    }

    /// Whoever settles first wins: until someone freezes, a late batch still counts.
    function testASettlementAfterTheDeadlinePreventsTheFreeze() public {
        settle(nextBatch());
        depositEth(1 ether);
        vm.warp(START + DEADLINE + 1);
        settleAs(BOB, nextBatch());
        vm.expectRevert(abi.encodeWithSelector(IExchange.DeadlineNotPassed.selector, type(uint256).max));
        exchange.freeze();
    }

    // ------------------------------------------------------------------ escape

    function testEverythingIsPaidOncePerToken() public {
        AccountProof memory proof = frozenWith(BOB);
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Escaped(BOB, ETH, 2 ether);
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Escaped(BOB, USDC, 5e6);
        vm.prank(address(0x1234));
        exchange.escape(BOB, proof, two(ETH, USDC));
        assertEq(BOB.balance, 2 ether);
        assertEq(usdc.balanceOf(BOB), 5e6);
        assertEq(exchange.tokenOf(ETH).holdings, 20 ether);
        assertTrue(exchange.isEscaped(BOB, ETH) && exchange.isEscaped(BOB, USDC), "both");
        assertTrue(!exchange.isEscaped(BOB, BLACKLISTING) && !exchange.isEscaped(ALICE, ETH), "no others");

        vm.expectRevert(abi.encodeWithSelector(IExchange.AlreadyEscaped.selector, BOB, ETH));
        exchange.escape(BOB, proof, one(ETH));
        vm.expectRevert(abi.encodeWithSelector(IExchange.AlreadyEscaped.selector, BOB, BLACKLISTING));
        exchange.escape(BOB, proof, two(BLACKLISTING, BLACKLISTING));
        exchange.escape(BOB, proof, one(BLACKLISTING));
        assertEq(token.balanceOf(BOB), 70);
    }

    function testEverybodyGetsOutAndNothingIsLeft() public {
        frozenWith(BOB);
        for (uint256 i = 0; i < items.length; i++) {
            exchange.escape(items[i].key, proofOf(items, i), two(ETH, USDC));
            exchange.escape(items[i].key, proofOf(items, i), one(BLACKLISTING));
        }
        exchange.refund(exchange.inboxLength() - 1, lastForceExit());
        assertEq(address(exchange).balance, 0);
        assertEq(usdc.balanceOf(address(exchange)), 0);
        assertEq(token.balanceOf(address(exchange)), 0);
    }

    function lastForceExit() private view returns (bytes memory) {
        return abi.encodePacked(uint8(2), exchange.inboxTime(exchange.inboxLength() - 1), address(0xF0));
    }

    function testOnlyAfterAFreeze() public {
        add(BOB, 1 ether, 0, 0);
        settleAccounts(items);
        AccountProof memory proof = proofOf(items, 0);
        vm.expectRevert(IExchange.NotFrozen.selector);
        exchange.escape(BOB, proof, one(ETH));
    }

    function testATokenThatCannotBePaidBlocksNoOther() public {
        AccountProof memory proof = frozenWith(BOB);
        token.setBlacklisted(BOB, true);
        vm.expectRevert(abi.encodeWithSelector(BlacklistToken.Blacklisted.selector, BOB));
        exchange.escape(BOB, proof, two(ETH, BLACKLISTING));
        exchange.escape(BOB, proof, two(ETH, USDC));
        token.setBlacklisted(BOB, false);
        exchange.escape(BOB, proof, one(BLACKLISTING));
        assertEq(token.balanceOf(BOB), 70);
    }

    function testAnAccountThatRefusesEtherHarmsOnlyItself() public {
        address account = address(new RefusingAccount());
        AccountProof memory proof = frozenWith(account);
        vm.expectRevert(bytes4(keccak256("FailedCall()")));
        exchange.escape(account, proof, two(USDC, ETH));
        exchange.escape(account, proof, two(USDC, BLACKLISTING));
        assertEq(usdc.balanceOf(account), 5e6);
        exchange.escape(items[0].key, proofOf(items, 0), one(USDC));
        vm.etch(account, "");
        exchange.escape(account, proof, one(ETH));
        assertEq(account.balance, 2 ether);
    }

    function testATokenThatTheAccountDoesNotHave() public {
        AccountProof memory proof = frozenWith(BOB);
        vm.expectRevert(abi.encodeWithSelector(IExchange.NothingToEscape.selector, BOB, uint32(4)));
        exchange.escape(BOB, proof, two(ETH, 4));
        vm.expectRevert(abi.encodeWithSelector(IExchange.NothingToEscape.selector, BOB, uint32(0)));
        exchange.escape(BOB, proof, one(0));
    }

    /// Each bit of the account's value, and each other part of the proof.
    function testFuzzAnyChangeOfTheProofIsRefused(uint256 part, uint256 place, uint8 flip) public {
        vm.assume(flip != 0);
        AccountProof memory proof = frozenWith(BOB);
        if (part % 7 == 0) proof.account[place % proof.account.length] ^= bytes1(flip);
        if (part % 7 == 1) proof.siblings[place % proof.siblings.length] ^= bytes32(uint256(flip));
        if (part % 7 == 2) proof.bits[place % proof.bits.length] ^= flip;
        if (part % 7 == 3) proof.booksRoot ^= bytes32(uint256(flip));
        if (part % 7 == 4) proof.clientsRoot ^= bytes32(uint256(flip));
        if (part % 7 == 5) proof.registryRoot ^= bytes32(uint256(flip));
        if (part % 7 == 6) proof.metaHash ^= bytes32(uint256(flip));
        expectRefused(proof);
    }

    function testAnotherAccountOrPathIsRefused() public {
        AccountProof memory proof = frozenWith(BOB);
        vm.expectRevert(IExchange.InvalidAccountProof.selector);
        exchange.escape(ALICE, proof, one(ETH));
        AccountProof memory other = proofOf(items, (indexOf(BOB) + 1) % items.length);
        expectRefused(other);
        (proof.account, other.account) = (other.account, proof.account);
        expectRefused(proof);
        expectRefused(other);
    }

    /// Lengths that differ, bits that do not fall from the leaf to the root, a path cut off on either end.
    function testAPathOfNoTrieIsRefused() public {
        AccountProof memory proof = frozenWith(BOB);
        bytes32[] memory siblings = proof.siblings;
        uint16[] memory bits = proof.bits;
        proof.siblings = new bytes32[](siblings.length - 1);
        expectRefused(proof);
        proof.siblings = siblings;
        proof.bits = new uint16[](0);
        expectRefused(proof);
        proof.siblings = new bytes32[](0);
        expectRefused(proof);
        proof.siblings = new bytes32[](1);
        proof.bits = new uint16[](1);
        proof.bits[0] = 160;
        expectRefused(proof);
        proof.siblings = new bytes32[](2);
        proof.bits = new uint16[](2);
        (proof.bits[0], proof.bits[1]) = (bits[0], bits[0]);
        expectRefused(proof);
    }

    /// Even a value that is in the state is not read if its lists do not fill it exactly.
    function testFuzzAValueThatIsNoAccountIsRefused(bytes memory value) public {
        expectUnreadable(value);
    }

    function testValuesThatEndTooSoonOrTooLate() public {
        bytes memory value = AccountTrie.valueOf(two(ETH, USDC), new uint128[](2));
        expectUnreadable("");
        expectUnreadable(bytes.concat(value, hex"00"));
        for (uint256 length = 0; length < value.length; length++) {
            bytes memory cut = new bytes(length);
            for (uint256 i = 0; i < length; i++) {
                cut[i] = value[i];
            }
            expectUnreadable(cut);
        }
    }

    function expectUnreadable(bytes memory value) private {
        Exchange fresh = new Exchange(configuration());
        vm.prank(GOVERNOR);
        fresh.open();
        exchange = fresh;
        AccountTrie.Item[] memory only = new AccountTrie.Item[](1);
        only[0] = AccountTrie.Item(BOB, value);
        settleAccounts(only);
        freeze();
        expectRefused(proofOf(only, 0));
        vm.warp(START);
    }

    function testTheOnlyAccountHasNoPath() public {
        add(BOB, 1 ether, 0, 0);
        settleAccounts(items);
        freeze();
        AccountProof memory proof = proofOf(items, 0);
        assertEq(proof.siblings.length, 0);
        exchange.escape(BOB, proof, one(ETH));
        assertEq(BOB.balance, 1 ether);
    }

    function testNothingReentersAnEscape() public {
        CallingAccount account = new CallingAccount();
        AccountProof memory proof = frozenWith(address(account));
        account.setCall(abi.encodeCall(exchange.escape, (address(account), proof, one(USDC))));
        exchange.escape(address(account), proof, one(ETH));
        assertTrue(!account.succeeded(), "the second escape reverts");
        assertEq(address(account).balance, 2 ether);
    }

    /// Nobody gets more than the exchange holds of the token, whatever the state says.
    function testNoMoreThanTheHoldingsIsPaid() public {
        add(BOB, 1 ether, 0, 0);
        items[0].value = AccountTrie.valueOf(one(ETH), amounts(1 ether + 1));
        settleAccounts(items);
        freeze();
        AccountProof memory proof = proofOf(items, 0);
        vm.deal(address(exchange), 2 ether);
        vm.expectRevert();
        exchange.escape(BOB, proof, one(ETH));
    }

    function amounts(uint128 only) private pure returns (uint128[] memory all) {
        all = new uint128[](1);
        all[0] = only;
    }

    // ------------------------------------------------------------------ refund

    function depositEntry(uint64 time, uint128 amount) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(1), time, ETH, ALICE, amount);
    }

    function testADepositThatWasNotSettledComesBackOnce() public {
        settle(nextBatch());
        depositEth(3 ether);
        uint64 index = exchange.inboxLength() - 1;
        bytes memory entry = depositEntry(START, 3 ether);
        vm.expectRevert(IExchange.NotFrozen.selector);
        exchange.refund(index, entry);
        freeze();
        uint256 before = ALICE.balance;
        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Refunded(index, ALICE, ETH, 3 ether);
        exchange.refund(index, entry);
        assertEq(ALICE.balance, before + 3 ether);
        assertEq(exchange.tokenOf(ETH).holdings, 0);
        assertTrue(exchange.isRefunded(index), "refunded");
        vm.expectRevert(abi.encodeWithSelector(IExchange.AlreadyRefunded.selector, index));
        exchange.refund(index, entry);
    }

    function testEachForcedOperationsFeeComesBack() public {
        settle(nextBatch());
        vm.startPrank(ALICE);
        exchange.forceExit{value: FORCED_FEE}();
        exchange.cancelAll{value: FORCED_FEE}();
        exchange.approveAgent{value: FORCED_FEE}(BOB, 1, 1);
        exchange.revokeAgents{value: FORCED_FEE}();
        vm.stopPrank();
        freeze();
        uint256 before = ALICE.balance;
        bytes[4] memory entries = [
            abi.encodePacked(uint8(2), START, ALICE),
            abi.encodePacked(uint8(3), START, ALICE),
            abi.encodePacked(uint8(4), START, ALICE, BOB, uint64(1), uint256(1)),
            abi.encodePacked(uint8(5), START, ALICE)
        ];
        for (uint64 i = 0; i < 4; i++) {
            exchange.refund(3 + i, entries[i]);
        }
        assertEq(ALICE.balance, before + 4 * FORCED_FEE);
        assertEq(address(exchange).balance, 0);
    }

    /// Fees of entries before the cursor are the settler's, those after it are refunded: none is paid twice.
    function testFeesOfSettledEntriesStayTheSettlers() public {
        forceExitAs(ALICE);
        settle(nextBatch());
        forceExitAs(ALICE);
        freeze();
        exchange.collectFees(POSTER);
        vm.expectRevert(abi.encodeWithSelector(IExchange.EntrySettled.selector, uint64(3)));
        exchange.refund(3, abi.encodePacked(uint8(2), START, ALICE));
        exchange.refund(4, abi.encodePacked(uint8(2), START, ALICE));
        assertEq(address(exchange).balance, 0);
        assertEq(POSTER.balance, FORCED_FEE);
    }

    function testFuzzOnlyTheEntryItselfIsRefunded(uint256 place, uint8 flip) public {
        vm.assume(flip != 0);
        settle(nextBatch());
        depositEth(3 ether);
        uint64 index = exchange.inboxLength() - 1;
        freeze();
        bytes memory entry = depositEntry(START, 3 ether);
        entry[place % entry.length] ^= bytes1(flip);
        vm.expectRevert(abi.encodeWithSelector(IExchange.InvalidInboxEntry.selector, index));
        exchange.refund(index, entry);
        vm.expectRevert(abi.encodeWithSelector(IExchange.InvalidInboxEntry.selector, index + 1));
        exchange.refund(index + 1, depositEntry(START, 3 ether));
        vm.expectRevert(abi.encodeWithSelector(IExchange.InvalidInboxEntry.selector, index));
        exchange.refund(index, "");
    }

    function testListingsAreNotRefunded() public {
        Batch memory batch = nextBatch();
        batch.inboxCursor = 0;
        settle(batch);
        freeze();
        bytes memory entry = abi.encodePacked(uint8(6), START, ETH, address(0), uint8(18));
        vm.expectRevert(abi.encodeWithSelector(IExchange.NothingToRefund.selector, uint64(0)));
        exchange.refund(0, entry);
        entry = abi.encodePacked(uint8(6), START, USDC, address(usdc), uint8(6));
        vm.expectRevert(abi.encodeWithSelector(IExchange.NothingToRefund.selector, uint64(1)));
        exchange.refund(1, entry);
    }

    function testNothingReentersARefund() public {
        settle(nextBatch());
        CallingAccount account = new CallingAccount();
        vm.prank(ALICE);
        uint64 index = exchange.depositETH{value: 1 ether}(address(account));
        freeze();
        bytes memory entry = abi.encodePacked(uint8(1), START, ETH, address(account), uint128(1 ether));
        account.setCall(abi.encodeCall(exchange.refund, (index, entry)));
        exchange.refund(index, entry);
        assertTrue(!account.succeeded(), "the second refund reverts");
        assertEq(address(account).balance, 1 ether);
    }

    /// A claim of a settled batch, an escape and a refund after one freeze, each to the last unit.
    function testAllThreeWaysOut() public {
        depositEth(3 ether);
        Batch memory batch = nextBatch();
        OutboxLeaf memory leaf = OutboxLeaf(0, GOVERNOR, ETH, 1 ether, 0);
        items.push(AccountTrie.Item(BOB, AccountTrie.valueOf(one(ETH), amounts(2 ether))));
        batch.newStateRoot = stateRootOf(AccountTrie.root(items));
        (batch.outboxRoot, batch.outboxCount) = (leafHash(leaf), 1);
        settle(batch);
        depositEth(5 ether);
        uint64 index = exchange.inboxLength() - 1;
        freeze();
        exchange.escape(BOB, proofOf(items, 0), one(ETH));
        exchange.refund(index, depositEntry(START, 5 ether));
        claim(1, leaf, new bytes32[](0));
        assertEq(address(exchange).balance, 0);
        assertEq(GOVERNOR.balance, 1 ether);
    }
}
