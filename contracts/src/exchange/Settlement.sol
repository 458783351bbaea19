// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";
import {Inbox} from "../libraries/Inbox.sol";
import {Batch, Head} from "../types/Batch.sol";
import {BlobData} from "../types/BlobData.sol";
import {MIN_INBOX_PER_BATCH} from "../types/Limits.sol";
import {BLOB_CARRIER, CALLDATA_CARRIER, PublicValues} from "../types/PublicValues.sol";
import {Claims} from "./Claims.sol";
import {ForcedOperations} from "./ForcedOperations.sol";

/// @title Advances the exchange by proven batches
abstract contract Settlement is Claims, ForcedOperations {
    using Inbox for Inbox.Chain;

    /// @dev `current` settles before `changesAt`, `next` from then on; zero: no change is ahead.
    struct Poster {
        address current;
        uint64 changesAt;
        address next;
    }

    /// @dev In the calldata of `settle`: after the selector, the batch's eight words, two offsets and the length.
    uint256 private constant DATA_START = 4 + 11 * 32;
    bytes32 private constant _DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    Poster private _poster;
    /// @inheritdoc IExchange
    ISP1Verifier public verifier;
    /// @inheritdoc IExchange
    bytes32 public programVKey;
    /// @inheritdoc IExchange
    mapping(uint64 batchNumber => bytes32) public batchHash;

    constructor(address poster_, ISP1Verifier verifier_, bytes32 programVKey_) {
        _setPoster(poster_, 0);
        _setVerifier(verifier_, programVKey_);
    }

    /// @inheritdoc IExchange
    function settle(Batch memory batch, bytes calldata data, bytes calldata proof) external {
        // a contract could pass data that no reader of the chain's transactions would find
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert NotTopLevel();
        if (!_isCanonical(data, proof)) revert NotCanonical();
        Head memory previous = _head;
        _requireAdvance(previous, batch);
        _settle(previous, batch, CALLDATA_CARRIER, keccak256(data), proof);
    }

    /// @inheritdoc IExchange
    function settleBlobs(Batch memory batch, BlobData calldata, bytes calldata proof) external {
        Head memory previous = _head;
        _requireAdvance(previous, batch);
        _settle(previous, batch, BLOB_CARRIER, abi.decode(_readArguments(), (bytes32)), proof);
    }

    /// @dev Whether the call is encoded as every encoder does it. Solidity would read other forms, too, but decoders that
    /// are stricter would not find the data in them.
    function _isCanonical(bytes calldata data, bytes calldata proof) private pure returns (bool) {
        uint256 dataStart;
        uint256 proofStart;
        assembly ("memory-safe") {
            dataStart := data.offset
            proofStart := proof.offset
        }
        (uint256 dataEnd, bool isDataClean) = _padding(dataStart, data.length);
        (uint256 proofEnd, bool isProofClean) = _padding(proofStart, proof.length);
        bool isInOrder = dataStart == DATA_START && proofStart == dataEnd + 32 && msg.data.length == proofEnd;
        return isInOrder && isDataClean && isProofClean;
    }

    /// @dev Where bytes that start at `start` of the calldata end with their padding, and whether that is zero.
    function _padding(uint256 start, uint256 length) private pure returns (uint256 end, bool isClean) {
        uint256 unpadded = start + length;
        end = start + ((length + 31) & ~uint256(31));
        uint256 word;
        assembly ("memory-safe") {
            word := calldataload(unpadded)
        }
        return (end, word >> (256 - 8 * (end - unpadded)) == 0);
    }

    /// @dev The checks of a settlement that need neither data nor proof, in the order of the protocol.
    function _requireAdvance(Head memory previous, Batch memory batch) private view {
        _requireRunning();
        if (block.timestamp < _life.haltedUntil) revert SettlementHalted(_life.haltedUntil);
        uint64 length = _inbox.length;
        if (msg.sender != poster() && !_isOverdue(previous.inboxCursor, length, block.timestamp)) {
            revert NotPoster(msg.sender);
        }
        if (batch.inboxCursor < previous.inboxCursor) {
            revert InboxCursorBehind(batch.inboxCursor, previous.inboxCursor);
        }
        if (batch.inboxCursor > length) revert InboxCursorAhead(batch.inboxCursor, length);
        // by the batch's own time: one that was made in time may be proven late, and what was promised then still holds
        uint64 consumed = batch.inboxCursor - previous.inboxCursor;
        if (consumed < MIN_INBOX_PER_BATCH && _isOverdue(batch.inboxCursor, length, batch.timestamp)) {
            revert InboxOverdue(batch.inboxCursor);
        }
        if (batch.blockNumber <= previous.blockNumber) {
            revert BlockNumberNotAfter(batch.blockNumber, previous.blockNumber);
        }
        if (batch.endSeq <= previous.nextSeq) revert EndSeqNotAfter(batch.endSeq, previous.nextSeq);
        if (batch.timestamp < previous.timestamp) revert TimestampBehind(batch.timestamp, previous.timestamp);
        if (batch.timestamp > block.timestamp) revert TimestampAhead(batch.timestamp, block.timestamp);
    }

    /// @dev Whether the inbox has an entry at `index` that has waited too long at `time`.
    function _isOverdue(uint64 index, uint64 length, uint256 time) private view returns (bool) {
        return index < length && _waitsSince(index) + _INCLUSION < time;
    }

    /// @dev Verifies the proof and advances.
    function _settle(Head memory previous, Batch memory batch, uint8 carrier, bytes32 dataHash, bytes calldata proof)
        private
    {
        bytes memory values = abi.encode(_publicValues(previous, batch, carrier, dataHash));
        verifier.verifyProof(programVKey, values, proof);

        uint64 batchNumber = previous.batchNumber + 1;
        _head = Head({
            stateRoot: batch.newStateRoot,
            batchNumber: batchNumber,
            inboxCursor: batch.inboxCursor,
            blockNumber: batch.blockNumber,
            timestamp: batch.timestamp,
            nextSeq: batch.endSeq
        });
        outboxRoot[batchNumber] = batch.outboxRoot;
        batchHash[batchNumber] = keccak256(abi.encode(previous.nextSeq, batch));
        uint128 fees = _inbox.feesBetween(previous.inboxCursor, batch.inboxCursor);
        if (fees != 0) settlerFees[msg.sender] += fees;
        emit Settled(batchNumber, previous.stateRoot, previous.nextSeq, dataHash, batch);
    }

    /// @dev What the proof must show. The caller chooses only what `batch` holds.
    function _publicValues(Head memory previous, Batch memory batch, uint8 carrier, bytes32 dataHash)
        private
        view
        returns (PublicValues memory)
    {
        return PublicValues({
            domainSeparator: domainSeparator(),
            prevStateRoot: previous.stateRoot,
            newStateRoot: batch.newStateRoot,
            inboxCursor: batch.inboxCursor,
            inboxHash: _inbox.hashAt[batch.inboxCursor],
            dataCarrier: carrier,
            dataHash: dataHash,
            outboxRoot: batch.outboxRoot,
            outboxCount: batch.outboxCount,
            blockNumber: batch.blockNumber,
            timestamp: batch.timestamp,
            firstSeq: previous.nextSeq,
            endSeq: batch.endSeq,
            digestsHash: batch.digestsHash
        });
    }

    /// @inheritdoc IExchange
    function poster() public view returns (address) {
        return _isChanged() ? _poster.next : _poster.current;
    }

    /// @inheritdoc IExchange
    function pendingPoster() external view returns (address next, uint64 from) {
        if (_poster.changesAt != 0 && !_isChanged()) return (_poster.next, _poster.changesAt);
    }

    function _isChanged() private view returns (bool) {
        return _poster.changesAt != 0 && block.timestamp >= _poster.changesAt;
    }

    /// @dev From `delay` seconds on; whoever is the poster now stays it until then.
    function _setPoster(address next, uint64 delay) internal {
        if (next == address(0)) revert ZeroAddress();
        uint64 from = uint64(block.timestamp) + delay;
        _poster = delay == 0
            ? Poster({current: next, changesAt: 0, next: address(0)})
            : Poster({current: poster(), changesAt: from, next: next});
        emit PosterProposed(next, from);
    }

    function _setVerifier(ISP1Verifier verifier_, bytes32 programVKey_) internal {
        if (address(verifier_).code.length == 0) revert NotAContract(address(verifier_));
        verifier = verifier_;
        programVKey = programVKey_;
        emit VerifierChanged(verifier_, programVKey_);
    }

    /// @inheritdoc IExchange
    function domainSeparator() public view returns (bytes32) {
        // made anew each time: a chain that forks gives its halves different identifiers
        return keccak256(abi.encode(_DOMAIN_TYPE, keccak256("ZKCLOB"), keccak256("1"), block.chainid, address(this)));
    }
}
