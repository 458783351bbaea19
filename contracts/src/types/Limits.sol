// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Largest identifier of a token or a market; the first is 1.
uint32 constant MAX_TOKEN_ID = 255;
uint32 constant MAX_MARKET_ID = 255;
// The chain's native coin.
uint32 constant NATIVE_TOKEN = 1;
uint8 constant NATIVE_DECIMALS = 18;
uint8 constant MAX_DECIMALS = 30;
// Largest sum of one token inside the exchange, in its base units. No credit in the state can then overflow.
uint128 constant MAX_HOLDINGS = 2 ** 120 - 1;
// Largest lot size and tick size.
uint128 constant MAX_AMOUNT = 2 ** 108 - 1;
// First and last status of a market: active, cancel-only, halted.
uint8 constant MARKET_ACTIVE = 1;
uint8 constant MARKET_HALTED = 3;
// Largest fee rate, in hundredths of a basis point.
uint32 constant MAX_FEE = 10_000;
