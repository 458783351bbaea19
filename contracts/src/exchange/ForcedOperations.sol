// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {IExchange} from "../interfaces/IExchange.sol";
import {InboxEntry} from "../libraries/InboxEntry.sol";
import {FORCED_FEE_STEP, MAX_FORCED_FEE, MAX_FORCED_FEE_STEPS} from "../types/Limits.sol";
import {Treasury} from "./Treasury.sol";

/// @title What users ask of the exchange on L1, and what they pay to whoever settles it
abstract contract ForcedOperations is Treasury {
    uint128 private _baseFee;
    /// @inheritdoc IExchange
    mapping(address settler => uint256 amount) public settlerFees;

    constructor(uint128 baseFee) {
        _setForcedFee(baseFee);
    }

    /// @inheritdoc IExchange
    function forceExit() external payable nonReentrant returns (uint64 index) {
        return _force(InboxEntry.forceExit(msg.sender));
    }

    /// @inheritdoc IExchange
    function cancelAll() external payable nonReentrant returns (uint64 index) {
        return _force(InboxEntry.cancelAll(msg.sender));
    }

    /// @inheritdoc IExchange
    function approveAgent(address agent, uint64 expiry, uint256 markets)
        external
        payable
        nonReentrant
        returns (uint64 index)
    {
        return _force(InboxEntry.approveAgent(msg.sender, agent, expiry, markets));
    }

    /// @inheritdoc IExchange
    function revokeAgents() external payable nonReentrant returns (uint64 index) {
        return _force(InboxEntry.revokeAgents(msg.sender));
    }

    function _force(bytes memory entry) private returns (uint64 index) {
        _requireRunning();
        uint128 fee = _forcedFee();
        if (msg.value < fee) revert FeeTooLow(msg.value, fee);
        index = _append(entry, fee);
        if (msg.value > fee) Address.sendValue(payable(msg.sender), msg.value - fee);
    }

    /// @dev Rises with the queue, so that filling it costs more and more.
    function _forcedFee() private view returns (uint128) {
        uint64 steps = (_inbox.length - _head.inboxCursor) / FORCED_FEE_STEP;
        return _baseFee * (1 + (steps < MAX_FORCED_FEE_STEPS ? steps : MAX_FORCED_FEE_STEPS));
    }

    function _setForcedFee(uint128 baseFee) internal {
        if (baseFee > MAX_FORCED_FEE) revert ForcedFeeTooHigh(baseFee, MAX_FORCED_FEE);
        _baseFee = baseFee;
        emit ForcedFeeChanged(baseFee);
    }

    /// @inheritdoc IExchange
    function forcedFee() external view returns (uint256) {
        return _forcedFee();
    }

    /// @inheritdoc IExchange
    function collectFees(address settler) external nonReentrant {
        uint256 amount = settlerFees[settler];
        if (amount == 0) revert NothingToCollect(settler);
        settlerFees[settler] = 0;
        emit FeesCollected(settler, amount);
        Address.sendValue(payable(settler), amount);
    }
}
