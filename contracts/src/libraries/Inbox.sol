// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Hash chain of what L1 asks of the exchange
/// @notice `hashAt[0] = 0` and `hashAt[i + 1] = keccak256(hashAt[i] ‖ entry i)`: one word pins every entry before it.
library Inbox {
    struct Chain {
        uint64 length;
        mapping(uint64 count => bytes32) hashAt;
    }

    /// @notice Appends an entry.
    /// @return index Position of the entry, from 0.
    /// @return chainHash Hash of the chain up to and with the entry.
    function append(Chain storage self, bytes memory entry) internal returns (uint64 index, bytes32 chainHash) {
        index = self.length;
        chainHash = keccak256(abi.encodePacked(self.hashAt[index], entry));
        self.length = index + 1;
        self.hashAt[index + 1] = chainHash;
    }
}
