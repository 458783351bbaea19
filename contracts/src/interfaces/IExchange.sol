// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ProofReader} from "../ProofReader.sol";
import {AccountProof} from "../types/AccountProof.sol";
import {Batch, Head} from "../types/Batch.sol";
import {BlobData} from "../types/BlobData.sol";
import {Delays} from "../types/Configuration.sol";
import {MarketTerms, MarketUpdate, Token} from "../types/Listing.sol";
import {Claim} from "../types/OutboxLeaf.sol";
import {ISP1Verifier} from "./ISP1Verifier.sol";

/// @title The exchange's contract on L1
/// @notice Holds the money, keeps the inbox of what L1 asks of the exchange, accepts new state roots with a proof, and
/// pays what the proven batches owe. It is set up, opened once, and can be frozen for good when its inbox is not
/// served; then everybody gets what the last settled state says.
interface IExchange {
    // ------------------------------------------------------------------ events

    /// @notice The exchange takes deposits from now on, and governance goes through the timelock.
    event Opened();

    /// @notice An entry was appended to the inbox. Entries in order of `index` are everything L1 asks of the exchange.
    /// @param index Position of the entry, from 0.
    /// @param chainHash Hash of the inbox up to and with this entry.
    /// @param entry The entry's bytes, as the guest program reads them.
    event InboxAppended(uint64 indexed index, bytes32 chainHash, bytes entry);

    /// @notice A batch was settled. Its data is an argument of the call that did so, or in blobs of its transaction.
    /// @param batchNumber Number of the batch, from 1.
    /// @param prevStateRoot State root before the batch.
    /// @param firstSeq Sequence number of the batch's first transaction.
    /// @param dataHash Hash of the batch's data.
    /// @param batch What the batch claimed, and the proof showed.
    event Settled(uint64 indexed batchNumber, bytes32 prevStateRoot, uint64 firstSeq, bytes32 dataHash, Batch batch);

    /// @notice A withdrawal or refund of a batch was paid.
    event Claimed(
        uint64 indexed batchNumber, uint32 indexed index, address indexed recipient, uint32 token, uint128 amount
    );

    /// @notice A claim of a `claimMany` failed and was left out. It can be claimed later.
    event ClaimSkipped(uint64 indexed batchNumber, uint32 indexed index);

    /// @notice Fees of forced operations were paid to who settled them.
    event FeesCollected(address indexed settler, uint256 amount);

    /// @notice Nothing settles any more; everybody gets what this state says.
    event Frozen(uint64 batchNumber, bytes32 stateRoot);

    /// @notice What an account had of a token was paid to it after the freeze.
    event Escaped(address indexed account, uint32 indexed token, uint128 amount);

    /// @notice What was paid for an entry that was never settled was paid back after the freeze.
    event Refunded(uint64 indexed index, address indexed account, uint32 token, uint128 amount);

    /// @notice A token may be deposited from now on.
    event TokenListed(uint32 indexed token, address indexed l1Address, uint8 decimals, uint128 minDeposit);

    /// @notice A market was listed.
    event MarketListed(uint32 indexed market, MarketTerms terms);

    /// @notice A market has this status and these terms from its inbox entry on. `status`: 1 active, 2 cancel-only,
    /// 3 halted.
    event MarketChanged(uint32 indexed market, uint8 status, MarketUpdate terms);

    /// @notice `poster` settles from the time `from` on, unless another one is named before.
    event PosterProposed(address indexed poster, uint64 from);

    /// @notice `guardian` may halt settlement; zero for nobody.
    event GuardianChanged(address indexed guardian);

    /// @notice Proofs are checked by this verifier for this program.
    event VerifierChanged(ISP1Verifier indexed verifier, bytes32 programVKey);

    /// @notice A forced operation costs this many wei while few entries wait.
    event ForcedFeeChanged(uint128 fee);

    /// @notice Nothing settles before the time `until`.
    event Halted(uint64 until);

    /// @notice The halt is over before its time.
    event Resumed();

