// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// An account of a state, and the path from it to the state root.
struct AccountProof {
    /// The account's value in the state (section 2 of the protocol).
    bytes account;
    /// Path in the accounts' trie, from the leaf to the root: the other child of each inner node, and the node's bit.
    bytes32[] siblings;
    uint16[] bits;
    /// The rest of what the state root is the hash of.
    bytes32 booksRoot;
    bytes32 clientsRoot;
    bytes32 registryRoot;
    bytes32 metaHash;
}
