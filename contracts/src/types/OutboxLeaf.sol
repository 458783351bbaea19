// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// One withdrawal or refund of a batch.
struct OutboxLeaf {
    /// Position in the batch's outbox, from 0.
    uint32 index;
    address recipient;
    uint32 token;
    uint128 amount;
    /// Highest fee that the recipient offers to whoever relays the claim.
    uint128 maxRelayFee;
}

/// A leaf of a settled batch with its proof.
struct Claim {
    /// The batch it belongs to.
    uint64 batchNumber;
    OutboxLeaf leaf;
    /// Path from the leaf to the batch's outbox root.
    bytes32[] proof;
}
