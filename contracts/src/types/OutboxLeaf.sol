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
