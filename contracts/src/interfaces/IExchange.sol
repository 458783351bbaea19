// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Batch, Head} from "../types/Batch.sol";
import {MarketTerms, MarketUpdate, Token} from "../types/Listing.sol";
import {ISP1Verifier} from "./ISP1Verifier.sol";

/// @title The exchange's contract on L1
/// @notice Holds the money, keeps the inbox of what L1 asks of the exchange, accepts new state roots with a proof, and
/// pays what the proven batches owe.
interface IExchange {
    // ------------------------------------------------------------------ events

    /// @notice An entry was appended to the inbox. Entries in order of `index` are everything L1 asks of the exchange.
    /// @param index Position of the entry, from 0.
    /// @param chainHash Hash of the inbox up to and with this entry.
    /// @param entry The entry's bytes, as the guest program reads them.
    event InboxAppended(uint64 indexed index, bytes32 chainHash, bytes entry);

    /// @notice A batch was settled. Its data is an argument of the call that did so.
    /// @param batchNumber Number of the batch, from 1.
    /// @param prevStateRoot State root before the batch.
    /// @param firstSeq Sequence number of the batch's first transaction.
    /// @param dataHash Hash of the batch's data.
    /// @param batch What the batch claimed, and the proof showed.
    event Settled(uint64 indexed batchNumber, bytes32 prevStateRoot, uint64 firstSeq, bytes32 dataHash, Batch batch);

    /// @notice A withdrawal or refund was paid.
    event Claimed(
        uint64 indexed batchNumber, uint32 indexed index, address indexed recipient, uint32 token, uint128 amount
    );

    /// @notice A token may be deposited from now on.
    event TokenListed(uint32 indexed token, address indexed l1Address, uint8 decimals, uint128 minDeposit);

    /// @notice A market was listed.
    event MarketListed(uint32 indexed market, MarketTerms terms);

    /// @notice A market has this status and these terms from its inbox entry on. `status`: 1 active, 2 cancel-only,
    /// 3 halted.
    event MarketChanged(uint32 indexed market, uint8 status, MarketUpdate terms);

    /// @notice `poster` is now the one address that may settle.
    event PosterChanged(address indexed poster);

    // ------------------------------------------------------------------ errors

    /// @notice An address that must not be zero is zero.
    error ZeroAddress();
    /// @notice The address has no code.
    error NotAContract(address account);
    /// @notice The caller is not the poster.
    error NotPoster(address caller);
    /// @notice Ownership can be transferred, never given up.
    error OwnershipNotRenounceable();

    /// @notice No token has this identifier.
    error UnknownToken(uint32 token);
    /// @notice No market has this identifier.
    error UnknownMarket(uint32 market);
    /// @notice The native coin is deposited with `depositETH`.
    error NativeToken();
    /// @notice The deposit is smaller than the token's minimum.
    error DepositTooSmall(uint256 amount, uint128 minimum);
    /// @notice The exchange would hold more of the token than its arithmetic allows.
    error HoldingsExceeded(uint32 token, uint256 amount);

    /// @notice The token's contract is listed already.
    error TokenAlreadyListed(address l1Address);
    /// @notice The terms or the status are outside of what the guest program accepts.
    error InvalidListing();

    /// @notice The batch consumes fewer inbox entries than were consumed already.
    error InboxCursorBehind(uint64 cursor, uint64 settled);
    /// @notice The batch consumes inbox entries that do not exist.
    error InboxCursorAhead(uint64 cursor, uint64 length);
    /// @notice The batch ends at a block that is not after the last settled one.
    error BlockNumberNotAfter(uint64 blockNumber, uint64 settled);
    /// @notice The batch holds no transaction after the last settled one.
    error EndSeqNotAfter(uint64 endSeq, uint64 settled);
    /// @notice The batch ends before the time of the last settled block.
    error TimestampBehind(uint64 timestamp, uint64 settled);
    /// @notice The batch ends in the future.
    error TimestampAhead(uint64 timestamp, uint256 current);

    /// @notice The leaf was paid already.
    error AlreadyClaimed(uint64 batchNumber, uint32 index);
    /// @notice The leaf is not in the batch's outbox.
    error InvalidOutboxProof(uint64 batchNumber, uint32 index);

