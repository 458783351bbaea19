// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TestToken} from "../../src/devnet/TestToken.sol";

/// @title Calls back in the middle of a deposit, with all ether it has
contract ReentrantToken is TestToken("Reentrant", "RE", 18) {
    address private _target;
    bytes private _call;

    function setCall(address target, bytes calldata call) external {
        (_target, _call) = (target, call);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        (bool ok, bytes memory answer) = _target.call{value: address(this).balance}(_call);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
        return super.transferFrom(from, to, value);
    }
}
