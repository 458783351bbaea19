// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReceiptBond} from "../src/ReceiptBond.sol";
import {IExchange} from "../src/interfaces/IExchange.sol";
import {Batch} from "../src/types/Batch.sol";
import {Evidence, Receipt} from "../src/types/Receipt.sol";
import {ExchangeFixture} from "./support/ExchangeFixture.sol";

contract RefusingFinder {
    function show(ReceiptBond bond, Evidence calldata evidence) external {
        bond.challenge(evidence, 0);
    }
}

contract ReceiptBondTest is ExchangeFixture {
    address private constant OPERATOR = address(0x09E8);
    address private constant FINDER = address(0xF1);
    address private constant COPIER = address(0xC0);
    uint256 private constant KEY = 0x5e9;
    uint256 private constant OTHER_KEY = 0x5ea;
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint64 private constant DELAY = 14 days;
    uint64 private constant INBOX_COUNT = 2;
    bytes32 private constant SALT = keccak256("salt");

    ReceiptBond private bond;

    function setUp() public override {
        super.setUp();
        vm.roll(100);
        Batch memory before = nextBatch();
        before.endSeq = 1001;
        settle(before);
        bond = newBond();
        vm.deal(OPERATOR, 100 ether);
        vm.prank(OPERATOR);
        bond.deposit{value: 10 ether}();
    }

    function newBond() private returns (ReceiptBond) {
        return new ReceiptBond(exchange, vm.addr(KEY), OPERATOR, DELAY);
    }

    // ---------------------------------------------------------------- evidence

    function digestAt(uint256 place) private pure returns (bytes32) {
        return keccak256(abi.encode("digest", place));
    }

    function sign(Receipt memory receipt, uint256 key) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, signedHash(receipt));
        return abi.encodePacked(r, s, v);
    }

    /// A second time from the protocol, and not with the contract's code.
    function signedHash(Receipt memory receipt) private view returns (bytes32) {
        bytes32 typeHash = keccak256("Receipt(uint64 seq,bytes32 digest,bytes32 inboxHash,uint64 time)");
        bytes32 structHash =
            keccak256(abi.encode(typeHash, receipt.seq, receipt.digest, receipt.inboxHash, receipt.time));
        return keccak256(abi.encodePacked(hex"1901", domainSeparator(), structHash));
    }

    /// Settles a batch of `size` transactions; the evidence against a receipt of another digest at `place` in it.
    function evidenceOf(uint256 size, uint256 place) private returns (Evidence memory evidence) {
        uint256 chunks = (size + 127) / 128;
        bytes memory joined;
        evidence.chunkHashes = new bytes32[](chunks);
        for (uint256 chunk = 0; chunk < chunks; chunk++) {
            bytes32[] memory digests = chunkOf(size, chunk);
            evidence.chunkHashes[chunk] = keccak256(abi.encodePacked(digests));
            joined = bytes.concat(joined, evidence.chunkHashes[chunk]);
        }
        evidence.digests = chunkOf(size, place / 128);
        evidence.firstSeq = exchange.head().nextSeq;
        evidence.batch = nextBatch();
        evidence.batch.endSeq = evidence.firstSeq + uint64(size);
        evidence.batch.digestsHash = keccak256(joined);
        settle(evidence.batch);
        evidence.batchNumber = exchange.head().batchNumber;
        evidence.inboxCount = INBOX_COUNT;
        bytes32 inboxHash = exchange.inboxHash(INBOX_COUNT);
        evidence.receipt = Receipt(evidence.firstSeq + uint64(place), keccak256("promised"), inboxHash, START);
        evidence.signature = sign(evidence.receipt, KEY);
    }

    function chunkOf(uint256 size, uint256 chunk) private pure returns (bytes32[] memory digests) {
        uint256 first = chunk * 128;
        uint256 length = size - first < 128 ? size - first : 128;
        digests = new bytes32[](length);
        for (uint256 i = 0; i < length; i++) {
            digests[i] = digestAt(first + i);
        }
    }

    function commit(Evidence memory evidence, address finder) private {
        bytes32 commitment = bond.commitmentOf(evidence, finder, SALT);
        vm.prank(finder);
        bond.commit(commitment);
    }

    function show(Evidence memory evidence, address finder) private {
        vm.prank(finder);
        bond.challenge(evidence, SALT);
    }

    function commitAndShow(Evidence memory evidence, address finder) private {
        commit(evidence, finder);
        vm.roll(block.number + 1);
        show(evidence, finder);
    }

    function expectRefused(Evidence memory evidence, bytes memory reason) private {
        commit(evidence, FINDER);
        vm.roll(block.number + 1);
        vm.prank(FINDER);
        vm.expectRevert(reason);
        bond.challenge(evidence, SALT);
        assertTrue(!bond.isSlashed(), "kept");
        assertEq(bond.bond(), 10 ether);
    }

    // ---------------------------------------------------------------- challenge

    function testAContradictedReceiptCostsTheBond() public {
        Evidence memory evidence = evidenceOf(300, 130);
        commit(evidence, FINDER);
        vm.roll(block.number + 1);
        vm.expectEmit(true, true, true, true, address(bond));
        emit ReceiptBond.Slashed(evidence.receipt.seq, keccak256("promised"), digestAt(130), FINDER, 5 ether, 5 ether);
        show(evidence, FINDER);
        assertTrue(bond.isSlashed(), "slashed");
        assertEq(bond.bond(), 0);
        assertEq(bond.finder(), FINDER);

        vm.expectRevert(abi.encodeWithSelector(ReceiptBond.RewardNotDue.selector, START + DELAY));
        bond.payReward();
        vm.warp(START + DELAY);
        bond.payReward();
        assertEq(FINDER.balance, 5 ether);
        assertEq(address(bond).balance, 5 ether);
        vm.expectRevert(ReceiptBond.NoReward.selector);
        bond.payReward();
    }

    function testNothingLeadsToTheBurnedHalf() public {
        commitAndShow(evidenceOf(1, 0), FINDER);
        vm.warp(START + 2 * DELAY);
        bond.payReward();
        vm.startPrank(OPERATOR);
        bond.announceWithdrawal();
        vm.warp(START + 3 * DELAY);
        vm.expectRevert(ReceiptBond.BondLost.selector);
        bond.withdraw(OPERATOR);
        vm.expectRevert(ReceiptBond.BondLost.selector);
        bond.deposit{value: 1}();
        vm.stopPrank();
        assertEq(address(bond).balance, 5 ether);
    }

    function testFuzzAnyPlaceOfABatchOfAnySize(uint256 size, uint256 place) public {
        size = bound(size, 1, 1_000);
        place = bound(place, 0, size - 1);
        commitAndShow(evidenceOf(size, place), FINDER);
        assertTrue(bond.isSlashed(), "slashed");
    }

    /// First and last of each chunk, with a last chunk that is whole, of one, and of all but one.
    function testBordersOfChunks() public {
        uint16[8] memory sizes = [1, 127, 128, 129, 255, 256, 257, 384];
        for (uint256 i = 0; i < sizes.length; i++) {
            for (uint256 first = 0; first < sizes[i]; first += 128) {
                uint256 last = first + 127 < sizes[i] ? first + 127 : sizes[i] - 1;
                requireContradicted(sizes[i], first);
                requireContradicted(sizes[i], last);
            }
        }
    }

    function requireContradicted(uint256 size, uint256 place) private {
        ReceiptBond other = newBond();
        vm.prank(OPERATOR);
        other.deposit{value: 2}();
        bond = other;
        commitAndShow(evidenceOf(size, place), FINDER);
        assertTrue(other.isSlashed(), "slashed");
    }

    function testFuzzAnHonestReceiptIsSafe(uint256 size, uint256 place) public {
        size = bound(size, 1, 600);
        place = bound(place, 0, size - 1);
        Evidence memory evidence = evidenceOf(size, place);
        evidence.receipt.digest = digestAt(place);
        evidence.signature = sign(evidence.receipt, KEY);
        expectRefused(evidence, abi.encodeWithSelector(ReceiptBond.ReceiptKept.selector, evidence.receipt.seq));
    }

    /// An honest receipt stays safe whatever chunk, of whatever place, it is shown with.
    function testFuzzAnHonestReceiptIsSafeFromOtherChunks(uint256 size, uint256 place, uint256 other, uint256 shift)
        public
    {
        size = bound(size, 129, 600);
        place = bound(place, 0, size - 1);
        other = bound(other, 0, (size - 1) / 128);
        Evidence memory evidence = evidenceOf(size, place);
        evidence.receipt.digest = digestAt(place);
        evidence.signature = sign(evidence.receipt, KEY);
        evidence.digests = chunkOf(size, other);
        evidence.firstSeq += uint64(bound(shift, 0, 2) * 64);
        commit(evidence, FINDER);
        vm.roll(block.number + 1);
        vm.prank(FINDER);
        vm.expectRevert();
        bond.challenge(evidence, SALT);
    }

    function testASeqThatIsNotInTheBatch() public {
        Evidence memory evidence = evidenceOf(200, 0);
        uint64[3] memory outside = [evidence.firstSeq - 1, evidence.batch.endSeq, type(uint64).max];
        for (uint256 i = 0; i < outside.length; i++) {
            evidence.receipt.seq = outside[i];
            evidence.signature = sign(evidence.receipt, KEY);
            expectRefused(evidence, abi.encodeWithSelector(ReceiptBond.NotInTheBatch.selector, outside[i]));
        }
    }

    function testABatchThatWasNotSettled() public {
        Evidence memory evidence = evidenceOf(200, 5);
        bytes memory reason = abi.encodeWithSelector(ReceiptBond.NotTheBatch.selector, evidence.batchNumber);
        evidence.firstSeq -= 1;
        expectRefused(evidence, reason);
        evidence.firstSeq += 1;
        evidence.batch.endSeq += 1;
        expectRefused(evidence, reason);
        evidence.batch.endSeq -= 1;
        evidence.batch.digestsHash = keccak256("other");
        expectRefused(evidence, reason);
        evidence = evidenceOf(200, 5);
        uint64[3] memory others = [evidence.batchNumber - 1, evidence.batchNumber + 1, 0];
        for (uint256 i = 0; i < others.length; i++) {
            evidence.batchNumber = others[i];
            expectRefused(evidence, abi.encodeWithSelector(ReceiptBond.NotTheBatch.selector, others[i]));
        }
    }

    function testAnInboxThatIsNotTheContracts() public {
        Evidence memory evidence = evidenceOf(200, 5);
        evidence.inboxCount = INBOX_COUNT + 1;
        expectRefused(evidence, abi.encodeWithSelector(ReceiptBond.OtherInbox.selector));
        evidence.inboxCount = INBOX_COUNT - 1;
        expectRefused(evidence, abi.encodeWithSelector(ReceiptBond.OtherInbox.selector));
        evidence.inboxCount = INBOX_COUNT;
        evidence.receipt.inboxHash = keccak256("taken back");
        evidence.signature = sign(evidence.receipt, KEY);
        expectRefused(evidence, abi.encodeWithSelector(ReceiptBond.OtherInbox.selector));
    }

    function testChunksThatAreNotTheBatchs() public {
        bytes memory reason = abi.encodeWithSelector(ReceiptBond.NotTheChunks.selector);
        Evidence memory evidence = evidenceOf(300, 130);
        bytes32[] memory chunks = evidence.chunkHashes;
        (chunks[0], chunks[1]) = (chunks[1], chunks[0]);
        expectRefused(evidence, reason);
        (chunks[0], chunks[1]) = (chunks[1], chunks[0]);
        evidence.chunkHashes = new bytes32[](2);
        (evidence.chunkHashes[0], evidence.chunkHashes[1]) = (chunks[0], chunks[1]);
        expectRefused(evidence, reason);
        evidence.chunkHashes = new bytes32[](4);
        for (uint256 i = 0; i < 3; i++) {
            evidence.chunkHashes[i] = chunks[i];
        }
        expectRefused(evidence, reason);
        evidence.chunkHashes = new bytes32[](0);
        expectRefused(evidence, reason);
    }

    function testDigestsThatAreNotTheChunks() public {
        bytes memory reason = abi.encodeWithSelector(ReceiptBond.NotTheDigests.selector);
        Evidence memory evidence = evidenceOf(300, 130);
        evidence.digests = chunkOf(300, 0);
        expectRefused(evidence, reason);
        evidence.digests = chunkOf(300, 1);
        evidence.digests[2] = keccak256("other");
        expectRefused(evidence, reason);
        evidence.digests = chunkOf(300, 2);
        expectRefused(evidence, reason);
        evidence.digests = new bytes32[](0);
        expectRefused(evidence, reason);
        evidence.digests = new bytes32[](129);
        expectRefused(evidence, reason);
    }

    /// The two levels of hashes cannot be taken for each other, also where they are as long.
    function testChunkHashesAreNoDigests() public {
        Evidence memory evidence = evidenceOf(128 * 128, 0);
        evidence.digests = evidence.chunkHashes;
        expectRefused(evidence, abi.encodeWithSelector(ReceiptBond.NotTheDigests.selector));
    }

    function testASignatureThatIsNotTheSigners() public {
        bytes memory reason = abi.encodeWithSelector(ReceiptBond.NotSigned.selector);
        Evidence memory evidence = evidenceOf(200, 5);
        bytes memory signature = evidence.signature;
        evidence.signature = sign(evidence.receipt, OTHER_KEY);
        expectRefused(evidence, reason);
        evidence.signature = new bytes(65);
        expectRefused(evidence, reason);
        evidence.signature = "";
        expectRefused(evidence, reason);
        evidence.signature = bytes.concat(signature, hex"00");
        expectRefused(evidence, reason);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, signedHash(evidence.receipt));
        evidence.signature = abi.encodePacked(r, CURVE_ORDER - uint256(s), v == 27 ? uint8(28) : uint8(27));
        expectRefused(evidence, reason);
        evidence.signature = abi.encodePacked(r, s, v - 27);
        expectRefused(evidence, reason);
        evidence.signature = abi.encodePacked(r, uint256(0), v);
        expectRefused(evidence, reason);
    }

    function testEachFieldOfTheReceiptIsSigned() public {
        bytes memory reason = abi.encodeWithSelector(ReceiptBond.NotSigned.selector);
        Evidence memory evidence = evidenceOf(200, 5);
        evidence.receipt.seq += 1;
        expectRefused(evidence, reason);
        evidence = evidenceOf(200, 5);
        evidence.receipt.digest = keccak256("another");
        expectRefused(evidence, reason);
        evidence = evidenceOf(200, 5);
        evidence.receipt.inboxHash = exchange.inboxHash(1);
        expectRefused(evidence, reason);
        evidence = evidenceOf(200, 5);
        evidence.receipt.time += 1;
        expectRefused(evidence, reason);
    }

    // ------------------------------------------------------------ commitments

    function testEvidenceIsCommittedToInAnEarlierBlock() public {
        Evidence memory evidence = evidenceOf(200, 5);
        vm.prank(FINDER);
        vm.expectRevert(ReceiptBond.NotCommitted.selector);
        bond.challenge(evidence, SALT);
        commit(evidence, FINDER);
        vm.prank(FINDER);
        vm.expectRevert(ReceiptBond.CommittedInThisBlock.selector);
        bond.challenge(evidence, SALT);
    }

    function testACopyFromTheMempoolIsWorthNothing() public {
        Evidence memory evidence = evidenceOf(200, 5);
        commit(evidence, FINDER);
        vm.roll(block.number + 1);
        vm.startPrank(COPIER);
        vm.expectRevert(ReceiptBond.NotCommitted.selector);
        bond.challenge(evidence, SALT);
        bond.commit(bond.commitmentOf(evidence, COPIER, SALT));
        vm.expectRevert(ReceiptBond.CommittedInThisBlock.selector);
        bond.challenge(evidence, SALT);
        vm.stopPrank();
        show(evidence, FINDER);
        assertEq(bond.finder(), FINDER);
    }

    /// Whoever knows of the fault first could commit first: the operator. What counts is who shows it.
    function testTheFirstToShowItIsTheFinder() public {
        Evidence memory evidence = evidenceOf(200, 5);
        commit(evidence, OPERATOR);
        vm.roll(block.number + 1);
        commitAndShow(evidence, FINDER);
        vm.prank(OPERATOR);
        vm.expectRevert(ReceiptBond.BondLost.selector);
        bond.challenge(evidence, SALT);
        assertEq(bond.finder(), FINDER);
    }

    function testAReplayAndASecondFaultTakeNothing() public {
        Evidence memory evidence = evidenceOf(200, 5);
        commitAndShow(evidence, FINDER);
        vm.prank(FINDER);
        vm.expectRevert(ReceiptBond.BondLost.selector);
        bond.challenge(evidence, SALT);
        Evidence memory second = evidenceOf(200, 6);
        commit(second, COPIER);
        vm.roll(block.number + 1);
        vm.prank(COPIER);
        vm.expectRevert(ReceiptBond.BondLost.selector);
        bond.challenge(second, SALT);
        vm.warp(START + DELAY);
        vm.prank(COPIER);
        vm.expectRevert(ReceiptBond.BondLost.selector);
        bond.challenge(second, SALT);
        assertEq(bond.reward(), 5 ether);
    }

    function testAnotherCannotMakeACommitmentYounger() public {
        Evidence memory evidence = evidenceOf(200, 5);
        bytes32 commitment = bond.commitmentOf(evidence, FINDER, SALT);
        commit(evidence, FINDER);
        vm.roll(block.number + 5);
        vm.prank(COPIER);
        bond.commit(commitment);
        assertEq(bond.committedAt(commitment), 100);
    }

    function testAFinderThatCannotBePaidHarmsItselfOnly() public {
        RefusingFinder finder = new RefusingFinder();
        Evidence memory evidence = evidenceOf(200, 5);
        bond.commit(bond.commitmentOf(evidence, address(finder), 0));
        vm.roll(block.number + 1);
        finder.show(bond, evidence);
        vm.warp(START + DELAY);
        vm.expectRevert();
        bond.payReward();
        assertEq(bond.reward(), 5 ether);
    }

    function testFuzzHalfIsBurned(uint256 amount) public {
        amount = bound(amount, 0, 90 ether);
        vm.prank(OPERATOR);
        bond.deposit{value: amount}();
        commitAndShow(evidenceOf(1, 0), FINDER);
        vm.warp(START + DELAY);
        bond.payReward();
        assertEq(FINDER.balance, (10 ether + amount) / 2);
        assertEq(FINDER.balance + address(bond).balance, 10 ether + amount);
    }

    // ---------------------------------------------------------------- operator

    function testAWithdrawalNeedsNotice() public {
        vm.startPrank(OPERATOR);
        vm.expectRevert(ReceiptBond.NotAnnounced.selector);
        bond.withdraw(COPIER);
        bond.announceWithdrawal();
        vm.warp(START + DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(ReceiptBond.NoticeRunning.selector, START + DELAY));
        bond.withdraw(COPIER);
        vm.warp(START + DELAY);
        vm.expectRevert(ReceiptBond.ZeroAddress.selector);
        bond.withdraw(address(0));
        bond.withdraw(COPIER);
        assertEq(COPIER.balance, 10 ether);
        assertEq(bond.bond(), 0);
        bond.deposit{value: 1 ether}();
        vm.expectRevert(ReceiptBond.NotAnnounced.selector);
        bond.withdraw(COPIER);
        vm.stopPrank();
    }

    function testTheBondCanBeLostUntilItIsWithdrawn() public {
        vm.prank(OPERATOR);
        bond.announceWithdrawal();
        vm.warp(START + DELAY);
        commitAndShow(evidenceOf(200, 5), FINDER);
        vm.prank(OPERATOR);
        vm.expectRevert(ReceiptBond.BondLost.selector);
        bond.withdraw(OPERATOR);
    }

    function testADepositOrARevocationEndsTheNotice() public {
        vm.startPrank(OPERATOR);
        bond.announceWithdrawal();
        bond.deposit{value: 1 ether}();
        assertEq(bond.withdrawableFrom(), 0);
        bond.announceWithdrawal();
        bond.revokeWithdrawal();
        assertEq(bond.withdrawableFrom(), 0);
        bond.revokeWithdrawal();
        bond.announceWithdrawal();
        vm.warp(START + 5);
        bond.announceWithdrawal();
        assertEq(bond.withdrawableFrom(), START + 5 + DELAY);
        vm.stopPrank();
    }

    function testOnlyTheOperator() public {
        bytes memory reason = abi.encodeWithSelector(ReceiptBond.NotOperator.selector, COPIER);
        vm.deal(COPIER, 1 ether);
        vm.startPrank(COPIER);
        vm.expectRevert(reason);
        bond.deposit{value: 1}();
        vm.expectRevert(reason);
        bond.announceWithdrawal();
        vm.expectRevert(reason);
        bond.revokeWithdrawal();
        vm.expectRevert(reason);
        bond.withdraw(COPIER);
        vm.stopPrank();
    }

    function testAnEmptyBondIsNotSlashed() public {
        bond = newBond();
        Evidence memory evidence = evidenceOf(200, 5);
        commit(evidence, FINDER);
        vm.roll(block.number + 1);
        vm.prank(FINDER);
        vm.expectRevert(ReceiptBond.NoBond.selector);
        bond.challenge(evidence, SALT);
    }

    function testWhatTheConstructorRefuses() public {
        vm.expectRevert(ReceiptBond.ZeroAddress.selector);
        new ReceiptBond(IExchange(FINDER), FINDER, OPERATOR, DELAY);
        vm.expectRevert(ReceiptBond.ZeroAddress.selector);
        new ReceiptBond(exchange, address(0), OPERATOR, DELAY);
        vm.expectRevert(ReceiptBond.ZeroAddress.selector);
        new ReceiptBond(exchange, FINDER, address(0), DELAY);
        vm.expectRevert(ReceiptBond.InvalidDelay.selector);
        new ReceiptBond(exchange, FINDER, OPERATOR, DEADLINE);
        vm.expectRevert(ReceiptBond.InvalidDelay.selector);
        new ReceiptBond(exchange, FINDER, OPERATOR, 365 days + 1);
    }

    /// The largest batch that a transaction can settle has fewer transactions than this.
    function testGasOfALargeBatch() public {
        Evidence memory evidence = evidenceOf(40_000, 39_999);
        commit(evidence, FINDER);
        vm.roll(block.number + 1);
        vm.prank(FINDER);
        uint256 before = gasleft();
        bond.challenge(evidence, SALT);
        assertTrue(before - gasleft() < 1_000_000, "cheap");
    }
}
