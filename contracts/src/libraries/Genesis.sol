// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The state every deployment starts from
library Genesis {
    uint32 internal constant VERSION = 1;
    uint64 internal constant FIRST_SEQ = 1;

    /// @notice Root of the empty state: four empty maps, block 0, nothing consumed from the inbox.
    function stateRoot() internal pure returns (bytes32) {
        // version, block number, timestamp, next sequence number, inbox cursor, inbox hash
        bytes memory meta = abi.encodePacked(VERSION, uint64(0), uint64(0), FIRST_SEQ, uint64(0), bytes32(0));
        bytes32 metaHash = keccak256(abi.encodePacked(bytes1(0x50), meta));
        // roots of accounts, books, clients and registry
        return keccak256(abi.encodePacked(bytes1(0x60), bytes32(0), bytes32(0), bytes32(0), bytes32(0), metaHash));
    }
}
