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
// Longest timelock, in seconds; every other delay is shorter.
uint64 constant MAX_TIMELOCK = 365 days;
// Highest base fee of a forced operation, in wei. The fee grows with the queue to 32 times its base.
uint128 constant MAX_FORCED_FEE = 0.02 ether;
// Entries that wait for the fee of a forced operation to grow by its base, and how often it does at most.
uint64 constant FORCED_FEE_STEP = 64;
uint64 constant MAX_FORCED_FEE_STEPS = 31;
// A batch that consumes this many inbox entries may leave overdue ones. No more than every batch can that begins with
// entries, however expensive they are to prove; how long the oldest may wait is bounded by the deadline.
uint64 constant MIN_INBOX_PER_BATCH = 1;
// Gas that each claim of a `claimMany` gets. One that needs more is skipped.
uint256 constant CLAIM_GAS = 300_000;
// Most blobs of one batch.
uint256 constant MAX_BLOBS = 6;
// Digests per chunk in `digestsHash`.
uint64 constant CHUNK = 128;
