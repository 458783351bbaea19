// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TestToken} from "../../src/devnet/TestToken.sol";

/// @title Refuses transfers to and from blacklisted addresses
contract BlacklistToken is TestToken("Blacklist", "BLK", 6) {
    mapping(address => bool) public isBlacklisted;

    error Blacklisted(address account);

    function setBlacklisted(address account, bool value) external {
        isBlacklisted[account] = value;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (isBlacklisted[from]) revert Blacklisted(from);
        if (isBlacklisted[to]) revert Blacklisted(to);
        super._update(from, to, value);
    }
}
