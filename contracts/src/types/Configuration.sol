// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";

/// Delays in seconds, fixed for good.
struct Delays {
    /// An inbox entry that has waited longer than this is overdue: anyone may settle it.
    uint64 inclusion;
    /// An inbox entry that has waited this long lets anyone freeze the exchange.
    uint64 deadline;
    /// What users need to get out after that.
    uint64 exit;
    /// How long a change by governance is known before it can happen: longer than `deadline + exit`.
    uint64 timelock;
    /// How long a change of the poster is known before it happens: at most `inclusion`.
    uint64 poster;
    /// How long the guardian can halt settlement: `inclusion + halt` is less than `deadline`.
    uint64 halt;
}

/// What an exchange is created with.
struct Configuration {
    /// Lists tokens and markets; what hurts goes through the timelock once the exchange is open.
    address governor;
    /// Settles.
    address poster;
    /// May halt settlement for a while; zero for nobody.
    address guardian;
    /// What checks the proofs.
    ISP1Verifier verifier;
    /// Verifying key of the guest program.
    bytes32 programVKey;
    /// Smallest deposit of the native coin, in wei.
    uint128 minDepositETH;
    /// Fee of a forced operation while few entries wait, in wei.
    uint128 forcedFee;
    Delays delays;
}
