// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The accounts' trie of a state, from section 2 of the protocol and not with the contract's code
/// @notice Items are in the order of their keys.
library AccountTrie {
    struct Item {
        address key;
        bytes value;
    }

    function root(Item[] memory items) internal pure returns (bytes32) {
        return items.length == 0 ? bytes32(0) : _hash(items, 0, items.length);
    }

    /// @notice The other children and the bits, from the leaf to the root.
    function path(Item[] memory items, uint256 index)
        internal
        pure
        returns (bytes32[] memory siblings, uint16[] memory bits)
    {
        return _path(items, index, 0, items.length, 0);
    }

    /// @dev `depth` nodes are above; the arrays are made at the leaf and filled on the way back.
    function _path(Item[] memory items, uint256 index, uint256 low, uint256 high, uint256 depth)
        private
        pure
        returns (bytes32[] memory siblings, uint16[] memory bits)
    {
        if (high - low == 1) return (new bytes32[](depth), new uint16[](depth));
        (uint16 bit, uint256 middle) = _split(items, low, high);
        bool isRight = index >= middle;
        (siblings, bits) =
            isRight ? _path(items, index, middle, high, depth + 1) : _path(items, index, low, middle, depth + 1);
        uint256 place = bits.length - 1 - depth;
        bits[place] = bit;
        siblings[place] = isRight ? _hash(items, low, middle) : _hash(items, middle, high);
    }

    function _hash(Item[] memory items, uint256 low, uint256 high) private pure returns (bytes32) {
        if (high - low == 1) {
            return sha256(abi.encodePacked(uint8(0x10), bytes7(0), items[low].key, items[low].value));
        }
        (uint16 bit, uint256 middle) = _split(items, low, high);
        bytes memory head = abi.encodePacked(uint8(0x11), uint8(0), bit, uint32(0));
        return sha256(abi.encodePacked(head, _hash(items, low, middle), _hash(items, middle, high)));
    }

    /// @dev The first bit in which the keys differ, and the first item in which it is 1.
    function _split(Item[] memory items, uint256 low, uint256 high) private pure returns (uint16 bit, uint256 middle) {
        while (_bit(items[low].key, bit) == _bit(items[high - 1].key, bit)) {
            bit++;
        }
        middle = low;
        while (!_bit(items[middle].key, bit)) {
            middle++;
        }
    }

    function _bit(address key, uint16 bit) private pure returns (bool) {
        return (uint160(key) >> (159 - bit)) & 1 == 1;
    }

    /// @notice Value of an account that has nothing but these balances, of which a part is locked.
    function valueOf(uint32[] memory tokens, uint128[] memory totals) internal pure returns (bytes memory value) {
        value = abi.encodePacked(uint8(0), uint16(256), uint8(0), uint8(0), uint8(tokens.length));
        for (uint256 i = 0; i < tokens.length; i++) {
            value = abi.encodePacked(value, tokens[i], totals[i], totals[i] / 2);
        }
    }
}
