// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {ProofReader} from "../ProofReader.sol";
import {IExchange} from "../interfaces/IExchange.sol";
import {Genesis} from "../libraries/Genesis.sol";
import {Inbox} from "../libraries/Inbox.sol";
import {Head} from "../types/Batch.sol";
import {Delays} from "../types/Configuration.sol";
import {MAX_TIMELOCK} from "../types/Limits.sol";

/// @title What all parts of the exchange share: its life, its delays, the settled head and the inbox
abstract contract ExchangeBase is IExchange {
    using Inbox for Inbox.Chain;

    struct Life {
        /// Zero while it is being set up.
        uint64 openedAt;
        /// End of the last halt.
        uint64 haltedUntil;
        bool frozen;
    }

    uint64 internal immutable _INCLUSION;
    uint64 internal immutable _DEADLINE;
    uint64 internal immutable _EXIT;
    uint64 internal immutable _TIMELOCK;
    uint64 internal immutable _POSTER_DELAY;
    uint64 internal immutable _HALT;

    /// @inheritdoc IExchange
    ProofReader public immutable proofReader;

    Life internal _life;
    Head internal _head;
    Inbox.Chain internal _inbox;

    constructor(Delays memory delays_) {
        if (!_areSafe(delays_)) revert InvalidDelays();
        _INCLUSION = delays_.inclusion;
        _DEADLINE = delays_.deadline;
        _EXIT = delays_.exit;
        _TIMELOCK = delays_.timelock;
        _POSTER_DELAY = delays_.poster;
        _HALT = delays_.halt;
        proofReader = new ProofReader();
        _head.stateRoot = Genesis.stateRoot();
        _head.nextSeq = Genesis.FIRST_SEQ;
    }

    /// @dev In 256 bits: no sum overflows.
    function _areSafe(Delays memory d) private pure returns (bool) {
        bool inOrder = d.inclusion != 0 && d.exit != 0 && d.poster <= d.inclusion;
        bool haltIsShort = uint256(d.inclusion) + d.halt < d.deadline;
        bool timelockIsLong = uint256(d.deadline) + d.exit < d.timelock && d.timelock <= MAX_TIMELOCK;
        return inOrder && haltIsShort && timelockIsLong;
    }

    function _requireRunning() internal view {
        if (_life.openedAt == 0) revert NotOpen();
        if (_life.frozen) revert AlreadyFrozen();
    }

    function _requireFrozen() internal view {
        if (!_life.frozen) revert NotFrozen();
    }

    /// @dev `fee`: wei that were paid for the entry.
    function _append(bytes memory entry, uint128 fee) internal returns (uint64 index) {
        if (_life.frozen) revert AlreadyFrozen();
        bytes32 chainHash;
        (index, chainHash) = _inbox.append(entry, fee);
        emit InboxAppended(index, chainHash, entry);
    }

    /// @dev Since when an entry that is there waits for its settlement: not before the exchange was opened.
    function _waitsSince(uint64 index) internal view returns (uint256) {
        uint64 time = _inbox.timeOf(index);
        uint64 openedAt = _life.openedAt;
        return time > openedAt ? time : openedAt;
    }

    /// @dev What the proof reader says of this call's own arguments; it reverts as the reader does.
    function _readArguments() internal view returns (bytes memory) {
        return Address.functionStaticCall(address(proofReader), msg.data);
    }

    /// @inheritdoc IExchange
    function isOpen() external view returns (bool) {
        return _life.openedAt != 0;
    }

    /// @inheritdoc IExchange
    function frozen() external view returns (bool) {
        return _life.frozen;
    }

    /// @inheritdoc IExchange
    function haltedUntil() external view returns (uint64) {
        return _life.haltedUntil;
    }

    /// @inheritdoc IExchange
    function delays() external view returns (Delays memory) {
        return Delays({
            inclusion: _INCLUSION,
            deadline: _DEADLINE,
            exit: _EXIT,
            timelock: _TIMELOCK,
            poster: _POSTER_DELAY,
            halt: _HALT
        });
    }

    /// @inheritdoc IExchange
    function head() external view returns (Head memory) {
        return _head;
    }

    /// @inheritdoc IExchange
    function inboxLength() external view returns (uint64) {
        return _inbox.length;
    }

    /// @inheritdoc IExchange
    function inboxHash(uint64 count) external view returns (bytes32) {
        return _inbox.hashAt[count];
    }

    /// @inheritdoc IExchange
    function inboxTime(uint64 index) external view returns (uint64) {
        return _inbox.timeOf(index);
    }

    /// @inheritdoc IExchange
    function feesThrough(uint64 count) external view returns (uint128) {
        return _inbox.markAt[count].fees;
    }
}
