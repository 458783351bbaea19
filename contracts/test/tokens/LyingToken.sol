// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Says of each transfer that it failed, or says nothing a caller understands
contract LyingToken {
    bytes private _answer;

    constructor(bytes memory answer) {
        _answer = answer;
    }

    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }

    function transferFrom(address, address, uint256) external view {
        bytes memory answer = _answer;
        assembly ("memory-safe") {
            return(add(answer, 32), mload(answer))
        }
    }
}