    // ---------------------------------------------------------------- deposits

    /// @notice Deposits the value sent, to be credited to `account` in the exchange.
    /// @return index Position of the deposit in the inbox.
    function depositETH(address account) external payable returns (uint64 index);

    /// @notice Deposits `amount` base units of a listed token, taken from the caller by its allowance, to be credited
    /// to `account`. What is credited is what arrived here.
    /// @return index Position of the deposit in the inbox.
    function depositERC20(uint32 token, address account, uint128 amount) external returns (uint64 index);

    // -------------------------------------------------------------- settlement

    /// @notice Advances the exchange by a batch. Only the poster.
    /// @param batch What the batch claims.
    /// @param data The batch's transactions.
    /// @param proof Proof of the public values that follow from storage, `batch` and `data`.
    function settle(Batch calldata batch, bytes calldata data, bytes calldata proof) external;

    /// @notice Pays a withdrawal or refund of a settled batch to its recipient, once. Anyone may call.
    /// @param batchNumber The batch it belongs to.
    /// @param index Its position in the batch's outbox.
    /// @param proof Path from the leaf to the batch's outbox root.
    function claim(
        uint64 batchNumber,
        uint32 index,
        address recipient,
        uint32 token,
        uint128 amount,
        uint128 maxRelayFee,
        bytes32[] calldata proof
    ) external;

    // -------------------------------------------------------------- governance

    /// @notice Allows deposits of a token. Only the owner. Tokens whose balances change by themselves do not fit.
    /// @param l1Address The token's contract.
    /// @param decimals How many of the token's digits are behind the decimal point.
    /// @param minDeposit Smallest deposit, in base units, at least 1.
    /// @return token The identifier it was given.
    function listToken(address l1Address, uint8 decimals, uint128 minDeposit) external returns (uint32 token);

    /// @notice Opens a market. Only the owner.
    /// @return market The identifier it was given.
    function listMarket(MarketTerms calldata terms) external returns (uint32 market);

    /// @notice Replaces a market's status and those of its terms that can be changed. Only the owner. It holds for what
    /// is sequenced after its entry in the inbox; orders that rest are not touched.
    /// @param market Identifier of a listed market.
    /// @param status 1 active, 2 cancel-only (orders can be cancelled only), 3 halted (the same, for good).
    /// @param terms All of them, also those that stay as they are.
    function setMarket(uint32 market, uint8 status, MarketUpdate calldata terms) external;

    /// @notice Replaces the poster. Only the owner.
    function setPoster(address poster) external;

    // ------------------------------------------------------------------- views

    /// @notice The last settled state.
    function head() external view returns (Head memory);

    /// @notice Number of entries in the inbox, consumed or not.
    function inboxLength() external view returns (uint64);

    /// @notice Hash of the inbox's first `count` entries; zero for none and for more than there are.
    function inboxHash(uint64 count) external view returns (bytes32);

    /// @notice Outbox root of a batch; zero when it has none.
    function outboxRoot(uint64 batchNumber) external view returns (bytes32);

    /// @notice Whether a leaf was paid.
    function isClaimed(uint64 batchNumber, uint32 index) external view returns (bool);

    /// @notice A listed token; all fields are zero when there is none.
    function tokenOf(uint32 token) external view returns (Token memory);

    /// @notice Identifier of a token's contract; zero when it is not listed.
    function tokenIdOf(address l1Address) external view returns (uint32);

    /// @notice Number of listed tokens; their identifiers are 1 to this.
    function tokenCount() external view returns (uint32);

    /// @notice Number of listed markets; their identifiers are 1 to this.
    function marketCount() external view returns (uint32);

    /// @notice EIP-712 domain that every signature and every proof is bound to.
    function domainSeparator() external view returns (bytes32);

    /// @notice The one address that may settle.
    function poster() external view returns (address);

    /// @notice What checks the proofs.
    function verifier() external view returns (ISP1Verifier);

    /// @notice Verifying key of the guest program.
    function programVKey() external view returns (bytes32);
}