    /// @notice Governance may carry out `action`, a call of this contract, from the time `readyAt` on.
    event Scheduled(bytes32 indexed id, uint64 readyAt, bytes action);

    /// @notice A scheduled action will not be carried out.
    event Cancelled(bytes32 indexed id);

    /// @notice A scheduled action was carried out.
    event Executed(bytes32 indexed id, bytes action);

    // ------------------------------------------------- errors: life and roles

    /// @notice The exchange is still being set up: wait for `Opened`.
    error NotOpen();
    /// @notice The exchange was opened before.
    error AlreadyOpen();
    /// @notice The exchange is frozen: get out with `escape`, `refund` and `claim`.
    error AlreadyFrozen();
    /// @notice This is for after a freeze only.
    error NotFrozen();
    /// @notice The delays contradict each other: see `Delays`.
    error InvalidDelays();
    /// @notice An address that must not be zero is zero.
    error ZeroAddress();
    /// @notice The address has no code.
    error NotAContract(address account);
    /// @notice Ownership can be transferred, never given up.
    error OwnershipNotRenounceable();

    // --------------------------------------------- errors: deposits and inbox

    /// @notice No token has this identifier.
    error UnknownToken(uint32 token);
    /// @notice The native coin is deposited with `depositETH`.
    error NativeToken();
    /// @notice The deposit is smaller than the token's minimum.
    error DepositTooSmall(uint256 amount, uint128 minimum);
    /// @notice The exchange would hold more of the token than its arithmetic allows.
    error HoldingsExceeded(uint32 token, uint256 amount);
    /// @notice Send at least `fee` wei; what is too much comes back.
    error FeeTooLow(uint256 sent, uint256 fee);
    /// @notice No fees wait for this address.
    error NothingToCollect(address settler);

    // ----------------------------------------------------- errors: settlement

    /// @notice Data in calldata must be that of the transaction itself: send it from an account without code.
    error NotTopLevel();
    /// @notice The call is encoded in a form that not every decoder reads: data, then proof, padded with zeros, and nothing
    /// else.
    error NotCanonical();
    /// @notice Settlement is halted: settle at `until` or later.
    error SettlementHalted(uint64 until);
    /// @notice The caller is not the poster, and no inbox entry is overdue.
    error NotPoster(address caller);
    /// @notice The batch consumes fewer inbox entries than were consumed already.
    error InboxCursorBehind(uint64 cursor, uint64 settled);
    /// @notice The batch consumes inbox entries that do not exist.
    error InboxCursorAhead(uint64 cursor, uint64 length);
    /// @notice The batch leaves an entry that was overdue at its time: consume it, or at least another one.
    error InboxOverdue(uint64 index);
    /// @notice The batch ends at a block that is not after the last settled one.
    error BlockNumberNotAfter(uint64 blockNumber, uint64 settled);
    /// @notice The batch holds no transaction after the last settled one.
    error EndSeqNotAfter(uint64 endSeq, uint64 settled);
    /// @notice The batch ends before the time of the last settled block.
    error TimestampBehind(uint64 timestamp, uint64 settled);
    /// @notice The batch ends in the future.
    error TimestampAhead(uint64 timestamp, uint256 current);
    /// @notice The data of a batch is in 1 to 6 blobs.
    error InvalidBlobCount(uint256 count);
    /// @notice The transaction has no such blob.
    error MissingBlob(uint256 index);
    /// @notice The transaction has a blob for which no opening was given.
    error UnexpectedBlob(uint256 index);
    /// @notice The commitment is not that of the blob, or the proof does not show that its value is `y`.
    error InvalidBlobOpening(uint256 index);

    // --------------------------------------------------------- errors: claims

    /// @notice The leaf was paid already.
    error AlreadyClaimed(uint64 batchNumber, uint32 index);
    /// @notice The leaf is not in the batch's outbox.
    error InvalidOutboxProof(uint64 batchNumber, uint32 index);
    /// @notice Call `claim` or `claimMany`.
    error OnlyByClaimMany();
    /// @notice Send more gas: each claim must be able to use its share.
    error NotEnoughGas(uint256 needed);

    // ------------------------------------------------------ errors: the end

