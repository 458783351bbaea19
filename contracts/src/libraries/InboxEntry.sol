// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MarketTerms, MarketUpdate} from "../types/Listing.sol";

/// @title Byte encoding of the inbox's entries
/// @notice Each entry is `kind u8 ‖ time u64 ‖` its own fields, big-endian and unpadded.
library InboxEntry {
    bytes1 internal constant DEPOSIT = 0x01;
    bytes1 internal constant FORCE_EXIT = 0x02;
    bytes1 internal constant CANCEL_ALL = 0x03;
    bytes1 internal constant APPROVE_AGENT = 0x04;
    bytes1 internal constant REVOKE_AGENTS = 0x05;
    bytes1 internal constant LIST_TOKEN = 0x06;
    bytes1 internal constant LIST_MARKET = 0x07;
    bytes1 internal constant SET_MARKET = 0x08;

    /// @notice Credits `amount` of `token` to `account`.
    function deposit(uint32 token, address account, uint128 amount) internal view returns (bytes memory) {
        return abi.encodePacked(DEPOSIT, _time(), token, account, amount);
    }

    /// @notice Cancels the account's orders and withdraws all that it has.
    function forceExit(address account) internal view returns (bytes memory) {
        return abi.encodePacked(FORCE_EXIT, _time(), account);
    }

    /// @notice Cancels the account's orders and makes what it signed before unusable.
    function cancelAll(address account) internal view returns (bytes memory) {
        return abi.encodePacked(CANCEL_ALL, _time(), account);
    }

    /// @notice Lets `agent` trade for the account.
    function approveAgent(address account, address agent, uint64 expiry, uint256 markets)
        internal
        view
        returns (bytes memory)
    {
        return abi.encodePacked(APPROVE_AGENT, _time(), account, agent, expiry, markets);
    }

    /// @notice Takes the rights of all agents of the account.
    function revokeAgents(address account) internal view returns (bytes memory) {
        return abi.encodePacked(REVOKE_AGENTS, _time(), account);
    }

    /// @notice Enters a token into the registry.
    function listToken(uint32 token, address l1Address, uint8 decimals) internal view returns (bytes memory) {
        return abi.encodePacked(LIST_TOKEN, _time(), token, l1Address, decimals);
    }

    /// @notice Enters a market into the registry.
    function listMarket(uint32 market, MarketTerms memory terms) internal view returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(LIST_MARKET, _time(), market, terms.base, terms.quote),
            abi.encodePacked(terms.lotSize, terms.tickSize, terms.minNotional),
            abi.encodePacked(terms.makerFee, terms.takerFee, terms.priceBand, terms.feeAccount)
        );
    }

    /// @notice Replaces a market's status and terms.
    function setMarket(uint32 market, uint8 status, MarketUpdate memory terms) internal view returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(SET_MARKET, _time(), market, status, terms.minNotional),
            abi.encodePacked(terms.makerFee, terms.takerFee, terms.priceBand, terms.feeAccount)
        );
    }

    /// @notice The fields of an entry that `deposit` made.
    function parseDeposit(bytes calldata entry) internal pure returns (uint32 token, address account, uint128 amount) {
        return (uint32(bytes4(entry[9:13])), address(bytes20(entry[13:33])), uint128(bytes16(entry[33:49])));
    }

    /// @notice The account of an entry of kind `FORCE_EXIT` to `REVOKE_AGENTS`.
    function forcedAccount(bytes calldata entry) internal pure returns (address) {
        return address(bytes20(entry[9:29]));
    }

    function _time() private view returns (uint64) {
        return uint64(block.timestamp);
    }
}
