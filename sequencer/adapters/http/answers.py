"""What the API answers, field by field as it goes over the wire.

The client has its own view of these (`sequencer/client/answers.py`), on purpose: it parses decimals, and it must go on
working when the API grows.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from sequencer.adapters.http.formats import (
    Address,
    BatchStatus,
    CarrierName,
    CodeName,
    Decimal,
    DeferredStatus,
    DirectionName,
    EndName,
    Hash,
    HexBytes,
    KindName,
    LedgerType,
    MarketScope,
    OrderId,
    OrderStatus,
    ProofModeName,
    RecordStatus,
    Secret,
    SelfTradeName,
    SideName,
    Signature,
    SignedDecimal,
    Time,
    TimeInForceName,
    TransactionStatus,
    Uint,
)
from sequencer.config import ProofMode


class Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    """An object of an answer."""


class Error(Struct, frozen=True, kw_only=True):
    """Any answer that is not 2xx. `details` holds strings; what it has depends on `code`."""

    code: str
    message: str
    request_id: Annotated[str, Meta(description="finds the request in the sequencer's log")]
    details: dict[str, str]


class Page(Struct, frozen=True, kw_only=True):
    """Newest first; `next` is passed as `before` for the page that follows."""

    has_more: bool
    next: str | None


# ---------------------------------------------------------------- the exchange


class PartHealth(Answer, frozen=True):
    """The latest failure of something outside, null once it is over."""

    last_error: str | None
    since: Time | None


class ProverHealth(PartHealth, frozen=True):
    """The prover queue."""

    mode: ProofMode
    waiting: Annotated[int, Meta(description="jobs that are not proven")]
    held_off: Annotated[
        list[str], Meta(description="workers that failed too often in a row and have to wait")
    ]


class OldestEntry(Answer, frozen=True):
    """The first inbox entry that is not settled: since when it waits, when anyone may settle it, and when freeze."""

    index: Uint
    time: Time
    overdue_at: Time
    freezable_at: Time


class ContractHealth(PartHealth, frozen=True):
    """The contract: whether it is frozen, the end of a halt, and the entries of its inbox that are not settled.

    What it says of itself is null until L1 has answered.
    """

    frozen: bool | None
    halted_until: Time | None
    unsettled_entries: Uint | None
    oldest_entry: OldestEntry | None


class Health(Answer, frozen=True):
    """How the sequencer is doing."""

    status: Annotated[str, Meta(extra_json_schema={"enum": ["ok", "degraded", "halted"]})]
    halt_reason: str | None
    l1_watcher: PartHealth
    l1_verifier: PartHealth
    l1_poster: PartHealth
    l1_relayer: PartHealth
    l1_contract: ContractHealth
    prover: ProverHealth


class Domain(Answer, frozen=True):
    """The EIP-712 domain of every signature."""

    name: str
    version: str
    chain_id: int
    verifying_contract: Address


class RateLimit(Answer, frozen=True):
    """A bucket of `burst` tokens that fills at so many a second."""

    per_second: int
    burst: int


class RateLimits(Answer, frozen=True):
    """What each client (an IP address) and each account may ask for."""

    client: RateLimit
    client_cancels: RateLimit
    client_reads: RateLimit
    client_prover: RateLimit
    account: RateLimit
    account_cancels: RateLimit


class Limits(Answer, frozen=True):
    """Bounds that requests meet; `amount` and `holdings` in base units; `rates` null: not limited."""

    body_bytes: int
    page: int
    book_depth: int
    open_orders: int
    makers_per_order: int
    actions_per_batch: int
    agents: int
    deferred: int
    nonce_lanes: int
    nonce_window: int
    nonce_jump: Uint
    amount: Uint
    holdings: Uint
    rates: RateLimits | None


class RelayFee(Answer, frozen=True):
    """What a withdrawal of a token must bring at least (`maxRelayFee`), in base units."""

    token: int
    amount_units: Uint


class RelayTerms(Answer, frozen=True):
    """For what the sequencer claims settled withdrawals on L1; `minFees` null: for nothing."""

    min_fees: list[RelayFee] | None


class Info(Answer, frozen=True):
    """Chain, contract and program. `relay` null: each claims for oneself."""

    chain_id: int
    exchange: Address
    domain: Domain
    domain_separator: Hash
    vkey: Hash
    receipt_signer: Annotated[Address, Meta(description="whose signatures receipts carry")]
    proof_mode: ProofModeName
    data_carrier: CarrierName
    relay: RelayTerms | None
    time: Time
    limits: Limits


class ServerTime(Answer, frozen=True):
    """The sequencer's clock; blocks take their times from it. `timeMs`: in milliseconds."""

    time: Time
    time_ms: int


