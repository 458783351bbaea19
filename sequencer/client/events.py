"""What a stream tells (docs/websocket.md): messages of channels, and what happens to the connection itself."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from sequencer.client.answers import (
    AccountFill,
    Balance,
    BlockInfo,
    Candle,
    Level,
    Ticker,
    Trade,
    Uint,
    json_form,
)


class Topic(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A channel, and what it is of: a market, a market's candles of a resolution, an account (0x…), or nothing."""

    channel: str
    market: int | None = None
    account: str | None = None
    resolution: str | None = None

    def __str__(self) -> str:
        return " ".join(str(value) for value in self.args().values())

    def args(self) -> dict[str, int | str]:
        """As requests have it."""
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if value is not None}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a channel: its state in a snapshot, else what changed since the message `prev_seq`."""

    channel: str
    type: str
    seq: Uint | None = None
    prev_seq: Uint | None = None

    @property
    def is_snapshot(self) -> bool:
        """Whether it stands for itself."""
        return self.type == "snapshot"

    @property
    def topic(self) -> Topic:
        """What it is a message of."""
        return Topic(channel=self.channel)


class MarketMessage(Message, frozen=True, kw_only=True):
    """Of a market."""

    market: int

    @property
    def topic(self) -> Topic:
        """Channel and market."""
        return Topic(channel=self.channel, market=self.market)


class AccountMessage(Message, frozen=True, kw_only=True):
    """Of an account."""

    account: str

    @property
    def topic(self) -> Topic:
        """Channel and account."""
        return Topic(channel=self.channel, account=self.account)


class BookMessage(MarketMessage, frozen=True, kw_only=True):
    """All levels of a market, or those that changed with what they are now; size 0: there is none any more."""

    bids: list[Level]
    asks: list[Level]


class TradesMessage(MarketMessage, frozen=True, kw_only=True):
    """Trades of a market, oldest first. A snapshot has none: those before are in the history."""

    trades: list[Trade]


class TickerMessage(MarketMessage, frozen=True, kw_only=True):
    """The last 24 hours of a market; each message is a snapshot."""

    ticker: Ticker


class CandlesMessage(MarketMessage, frozen=True, kw_only=True):
    """The latest candle, or those that changed; each takes the place of the one with the same time."""

    resolution: str
    candles: list[Candle]

    @property
    def topic(self) -> Topic:
        """Channel, market and resolution."""
        return Topic(channel=self.channel, market=self.market, resolution=self.resolution)


class BatchStep(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of a batch; what a step does not say is None. `status`: sealed, executed or proven, settled."""

    number: Uint
    status: str
    proof_mode: str
    first_block: Uint | None = None
    last_block: Uint | None = None
    first_seq: Uint | None = None
    end_seq: Uint | None = None
    new_state_root: str | None = None
    worker: str | None = None
    cycles: Uint | None = None
    prover_gas: Uint | None = None
    l1_transaction: str | None = None
    l1_block: Uint | None = None


class BlocksMessage(Message, frozen=True, kw_only=True):
    """A sealed block, or a step of a batch; the first one has the latest of both, if there are any."""

    block: BlockInfo | None = None
    batch: BatchStep | None = None


class LiveOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An order that rests. `size` is what it is for: `filled` and `remaining` together."""

    order_id: str
    client_order_id: Uint
    market: int
    side: str
    time_in_force: str
    price: Decimal
    size: Decimal
    filled: Decimal
    remaining: Decimal
    expiry: Uint | None = None


class OrderEvent(LiveOrder, frozen=True, kw_only=True):
    """What happened to an order (new, trade, reduced, replaced, cancelled, expired), and what it is after it.

    `status`: open, filled, cancelled, expired or replaced.
    """

    event: str
    status: str
    seq: Uint
    time: int
    item: int | None = None
    last_price: Decimal | None = None
    last_size: Decimal | None = None
    reason: str | None = None
    replaces: str | None = None
    replaced_by: str | None = None


class OrdersMessage(AccountMessage, frozen=True, kw_only=True):
    """A snapshot has the `orders` that rest, an update the `events` since."""

    orders: list[LiveOrder] = []
    events: list[OrderEvent] = []


class FillsMessage(AccountMessage, frozen=True, kw_only=True):
    """Trades of the account, oldest first. A snapshot has none: those before are in the history."""

    fills: list[AccountFill]


class BalancesMessage(AccountMessage, frozen=True, kw_only=True):
    """All balances, or those that changed with what they are now."""

    balances: list[Balance]


CHANNELS: Final[dict[str, type[Message]]] = {
    "book": BookMessage,
    "trades": TradesMessage,
    "ticker": TickerMessage,
    "candles": CandlesMessage,
    "blocks": BlocksMessage,
    "orders": OrdersMessage,
    "fills": FillsMessage,
    "balances": BalancesMessage,
}
PRIVATE: Final = frozenset({"orders", "fills", "balances"})


class _Notice(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower):
    pass


class Heartbeat(_Notice, frozen=True, kw_only=True):
    """Everything up to `seq` was sent. `status`: ok or halted."""

    seq: Uint
    time: int
    status: str = "ok"


class LoggedOut(_Notice, frozen=True, kw_only=True, tag="logged_out"):
    """A login gives no rights any more; its channels ended."""

    account: str
    reason: str


class Connected(_Notice, frozen=True, kw_only=True):
    """The connection is there, again if it was before. What could not be resumed follows as a Gap."""

    again: bool


class Disconnected(_Notice, frozen=True, kw_only=True):
    """The connection is gone; another one is being made."""

    reason: str


class Gap(_Notice, frozen=True, kw_only=True):
    """Messages of a channel after `after_seq` are missing. What follows is a snapshot, or what was missing."""

    topic: Topic
    after_seq: Uint | None
    reason: str


class Ended(_Notice, frozen=True, kw_only=True):
    """A subscription could not be made again."""

    topic: Topic
    reason: str


Notice = LoggedOut | Connected | Disconnected | Gap | Ended
Event = Message | Notice


def event_form(event: Any) -> Any:
    """An event in JSON types, with its type."""
    tag = type(event).__struct_config__.tag
    return ({"type": tag} if tag else {}) | json_form(event)


class Malformed(ValueError):  # noqa: N818
    """A message that nobody expects; the connection it came over cannot be trusted any more."""


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request, its result or error not decoded."""

    id: int | str | None
    status: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Envelope(msgspec.Struct, frozen=True):
    channel: str | None = None
    type: str | None = None
    status: int | str | None = None


_NOTICES: Final[dict[str | None, type[Heartbeat | LoggedOut]]] = {
    "heartbeat": Heartbeat,
    "logged_out": LoggedOut,
}


def _kind(envelope: _Envelope) -> type[Any] | None:
    """The type of the whole message."""
    if envelope.channel is not None:
        return CHANNELS.get(envelope.channel)
    if envelope.type is not None:
        return _NOTICES.get(envelope.type)
    return Reply if isinstance(envelope.status, int) else None


def decode(text: str | bytes) -> Reply | Message | Heartbeat | LoggedOut | None:
    """A message of the sequencer; None for one of a kind that is not known. Raises Malformed."""
    try:
        kind = _kind(msgspec.json.decode(text, type=_Envelope))
        if kind is None:
            return None
        decoded: Reply | Message | Heartbeat | LoggedOut
        decoded = msgspec.json.decode(text, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    return decoded
