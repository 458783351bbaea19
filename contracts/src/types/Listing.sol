// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A listed token.
struct Token {
    /// The token's contract; zero for the native coin.
    address l1Address;
    uint8 decimals;
    /// Smallest deposit, in base units.
    uint128 minDeposit;
    /// Base units inside the exchange: deposited and not claimed.
    uint128 holdings;
}

/// The terms a market is listed with.
struct MarketTerms {
    /// Token that is bought and sold, and token it is paid in.
    uint32 base;
    uint32 quote;
    /// Base units of one lot: a power of ten.
    uint128 lotSize;
    /// Quote units of one tick, for one lot.
    uint128 tickSize;
    /// Smallest value of an order, in quote units.
    uint128 minNotional;
    /// Fee rates in hundredths of a basis point.
    uint32 makerFee;
    uint32 takerFee;
    /// Largest distance from the last trade price in millionths of it; zero for none.
    uint32 priceBand;
    /// Account that earns the fees.
    address feeAccount;
}

/// The terms of a listed market that can be changed.
struct MarketUpdate {
    /// Smallest value of an order, in quote units.
    uint128 minNotional;
    /// Fee rates in hundredths of a basis point.
    uint32 makerFee;
    uint32 takerFee;
    /// Largest distance from the last trade price in millionths of it; zero for none.
    uint32 priceBand;
    /// Account that earns the fees.
    address feeAccount;
}

/// A listed market, by its newest entry in the inbox.
struct Market {
    /// 1 active, 2 cancel-only, 3 halted.
    uint8 status;
    MarketUpdate terms;
}
