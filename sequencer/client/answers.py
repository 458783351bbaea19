"""What the REST API answers (`docs/api.md`), as values. Unknown fields are ignored: the API may grow."""

from decimal import Decimal
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from sequencer.client.decimals import Rounding, plain, round_to

Uint = Annotated[int, Meta(extra={"text": True})]
"""A whole number that is a string of decimal digits in JSON, as it may need more than 53 bits."""


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    pass


def json_form(value: Any) -> Any:
    """An answer, or a list or dict of answers, in the JSON types that the API itself has for it."""
    match value:
        case msgspec.Struct():
            return _struct_form(value)
        case Decimal():
            return plain(value)
        case dict():
            return {key: json_form(item) for key, item in value.items()}
        case list() | tuple():
            return [json_form(item) for item in value]
        case bytes():
            return f"0x{value.hex()}"
        case _:
            return value


def _struct_form(value: msgspec.Struct) -> Any:
    hints = get_type_hints(type(value), include_extras=True)
    leaves_out = value.__struct_config__.omit_defaults
    form = {
        field.encode_name: _field_form(getattr(value, field.name), hints[field.name])
        for field in msgspec.structs.fields(value)
        if not (leaves_out and getattr(value, field.name) is None)
    }
    return list(form.values()) if value.__struct_config__.array_like else form


def _field_form(value: Any, hint: Any) -> Any:
    if "'text': True" not in str(hint):
        return json_form(value)
    if isinstance(value, list):
        return [str(item) for item in value]
    return None if value is None else str(value)


# ---------------------------------------------------------------- the exchange


class PartHealth(_Answer, frozen=True):
    """The latest failure of something outside, None once it is over; `since`: Unix time in seconds."""

    last_error: str | None
    since: int | None


class OldestEntry(_Answer, frozen=True):
    """The first inbox entry that is not settled: since when it waits, when anyone may settle it, and when freeze."""

    index: Uint
    time: int
    overdue_at: int
    freezable_at: int


class ContractHealth(PartHealth, frozen=True):
    """The contract on L1; what it says of itself is None until L1 has answered."""

    frozen: bool | None
    halted_until: int | None
    unsettled_entries: Uint | None
    oldest_entry: OldestEntry | None


class Health(_Answer, frozen=True):
    """`status`: ok, degraded or halted."""

    status: str
    halt_reason: str | None
    l1_watcher: PartHealth
    l1_verifier: PartHealth
    l1_poster: PartHealth
    l1_relayer: PartHealth
    l1_contract: ContractHealth
    prover: PartHealth


class RelayFee(_Answer, frozen=True):
    """What a withdrawal of a token must bring at least, in base units."""

    token: int
    amount_units: Uint


class RelayTerms(_Answer, frozen=True):
    """For what the sequencer claims settled withdrawals on L1; `min_fees` None: for nothing."""

    min_fees: list[RelayFee] | None


class Info(_Answer, frozen=True):
    """Chain, contract and program. `proof_mode`: executed, `real, local keys` or real. `data_carrier`: what brings the
    data of batches to L1, calldata or blobs.
    """

    chain_id: int
    exchange: str
    vkey: str
    receipt_signer: str
    proof_mode: str
    data_carrier: str
    relay: RelayTerms | None = None


class ServerTime(_Answer, frozen=True):
    """The sequencer's clock; blocks take their times from it. `time_ms`: in milliseconds."""

    time: int
    time_ms: int


class Token(_Answer, frozen=True):
    """A listed token."""

    id: int
    symbol: str
    address: str
    decimals: int


class Market(_Answer, frozen=True):
    """A market. Fees and `price_band` are fractions; `status`: active, cancel_only or halted."""

    id: int
    symbol: str
    base: int
    quote: int
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    status: str
    last_price: Decimal | None = None
    maker_fee: Decimal = Decimal(0)
    taker_fee: Decimal = Decimal(0)
    price_band: Decimal | None = None

    def round_price(self, price: Decimal, rounding: Rounding = "nearest") -> Decimal:
        """The valid price next to `price`. Raises DecimalError for what is no price at all."""
        return round_to(price, self.tick_size, rounding)

    def round_size(self, size: Decimal, rounding: Rounding = "down") -> Decimal:
        """The valid size next to `size`. Raises DecimalError for what is no size at all."""
        return round_to(size, self.lot_size, rounding)