    /// @notice The exchange can be frozen at `from` or later, if the oldest entry is still not settled; the largest
    /// number stands for no entry.
    error DeadlineNotPassed(uint256 from);
    /// @notice The account does not have this value in the last settled state.
    error InvalidAccountProof();
    /// @notice The account has none of this token.
    error NothingToEscape(address account, uint32 token);
    /// @notice The token was paid to the account already.
    error AlreadyEscaped(address account, uint32 token);
    /// @notice The entry was settled: what it did is in the state.
    error EntrySettled(uint64 index);
    /// @notice The entry with this index has other bytes: take them from `InboxAppended`.
    error InvalidInboxEntry(uint64 index);
    /// @notice The entry was refunded already.
    error AlreadyRefunded(uint64 index);
    /// @notice Nothing was paid for the entry.
    error NothingToRefund(uint64 index);

    // ----------------------------------------------------- errors: governance

    /// @notice The token's contract is listed already.
    error TokenAlreadyListed(address l1Address);
    /// @notice The terms or the status are outside of what the guest program accepts.
    error InvalidListing();
    /// @notice No market has this identifier.
    error UnknownMarket(uint32 market);
    /// @notice At once a market can only be restricted: schedule `setMarket`.
    error NotStricter(uint8 status, uint8 current);
    /// @notice The base fee of forced operations is bounded.
    error ForcedFeeTooHigh(uint128 fee, uint128 highest);
    /// @notice In an open exchange this goes through `schedule` and `execute`.
    error OnlyByExecute();
    /// @notice Governance has no such action.
    error UnknownAction(bytes4 selector);
    /// @notice The action is scheduled already: cancel it first.
    error AlreadyScheduled(bytes32 id);
    /// @notice Nothing with this identifier is scheduled by this governor.
    error NotScheduled(bytes32 id);
    /// @notice Execute the action at `readyAt` or later.
    error ActionNotReady(uint64 readyAt);
    /// @notice The action was not executed in time: schedule it again.
    error ActionStale(uint64 readyUntil);
    /// @notice The caller is not the guardian.
    error NotGuardian(address caller);
    /// @notice Settlement can be halted again at `from` or later.
    error HaltTooSoon(uint64 from);
    /// @notice Settlement is not halted.
    error NotHalted();

    // ---------------------------------------------------------------- deposits

    /// @notice Deposits the value sent, to be credited to `account` in the exchange.
    /// @return index Position of the deposit in the inbox.
    function depositETH(address account) external payable returns (uint64 index);

    /// @notice Deposits `amount` base units of a listed token, taken from the caller by its allowance, to be credited
    /// to `account`. What is credited is what arrived here.
    /// @return index Position of the deposit in the inbox.
    function depositERC20(uint32 token, address account, uint128 amount) external returns (uint64 index);

    // ------------------------------------------------------- forced operations
    //
    // Each is for the caller's own account and costs `forcedFee()`; what is sent above it goes back to the caller.

    /// @notice Cancels all orders of the caller and withdraws everything it has.
    /// @return index Position of the operation in the inbox.
    function forceExit() external payable returns (uint64 index);

    /// @notice Cancels all orders of the caller and makes whatever it or its agents signed before unusable.
    /// @return index Position of the operation in the inbox.
    function cancelAll() external payable returns (uint64 index);

    /// @notice Lets `agent` trade for the caller.
    /// @param expiry Last block time at which it may.
    /// @param markets Bit `m` for market `m`, bit 0 for all.
    /// @return index Position of the operation in the inbox.
    function approveAgent(address agent, uint64 expiry, uint256 markets) external payable returns (uint64 index);

    /// @notice Takes the rights of all agents of the caller.
    /// @return index Position of the operation in the inbox.
    function revokeAgents() external payable returns (uint64 index);

    /// @notice What the next forced operation costs, in wei: the base fee, once more for each 64 entries that wait,
    /// 32 times at most.
    function forcedFee() external view returns (uint256);

    // -------------------------------------------------------------- settlement

