// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "../interfaces/IExchange.sol";
import {AccountProof} from "../types/AccountProof.sol";

/// @title Accounts of a settled state, as users show them to get their money after a freeze
library Account {
    // Bytes of an entry of each list of an account's value.
    uint256 private constant LANE = 26;
    uint256 private constant AGENT = 62;
    uint256 private constant OPEN_ORDERS = 8;
    uint256 private constant BALANCE = 36;
    // What stands between lanes and agents: the next agent's lane.
    uint256 private constant NEXT_LANE = 2;
    uint256 private constant KEY_BITS = 160;
    bytes1 private constant STATE_TAG = 0x60;
    // Tag and seven zero bytes.
    uint64 private constant LEAF_HEAD = 0x10 << 56;
    // Tag of an inner node; its bit goes to the third and fourth of the eight bytes.
    uint256 private constant NODE_HEAD = 0x11 << 56;

    /// @notice Root of the state in which the account has the value of the proof.
    function stateRoot(AccountProof calldata proof, address account) internal view returns (bytes32) {
        if (proof.siblings.length != proof.bits.length) revert IExchange.InvalidAccountProof();
        bytes32 root = sha256(abi.encodePacked(LEAF_HEAD, account, proof.account));
        uint256 below = KEY_BITS;
        for (uint256 i = 0; i < proof.bits.length; i++) {
            uint256 bit = proof.bits[i];
            if (bit >= below) revert IExchange.InvalidAccountProof();
            below = bit;
            bool isRight = (uint160(account) >> (KEY_BITS - 1 - bit)) & 1 == 1;
            bytes32 sibling = proof.siblings[i];
            root = isRight ? _node(bit, sibling, root) : _node(bit, root, sibling);
        }
        bytes memory roots = abi.encode(root, proof.booksRoot, proof.clientsRoot, proof.registryRoot, proof.metaHash);
        return keccak256(abi.encodePacked(STATE_TAG, roots));
    }

    /// @notice The list of balances at the end of an account's value, whose lists must fill it exactly.
    function balances(bytes calldata value) internal pure returns (bytes calldata) {
        uint256 position = _afterList(value, 0, LANE) + NEXT_LANE;
        position = _afterList(value, position, AGENT);
        position = _afterList(value, position, OPEN_ORDERS);
        if (_afterList(value, position, BALANCE) != value.length) revert IExchange.InvalidAccountProof();
        return value[position + 1:];
    }

    /// @notice What the account has of a token, locked or not; zero if it has none.
    function totalOf(bytes calldata list, uint32 token) internal pure returns (uint128) {
        for (uint256 place = 0; place < list.length; place += BALANCE) {
            // token u32 ‖ total u128 ‖ the first part of what is locked: inside the list, whose entries have 36 bytes
            uint256 word;
            assembly ("memory-safe") {
                word := calldataload(add(list.offset, place))
            }
            // the two fields are cut out of the word
            // forge-lint: disable-next-line(unsafe-typecast)
            if (word >> 224 == token) return uint128(word >> 96);
        }
        return 0;
    }

    /// @dev Where the list at `position` ends.
    function _afterList(bytes calldata value, uint256 position, uint256 size) private pure returns (uint256) {
        if (position >= value.length) revert IExchange.InvalidAccountProof();
        return position + 1 + uint256(uint8(value[position])) * size;
    }

    /// @dev `sha256(0x11 ‖ 0 ‖ bit u16 ‖ 0 u32 ‖ left ‖ right)`. In assembly: a path has one for each level, and the
    /// buffer of 72 bytes is used again for each.
    function _node(uint256 bit, bytes32 left, bytes32 right) private view returns (bytes32 hash) {
        uint256 head = NODE_HEAD | (bit << 32);
        bool success;
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, shl(192, head))
            mstore(add(buffer, 8), left)
            mstore(add(buffer, 40), right)
            success := staticcall(gas(), 2, buffer, 72, 0, 32)
            hash := mload(0)
        }
        // the precompile fails for lack of gas only
        if (!success) revert();
    }
}