class Level(_Answer, frozen=True, array_like=True):
    """All orders of one price."""

    price: Decimal
    size: Decimal
    orders: int


class Book(_Answer, frozen=True):
    """Best levels first, as of sequence number `seq`."""

    market: int
    seq: Uint
    bids: list[Level]
    asks: list[Level]


class Trade(_Answer, frozen=True):
    """One fill; `item` numbers those of one transaction."""

    seq: Uint
    price: Decimal
    size: Decimal
    taker_side: str
    time: int
    item: int = 0
    quote: Decimal | None = None


class Page(_Answer, frozen=True, kw_only=True, rename=None):
    """Newest first; `next` is passed as `before` for the page that follows."""

    has_more: bool
    next: str | None = None


class Trades(Page, frozen=True, rename=None):
    """Trades of a market."""

    trades: list[Trade]


class Candle(_Answer, frozen=True, array_like=True, rename=None):
    """`time`: its first second; `volume` in base tokens, `quote_volume` in quote tokens, `trades`: their number."""

    time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int


class Candles(Page, frozen=True, rename=None):
    """Candles in which there were trades, newest first; the newest may still grow."""

    candles: list[Candle]


class Ticker(_Answer, frozen=True):
    """The last 24 hours of a market, to the minute; None is what there was not.

    `change` is `last` less `open`, `change_rate` the same as a fraction of `open`.
    """

    market: int
    symbol: str
    time: int
    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None
    last: Decimal | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    change: Decimal | None
    change_rate: Decimal | None
    volume: Decimal
    quote_volume: Decimal
    trades: int


# ---------------------------------------------------------------- accounts


class Balance(_Answer, frozen=True):
    """What an account has of a token; `locked` backs its open orders."""

    token: int
    total: Decimal
    locked: Decimal
    available: Decimal


class NonceLane(_Answer, frozen=True):
    """`next`: the lowest sequence above all used; `free`: those below it that were skipped and can be used."""

    lane: int
    next: Uint
    highest: Uint = 0
    free: list[Uint] = []


class Agent(_Answer, frozen=True):
    """A key that may trade for the account until `expiry`, in some `markets` or in "all"."""

    agent: str
    lane: int
    expiry: Uint
    markets: list[int] | str


class Account(_Answer, frozen=True):
    """Balances, nonce lanes that were used or are an agent's, and agents."""

    balances: list[Balance]
    nonces: list[NonceLane]
    account: str = ""
    open_orders: int = 0
    agents: list[Agent] = []


class Principal(_Answer, frozen=True):
    """An account for which an agent may trade until `expiry`; `nonces` is the agent's own lane."""

    account: str
    expiry: Uint
    markets: list[int] | str
    nonces: NonceLane


class Principals(Page, frozen=True, rename=None):
    """Accounts that approved an agent, the latest first."""

    accounts: list[Principal]


class OrderRecord(_Answer, frozen=True, kw_only=True):
    """An order and what became of it. `status`: resting, filled, cancelled, expired or replaced.

    `size` is what it is for: `filled` and `remaining` together; `filled_quote`: what was paid or received for `filled`,
    before fees. `lost`: what was taken from it without a trade while it rested. `reason`: why it is over; `ended_by`:
    the sequence number that ended it.
    """

    order_id: str
    account: str
    market: int
    side: str
    price: Decimal
    size: Decimal
    filled: Decimal
    remaining: Decimal
    status: str
    seq: Uint
    time_in_force: str = "GTC"
    self_trade: str = "cancel_taker"
    client_order_id: Uint = 0
    lost: Decimal = Decimal(0)
    filled_quote: Decimal | None = None
    reason: str | None = None
    expiry: Uint | None = None
    created: int | None = None
    updated: int | None = None
    updated_seq: Uint | None = None
    ended_by: Uint | None = None
    replaced_by: str | None = None