    /// @notice Advances the exchange by a batch. Only the poster, or anyone while an inbox entry is overdue; from an
    /// account without code, by a transaction to this contract. The fees of the operations that the batch consumes are
    /// credited to the caller.
    /// @param batch What the batch claims.
    /// @param data The batch's transactions.
    /// @param proof Proof of the public values that follow from storage, `batch` and `data`.
    function settle(Batch calldata batch, bytes calldata data, bytes calldata proof) external;

    /// @notice The same for a batch whose data is in the blobs of the transaction. A contract may call too.
    /// @param data Hash of the batch's transactions, and an opening of each blob.
    function settleBlobs(Batch calldata batch, BlobData calldata data, bytes calldata proof) external;

    /// @notice Pays a settler the fees that are credited to it. Anyone may call.
    function collectFees(address settler) external;

    // ------------------------------------------------------------------ claims

    /// @notice Pays a withdrawal or refund of a settled batch to its recipient, once. Anyone may call, for no fee.
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

    /// @notice Pays many. A claim that fails is left out and changes nothing.
    /// @param feeRecipient Gets the highest relay fee of each leaf out of its amount; zero: nobody does.
    /// @return paid How many were paid.
    function claimMany(Claim[] calldata claims, address feeRecipient) external returns (uint256 paid);

    /// @notice One claim of a `claimMany`, which alone may call this.
    function claimFor(Claim calldata owed, address feeRecipient) external;

    // --------------------------------------------------------- freeze and exit

    /// @notice Ends settlement for good, once the oldest entry that is not settled has waited for `delays().deadline`.
    /// Anyone may call.
    function freeze() external;

    /// @notice After a freeze: pays everything that an account has of the named tokens to the account, once. Anyone
    /// may call. A token that cannot be paid makes the call revert: leave it out.
    /// @param proof The account in the last settled state.
    function escape(address account, AccountProof calldata proof, uint32[] calldata tokens) external;

    /// @notice After a freeze: pays back a deposit that was not settled, or the fee of a forced operation, once. Anyone
    /// may call.
    /// @param index Position of the entry in the inbox.
    /// @param entry Its bytes.
    function refund(uint64 index, bytes calldata entry) external;

    // -------------------------------------------------------------- governance
    //
    // The governor is the owner. The first six are its actions: it calls them itself until the exchange is open, and
    // through `schedule` and `execute` after that.

    /// @notice Allows deposits of a token. Tokens whose balances change by themselves do not fit.
    /// @param l1Address The token's contract.
    /// @param decimals How many of the token's digits are behind the decimal point.
    /// @param minDeposit Smallest deposit, in base units, at least 1.
    /// @return token The identifier it was given.
    function listToken(address l1Address, uint8 decimals, uint128 minDeposit) external returns (uint32 token);

    /// @notice Opens a market.
    /// @return market The identifier it was given.
    function listMarket(MarketTerms calldata terms) external returns (uint32 market);

    /// @notice Replaces a market's status and those of its terms that can be changed. It holds for what is sequenced
    /// after its entry in the inbox; orders that rest are not touched.
    /// @param market Identifier of a listed market.
    /// @param status 1 active, 2 cancel-only (orders can be cancelled only), 3 halted (the same, for good).
    /// @param terms All of them, also those that stay as they are.
    function setMarket(uint32 market, uint8 status, MarketUpdate calldata terms) external;

    /// @notice Replaces the verifier and the guest program.
    function setVerifier(ISP1Verifier verifier, bytes32 programVKey) external;

    /// @notice Replaces the base fee of forced operations, in wei.
    function setForcedFee(uint128 fee) external;

    /// @notice Replaces the guardian; zero for none.
    function setGuardian(address guardian) external;

    /// @notice Opens the exchange, once and for good. Only the governor.
    function open() external;

    /// @notice Announces an action: the calldata of one of the six calls. It can be executed `delays().timelock` from
    /// now, and for as long again. Only the governor.
    /// @return id What names it: its keccak256.
    function schedule(bytes calldata action) external returns (bytes32 id);

    /// @notice Takes back what was scheduled. Only the governor.
    function cancel(bytes32 id) external;

