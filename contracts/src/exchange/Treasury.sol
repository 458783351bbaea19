// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IExchange} from "../interfaces/IExchange.sol";
import {InboxEntry} from "../libraries/InboxEntry.sol";
import {MAX_DECIMALS, MAX_HOLDINGS, MAX_TOKEN_ID, NATIVE_DECIMALS, NATIVE_TOKEN} from "../types/Limits.sol";
import {Token} from "../types/Listing.sol";
import {ExchangeBase} from "./ExchangeBase.sol";

/// @title The tokens of the exchange, and the money that comes in and goes out
abstract contract Treasury is ExchangeBase, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IExchange
    uint32 public tokenCount;
    mapping(uint32 token => Token) internal _tokens;
    /// @inheritdoc IExchange
    mapping(address l1Address => uint32 token) public tokenIdOf;

    constructor(uint128 minDepositETH) {
        _listToken(address(0), NATIVE_DECIMALS, minDepositETH);
    }

    /// @inheritdoc IExchange
    function depositETH(address account) external payable nonReentrant returns (uint64 index) {
        _requireRunning();
        return _deposit(NATIVE_TOKEN, account, msg.value);
    }

    /// @inheritdoc IExchange
    function depositERC20(uint32 token, address account, uint128 amount) external nonReentrant returns (uint64 index) {
        _requireRunning();
        if (token == NATIVE_TOKEN) revert NativeToken();
        address l1Address = _tokens[token].l1Address;
        if (l1Address == address(0)) revert UnknownToken(token);
        uint256 before = IERC20(l1Address).balanceOf(address(this));
        IERC20(l1Address).safeTransferFrom(msg.sender, address(this), amount);
        return _deposit(token, account, IERC20(l1Address).balanceOf(address(this)) - before);
    }

    /// @dev Books what arrived and puts it into the inbox.
    function _deposit(uint32 token, address account, uint256 amount) private returns (uint64 index) {
        if (account == address(0)) revert ZeroAddress();
        Token storage listed = _tokens[token];
        if (amount < listed.minDeposit) revert DepositTooSmall(amount, listed.minDeposit);
        if (amount > MAX_HOLDINGS - listed.holdings) revert HoldingsExceeded(token, amount);
        // fits: MAX_HOLDINGS bounds it
        // forge-lint: disable-next-line(unsafe-typecast)
        uint128 credited = uint128(amount);
        listed.holdings += credited;
        return _append(InboxEntry.deposit(token, account, credited), 0);
    }

    /// @dev Takes from the holdings what is paid next.
    function _release(uint32 token, uint128 amount) internal {
        _tokens[token].holdings -= amount;
    }

    /// @dev A recipient that refuses its money makes the call that pays it revert, and no other.
    function _pay(uint32 token, address recipient, uint128 amount) internal {
        if (token == NATIVE_TOKEN) {
            Address.sendValue(payable(recipient), amount);
        } else {
            IERC20(_tokens[token].l1Address).safeTransfer(recipient, amount);
        }
    }

    /// @dev A minimum of zero would let deposits of nothing fill the inbox.
    function _listToken(address l1Address, uint8 decimals, uint128 minDeposit) internal returns (uint32 token) {
        if (minDeposit == 0 || decimals > MAX_DECIMALS || tokenCount == MAX_TOKEN_ID) revert InvalidListing();
        token = ++tokenCount;
        tokenIdOf[l1Address] = token;
        _tokens[token] = Token({l1Address: l1Address, decimals: decimals, minDeposit: minDeposit, holdings: 0});
        emit TokenListed(token, l1Address, decimals, minDeposit);
        _append(InboxEntry.listToken(token, l1Address, decimals), 0);
    }

    /// @inheritdoc IExchange
    function tokenOf(uint32 token) external view returns (Token memory) {
        return _tokens[token];
    }
}