class Orders(Page, frozen=True, rename=None):
    """Orders of an account, newest first."""

    orders: list[OrderRecord]


class AccountFill(_Answer, frozen=True):
    """A trade as one side has it. `role`: maker or taker; `fee_token` is what this side received."""

    seq: Uint
    item: int
    market: int
    order_id: str
    client_order_id: Uint
    side: str
    role: str
    price: Decimal
    size: Decimal
    quote: Decimal
    fee: Decimal
    fee_token: int
    time: int


class Fills(Page, frozen=True, rename=None):
    """Trades of an account, newest first."""

    fills: list[AccountFill]


class Transfer(_Answer, frozen=True):
    """A payment of `account` to another one."""

    seq: Uint
    account: str
    to: str
    token: int
    amount: Decimal
    time: int


class Transfers(Page, frozen=True, rename=None):
    """Transfers from and to an account, newest first."""

    transfers: list[Transfer]


class LedgerEntry(_Answer, frozen=True):
    """A change of a balance, with its sign. `type` as in `docs/api.md`."""

    id: str
    seq: Uint
    type: str
    token: int
    amount: Decimal
    market: int | None
    order_id: str | None
    counterparty: str | None
    time: int


class Ledger(Page, frozen=True, rename=None):
    """Changes of an account's balances, newest first; together they are its totals."""

    entries: list[LedgerEntry]


class Claim(_Answer, frozen=True):
    """What the contract's `claim` takes besides the withdrawal itself."""

    batch: Uint
    index: Uint
    proof: list[str]


class Relay(_Answer, frozen=True):
    """How far the sequencer's claim is. `status`: waiting, sent, failing or fee_too_low (it is left to others)."""

    status: str
    transaction: str | None
    last_error: str | None


class Withdrawal(_Answer, frozen=True):
    """What left for L1. `kind`: withdrawal, refund or forced_exit; `claim` is there once it is settled.
    `relay` is there until it is claimed, where the sequencer claims.

    `status`: accepted, sealed, executed or proven, settled, claimed.
    """

    seq: Uint
    token: int
    amount: Decimal
    recipient: str
    status: str
    max_relay_fee: Decimal = Decimal(0)
    claim: Claim | None = None
    relay: Relay | None = None
    kind: str = "withdrawal"
    time: int | None = None
    block: Uint | None = None


class Withdrawals(Page, frozen=True, rename=None):
    """What left an account for L1, newest first."""

    withdrawals: list[Withdrawal]


class Deposit(_Answer, frozen=True):
    """A deposit, seen on L1 or sequenced. `status`: pending, credited or refunded."""

    index: Uint
    token: int
    amount: Decimal
    status: str
    seq: Uint | None = None
    time: int | None = None


class Deposits(Page, frozen=True, rename=None):
    """Deposits for an account, newest first."""

    deposits: list[Deposit]


# ---------------------------------------------------------------- transactions


class Receipt(_Answer, frozen=True):
    """The sequencer's signed promise of a transaction's place. `inbox_hash`: of the inbox entries sequenced before it;
    `time`: of its block.
    """

    seq: Uint
    digest: str
    inbox_hash: str
    time: int
    signature: str


class Accepted(_Answer, frozen=True):
    """An accepted transaction: durable, and sealed into `block` soon."""

    seq: Uint
    digest: str
    block: Uint
    receipt: Receipt


class Fill(_Answer, frozen=True):
    """A trade that the new order made as taker."""

    price: Decimal
    size: Decimal
    fee: Decimal
    fee_token: int


class Cancelled(Accepted, frozen=True):
    """The order that is gone, and what was left of it."""

    order_id: str
    remaining: Decimal
    status: str = "cancelled"


class CancelledOrder(_Answer, frozen=True):
    """One of many orders that are gone, and what was left of it."""

    order_id: str
    market: int
    remaining: Decimal


