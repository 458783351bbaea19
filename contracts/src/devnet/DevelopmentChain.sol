// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Base of what must not exist, nor work, outside of the development chain
abstract contract DevelopmentChain {
    uint256 public constant DEVELOPMENT_CHAIN_ID = 31337;

    /// @notice This is not the development chain.
    error NotDevelopmentChain(uint256 chainId);

    modifier onlyDevelopmentChain() {
        _requireDevelopmentChain();
        _;
    }

    constructor() onlyDevelopmentChain {}

    function _requireDevelopmentChain() private view {
        if (block.chainid != DEVELOPMENT_CHAIN_ID) revert NotDevelopmentChain(block.chainid);
    }
}
