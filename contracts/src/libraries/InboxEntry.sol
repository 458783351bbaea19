// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MarketTerms, MarketUpdate} from "../types/Listing.sol";

/// @title Byte encoding of the inbox's entries
/// @notice Each entry is `kind u8 ‖ time u64 ‖` its own fields, big-endian and unpadded.
library InboxEntry {
    bytes1 internal constant DEPOSIT = 0x01;
    bytes1 internal constant LIST_TOKEN = 0x06;
    bytes1 internal constant LIST_MARKET = 0x07;
    bytes1 internal constant SET_MARKET = 0x08;

    /// @notice Credits `amount` of `token` to `account`.
    function deposit(uint32 token, address account, uint128 amount) internal view returns (bytes memory) {
        return abi.encodePacked(DEPOSIT, _time(), token, account, amount);
    }

    /// @notice Enters a token into the registry.
    function listToken(uint32 token, address l1Address, uint8 decimals) internal view returns (bytes memory) {
        return abi.encodePacked(LIST_TOKEN, _time(), token, l1Address, decimals);
    }

    /// @notice Enters a market into the registry.
    function listMarket(uint32 market, MarketTerms calldata terms) internal view returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(LIST_MARKET, _time(), market, terms.base, terms.quote),
            abi.encodePacked(terms.lotSize, terms.tickSize, terms.minNotional),
            abi.encodePacked(terms.makerFee, terms.takerFee, terms.priceBand, terms.feeAccount)
        );
    }

    /// @notice Replaces a market's status and terms.
    function setMarket(uint32 market, uint8 status, MarketUpdate calldata terms) internal view returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(SET_MARKET, _time(), market, status, terms.minNotional),
            abi.encodePacked(terms.makerFee, terms.takerFee, terms.priceBand, terms.feeAccount)
        );
    }

    function _time() private view returns (uint64) {
        return uint64(block.timestamp);
    }
}