class Token(Answer, frozen=True):
    """A listed token."""

    id: int
    symbol: str
    address: Address
    decimals: int


class Market(Answer, frozen=True):
    """A market. `tickValue` is in quote base units per lot, `lotUnits` in base units; fees are fractions."""

    id: int
    symbol: str
    base: int
    quote: int
    tick_size: Decimal
    lot_size: Decimal
    tick_value: Uint
    lot_units: Uint
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    price_band: Decimal | None
    status: Annotated[str, Meta(extra_json_schema={"enum": ["active", "cancel_only", "halted"]})]
    last_price: Decimal | None


class Level(Struct, frozen=True, array_like=True):
    """Price, size and number of orders."""

    price: Decimal
    size: Decimal
    orders: int


class Book(Answer, frozen=True):
    """Best levels first, as they were after transaction `seq`; `time` is its block's."""

    market: int
    seq: Uint
    time: Time
    bids: list[Level]
    asks: list[Level]


class Trade(Answer, frozen=True):
    """One fill; `item` numbers those of one transaction."""

    seq: Uint
    item: int
    price: Decimal
    size: Decimal
    quote: Decimal
    taker_side: SideName
    maker_order: OrderId
    taker_order: OrderId
    time: Time


class Trades(Page, frozen=True):
    """Trades of a market, newest first."""

    trades: list[Trade]


class Candle(Struct, frozen=True, array_like=True):
    """First second, open, high, low and close price, volume in base and in quote tokens, number of trades."""

    time: Time
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int


class Candles(Page, frozen=True):
    """Candles in which there were trades, newest first; the newest may still grow."""

    candles: list[Candle]


class Ticker(Answer, frozen=True):
    """The last 24 hours of a market, to the minute; null is what there was not.

    `change` is `last` less `open`, `changeRate` the same as a fraction of `open`, cut off after six digits.
    """

    market: int
    symbol: str
    time: Time
    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None
    last: Decimal | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    change: SignedDecimal | None
    change_rate: SignedDecimal | None
    volume: Decimal
    quote_volume: Decimal
    trades: int


# ---------------------------------------------------------------- accounts


class Balance(Answer, frozen=True):
    """What an account has of a token; `locked` backs its open orders."""

    token: int
    total: Decimal
    locked: Decimal
    available: Decimal


class NonceLane(Answer, frozen=True):
    """Sequences of a nonce lane: all of `free`, and `next` to `highest`, can be used."""

    lane: int
    next: Annotated[Uint, Meta(description="the lowest above all used")]
    highest: Uint
    free: Annotated[list[Uint], Meta(description="those below `next` that were skipped")]


class Agent(Answer, frozen=True):
    """A key that may trade for the account until `expiry`, in some markets or in all."""

    agent: Address
    lane: int
    expiry: Uint
    markets: MarketScope


class Account(Answer, frozen=True):
    """Balances, nonce lanes that were used or are an agent's, and agents."""

    account: Address
    balances: list[Balance]
    open_orders: int
    nonces: list[NonceLane]
    agents: list[Agent]


class Principal(Answer, frozen=True):
    """An account for which an agent may trade until `expiry`; `nonces` is the agent's own lane."""

    account: Address
    expiry: Uint
    markets: MarketScope
    nonces: NonceLane


class Principals(Page, frozen=True):
    """Accounts that approved an agent, the latest first."""

    accounts: list[Principal]


class OrderRecord(Answer, frozen=True):
    """An order and what became of it.

    `size` is what it is for: `filled` and `remaining` together. `filledQuote`: what was paid or received for `filled`,
    before the fees. `lost`: what self-trade prevention or a replacement in
    its place took from it while it rested. `reason`: why it is over; `endedBy`: the sequence number that ended it.
    """

    order_id: OrderId
    seq: Uint
    account: Address
    market: int
    side: SideName
    time_in_force: TimeInForceName
    self_trade: SelfTradeName
    price: Decimal
    size: Decimal
    filled: Decimal
    filled_quote: Decimal
    remaining: Decimal
    lost: Decimal
    status: RecordStatus
    reason: EndName | None
    client_order_id: Uint
    expiry: Uint | None
    created: Time
    updated: Time
    updated_seq: Uint
    ended_by: Uint | None
    replaced_by: OrderId | None