    /// @notice Carries out an action that is ready. Only the governor who scheduled it.
    function execute(bytes calldata action) external;

    /// @notice Gives a market a stricter status at once: cancel-only or halted. Only the governor.
    function restrictMarket(uint32 market, uint8 status) external;

    /// @notice Replaces the poster, `delays().poster` from now; at once before the exchange is open. Only the governor.
    function setPoster(address poster) external;

    /// @notice Stops settlement for `delays().halt`. Only the guardian, and again only `delays().deadline` after the
    /// end of the halt before: no entry reaches its deadline for lack of time to settle it.
    function halt() external;

    /// @notice Ends a halt. Only the guardian or the governor.
    function resume() external;

    // ------------------------------------------------------------------- views

    /// @notice Whether the exchange was opened.
    function isOpen() external view returns (bool);

    /// @notice Whether the exchange was frozen.
    function frozen() external view returns (bool);

    /// @notice Nothing settles before this time.
    function haltedUntil() external view returns (uint64);

    /// @notice The delays that bound governance and the operator.
    function delays() external view returns (Delays memory);

    /// @notice The last settled state.
    function head() external view returns (Head memory);

    /// @notice `keccak256(abi.encode(uint64 firstSeq, Batch))` of a settled batch; zero for any other number.
    function batchHash(uint64 batchNumber) external view returns (bytes32);

    /// @notice Number of entries in the inbox, consumed or not.
    function inboxLength() external view returns (uint64);

    /// @notice Hash of the inbox's first `count` entries; zero for none and for more than there are.
    function inboxHash(uint64 count) external view returns (bytes32);

    /// @notice When an entry was appended; zero if there is none.
    function inboxTime(uint64 index) external view returns (uint64);

    /// @notice Fees paid for the inbox's first `count` entries, in wei; zero for more than there are.
    function feesThrough(uint64 count) external view returns (uint128);

    /// @notice Fees that `collectFees` pays to a settler, in wei.
    function settlerFees(address settler) external view returns (uint256);

    /// @notice Outbox root of a batch; zero when it has none.
    function outboxRoot(uint64 batchNumber) external view returns (bytes32);

    /// @notice Whether a leaf was paid.
    function isClaimed(uint64 batchNumber, uint32 index) external view returns (bool);

    /// @notice Whether an account was paid a token after the freeze.
    function isEscaped(address account, uint32 token) external view returns (bool);

    /// @notice Whether an entry was refunded after the freeze.
    function isRefunded(uint64 index) external view returns (bool);

    /// @notice A listed token; all fields are zero when there is none.
    function tokenOf(uint32 token) external view returns (Token memory);

    /// @notice Identifier of a token's contract; zero when it is not listed.
    function tokenIdOf(address l1Address) external view returns (uint32);

    /// @notice Number of listed tokens; their identifiers are 1 to this.
    function tokenCount() external view returns (uint32);

    /// @notice A market as its newest inbox entry has it; all fields are zero when there is none.
    function marketOf(uint32 market) external view returns (uint8 status, MarketUpdate memory terms);

    /// @notice Number of listed markets; their identifiers are 1 to this.
    function marketCount() external view returns (uint32);

    /// @notice EIP-712 domain that every signature and every proof is bound to.
    function domainSeparator() external view returns (bytes32);

    /// @notice The one address that may settle while no inbox entry is overdue.
    function poster() external view returns (address);

    /// @notice Who settles from when on; zeros if no change is ahead.
    function pendingPoster() external view returns (address poster, uint64 from);

    /// @notice Who may halt settlement.
    function guardian() external view returns (address);

    /// @notice When a scheduled action can be executed; zero if it is not scheduled.
    function scheduledAt(bytes32 id) external view returns (uint64);

    /// @notice The part of the exchange that reads account proofs and blobs. It has no state.
    function proofReader() external view returns (ProofReader);

    /// @notice What checks the proofs.
    function verifier() external view returns (ISP1Verifier);

    /// @notice Verifying key of the guest program.
    function programVKey() external view returns (bytes32);
}
