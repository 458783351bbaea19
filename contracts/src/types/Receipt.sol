// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Batch} from "./Batch.sol";

/// What the sequencer signs for a transaction (protocol, section 7).
struct Receipt {
    uint64 seq;
    /// Of the transaction that has this number.
    bytes32 digest;
    /// Of the inbox entries sequenced before it.
    bytes32 inboxHash;
    /// Of its block.
    uint64 time;
}

/// A receipt, and the settled batch in which its number belongs to another transaction.
struct Evidence {
    Receipt receipt;
    /// `r ‖ s ‖ v`, 65 bytes.
    bytes signature;
    /// How many of the contract's inbox entries have the receipt's hash.
    uint64 inboxCount;
    uint64 batchNumber;
    /// Of the batch: first sequence number, and what was settled.
    uint64 firstSeq;
    Batch batch;
    /// Hashes of all chunks of the batch, whose hash is `batch.digestsHash`.
    bytes32[] chunkHashes;
    /// The digests of the chunk that `receipt.seq` is in.
    bytes32[] digests;
}
