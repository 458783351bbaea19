// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {OutboxLeaf} from "../types/OutboxLeaf.sol";

/// @title Merkle tree of a batch's withdrawals and refunds
/// @notice Pairs are sorted before they are hashed; an odd last node moves up as it is.
library Outbox {
    bytes1 internal constant LEAF_TAG = 0x70;

    /// @notice Hash of a leaf. Its 61 bytes can never be those of an inner node, which has 64.
    function hash(OutboxLeaf memory leaf) internal pure returns (bytes32) {
        return
            keccak256(abi.encodePacked(LEAF_TAG, leaf.index, leaf.recipient, leaf.token, leaf.amount, leaf.maxRelayFee));
    }

    /// @notice Whether `proof` leads from `leaf` to `root`.
    function contains(bytes32 root, OutboxLeaf memory leaf, bytes32[] calldata proof) internal pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, hash(leaf));
    }
}
