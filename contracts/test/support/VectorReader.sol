// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Test} from "./Test.sol";

/// @title Access to the vectors that all implementations of the protocol share
/// @notice A number that its field cannot hold fails the test; none is cut off.
abstract contract VectorReader is Test {
    /// @notice Text of a vector file.
    function vectors(string memory file) internal view returns (string memory) {
        return vm.readFile(string.concat("tests/vectors/", file));
    }

    /// @notice Path of the element of an array.
    function element(string memory array, uint256 index) internal pure returns (string memory) {
        return string.concat(array, "[", vm.toString(index), "]");
    }

    function readUint8(string memory json, string memory object, string memory field) internal pure returns (uint8) {
        return SafeCast.toUint8(vm.parseJsonUint(json, string.concat(object, field)));
    }

    function readUint32(string memory json, string memory object, string memory field) internal pure returns (uint32) {
        return SafeCast.toUint32(vm.parseJsonUint(json, string.concat(object, field)));
    }

    function readUint64(string memory json, string memory object, string memory field) internal pure returns (uint64) {
        return SafeCast.toUint64(vm.parseJsonUint(json, string.concat(object, field)));
    }

    function readUint128(string memory json, string memory object, string memory field)
        internal
        pure
        returns (uint128)
    {
        return SafeCast.toUint128(vm.parseJsonUint(json, string.concat(object, field)));
    }

    function readBytes32(string memory json, string memory object, string memory field)
        internal
        pure
        returns (bytes32)
    {
        return vm.parseJsonBytes32(json, string.concat(object, field));
    }

    function readBytes(string memory json, string memory object, string memory field)
        internal
        pure
        returns (bytes memory)
    {
        return vm.parseJsonBytes(json, string.concat(object, field));
    }

    function readAddress(string memory json, string memory object, string memory field)
        internal
        pure
        returns (address)
    {
        return vm.parseJsonAddress(json, string.concat(object, field));
    }
}
