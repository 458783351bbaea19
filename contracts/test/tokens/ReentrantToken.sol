// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IExchange} from "../../src/interfaces/IExchange.sol";
import {TestToken} from "../../src/devnet/TestToken.sol";

/// @title Deposits once more in the middle of a deposit, so that one transfer would count twice
contract ReentrantToken is TestToken("Reentrant", "RE", 18) {
    IExchange private immutable _exchange;
    uint32 private _token;

    constructor(IExchange exchange) {
        _exchange = exchange;
    }

    function setToken(uint32 token) external {
        _token = token;
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        _exchange.depositERC20(_token, from, uint128(value));
        return super.transferFrom(from, to, value);
    }
}
