// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {IExchange} from "./interfaces/IExchange.sol";
import {ISP1Verifier} from "./interfaces/ISP1Verifier.sol";
import {Genesis} from "./libraries/Genesis.sol";
import {Inbox} from "./libraries/Inbox.sol";
import {InboxEntry} from "./libraries/InboxEntry.sol";
import {Outbox} from "./libraries/Outbox.sol";
import {Batch, Head} from "./types/Batch.sol";
import {
    MARKET_ACTIVE,
    MARKET_HALTED,
    MAX_AMOUNT,
    MAX_DECIMALS,
    MAX_FEE,
    MAX_HOLDINGS,
    MAX_MARKET_ID,
    MAX_TOKEN_ID,
    NATIVE_DECIMALS,
    NATIVE_TOKEN
} from "./types/Limits.sol";
import {MarketTerms, MarketUpdate, Token} from "./types/Listing.sol";
import {OutboxLeaf} from "./types/OutboxLeaf.sol";
import {CALLDATA_CARRIER, PublicValues} from "./types/PublicValues.sol";

/// @title The exchange's contract on L1
contract Exchange is IExchange, Ownable2Step, EIP712, ReentrancyGuardTransient {
    using BitMaps for BitMaps.BitMap;
    using Inbox for Inbox.Chain;
    using SafeERC20 for IERC20;

    /// @inheritdoc IExchange
    ISP1Verifier public immutable verifier;
    /// @inheritdoc IExchange
    bytes32 public immutable programVKey;

    /// @inheritdoc IExchange
    address public poster;
    /// @inheritdoc IExchange
    uint32 public tokenCount;
    /// @inheritdoc IExchange
    uint32 public marketCount;

    Head private _head;
    Inbox.Chain private _inbox;
    mapping(uint32 token => Token) private _tokens;
    /// @inheritdoc IExchange
    mapping(address l1Address => uint32 token) public tokenIdOf;
    /// @inheritdoc IExchange
    mapping(uint64 batchNumber => bytes32 root) public outboxRoot;
    mapping(uint64 batchNumber => BitMaps.BitMap) private _claimed;

    /// @param governor Owner at first: lists tokens and markets, names the poster.
    /// @param poster_ The one address that may settle.
    /// @param verifier_ What checks the proofs.
    /// @param programVKey_ Verifying key of the guest program.
    /// @param minDepositETH Smallest deposit of the native coin, in wei.
    constructor(address governor, address poster_, ISP1Verifier verifier_, bytes32 programVKey_, uint128 minDepositETH)
        Ownable(governor)
        EIP712("ZKCLOB", "1")
    {
        _requireCode(address(verifier_));
        verifier = verifier_;
        programVKey = programVKey_;
        _head.stateRoot = Genesis.stateRoot();
        _head.nextSeq = Genesis.FIRST_SEQ;
        _setPoster(poster_);
        _listToken(address(0), NATIVE_DECIMALS, minDepositETH);
    }

    // ---------------------------------------------------------------- deposits

    /// @inheritdoc IExchange
    function depositETH(address account) external payable nonReentrant returns (uint64 index) {
        return _deposit(NATIVE_TOKEN, account, msg.value);
    }

    /// @inheritdoc IExchange
    function depositERC20(uint32 token, address account, uint128 amount) external nonReentrant returns (uint64 index) {
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
        return _append(InboxEntry.deposit(token, account, credited));
    }

    // -------------------------------------------------------------- settlement

    /// @inheritdoc IExchange
    function settle(Batch calldata batch, bytes calldata data, bytes calldata proof) external {
        if (msg.sender != poster) revert NotPoster(msg.sender);
        Head memory previous = _head;
        _requireAdvance(previous, batch);

        bytes32 dataHash = keccak256(data);
        verifier.verifyProof(programVKey, abi.encode(_publicValues(previous, batch, dataHash)), proof);

        uint64 batchNumber = previous.batchNumber + 1;
        _head = Head({
            stateRoot: batch.newStateRoot,
            batchNumber: batchNumber,
            inboxCursor: batch.inboxCursor,
            blockNumber: batch.blockNumber,
            timestamp: batch.timestamp,
            nextSeq: batch.endSeq
        });
        outboxRoot[batchNumber] = batch.outboxRoot;
        emit Settled(batchNumber, previous.stateRoot, previous.nextSeq, dataHash, batch);
    }

    /// @inheritdoc IExchange
    function claim(
        uint64 batchNumber,
        uint32 index,
        address recipient,
        uint32 token,
        uint128 amount,
        uint128 maxRelayFee,
        bytes32[] calldata proof
    ) external nonReentrant {
        OutboxLeaf memory leaf = OutboxLeaf(index, recipient, token, amount, maxRelayFee);
        if (!Outbox.contains(outboxRoot[batchNumber], leaf, proof)) revert InvalidOutboxProof(batchNumber, index);
        if (_claimed[batchNumber].get(index)) revert AlreadyClaimed(batchNumber, index);
        _claimed[batchNumber].set(index);
        _tokens[token].holdings -= amount;
        emit Claimed(batchNumber, index, recipient, token, amount);
        _pay(token, recipient, amount);
    }

    /// @dev The checks of a settlement that need no proof, in the order of the protocol.
    function _requireAdvance(Head memory previous, Batch calldata batch) private view {
        if (batch.inboxCursor < previous.inboxCursor) {
            revert InboxCursorBehind(batch.inboxCursor, previous.inboxCursor);
        }
        if (batch.inboxCursor > _inbox.length) revert InboxCursorAhead(batch.inboxCursor, _inbox.length);
        if (batch.blockNumber <= previous.blockNumber) {
            revert BlockNumberNotAfter(batch.blockNumber, previous.blockNumber);
        }
        if (batch.endSeq <= previous.nextSeq) revert EndSeqNotAfter(batch.endSeq, previous.nextSeq);
        if (batch.timestamp < previous.timestamp) revert TimestampBehind(batch.timestamp, previous.timestamp);
        if (batch.timestamp > block.timestamp) revert TimestampAhead(batch.timestamp, block.timestamp);
    }

    /// @dev What the proof must show. The caller chooses only what `batch` holds.
    function _publicValues(Head memory previous, Batch calldata batch, bytes32 dataHash)
        private
        view
        returns (PublicValues memory)
    {
        return PublicValues({
            domainSeparator: _domainSeparatorV4(),
            prevStateRoot: previous.stateRoot,
            newStateRoot: batch.newStateRoot,
            inboxCursor: batch.inboxCursor,
            inboxHash: _inbox.hashAt[batch.inboxCursor],
            dataCarrier: CALLDATA_CARRIER,
            dataHash: dataHash,
            outboxRoot: batch.outboxRoot,
            outboxCount: batch.outboxCount,
            blockNumber: batch.blockNumber,
            timestamp: batch.timestamp,
            firstSeq: previous.nextSeq,
            endSeq: batch.endSeq,
            digestsHash: batch.digestsHash
        });
    }

    /// @dev A recipient that refuses its money makes its own claim revert, and no other.
    function _pay(uint32 token, address recipient, uint128 amount) private {
        if (token == NATIVE_TOKEN) {
            Address.sendValue(payable(recipient), amount);
        } else {
            IERC20(_tokens[token].l1Address).safeTransfer(recipient, amount);
        }
    }

    // -------------------------------------------------------------- governance

    /// @inheritdoc IExchange
    function listToken(address l1Address, uint8 decimals, uint128 minDeposit)
        external
        onlyOwner
        returns (uint32 token)
    {
        _requireCode(l1Address);
        if (tokenIdOf[l1Address] != 0) revert TokenAlreadyListed(l1Address);
        return _listToken(l1Address, decimals, minDeposit);
    }

    /// @inheritdoc IExchange
    function listMarket(MarketTerms calldata terms) external onlyOwner returns (uint32 market) {
        _requireListed(terms.base);
        _requireListed(terms.quote);
        if (!_isAcceptable(terms) || marketCount == MAX_MARKET_ID) revert InvalidListing();
        market = ++marketCount;
        emit MarketListed(market, terms);
        _append(InboxEntry.listMarket(market, terms));
    }

    /// @inheritdoc IExchange
    function setMarket(uint32 market, uint8 status, MarketUpdate calldata terms) external onlyOwner {
        if (market == 0 || market > marketCount) revert UnknownMarket(market);
        bool isStatus = status >= MARKET_ACTIVE && status <= MARKET_HALTED;
        if (!isStatus || !_areFees(terms.makerFee, terms.takerFee, terms.feeAccount)) revert InvalidListing();
        emit MarketChanged(market, status, terms);
        _append(InboxEntry.setMarket(market, status, terms));
    }

    /// @inheritdoc IExchange
    function setPoster(address poster_) external onlyOwner {
        _setPoster(poster_);
    }

    function _setPoster(address poster_) private {
        if (poster_ == address(0)) revert ZeroAddress();
        poster = poster_;
        emit PosterChanged(poster_);
    }

    /// @notice Always reverts: with no owner a lost poster could not be replaced, and nothing would settle again.
    function renounceOwnership() public pure override {
        revert OwnershipNotRenounceable();
    }

    /// @dev A minimum of zero would let deposits of nothing fill the inbox.
    function _listToken(address l1Address, uint8 decimals, uint128 minDeposit) private returns (uint32 token) {
        if (minDeposit == 0 || decimals > MAX_DECIMALS || tokenCount == MAX_TOKEN_ID) revert InvalidListing();
        token = ++tokenCount;
        tokenIdOf[l1Address] = token;
        _tokens[token] = Token({l1Address: l1Address, decimals: decimals, minDeposit: minDeposit, holdings: 0});
        emit TokenListed(token, l1Address, decimals, minDeposit);
        _append(InboxEntry.listToken(token, l1Address, decimals));
    }

    function _requireListed(uint32 token) private view {
        if (token == 0 || token > tokenCount) revert UnknownToken(token);
    }

    function _requireCode(address account) private view {
        if (account.code.length == 0) revert NotAContract(account);
    }

    /// @dev The guest program's own conditions, so that no listing is accepted here and refused there.
    function _isAcceptable(MarketTerms calldata terms) private pure returns (bool) {
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

    function _append(bytes memory entry) private returns (uint64 index) {
        bytes32 chainHash;
        (index, chainHash) = _inbox.append(entry);
        emit InboxAppended(index, chainHash, entry);
    }

    // ------------------------------------------------------------------- views

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
    function isClaimed(uint64 batchNumber, uint32 index) external view returns (bool) {
        return _claimed[batchNumber].get(index);
    }

    /// @inheritdoc IExchange
    function tokenOf(uint32 token) external view returns (Token memory) {
        return _tokens[token];
    }

    /// @inheritdoc IExchange
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }
}
