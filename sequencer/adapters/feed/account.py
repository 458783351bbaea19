"""The private channels of one account: its orders, its fills, its balances.

The feed keeps its own view of the account's open orders. An order in a result is that of the live book and may have
changed again later in its group; what is told of an event is what was true right after it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sequencer.adapters.feed.channel import Channel, Outbox
from sequencer.adapters.feed.frames import text_frame
from sequencer.adapters.feed.market import MarketFeed
from sequencer.adapters.feed.messages import (
    BalanceItem,
    BalancesMessage,
    FillEvent,
    FillsMessage,
    OrderEvent,
    OrderItem,
    OrdersSnapshot,
    OrdersUpdate,
)
from sequencer.core.ledger import Account
from sequencer.core.orders import expiry_of
from sequencer.core.types import Address, Fill, OrderId, ReplaceOrder, Side, TimeInForce

RING_MESSAGES: Final = 1_024
RING_BYTES: Final = 1 << 16

CHANNELS: Final = ("orders", "fills", "balances")

_SIDES: Final = ("buy", "sell")
_encode: Final = msgspec.json.Encoder().encode

Amounts = Callable[[int], str]
"""Base units of a token as a decimal."""


class OpenOrder(msgspec.Struct):
    """An order as its owner was told of it last. Sizes in lots."""

    id: OrderId
    market: MarketFeed
    side: Side
    price: int
    time_in_force: TimeInForce
    expiry: int
    client_order_id: int
    filled: int
    remaining: int


class Moment(msgspec.Struct, frozen=True):
    """Where an event belongs: its transaction and its block's time."""

    seq: int
    time: int