class Orders(Page, frozen=True):
    """Orders of an account, newest first."""

    orders: list[OrderRecord]


class AccountFill(Answer, frozen=True):
    """A trade as one side has it; `feeToken` is what this side received."""

    seq: Uint
    item: int
    market: int
    order_id: OrderId
    client_order_id: Uint
    side: SideName
    role: Annotated[str, Meta(extra_json_schema={"enum": ["maker", "taker"]})]
    price: Decimal
    size: Decimal
    quote: Decimal
    fee: Decimal
    fee_token: int
    time: Time


class Fills(Page, frozen=True):
    """Trades of an account, newest first."""

    fills: list[AccountFill]


class Transfer(Answer, frozen=True):
    """A payment between accounts."""

    seq: Uint
    account: Annotated[Address, Meta(description="the payer")]
    to: Address
    token: int
    amount: Decimal
    time: Time


class Transfers(Page, frozen=True):
    """Transfers from and to an account, newest first."""

    transfers: list[Transfer]


class LedgerEntry(Answer, frozen=True):
    """A change of a balance. `orderId` is the account's own order, `counterparty` the other side of a transfer."""

    id: str
    seq: Uint
    type: LedgerType
    token: int
    amount: SignedDecimal
    market: int | None
    order_id: OrderId | None
    counterparty: Address | None
    time: Time


class Ledger(Page, frozen=True):
    """Changes of an account's balances, newest first; together they are its totals."""

    entries: list[LedgerEntry]


class Claim(Answer, frozen=True):
    """What the contract's `claim` takes besides the withdrawal itself."""

    batch: Uint
    index: Uint
    proof: list[Hash]


class Relay(Answer, frozen=True):
    """How far the sequencer's claim of a withdrawal is; `fee_too_low`: it is left to others."""

    status: Annotated[str, Meta(extra_json_schema={"enum": ["waiting", "sent", "failing", "fee_too_low"]})]
    transaction: Hash | None
    last_error: str | None


class Withdrawal(Answer, frozen=True):
    """A withdrawal, also by a forced exit, or the refund of a deposit; `claim` is there once it is settled.

    `relay` is there until it is claimed, where the sequencer claims.
    """

    seq: Uint
    kind: Annotated[str, Meta(extra_json_schema={"enum": ["withdrawal", "refund", "forced_exit"]})]
    token: int
    amount: Decimal
    amount_units: Uint
    recipient: Address
    max_relay_fee: Decimal
    time: Time
    block: Uint
    status: Annotated[
        str,
        Meta(extra_json_schema={"enum": ["accepted", "sealed", "executed", "proven", "settled", "claimed"]}),
    ]
    claim: Claim | UnsetType = UNSET
    relay: Relay | UnsetType = UNSET


class Withdrawals(Page, frozen=True):
    """What left an account for L1, newest first."""

    withdrawals: list[Withdrawal]


class Deposit(Answer, frozen=True):
    """A deposit, seen on L1 or sequenced; only then it has `seq` and `time`."""

    index: Uint
    token: int
    amount: Decimal
    amount_units: Uint
    status: Annotated[str, Meta(extra_json_schema={"enum": ["pending", "credited", "refunded"]})]
    seq: Uint | None
    time: Time | None


class Deposits(Page, frozen=True):
    """Deposits for an account, newest first."""

    deposits: list[Deposit]


# ---------------------------------------------------------------- transactions


class Receipt(Answer, frozen=True):
    """The sequencer's promise of a transaction's place.

    `inboxHash`: of the inbox entries sequenced before it; `time`: of its block; `signature`: of the EIP-712 message
    `Receipt` by `receiptSigner` of `/v1/info`.
    """

    seq: Uint
    digest: Hash
    inbox_hash: Hash
    time: Time
    signature: Signature


class Accepted(Answer, frozen=True):
    """An accepted transaction: durable, and sealed into `block` soon."""

    seq: Uint
    digest: Hash
    block: Uint
    receipt: Receipt


class Cancelled(Accepted, frozen=True):
    """The order that is gone, and what was left of it."""

    order_id: OrderId
    status: OrderStatus
    remaining: Decimal


class CancelledOrder(Answer, frozen=True):
    """One of many orders that are gone, and what was left of it."""

    order_id: OrderId
    market: int
    remaining: Decimal


class CancelledAll(Accepted, frozen=True):
    """The orders that are gone."""

    cancelled: list[CancelledOrder]


class Fill(Answer, frozen=True):
    """A trade that the new order made as taker."""

    price: Decimal
    size: Decimal
    fee: Decimal
    fee_token: int


