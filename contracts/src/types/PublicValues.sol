// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Public values of the guest program: 14 words, as `abi.encode` writes them.
struct PublicValues {
    bytes32 domainSeparator;
    bytes32 prevStateRoot;
    bytes32 newStateRoot;
    uint64 inboxCursor;
    bytes32 inboxHash;
    uint8 dataCarrier;
    bytes32 dataHash;
    bytes32 outboxRoot;
    uint64 outboxCount;
    uint64 blockNumber;
    uint64 timestamp;
    uint64 firstSeq;
    uint64 endSeq;
    bytes32 digestsHash;
}

// The batch's data travels in calldata; `dataHash` is its keccak256.
uint8 constant CALLDATA_CARRIER = 0;
// It travels in blobs; `dataHash` is the hash of its keccak256 and of an opening of each blob.
uint8 constant BLOB_CARRIER = 1;
