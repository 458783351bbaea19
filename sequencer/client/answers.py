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
    form = {
        field.encode_name: _field_form(getattr(value, field.name), hints[field.name])
        for field in msgspec.structs.fields(value)
    }
    return list(form.values()) if value.__struct_config__.array_like else form


def _field_form(value: Any, hint: Any) -> Any:
    is_text = isinstance(value, int) and "'text': True" in str(hint)
    return str(value) if is_text else json_form(value)


# ---------------------------------------------------------------- the exchange


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
    """Chain, contract and program. `proof_mode`: executed or real."""

    chain_id: int
    exchange: str
    vkey: str
    proof_mode: str


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


# ---------------------------------------------------------------- accounts


class Balance(_Answer, frozen=True):
    """What an account has of a token; `locked` backs its open orders."""

    token: int
    total: Decimal
    locked: Decimal
    available: Decimal


class NonceLane(_Answer, frozen=True):
    """`next`: the lowest sequence above all used."""

    lane: int
    next: Uint


class Account(_Answer, frozen=True):
    """Balances and nonces."""

    balances: list[Balance]
    nonces: list[NonceLane]


class OrderInfo(_Answer, frozen=True):
    """An order. `status`: resting, filled or cancelled."""

    order_id: str
    account: str
    market: int
    side: str
    price: Decimal
    remaining: Decimal
    status: str
    client_order_id: Uint = 0
    time_in_force: str | None = None


class OrderRecord(OrderInfo, frozen=True):
    """An order and what became of it; `ended_by`: the sequence number that ended it."""

    seq: Uint | None = None
    size: Decimal | None = None
    filled: Decimal | None = None
    ended_by: Uint | None = None


class Claim(_Answer, frozen=True):
    """What the contract's `claim` takes."""

    batch: Uint
    index: Uint
    proof: list[str]


class Withdrawal(_Answer, frozen=True):
    """`status`: accepted, sealed, executed or proven, settled, claimed; `kind`: withdrawal or refund."""

    seq: Uint
    token: int
    amount: Decimal
    recipient: str
    status: str
    max_relay_fee: Decimal = Decimal(0)
    claim: Claim | None = None
    kind: str = "withdrawal"


class Withdrawals(Page, frozen=True, rename=None):
    """Withdrawals of an account."""

    withdrawals: list[Withdrawal]


class Deposit(_Answer, frozen=True):
    """`status`: pending, credited or refunded."""

    index: Uint
    token: int
    amount: Decimal
    status: str


class Deposits(Page, frozen=True, rename=None):
    """Deposits for an account."""

    deposits: list[Deposit]


# ---------------------------------------------------------------- transactions


class Accepted(_Answer, frozen=True):
    """An accepted transaction: durable, and sealed into `block` soon."""

    seq: Uint
    digest: str
    block: Uint


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


# ---------------------------------------------------------------- history


class TransactionInfo(_Answer, frozen=True):
    """A transaction and how far it came. `status`: accepted, sealed, executed or proven, settled."""

    seq: Uint
    block: Uint
    code: str
    status: str
    digest: str = ""
    batch: Uint | None = None


class BlockInfo(_Answer, frozen=True):
    """A sealed block; `end_seq` is the first sequence number after it."""

    number: Uint
    timestamp: int
    end_seq: Uint
    state_root: str
    batch: Uint | None = None


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
    l1_transaction: str | None
    l1_gas: Uint | None


class Batches(Page, frozen=True, rename=None):
    """Batches."""

    batches: list[Batch]
