// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Hash chain of what L1 asks of the exchange
/// @notice `hashAt[0] = 0` and `hashAt[i + 1] = keccak256(hashAt[i] ‖ entry i)`: one word pins every entry before it.
library Inbox {
    /// One slot for each entry, so that appending stays cheap.
    struct Mark {
        /// When the last of these entries came.
        uint64 time;
        /// Fees paid for all of them, in wei.
        uint128 fees;
    }

    struct Chain {
        uint64 length;
        /// Fees paid for all entries, in wei.
        uint128 fees;
        mapping(uint64 count => bytes32) hashAt;
        mapping(uint64 count => Mark) markAt;
    }

    /// @notice Appends an entry, for which `fee` wei were paid.
    /// @return index Position of the entry, from 0.
    /// @return chainHash Hash of the chain up to and with the entry.
    function append(Chain storage self, bytes memory entry, uint128 fee)
        internal
        returns (uint64 index, bytes32 chainHash)
    {
        index = self.length;
        chainHash = keccak256(abi.encodePacked(self.hashAt[index], entry));
        uint128 fees = self.fees + fee;
        self.length = index + 1;
        self.fees = fees;
        self.hashAt[index + 1] = chainHash;
        self.markAt[index + 1] = Mark({time: uint64(block.timestamp), fees: fees});
    }

    /// @notice Whether `entry` is the one at `index`.
    function holds(Chain storage self, uint64 index, bytes calldata entry) internal view returns (bool) {
        return index < self.length && keccak256(abi.encodePacked(self.hashAt[index], entry)) == self.hashAt[index + 1];
    }

    /// @notice When the entry at `index` came; zero if there is none.
    function timeOf(Chain storage self, uint64 index) internal view returns (uint64) {
        return self.markAt[index + 1].time;
    }

    /// @notice Fees paid for the entries from `start` to before `end`, in wei.
    function feesBetween(Chain storage self, uint64 start, uint64 end) internal view returns (uint128) {
        return self.markAt[end].fees - self.markAt[start].fees;
    }
}
