// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Exchange} from "../../src/Exchange.sol";
import {TestToken} from "../../src/devnet/TestToken.sol";
import {MarketTerms} from "../../src/types/Listing.sol";
import {AccountProof} from "../../src/types/AccountProof.sol";
import {Configuration, Delays} from "../../src/types/Configuration.sol";
import {Batch, Head} from "../../src/types/Batch.sol";
import {OutboxLeaf} from "../../src/types/OutboxLeaf.sol";
import {MockVerifier} from "../../src/verifiers/MockVerifier.sol";
import {AccountTrie} from "./AccountTrie.sol";
import {Test} from "./Test.sol";

/// @title An exchange with one ERC-20 token listed, and settlements for it
/// @notice The public values and the outbox are built here a second time, from the protocol and not with the
/// contract's code.
abstract contract ExchangeFixture is Test {
    address internal constant GOVERNOR = address(0x60);
    address internal constant POSTER = address(0x905);
    address internal constant GUARDIAN = address(0x6A);
    address internal constant ALICE = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    bytes32 internal constant PROGRAM_VKEY = bytes32(uint256(0x1234));
    uint128 internal constant MIN_ETH = 1e12;
    uint128 internal constant MIN_USDC = 1e6;
    uint32 internal constant ETH = 1;
    uint32 internal constant USDC = 2;
    uint128 internal constant FORCED_FEE = 0.001 ether;
    bytes32 internal constant BOOKS_ROOT = keccak256("books");
    bytes32 internal constant CLIENTS_ROOT = keccak256("clients");
    bytes32 internal constant REGISTRY_ROOT = keccak256("registry");
    bytes32 internal constant META_HASH = keccak256("meta");
    uint64 internal constant START = 1_800_000_000;
    // The delays of production.
    uint64 internal constant INCLUSION = 1 days;
    uint64 internal constant DEADLINE = 7 days;
    uint64 internal constant EXIT = 7 days;
    uint64 internal constant TIMELOCK = 15 days;
    uint64 internal constant POSTER_DELAY = 6 hours;
    uint64 internal constant HALT = 2 days;

    Exchange internal exchange;
    MockVerifier internal verifier;
    TestToken internal usdc;

    function setUp() public virtual {
        prepare();
        vm.prank(GOVERNOR);
        exchange.open();
    }

    /// @notice An exchange that is not open yet.
    function prepare() internal {
        vm.warp(START);
        verifier = new MockVerifier();
        exchange = new Exchange(configuration());
        usdc = new TestToken("USD Coin", "USDC", 6);
        vm.prank(GOVERNOR);
        exchange.listToken(address(usdc), 6, MIN_USDC);
        vm.deal(ALICE, 1_000_000 ether);
    }

    function configuration() internal view returns (Configuration memory) {
        return Configuration({
            governor: GOVERNOR,
            poster: POSTER,
            guardian: GUARDIAN,
            verifier: verifier,
            programVKey: PROGRAM_VKEY,
            minDepositETH: MIN_ETH,
            forcedFee: FORCED_FEE,
            delays: Delays({
                inclusion: INCLUSION,
                deadline: DEADLINE,
                exit: EXIT,
                timelock: TIMELOCK,
                poster: POSTER_DELAY,
                halt: HALT
            })
        });
    }

    /// @notice Carries out an action of governance in an open exchange: 15 days pass.
    function govern(bytes memory action) internal {
        vm.prank(GOVERNOR);
        exchange.schedule(action);
        vm.warp(block.timestamp + TIMELOCK);
        vm.prank(GOVERNOR);
        exchange.execute(action);
    }

    /// @notice Lists a token in an open exchange.
    function listToken(address token, uint8 decimals) internal returns (uint32) {
        govern(abi.encodeCall(exchange.listToken, (token, decimals, 1)));
        return exchange.tokenIdOf(token);
    }

    function depositEth(uint256 amount) internal {
        vm.prank(ALICE);
        exchange.depositETH{value: amount}(ALICE);
    }

    function depositUsdc(uint128 amount) internal {
        usdc.mint(ALICE, amount);
        vm.startPrank(ALICE);
        usdc.approve(address(exchange), amount);
        exchange.depositERC20(USDC, ALICE, amount);
        vm.stopPrank();
    }

    function marketTerms() internal pure returns (MarketTerms memory) {
        return MarketTerms({
            base: ETH,
            quote: USDC,
            lotSize: 1e15,
            tickSize: 10,
            minNotional: 5e6,
            makerFee: 100,
            takerFee: 500,
            priceBand: 200_000,
            feeAccount: GOVERNOR
        });
    }

    /// @notice A batch that consumes the whole inbox, one block after the last.
    function nextBatch() internal view returns (Batch memory) {
        Head memory head = exchange.head();
        return Batch({
            newStateRoot: keccak256(abi.encode("root", head.batchNumber)),
            inboxCursor: exchange.inboxLength(),
            outboxRoot: bytes32(0),
            outboxCount: 0,
            blockNumber: head.blockNumber + 1,
            timestamp: uint64(block.timestamp),
            endSeq: head.nextSeq + 1,
            digestsHash: keccak256("digests")
        });
    }

    function domainSeparator() internal view returns (bytes32) {
        bytes32 typeHash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        return keccak256(abi.encode(typeHash, keccak256("ZKCLOB"), keccak256("1"), block.chainid, address(exchange)));
    }

    /// @notice The 14 words of the protocol's section 8, from the current storage.
    function publicValues(Batch memory batch, bytes memory data) internal view returns (bytes memory) {
        return publicValues(batch, 0, keccak256(data));
    }

    function publicValues(Batch memory batch, uint256 carrier, bytes32 dataHash) internal view returns (bytes memory) {
        Head memory head = exchange.head();
        bytes memory roots = abi.encode(domainSeparator(), head.stateRoot, batch.newStateRoot);
        bytes memory inbox = abi.encode(batch.inboxCursor, exchange.inboxHash(batch.inboxCursor));
        bytes memory carried = abi.encode(carrier, dataHash, batch.outboxRoot, batch.outboxCount);
        bytes memory blocks = abi.encode(batch.blockNumber, batch.timestamp, head.nextSeq, batch.endSeq);
        return bytes.concat(roots, inbox, carried, blocks, batch.digestsHash);
    }

    function mockProof(bytes memory values) internal pure returns (bytes memory) {
        return abi.encodePacked("MOCK", sha256(values), PROGRAM_VKEY);
    }

    function settle(Batch memory batch) internal {
        settleAs(POSTER, batch);
    }

    function settleAs(address settler, Batch memory batch) internal {
        bytes memory proof = mockProof(publicValues(batch, "data"));
        vm.prank(settler, settler);
        exchange.settle(batch, "data", proof);
    }

    /// @notice The settlement of `batch` fails with `reason`, although its proof is good.
    function expectUnsettled(address settler, Batch memory batch, bytes memory reason) internal {
        bytes memory proof = mockProof(publicValues(batch, "data"));
        vm.prank(settler, settler);
        vm.expectRevert(reason);
        exchange.settle(batch, "data", proof);
    }

    function forceExitAs(address account) internal returns (uint64) {
        uint256 fee = exchange.forcedFee();
        vm.deal(account, account.balance + fee);
        vm.prank(account);
        return exchange.forceExit{value: fee}();
    }

    /// @notice A state whose only account has this value; the other three roots are made up.
    function stateRootOf(bytes32 accountsRoot) internal pure returns (bytes32) {
        return
            keccak256(abi.encodePacked(uint8(0x60), accountsRoot, BOOKS_ROOT, CLIENTS_ROOT, REGISTRY_ROOT, META_HASH));
    }

    /// @notice Settles a state with these accounts, consuming all of the inbox.
    function settleAccounts(AccountTrie.Item[] memory items) internal {
        Batch memory batch = nextBatch();
        batch.newStateRoot = stateRootOf(AccountTrie.root(items));
        settle(batch);
    }

    function proofOf(AccountTrie.Item[] memory items, uint256 index) internal pure returns (AccountProof memory) {
        (bytes32[] memory siblings, uint16[] memory bits) = AccountTrie.path(items, index);
        return AccountProof({
            account: items[index].value,
            siblings: siblings,
            bits: bits,
            booksRoot: BOOKS_ROOT,
            clientsRoot: CLIENTS_ROOT,
            registryRoot: REGISTRY_ROOT,
            metaHash: META_HASH
        });
    }

    /// @notice Lets the oldest entry wait for the deadline, and freezes.
    function freeze() internal {
        uint64 cursor = exchange.head().inboxCursor;
        if (cursor == exchange.inboxLength()) {
            forceExitAs(address(0xF0));
        }
        vm.warp(exchange.inboxTime(cursor) + DEADLINE);
        exchange.freeze();
    }

    /// @notice Settles a batch with these leaves; gives its number.
    function settleOutbox(bytes32 outboxRoot, uint64 outboxCount) internal returns (uint64) {
        Batch memory batch = nextBatch();
        batch.outboxRoot = outboxRoot;
        batch.outboxCount = outboxCount;
        settle(batch);
        return exchange.head().batchNumber;
    }

    function leafHash(OutboxLeaf memory leaf) internal pure returns (bytes32) {
        bytes memory receiver = abi.encodePacked(uint8(0x70), leaf.index, leaf.recipient);
        return keccak256(abi.encodePacked(receiver, leaf.token, leaf.amount, leaf.maxRelayFee));
    }

    function nodeHash(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function claim(uint64 batchNumber, OutboxLeaf memory leaf, bytes32[] memory proof) internal {
        exchange.claim(batchNumber, leaf.index, leaf.recipient, leaf.token, leaf.amount, leaf.maxRelayFee, proof);
    }
}
