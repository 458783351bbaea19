// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {IExchange} from "../interfaces/IExchange.sol";
import {ISP1Verifier} from "../interfaces/ISP1Verifier.sol";
import {InboxEntry} from "../libraries/InboxEntry.sol";
import {MARKET_ACTIVE, MARKET_HALTED, MAX_AMOUNT, MAX_FEE, MAX_MARKET_ID} from "../types/Limits.sol";
import {Market, MarketTerms, MarketUpdate} from "../types/Listing.sol";
import {Settlement} from "./Settlement.sol";

/// @title Governance: what it changes in an open exchange is known for longer than users need to get out
/// @notice At once it can only open the exchange and restrict markets; the guardian can halt settlement for a while.
/// None of it reaches claims, the freeze, escapes or refunds.
abstract contract Governance is Settlement, Ownable2Step {
    /// @inheritdoc IExchange
    uint32 public marketCount;
    /// @inheritdoc IExchange
    address public guardian;
    mapping(uint32 market => Market) private _markets;
    /// @dev Grows with each change of the governor: what the one before scheduled is forgotten.
    uint256 private _term;
    mapping(uint256 term => mapping(bytes32 id => uint64)) private _readyAt;

    constructor(address governor, address guardian_) Ownable(governor) {
        _setGuardian(guardian_);
    }

    /// @dev While the exchange is set up: the governor. Once it is open: an action that was scheduled.
    modifier onlyGovernance() {
        _requireGovernance();
        _;
    }

    function _requireGovernance() private view {
        if (_life.openedAt == 0) _checkOwner();
        else if (msg.sender != address(this)) revert OnlyByExecute();
    }

    // ---------------------------------------------------------------- timelock

    /// @inheritdoc IExchange
    function open() external onlyOwner {
        if (_life.openedAt != 0) revert AlreadyOpen();
        _life.openedAt = uint64(block.timestamp);
        emit Opened();
    }

    /// @inheritdoc IExchange
    function schedule(bytes calldata action) external onlyOwner returns (bytes32 id) {
        // notice that was given to nobody would be no notice
        if (_life.openedAt == 0) revert NotOpen();
        // what is shorter is no action, and what comes after the selector are its arguments
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes4 selector = bytes4(action);
        if (!_isAction(selector)) revert UnknownAction(selector);
        id = keccak256(action);
        uint64 before = _readyAt[_term][id];
        if (before != 0 && block.timestamp <= before + _TIMELOCK) revert AlreadyScheduled(id);
        uint64 readyAt = uint64(block.timestamp) + _TIMELOCK;
        _readyAt[_term][id] = readyAt;
        emit Scheduled(id, readyAt, action);
    }

    /// @inheritdoc IExchange
    function cancel(bytes32 id) external onlyOwner {
        if (_readyAt[_term][id] == 0) revert NotScheduled(id);
        delete _readyAt[_term][id];
        emit Cancelled(id);
    }

    /// @inheritdoc IExchange
    function execute(bytes calldata action) external onlyOwner {
        bytes32 id = keccak256(action);
        uint64 readyAt = _readyAt[_term][id];
        if (readyAt == 0) revert NotScheduled(id);
        if (block.timestamp < readyAt) revert ActionNotReady(readyAt);
        if (block.timestamp > readyAt + _TIMELOCK) revert ActionStale(readyAt + _TIMELOCK);
        delete _readyAt[_term][id];
        emit Executed(id, action);
        Address.functionCall(address(this), action);
    }

    function _isAction(bytes4 selector) private pure returns (bool) {
        return selector == IExchange.listToken.selector || selector == IExchange.listMarket.selector
            || selector == IExchange.setMarket.selector || selector == IExchange.setVerifier.selector
            || selector == IExchange.setForcedFee.selector || selector == IExchange.setGuardian.selector;
    }

    /// @inheritdoc IExchange
    function scheduledAt(bytes32 id) external view returns (uint64) {
        return _readyAt[_term][id];
    }

    function _transferOwnership(address governor) internal override {
        _term++;
        super._transferOwnership(governor);
    }

    /// @notice Always reverts: with no governor a lost poster could not be replaced.
    function renounceOwnership() public pure override {
        revert OwnershipNotRenounceable();
    }

    // ----------------------------------------------------------------- actions

    /// @inheritdoc IExchange
    function listToken(address l1Address, uint8 decimals, uint128 minDeposit)
        external
        onlyGovernance
        returns (uint32 token)
    {
        if (l1Address.code.length == 0) revert NotAContract(l1Address);
        if (tokenIdOf[l1Address] != 0) revert TokenAlreadyListed(l1Address);
        return _listToken(l1Address, decimals, minDeposit);
    }

    /// @inheritdoc IExchange
    function listMarket(MarketTerms memory terms) external onlyGovernance returns (uint32 market) {
        _requireListed(terms.base);
        _requireListed(terms.quote);
        if (!_isAcceptable(terms) || marketCount == MAX_MARKET_ID) revert InvalidListing();
        market = ++marketCount;
        _markets[market] = Market({
            status: MARKET_ACTIVE,
            terms: MarketUpdate({
                minNotional: terms.minNotional,
                makerFee: terms.makerFee,
                takerFee: terms.takerFee,
                priceBand: terms.priceBand,
                feeAccount: terms.feeAccount
            })
        });
        emit MarketListed(market, terms);
        _append(InboxEntry.listMarket(market, terms), 0);
    }

    /// @inheritdoc IExchange
    function setMarket(uint32 market, uint8 status, MarketUpdate memory terms) external onlyGovernance {
        _requireMarket(market);
        bool isStatus = status >= MARKET_ACTIVE && status <= MARKET_HALTED;
        if (!isStatus || !_areFees(terms.makerFee, terms.takerFee, terms.feeAccount)) revert InvalidListing();
        _setMarket(market, status, terms);
    }

    /// @inheritdoc IExchange
    function restrictMarket(uint32 market, uint8 status) external onlyOwner {
        _requireMarket(market);
        Market memory current = _markets[market];
        if (status <= current.status || status > MARKET_HALTED) revert NotStricter(status, current.status);
        _setMarket(market, status, current.terms);
    }

    /// @inheritdoc IExchange
    function setVerifier(ISP1Verifier verifier_, bytes32 programVKey_) external onlyGovernance {
        _setVerifier(verifier_, programVKey_);
    }

    /// @inheritdoc IExchange
    function setForcedFee(uint128 baseFee) external onlyGovernance {
        _setForcedFee(baseFee);
    }

    /// @inheritdoc IExchange
    function setGuardian(address guardian_) external onlyGovernance {
        _setGuardian(guardian_);
    }

    /// @inheritdoc IExchange
    function setPoster(address poster_) external onlyOwner {
        _setPoster(poster_, _life.openedAt == 0 ? 0 : _POSTER_DELAY);
    }

    // ------------------------------------------------------------------- halts

    /// @inheritdoc IExchange
    function halt() external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        _requireRunning();
        uint64 allowedFrom = _life.haltedUntil + _DEADLINE;
        if (block.timestamp < allowedFrom) revert HaltTooSoon(allowedFrom);
        uint64 until = uint64(block.timestamp) + _HALT;
        _life.haltedUntil = until;
        emit Halted(until);
    }

    /// @inheritdoc IExchange
    function resume() external {
        if (msg.sender != guardian) _checkOwner();
        if (block.timestamp >= _life.haltedUntil) revert NotHalted();
        _life.haltedUntil = uint64(block.timestamp);
        emit Resumed();
    }

    // ---------------------------------------------------------------- internal

    function _setGuardian(address guardian_) private {
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    function _setMarket(uint32 market, uint8 status, MarketUpdate memory terms) private {
        _markets[market] = Market({status: status, terms: terms});
        emit MarketChanged(market, status, terms);
        _append(InboxEntry.setMarket(market, status, terms), 0);
    }

    function _requireListed(uint32 token) private view {
        if (token == 0 || token > tokenCount) revert UnknownToken(token);
    }

    function _requireMarket(uint32 market) private view {
        if (market == 0 || market > marketCount) revert UnknownMarket(market);
    }

    /// @dev The guest program's own conditions, so that no listing is accepted here and refused there.
    function _isAcceptable(MarketTerms memory terms) private pure returns (bool) {
        return terms.base != terms.quote && _isPowerOfTen(terms.lotSize) && terms.lotSize <= MAX_AMOUNT
            && terms.tickSize != 0 && terms.tickSize <= MAX_AMOUNT
            && _areFees(terms.makerFee, terms.takerFee, terms.feeAccount);
    }

    function _areFees(uint32 makerFee, uint32 takerFee, address feeAccount) private pure returns (bool) {
        return makerFee <= MAX_FEE && takerFee <= MAX_FEE && feeAccount != address(0);
    }

    function _isPowerOfTen(uint128 value) private pure returns (bool) {
        while (value != 0 && value % 10 == 0) value /= 10;
        return value == 1;
    }

    /// @inheritdoc IExchange
    function marketOf(uint32 market) external view returns (uint8 status, MarketUpdate memory terms) {
        Market storage listed = _markets[market];
        return (listed.status, listed.terms);
    }
}
