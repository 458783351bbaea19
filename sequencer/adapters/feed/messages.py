"""Messages of the feed, field by field as they go over the wire (docs/websocket.md).

What the feed itself says is in snake case, things of the exchange are written as in the REST API.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

Levels = list[tuple[str, str, int]]
"""Price, size and number of orders; size 0: there is no such level any more."""


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message of a channel. An update names the message before it."""

    channel: str
    type: Literal["snapshot", "update"]
    seq: str
    prev_seq: str | UnsetType = UNSET


class BookMessage(Message, frozen=True, kw_only=True):
    """All levels of a market, or those that changed with what they are now."""

    market: int
    bids: Levels
    asks: Levels


class Item(Struct, frozen=True, kw_only=True, rename="camel"):
    """A thing in a message."""


class Trade(Item, frozen=True, kw_only=True):
    """One fill; `item` numbers those of one transaction."""

    seq: str
    item: int
    price: str
    size: str
    quote: str
    taker_side: str
    maker_order: str
    taker_order: str
    time: int


class TradesMessage(Message, frozen=True, kw_only=True):
    """Trades of a market, oldest first."""

    market: int
    trades: list[Trade]


CandleRow = tuple[int, str, str, str, str, str, str, int]
"""First second, open, high, low and close price, volume in base and in quote tokens, number of trades."""


class CandlesMessage(Message, frozen=True, kw_only=True):
    """The latest candle of a market, or those that changed, as they are now."""

    market: int
    resolution: str
    candles: list[CandleRow]


class TickerMessage(Message, frozen=True, kw_only=True):
    """The last 24 hours of a market; each message is a snapshot."""

    market: int
    ticker: Any


class OrderItem(Item, frozen=True, kw_only=True):
    """An order that rests. `size` is what it is for: `filled` and `remaining` together."""

    order_id: str
    client_order_id: str
    market: int
    side: str
    time_in_force: str
    expiry: str | None
    price: str
    size: str
    filled: str
    remaining: str


class OrderEvent(OrderItem, frozen=True, kw_only=True, omit_defaults=True):
    """What happened to an order, and what it is after it. A trade has what was traded; with `seq`, `item` names it."""

    event: str
    status: str
    seq: str
    time: int
    item: int | UnsetType = UNSET
    last_price: str | UnsetType = UNSET
    last_size: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    replaces: str | UnsetType = UNSET
    replaced_by: str | UnsetType = UNSET


class FillEvent(Item, frozen=True, kw_only=True):
    """A trade as one of its two sides has it; `fee_token` is what this side received."""

    seq: str
    item: int
    market: int
    order_id: str
    client_order_id: str
    side: str
    role: str
    price: str
    size: str
    quote: str
    fee: str
    fee_token: int
    time: int


class BalanceItem(Item, frozen=True, kw_only=True):
    """What an account has of a token; `locked` backs its open orders."""

    token: int
    total: str
    locked: str
    available: str


class AccountMessage(Message, frozen=True, kw_only=True):
    """A message about an account."""

    account: str


class OrdersSnapshot(AccountMessage, frozen=True, kw_only=True):
    """All orders that rest, oldest first."""

    orders: list[OrderItem]


class OrdersUpdate(AccountMessage, frozen=True, kw_only=True):
    """What happened to orders, in order."""

    events: list[OrderEvent]


class FillsMessage(AccountMessage, frozen=True, kw_only=True):
    """Trades of the account, oldest first."""

    fills: list[FillEvent]


class BalancesMessage(AccountMessage, frozen=True, kw_only=True):
    """All balances, or those that changed with what they are now."""

    balances: list[BalanceItem]