class Placed(Cancelled, frozen=True):
    """The new order and what it met."""

    filled: Decimal
    fills: list[Fill]


class Replaced(Placed, frozen=True):
    """The order that stands now; `keptPlace`: it is the old one, with its id and its place in the queue."""

    kept_place: bool


class ItemResult(Answer, frozen=True):
    """What an action of a batch did: the fields of its own answer, and `code` alone if that is not `OK`."""

    code: CodeName
    order_id: OrderId | UnsetType = UNSET
    status: OrderStatus | UnsetType = UNSET
    filled: Decimal | UnsetType = UNSET
    remaining: Decimal | UnsetType = UNSET
    fills: list[Fill] | UnsetType = UNSET
    kept_place: bool | UnsetType = UNSET
    cancelled: list[CancelledOrder] | UnsetType = UNSET


class BatchResults(Accepted, frozen=True):
    """A result for each action, in their order."""

    results: list[ItemResult]


class AgentApproved(Accepted, frozen=True):
    """The nonce lane that is the agent's own; null if it was revoked meanwhile."""

    lane: int | None


# ---------------------------------------------------------------- deferred transactions


class Deferred(Answer, frozen=True):
    """A signed transaction that is sent later, and what became of it; `digest` is that of what was signed."""

    id: Secret
    account: Address
    digest: Hash
    nonce: Uint
    status: DeferredStatus
    armed: Time
    deadline: Uint
    ended: Time | None
    seq: Uint | None
    order_id: OrderId | None
    code: CodeName | None
    message: str | None


class DeadManSwitch(Deferred, frozen=True):
    """Sent when it is due; each renewal moves that to `timeoutSeconds` from then."""

    timeout_seconds: int
    due: Time


class Trigger(Deferred, frozen=True):
    """Sent when a trade in `market` is at this price or beyond."""

    market: int
    trigger_price: Decimal
    direction: DirectionName


class DeferredSummary(Answer, frozen=True):
    """What everybody may know of one."""

    kind: Annotated[str, Meta(extra_json_schema={"enum": ["dead_man_switch", "trigger"]})]
    digest: Hash
    nonce: Uint
    status: DeferredStatus
    armed: Time
    ended: Time | None
    seq: Uint | None
    code: CodeName | None


# ---------------------------------------------------------------- history


class ItemInfo(Answer, frozen=True):
    """An action of a batch; `orderId` is that of the order it placed, or the one it named."""

    kind: KindName
    code: CodeName
    order_id: OrderId | None


class TransactionInfo(Answer, frozen=True):
    """A transaction or inbox entry and how far it came. `orderId` and `items` as in an action of a batch."""

    digest: Hash
    seq: Uint
    block: Uint
    batch: Uint | None
    kind: KindName
    account: Address | None
    signer: Address | None
    time: Time
    code: CodeName
    order_id: OrderId | None
    items: list[ItemInfo]
    status: TransactionStatus


class BlockInfo(Answer, frozen=True):
    """A sealed block; `endSeq` is the first sequence number after it."""

    number: Uint
    timestamp: Time
    first_seq: Uint
    end_seq: Uint
    state_root: Hash
    batch: Uint | None


class Blocks(Page, frozen=True):
    """Sealed blocks, newest first."""

    blocks: list[BlockInfo]


class Batch(Answer, frozen=True):
    """A batch. What is not known yet is null."""

    number: Uint
    status: BatchStatus
    proof_mode: ProofModeName
    first_block: Uint
    last_block: Uint
    first_seq: Uint
    end_seq: Uint
    created: Time
    data_bytes: int
    public_values: HexBytes
    worker: str | None
    cycles: Uint | None
    prover_gas: Annotated[Uint | None, Meta(description="what the worker says that it cost to prove")]
    prover_gas_estimate: Annotated[Uint, Meta(description="what it was made for")]
    execute_ms: Uint | None
    peak_rss_mb: Uint | None
    l1_transaction: Hash | None
    l1_gas: Uint | None
    l1_block: Uint | None


class Batches(Page, frozen=True):
    """Batches, newest first."""

    batches: list[Batch]


# ---------------------------------------------------------------- prover queue


class LeasedJob(Struct, frozen=True, kw_only=True):
    """A job that the worker has for `lease_seconds`, and longer by heartbeats."""

    job: Uint
    batch: Uint
    mode: ProofMode
    lease: str
    lease_seconds: int
    witness_bytes: int
