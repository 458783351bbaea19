"""What the REST API answers (`docs/api.md`), as values. Unknown fields are ignored: the API may grow."""

from decimal import Decimal

import msgspec


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    pass


class PartHealth(_Answer, frozen=True):
    """The latest failure of something outside, None once it is over; `since`: Unix time in seconds."""

    last_error: str | None
    since: int | None


class Health(_Answer, frozen=True):
    """`status`: ok, degraded or halted."""

    status: str
    halt_reason: str | None
    l1_watcher: PartHealth
    l1_poster: PartHealth
    prover: PartHealth


class Info(_Answer, frozen=True):
    chain_id: int
    exchange: str
    vkey: str
    proof_mode: str


class Token(_Answer, frozen=True):
    id: int
    symbol: str
    address: str
    decimals: int


class Market(_Answer, frozen=True):
    id: int
    symbol: str
    base: int
    quote: int
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    status: str
    last_price: Decimal | None = None


class Level(_Answer, frozen=True, array_like=True):
    price: Decimal
    size: Decimal
    orders: int


class Book(_Answer, frozen=True):
    """Best levels first."""

    market: int
    seq: int
    bids: list[Level]
    asks: list[Level]


class Trade(_Answer, frozen=True):
    seq: int
    price: Decimal
    size: Decimal
    taker_side: str
    time: int


class Trades(_Answer, frozen=True, rename=None):
    """A page; `next` is passed as `before` for the page that follows."""

    trades: list[Trade]
    has_more: bool
    next: str | None = None


class Balance(_Answer, frozen=True):
    token: int
    total: Decimal
    locked: Decimal
    available: Decimal


class NonceLane(_Answer, frozen=True):
    """`next`: the lowest sequence that certainly was not used."""

    lane: int
    next: int


class Account(_Answer, frozen=True):
    balances: list[Balance]
    nonces: list[NonceLane]


class Fill(_Answer, frozen=True):
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_token: int


class Placed(_Answer, frozen=True):
    """`status`: resting, filled or cancelled."""

    seq: int
    digest: str
    block: int
    order_id: str
    status: str
    filled: Decimal
    remaining: Decimal
    fills: list[Fill]


class Cancelled(_Answer, frozen=True):
    seq: int
    digest: str
    block: int
    order_id: str
    remaining: Decimal


class Withdrawn(_Answer, frozen=True):
    seq: int
    digest: str
    block: int


class OrderInfo(_Answer, frozen=True):
    order_id: str
    account: str
    market: int
    side: str
    price: Decimal
    remaining: Decimal
    status: str
    client_order_id: int = 0


class Claim(_Answer, frozen=True):
    """What the contract's `claim` takes."""

    batch: int
    index: int
    proof: list[str]


class Withdrawal(_Answer, frozen=True):
    """`status`: accepted, sealed, executed or proven, settled, claimed."""

    seq: int
    token: int
    amount: Decimal
    recipient: str
    status: str
    max_relay_fee: Decimal = Decimal(0)
    claim: Claim | None = None


class Deposit(_Answer, frozen=True):
    """`status`: pending, credited or refunded."""

    index: int
    token: int
    amount: Decimal
    status: str


class TransactionInfo(_Answer, frozen=True):
    """`status`: accepted, sealed, executed or proven, settled."""

    seq: int
    block: int
    code: str
    status: str


class BlockInfo(_Answer, frozen=True):
    number: int
    timestamp: int
    end_seq: int
    state_root: str
    batch: int | None = None


class Batch(_Answer, frozen=True):
    """`status`: sealed, executed or proven, settled. What is not known yet is None."""

    number: int
    status: str
    proof_mode: str
    first_block: int
    last_block: int
    cycles: int | None
    prover_gas: int | None
    l1_transaction: str | None
    l1_gas: int | None


class Batches(_Answer, frozen=True, rename=None):
    """A page, newest first."""

    batches: list[Batch]
    has_more: bool
    next: str | None = None


class Blocks(_Answer, frozen=True, rename=None):
    """A page, newest first."""

    blocks: list[BlockInfo]
    has_more: bool
    next: str | None = None
