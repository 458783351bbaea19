// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {IExchange} from "../interfaces/IExchange.sol";
import {Inbox} from "../libraries/Inbox.sol";
import {InboxEntry} from "../libraries/InboxEntry.sol";
import {AccountProof} from "../types/AccountProof.sol";
import {NATIVE_TOKEN} from "../types/Limits.sol";
import {Treasury} from "./Treasury.sol";

/// @title The end: when the inbox is not served, anyone freezes the exchange and everybody gets what was settled
abstract contract Escapes is Treasury {
    using BitMaps for BitMaps.BitMap;
    using Inbox for Inbox.Chain;

    /// @dev Bit maps by token: one word for each account.
    mapping(address account => BitMaps.BitMap) private _escaped;
    BitMaps.BitMap private _refunded;

    /// @inheritdoc IExchange
    function freeze() external {
        _requireRunning();
        uint64 oldest = _head.inboxCursor;
        uint256 from = oldest == _inbox.length ? type(uint256).max : _waitsSince(oldest) + _DEADLINE;
        if (block.timestamp < from) revert DeadlineNotPassed(from);
        _life.frozen = true;
        emit Frozen(_head.batchNumber, _head.stateRoot);
    }

    /// @inheritdoc IExchange
    function escape(address account, AccountProof calldata, uint32[] calldata tokens) external nonReentrant {
        _requireFrozen();
        (bytes32 stateRoot, uint128[] memory totals) = abi.decode(_readArguments(), (bytes32, uint128[]));
        if (stateRoot != _head.stateRoot) revert InvalidAccountProof();
        for (uint256 i = 0; i < tokens.length; i++) {
            _escape(account, tokens[i], totals[i]);
        }
    }

    function _escape(address account, uint32 token, uint128 amount) private {
        if (amount == 0) revert NothingToEscape(account, token);
        if (_escaped[account].get(token)) revert AlreadyEscaped(account, token);
        _escaped[account].set(token);
        _release(token, amount);
        emit Escaped(account, token, amount);
        _pay(token, account, amount);
    }

    /// @inheritdoc IExchange
    function refund(uint64 index, bytes calldata entry) external nonReentrant {
        _requireFrozen();
        if (index < _head.inboxCursor) revert EntrySettled(index);
        if (!_inbox.holds(index, entry)) revert InvalidInboxEntry(index);
        if (_refunded.get(index)) revert AlreadyRefunded(index);
        (uint32 token, address account, uint128 amount) = _paidFor(index, entry);
        if (amount == 0) revert NothingToRefund(index);
        _refunded.set(index);
        if (entry[0] == InboxEntry.DEPOSIT) _release(token, amount);
        emit Refunded(index, account, token, amount);
        _pay(token, account, amount);
    }

    /// @dev A deposit's amount is part of the holdings, a fee is not. Listings cost nothing.
    function _paidFor(uint64 index, bytes calldata entry) private view returns (uint32, address, uint128) {
        if (entry[0] == InboxEntry.DEPOSIT) return InboxEntry.parseDeposit(entry);
        return (NATIVE_TOKEN, InboxEntry.forcedAccount(entry), _inbox.feesBetween(index, index + 1));
    }

    /// @inheritdoc IExchange
    function isEscaped(address account, uint32 token) external view returns (bool) {
        return _escaped[account].get(token);
    }

    /// @inheritdoc IExchange
    function isRefunded(uint64 index) external view returns (bool) {
        return _refunded.get(index);
    }
}
