// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Exchange} from "../../src/Exchange.sol";
import {IExchange} from "../../src/interfaces/IExchange.sol";
import {Batch, Head} from "../../src/types/Batch.sol";
import {MIN_INBOX_PER_BATCH} from "../../src/types/Limits.sol";
import {MockVerifier} from "../../src/verifiers/MockVerifier.sol";
import {ExchangeFixture} from "../support/ExchangeFixture.sol";

contract SettleTest is ExchangeFixture {
    bytes private constant DATA = hex"0100010101";

    function post(Batch memory batch, bytes memory data, bytes memory proof) private {
        vm.prank(POSTER, POSTER);
        exchange.settle(batch, data, proof);
    }

    /// Proves `batch`, then posts `other` with that proof: the public values differ, so it must not pass.
    function expectUnproven(Batch memory other) private {
        bytes memory proof = mockProof(publicValues(nextBatch(), DATA));
        vm.prank(POSTER, POSTER);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        exchange.settle(other, DATA, proof);
    }

    function expectRefused(Batch memory batch, bytes memory reason) private {
        bytes memory proof = mockProof(publicValues(batch, DATA));
        vm.prank(POSTER, POSTER);
        vm.expectRevert(reason);
        exchange.settle(batch, DATA, proof);
    }

    function testGenesisHead() public view {
        Head memory head = exchange.head();
        assertEq(head.batchNumber, 0);
        assertEq(head.inboxCursor, 0);
        assertEq(head.blockNumber, 0);
        assertEq(head.timestamp, 0);
        assertEq(head.nextSeq, 1);
    }

    function testSettleAdvancesTheHead() public {
        depositEth(1 ether);
        Batch memory batch = nextBatch();
        batch.outboxRoot = keccak256("outbox");
        batch.outboxCount = 3;
        bytes memory proof = mockProof(publicValues(batch, DATA));
        bytes32 genesisRoot = exchange.head().stateRoot;

        vm.expectEmit(true, true, true, true, address(exchange));
        emit IExchange.Settled(1, genesisRoot, 1, keccak256(DATA), batch);
        post(batch, DATA, proof);

        Head memory head = exchange.head();
        assertEq(head.stateRoot, batch.newStateRoot);
        assertEq(head.batchNumber, 1);
        assertEq(head.inboxCursor, 3);
        assertEq(head.blockNumber, batch.blockNumber);
        assertEq(head.timestamp, batch.timestamp);
        assertEq(head.nextSeq, batch.endSeq);
        assertEq(exchange.outboxRoot(1), batch.outboxRoot);
        assertEq(exchange.batchHash(1), keccak256(abi.encode(uint64(1), batch)));
        assertEq(exchange.batchHash(0), 0);
        assertEq(exchange.batchHash(2), 0);
    }

    /// The wrapper's mock accepts only these public values, so this pins all 14 words and the program key.
    function testPublicValuesAreBuiltFromStorage() public {
        settle(nextBatch());
        vm.warp(START + 5);
        depositUsdc(MIN_USDC);
        Batch memory batch = nextBatch();
        bytes memory values = publicValues(batch, DATA);
        assertEq(values.length, 448);
        bytes memory proof = mockProof(values);
        vm.expectCall(address(verifier), abi.encodeCall(verifier.verifyProof, (PROGRAM_VKEY, values, proof)));
        post(batch, DATA, proof);
        assertEq(exchange.head().batchNumber, 2);
    }

    function testOnlyThePoster() public {
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, DATA));
        vm.prank(GOVERNOR, GOVERNOR);
        vm.expectRevert(abi.encodeWithSelector(IExchange.NotPoster.selector, GOVERNOR));
        exchange.settle(batch, DATA, proof);
    }

    function testABatchSettlesOnce() public {
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, DATA));
        post(batch, DATA, proof);
        vm.prank(POSTER, POSTER);
        vm.expectRevert(abi.encodeWithSelector(IExchange.BlockNumberNotAfter.selector, uint64(1), uint64(1)));
        exchange.settle(batch, DATA, proof);
    }

    function testEachFieldOfTheBatchIsProven() public {
        depositEth(1 ether);
        vm.warp(START + 10);
        Batch memory other = nextBatch();
        other.newStateRoot = keccak256("other root");
        expectUnproven(other);
        other = nextBatch();
        other.inboxCursor--;
        expectUnproven(other);
        other = nextBatch();
        other.outboxRoot = keccak256("other outbox");
        expectUnproven(other);
        other = nextBatch();
        other.outboxCount++;
        expectUnproven(other);
        other = nextBatch();
        other.blockNumber++;
        expectUnproven(other);
        other = nextBatch();
        other.timestamp--;
        expectUnproven(other);
        other = nextBatch();
        other.endSeq++;
        expectUnproven(other);
        other = nextBatch();
        other.digestsHash = keccak256("other digests");
        expectUnproven(other);
    }

    function testFuzzEachByteOfTheDataIsProven(bytes memory data, uint256 position, uint8 flip) public {
        vm.assume(data.length > 0 && flip != 0);
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, data));
        data[position % data.length] ^= bytes1(flip);
        vm.prank(POSTER, POSTER);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        exchange.settle(batch, data, proof);
    }

    function testDataIsNeitherCutNorExtended() public {
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, DATA));
        vm.startPrank(POSTER, POSTER);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        exchange.settle(batch, bytes.concat(DATA, hex"00"), proof);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        exchange.settle(batch, "", proof);
        vm.stopPrank();
    }

    /// Each word of the public values in turn, the ones from storage included.
    function testFuzzEachWordOfThePublicValuesIsBound(uint256 word, uint256 bit) public {
        depositEth(1 ether);
        Batch memory batch = nextBatch();
        bytes memory values = publicValues(batch, DATA);
        uint256 position = (word % 14) * 32 + bit % 256 / 8;
        values[position] ^= bytes1(uint8(1 << (bit % 8)));
        bytes memory proof = mockProof(values);
        vm.prank(POSTER, POSTER);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        exchange.settle(batch, DATA, proof);
    }

    function testAnEntryMoreInTheInboxChangesNothingBelowTheCursor() public {
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, DATA));
        depositEth(1 ether);
        post(batch, DATA, proof);
        assertEq(exchange.head().inboxCursor, 2);
        assertEq(exchange.inboxLength(), 3);
    }

    function testAProofIsBoundToItsContract() public {
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, DATA));
        Exchange other = new Exchange(configuration());
        vm.startPrank(GOVERNOR);
        other.listToken(address(usdc), 6, MIN_USDC);
        other.open();
        vm.stopPrank();
        assertEq(other.inboxHash(2), exchange.inboxHash(2));
        vm.prank(POSTER, POSTER);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        other.settle(batch, DATA, proof);
    }

    // ------------------------------------------------- who settles, and when

    /// A contract between could hide the data from who reads the chain's transactions; so could an account with code.
    function testDataComesFromTheTransactionItself() public {
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, DATA));
        vm.prank(POSTER, ALICE);
        vm.expectRevert(IExchange.NotTopLevel.selector);
        exchange.settle(batch, DATA, proof);
        vm.etch(POSTER, abi.encodePacked(hex"ef0100", ALICE));
        vm.prank(POSTER, POSTER);
        vm.expectRevert(IExchange.NotTopLevel.selector);
        exchange.settle(batch, DATA, proof);
        vm.etch(POSTER, "");
        post(batch, DATA, proof);
    }

    function expectNotCanonical(bytes memory call) private {
        vm.prank(POSTER, POSTER);
        (bool ok, bytes memory reason) = address(exchange).call(call);
        assertTrue(!ok, "refused");
        assertEq(reason, abi.encodeWithSelector(IExchange.NotCanonical.selector));
    }

    /// Solidity reads all of these; a strict decoder reads none of them, or other data.
    function testFuzzTheCallHasOneForm(uint256 length, uint8 dirt) public {
        vm.assume(dirt != 0);
        bytes memory data = new bytes(bound(length, 1, 200));
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, data));
        bytes memory good = abi.encodeCall(exchange.settle, (batch, data, proof));
        bytes4 selector = exchange.settle.selector;

        expectNotCanonical(bytes.concat(good, bytes1(dirt)));
        expectNotCanonical(bytes.concat(good, bytes1(0)));
        // padding after the proof, and after the data
        expectNotCanonical(changed(good, good.length - 1 - dirt % 28, dirt));
        if (data.length % 32 != 0) {
            expectNotCanonical(changed(good, 4 + 11 * 32 + data.length, dirt));
            expectNotCanonical(changed(good, 4 + 11 * 32 + (data.length + 31) / 32 * 32 - 1, dirt));
        }
        // proof before data, a gap, and one place for both
        bytes memory first = abi.encode(batch, uint256(10 * 32), uint256(10 * 32 + 32 + 96));
        bytes memory tail = abi.encodePacked(proof.length, proof, new bytes(28), data.length, padded(data));
        expectNotCanonical(bytes.concat(selector, swapped(first), tail));
        first = abi.encode(batch, uint256(11 * 32), uint256(11 * 32 + 32 + padded(data).length));
        tail = abi.encodePacked(uint256(0), data.length, padded(data), proof.length, proof, new bytes(28));
        expectNotCanonical(bytes.concat(selector, first, tail));
        first = abi.encode(batch, uint256(10 * 32), uint256(10 * 32));
        expectNotCanonical(bytes.concat(selector, first, abi.encodePacked(data.length, padded(data))));

        vm.prank(POSTER, POSTER);
        (bool ok,) = address(exchange).call(good);
        assertTrue(ok, "as it should be");
    }

    function changed(bytes memory call, uint256 place, uint8 dirt) private pure returns (bytes memory copy) {
        copy = bytes.concat(call);
        copy[place] = bytes1(dirt);
    }

    function padded(bytes memory data) private pure returns (bytes memory) {
        return bytes.concat(data, new bytes((32 - data.length % 32) % 32));
    }

    /// The two offsets at the end of the head, each in the place of the other.
    function swapped(bytes memory head) private pure returns (bytes memory copy) {
        copy = bytes.concat(head);
        for (uint256 i = 0; i < 32; i++) {
            (copy[8 * 32 + i], copy[9 * 32 + i]) = (copy[9 * 32 + i], copy[8 * 32 + i]);
        }
    }

    function testAnyoneSettlesOnceAnEntryIsOverdue() public {
        vm.warp(START + INCLUSION);
        expectUnsettled(BOB, nextBatch(), abi.encodeWithSelector(IExchange.NotPoster.selector, BOB));
        vm.warp(START + INCLUSION + 1);
        settleAs(BOB, nextBatch());
        expectUnsettled(BOB, nextBatch(), abi.encodeWithSelector(IExchange.NotPoster.selector, BOB));
        settle(nextBatch());
    }

    function testABatchMayNotLeaveAnOverdueEntry() public {
        settle(nextBatch());
        depositEth(1 ether);
        vm.warp(START + 1);
        depositEth(1 ether);
        vm.warp(START + INCLUSION);
        Batch memory batch = nextBatch();
        batch.inboxCursor = 2;
        settle(batch);
        vm.warp(START + INCLUSION + 1);
        batch = nextBatch();
        batch.inboxCursor = 2;
        expectUnsettled(POSTER, batch, abi.encodeWithSelector(IExchange.InboxOverdue.selector, uint64(2)));
        batch.inboxCursor = 3;
        settle(batch);
    }

    /// A proof may be late: what was sequenced in time, and promised to its users, is settled all the same.
    function testABatchThatWasMadeInTimeMaySettleLate() public {
        settle(nextBatch());
        vm.warp(START + 1);
        depositEth(1 ether);
        Batch memory batch = nextBatch();
        batch.inboxCursor = 2;
        batch.timestamp = START + 1 + INCLUSION;
        vm.warp(START + 1 + INCLUSION + 2 days);
        Batch memory later = batch;
        later.timestamp++;
        expectUnsettled(POSTER, later, abi.encodeWithSelector(IExchange.InboxOverdue.selector, uint64(2)));
        batch.timestamp = START + 1 + INCLUSION;
        settle(batch);
    }

    /// Entries that are expensive to prove may fill a batch alone: each step through them counts.
    function testABatchThatTakesAFewEntriesMayLeaveOverdueOnes() public {
        settle(nextBatch());
        for (uint256 i = 0; i < 10; i++) {
            depositEth(1 ether);
        }
        vm.warp(START + INCLUSION + 1);
        Batch memory batch = nextBatch();
        batch.inboxCursor = 2 + MIN_INBOX_PER_BATCH - 1;
        expectUnsettled(POSTER, batch, abi.encodeWithSelector(IExchange.InboxOverdue.selector, batch.inboxCursor));
        batch.inboxCursor = 2 + MIN_INBOX_PER_BATCH;
        settle(batch);
    }

    /// All that can be wrong at once: the checks come in the order of the protocol.
    function testTheOrderOfTheChecks() public {
        depositEth(1 ether);
        settle(nextBatch());
        depositEth(1 ether);
        uint64 length = exchange.inboxLength();
        vm.prank(GUARDIAN);
        exchange.halt();
        Batch memory batch = Batch(0, 0, 0, 0, 0, type(uint64).max, 0, 0);

        vm.prank(BOB, ALICE);
        vm.expectRevert(IExchange.NotTopLevel.selector);
        exchange.settle(batch, DATA, "");
        expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.SettlementHalted.selector, START + HALT));
        vm.prank(GUARDIAN);
        exchange.resume();
        expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.NotPoster.selector, BOB));
        vm.warp(START + INCLUSION + 1);
        expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.InboxCursorBehind.selector, 0, length - 1));
        batch.inboxCursor = length + 1;
        expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.InboxCursorAhead.selector, length + 1, length));
        batch.inboxCursor = length - 1;
        expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.InboxOverdue.selector, length - 1));
        batch.inboxCursor = length;
        expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.BlockNumberNotAfter.selector, 0, 1));
        batch.blockNumber = 2;
        expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.EndSeqNotAfter.selector, 0, 2));
        batch.endSeq = 3;
        batch.timestamp = START - 1;
        expectUnsettled(BOB, batch, abi.encodeWithSelector(IExchange.TimestampBehind.selector, START - 1, START));
        batch.timestamp = START + INCLUSION + 2;
        bytes memory ahead = abi.encodeWithSelector(IExchange.TimestampAhead.selector, batch.timestamp, block.timestamp);
        expectUnsettled(BOB, batch, ahead);
        batch.timestamp--;
        vm.prank(BOB, BOB);
        vm.expectRevert(MockVerifier.InvalidMockProof.selector);
        exchange.settle(batch, DATA, "");
        settleAs(BOB, batch);
    }

    function testInboxCursorMayNotGoBack() public {
        settle(nextBatch());
        Batch memory batch = nextBatch();
        batch.inboxCursor = 1;
        expectRefused(batch, abi.encodeWithSelector(IExchange.InboxCursorBehind.selector, uint64(1), uint64(2)));
    }

    function testInboxCursorMayNotPassTheInbox() public {
        Batch memory batch = nextBatch();
        batch.inboxCursor = 3;
        expectRefused(batch, abi.encodeWithSelector(IExchange.InboxCursorAhead.selector, uint64(3), uint64(2)));
    }

    function testBlockNumberMustGrow() public {
        Batch memory batch = nextBatch();
        batch.blockNumber = 0;
        expectRefused(batch, abi.encodeWithSelector(IExchange.BlockNumberNotAfter.selector, uint64(0), uint64(0)));
    }

    function testEndSeqMustGrow() public {
        Batch memory batch = nextBatch();
        batch.endSeq = 1;
        expectRefused(batch, abi.encodeWithSelector(IExchange.EndSeqNotAfter.selector, uint64(1), uint64(1)));
    }

    function testTimeMayNotGoBack() public {
        settle(nextBatch());
        Batch memory batch = nextBatch();
        batch.timestamp = START - 1;
        expectRefused(batch, abi.encodeWithSelector(IExchange.TimestampBehind.selector, START - 1, START));
    }

    function testTimeMayNotBeInTheFuture() public {
        Batch memory batch = nextBatch();
        batch.timestamp = START + 1;
        expectRefused(batch, abi.encodeWithSelector(IExchange.TimestampAhead.selector, START + 1, uint256(START)));
    }

    function testCodeFitsTheLimit() public view {
        assertTrue(address(exchange).code.length < 24_576, "runtime code is below EIP-170's limit");
    }

    /// What `settle` does on top of the calldata's own price: hashing and writing must stay far below the limit.
    function testGasOfALargeBatch() public {
        bytes memory data = new bytes(120_000);
        Batch memory batch = nextBatch();
        bytes memory proof = mockProof(publicValues(batch, data));
        vm.prank(POSTER, POSTER);
        uint256 before = gasleft();
        exchange.settle(batch, data, proof);
        assertTrue(before - gasleft() < 1_000_000, "execution gas of 120 kB");
    }
}