class AccountFeed:
    """What is published about one account."""

    def __init__(self, address: Address, start_seq: int, outbox: Outbox) -> None:
        self.address = f"0x{address.hex()}"
        self.channels = {name: Channel(start_seq, RING_MESSAGES, RING_BYTES, outbox) for name in CHANNELS}
        self.open: dict[OrderId, OpenOrder] = {}
        self.idle_since_ms: int | None = None
        """Since when nobody reads along; None while somebody does, and at first."""
        self._balances: dict[int, tuple[int, int]] = {}
        self._events: list[OrderEvent] = []
        self._fills: list[FillEvent] = []

    @property
    def subscribers(self) -> int:
        """How many read along, over all channels."""
        return sum(channel.subscribers for channel in self.channels.values())

    # ----------------------------------------------------------------- events

    def entered(self, order: OpenOrder, at: Moment, replaces: OrderId | None) -> None:
        """A new order; what it meets follows."""
        self.open[order.id] = order
        self._tell("new", "open", order, at, **({"replaces": f"0x{replaces.hex()}"} if replaces else {}))

    def traded(self, order_id: OrderId, fill: Fill, item: int, at: Moment) -> None:
        """A fill of an order; `item` is its number in the transaction."""
        order = self.open[order_id]
        takes = order.side == fill.taker_side
        order.filled += fill.size
        order.remaining -= fill.size
        market = order.market
        price, size = market.price(fill.price), market.size(fill.size)
        traded = {"item": item, "last_price": price, "last_size": size}
        if order.remaining:
            self._tell("trade", "open", order, at, **traded)
        else:
            self._tell("trade", "filled", order, at, reason="filled", **traded)
        if not order.remaining:
            del self.open[order_id]
        fee, fee_token = market.fee(order.side, fill.taker_fee if takes else fill.maker_fee)
        self._fills.append(
            FillEvent(
                seq=str(at.seq),
                item=item,
                market=market.number,
                order_id=f"0x{order_id.hex()}",
                client_order_id=str(order.client_order_id),
                side=_SIDES[order.side],
                role="taker" if takes else "maker",
                price=price,
                size=size,
                quote=market.quote(fill.quote_amount),
                fee=fee,
                fee_token=fee_token,
                time=at.time,
            )
        )

    def reduced(self, order_id: OrderId, size: int, at: Moment) -> None:
        """An order lost `size` lots without a trade and stays."""
        order = self.open[order_id]
        order.remaining -= size
        self._tell("reduced", "open", order, at, reason="self_trade")

    def replaced(self, terms: ReplaceOrder, remaining: int, at: Moment) -> None:
        """An order has new terms and kept its at."""
        order = self.open[terms.order_id]
        order.time_in_force, order.client_order_id = terms.time_in_force, terms.client_order_id
        order.expiry, order.remaining = expiry_of(terms), remaining
        self._tell("replaced", "open", order, at)

    def ended(self, order_id: OrderId, event: str, at: Moment, reason: str, **more: str) -> None:
        """An order left without being filled."""
        self._tell(event, event, self.open.pop(order_id), at, reason=reason, **more)

    def _tell(self, event: str, status: str, order: OpenOrder, at: Moment, **more: Any) -> None:
        fields = _shown(order) | more
        self._events.append(OrderEvent(event=event, status=status, seq=str(at.seq), time=at.time, **fields))

    # ------------------------------------------------------------- publishing

    def publish(self, seq: int, account: Account | None, amounts: Mapping[int, Amounts]) -> None:
        """Sends what happened up to `seq`, and the balances that are others than before."""
        if self._events:
            self._send("orders", seq, OrdersUpdate, events=self._events)
            self._events = []
        if self._fills:
            self._send("fills", seq, FillsMessage, fills=self._fills)
            self._fills = []
        changed = self._changed_balances(account)
        if changed:
            self._send("balances", seq, BalancesMessage, balances=_balances(changed, amounts))

    def _send(self, name: str, seq: int, message: Callable[..., Any], **content: Any) -> None:
        channel = self.channels[name]
        update = message(
            channel=name,
            account=self.address,
            type="update",
            prev_seq=str(channel.last_seq),
            seq=str(seq),
            **content,
        )
        channel.publish(seq, text_frame(_encode(update)))

    def _changed_balances(self, account: Account | None) -> dict[int, tuple[int, int]]:
        now = balances_of(account)
        changed = dict.fromkeys(self._balances.keys() - now.keys(), (0, 0))
        changed |= {token: pair for token, pair in now.items() if self._balances.get(token) != pair}
        self._balances = now
        return changed

    # -------------------------------------------------------------- snapshots

    def begin(self, account: Account | None, orders: list[OpenOrder]) -> None:
        """What the account has when its feed begins; `orders` by their age."""
        self._balances = balances_of(account)
        self.open = {order.id: order for order in orders}

    def snapshot(self, name: str, amounts: Mapping[int, Amounts]) -> bytes:
        """A frame that says what is, as of the channel's last update."""
        head: dict[str, Any] = {
            "channel": name,
            "account": self.address,
            "type": "snapshot",
            "seq": str(self.channels[name].last_seq),
        }
        match name:
            case "orders":
                orders = [OrderItem(**_shown(order)) for order in self.open.values()]
                return text_frame(_encode(OrdersSnapshot(**head, orders=orders)))
            case "fills":
                return text_frame(_encode(FillsMessage(**head, fills=[])))
            case _:
                balances = _balances(self._balances, amounts)
                return text_frame(_encode(BalancesMessage(**head, balances=balances)))


def balances_of(account: Account | None) -> dict[int, tuple[int, int]]:
    """Total and locked of each token that is not zero."""
    if account is None:
        return {}
    return {token: (b.total, b.locked) for token, b in account.balances.items() if b.total}


def _shown(order: OpenOrder) -> dict[str, Any]:
    market = order.market
    return {
        "order_id": f"0x{order.id.hex()}",
        "client_order_id": str(order.client_order_id),
        "market": market.number,
        "side": _SIDES[order.side],
        "time_in_force": order.time_in_force.name,
        "expiry": str(order.expiry) if order.expiry else None,
        "price": market.price(order.price),
        "size": market.size(order.filled + order.remaining),
        "filled": market.size(order.filled),
        "remaining": market.size(order.remaining),
    }


def _balances(pairs: Mapping[int, tuple[int, int]], amounts: Mapping[int, Amounts]) -> list[BalanceItem]:
    return [
        BalanceItem(
            token=token,
            total=amounts[token](total),
            locked=amounts[token](locked),
            available=amounts[token](total - locked),
        )
        for token, (total, locked) in sorted(pairs.items())
    ]
