// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Escapes} from "./exchange/Escapes.sol";
import {ExchangeBase} from "./exchange/ExchangeBase.sol";
import {ForcedOperations} from "./exchange/ForcedOperations.sol";
import {Governance} from "./exchange/Governance.sol";
import {Settlement} from "./exchange/Settlement.sol";
import {Treasury} from "./exchange/Treasury.sol";
import {Configuration} from "./types/Configuration.sol";

/// @title The exchange's contract on L1
/// @notice Its parts: `Treasury` takes deposits, `ForcedOperations` what users ask for on L1, `Settlement` proven
/// batches, `Claims` pays what they owe, `Escapes` gets everybody out when they stop, `Governance` changes the rest.
contract Exchange is Escapes, Governance {
    constructor(Configuration memory configuration)
        ExchangeBase(configuration.delays)
        Treasury(configuration.minDepositETH)
        ForcedOperations(configuration.forcedFee)
        Settlement(configuration.poster, configuration.verifier, configuration.programVKey)
        Governance(configuration.governor, configuration.guardian)
    {}
}
