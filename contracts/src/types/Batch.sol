// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What a settlement claims about its batch. Everything else in the public values comes from storage.
struct Batch {
    /// State root after the batch.
    bytes32 newStateRoot;
    /// Inbox entries consumed in all, this batch included.
    uint64 inboxCursor;
    /// Merkle root of the batch's withdrawals and refunds; zero when there are none.
    bytes32 outboxRoot;
    uint64 outboxCount;
    /// Number and time of the last block.
    uint64 blockNumber;
    uint64 timestamp;
    /// One past the last sequence number.
    uint64 endSeq;
    /// Hash of the hashes of the chunks of transaction digests.
    bytes32 digestsHash;
}

/// The last settled state of the exchange.
struct Head {
    bytes32 stateRoot;
    /// Batches settled so far; the first batch has number 1.
    uint64 batchNumber;
    uint64 inboxCursor;
    uint64 blockNumber;
    uint64 timestamp;
    uint64 nextSeq;
}