class CancelledAll(Accepted, frozen=True):
    """The orders that are gone."""

    cancelled: list[CancelledOrder]


class Placed(Accepted, frozen=True):
    """The new order and what it met. `status`: resting, filled or cancelled."""

    order_id: str
    status: str
    filled: Decimal
    remaining: Decimal
    fills: list[Fill]


class Replaced(Placed, frozen=True):
    """The order that stands now; `kept_place`: it is the old one, with its id and its place in the queue."""

    kept_place: bool


class ItemResult(_Answer, frozen=True, omit_defaults=True):
    """What an action of a batch did: the fields of its own answer, and `code` alone if that is not `OK`."""

    code: str
    order_id: str | None = None
    status: str | None = None
    filled: Decimal | None = None
    remaining: Decimal | None = None
    fills: list[Fill] | None = None
    kept_place: bool | None = None
    cancelled: list[CancelledOrder] | None = None


class BatchResults(Accepted, frozen=True):
    """A result for each action, in their order."""

    results: list[ItemResult]


class AgentApproved(Accepted, frozen=True):
    """The nonce lane that is the agent's own; None if it was revoked meanwhile."""

    lane: int | None


# ---------------------------------------------------------------- deferred transactions


class Deferred(_Answer, frozen=True, kw_only=True):
    """A signed transaction that is sent later, and what became of it.

    The `id` is a secret. `status`: armed, fired (as `seq`), refused (with `code` and `message`), expired or disarmed.
    """

    id: str
    account: str
    digest: str
    nonce: Uint
    status: str
    armed: int
    deadline: Uint
    ended: int | None = None
    seq: Uint | None = None
    order_id: str | None = None
    code: str | None = None
    message: str | None = None


class DeadManSwitch(Deferred, frozen=True, kw_only=True):
    """Sent when it is `due` (Unix, seconds); each renewal moves that to `timeout_seconds` from then."""

    timeout_seconds: int
    due: int


class Trigger(Deferred, frozen=True, kw_only=True):
    """Sent when a trade in `market` is at this price or beyond. `direction`: rising or falling."""

    market: int
    trigger_price: Decimal
    direction: str


class DeferredSummary(_Answer, frozen=True, kw_only=True):
    """What everybody may know of one. `kind`: dead_man_switch or trigger."""

    kind: str
    digest: str
    nonce: Uint
    status: str
    armed: int
    ended: int | None = None
    seq: Uint | None = None
    code: str | None = None


# ---------------------------------------------------------------- history


class ItemInfo(_Answer, frozen=True):
    """An action of a batch; `order_id` is that of the order it placed, or the one it named."""

    kind: str
    code: str
    order_id: str | None


class TransactionInfo(_Answer, frozen=True):
    """A transaction or inbox entry and how far it came. `status`: accepted, sealed, executed or proven, settled."""

    seq: Uint
    block: Uint
    code: str
    status: str
    digest: str = ""
    batch: Uint | None = None
    kind: str | None = None
    account: str | None = None
    signer: str | None = None
    time: int | None = None
    order_id: str | None = None
    items: list[ItemInfo] = []


class BlockInfo(_Answer, frozen=True):
    """A sealed block; `end_seq` is the first sequence number after it."""

    number: Uint
    timestamp: int
    end_seq: Uint
    state_root: str
    batch: Uint | None = None
    first_seq: Uint | None = None


class Blocks(Page, frozen=True, rename=None):
    """Sealed blocks."""

    blocks: list[BlockInfo]


class Batch(_Answer, frozen=True):
    """`status`: sealed, executed or proven, settled. What is not known yet is None."""

    number: Uint
    status: str
    proof_mode: str
    first_block: Uint
    last_block: Uint
    cycles: Uint | None
    prover_gas: Uint | None
    prover_gas_estimate: Uint
    l1_transaction: str | None
    l1_gas: Uint | None


class Batches(Page, frozen=True, rename=None):
    """Batches."""

    batches: list[Batch]
