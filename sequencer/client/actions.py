"""What can be done in a batch, as people say it: decimals of whole tokens, markets by number or symbol.

An action becomes the one of `sequencer.core.types` that is signed once its market's steps are known.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeVar

from msgspec import Struct

from sequencer.client.answers import Market
from sequencer.client.decimals import to_steps
from sequencer.core import types as core
from sequencer.core.book import parse_order_id
from sequencer.core.types import SelfTrade, Side, TimeInForce

SIDES: Final = {"buy": Side.BID, "sell": Side.ASK}
TIMES_IN_FORCE: Final = {member.name: member for member in TimeInForce}
SELF_TRADES: Final = {member.name.lower(): member for member in SelfTrade}
ORDER_ID_BYTES: Final = 24

Head = tuple[core.Address, core.Address, int, int]
"""Account, signer, nonce, deadline."""
Hex = bytes | str
"""Bytes, or their hexadecimal digits with or without 0x."""
Member = TypeVar("Member")


class ActionError(ValueError):
    """An action cannot be what it says; the message says what it could be."""


class Place(Struct, frozen=True, kw_only=True, tag_field="action", tag="place", rename="camel"):
    """Buy or sell up to `size` of the market's base token at `price` or better.

    A GTT order rests until the deadline of the transaction. `client_order_id` 0: none.
    """

    market: str | int
    side: str
    price: Decimal
    size: Decimal
    time_in_force: str = "GTC"
    self_trade: str = "cancel_taker"
    client_order_id: int = 0


class Cancel(Struct, frozen=True, kw_only=True, tag_field="action", tag="cancel", rename="camel"):
    """Remove a resting order by its id."""

    order_id: str


class CancelClient(
    Struct, frozen=True, kw_only=True, tag_field="action", tag="cancel_client", rename="camel"
):
    """Remove a resting order by the id that its owner gave it."""

    client_order_id: int


class CancelAll(Struct, frozen=True, kw_only=True, tag_field="action", tag="cancel_all", rename="camel"):
    """Remove every resting order in a market; None: in all."""

    market: str | int | None = None


class Replace(Struct, frozen=True, kw_only=True, tag_field="action", tag="replace", rename="camel"):
    """Put another order in the place of a resting one, keeping its market and side.

    `expected_size`: the remaining size that the caller knows; what was filled of it since is taken off `size`.
    """

    order_id: str
    price: Decimal
    size: Decimal
    expected_size: Decimal
    time_in_force: str = "GTC"
    self_trade: str = "cancel_taker"
    client_order_id: int = 0


Action = Place | Cancel | CancelClient | CancelAll | Replace


def market_of(action: Action) -> str | int | None:
    """The market whose steps the action counts in, None if it counts nothing. Raises ActionError."""
    match action:
        case Place() | CancelAll():
            return action.market
        case Replace():
            return parse_order_id(to_bytes("an order id", action.order_id, ORDER_ID_BYTES))[0]
        case _:
            return None


def to_core(action: Action, head: Head, market: Market | None) -> core.Action:
    """The action that is signed. `market`: that of `market_of`. Raises ActionError, DecimalError."""
    match action:
        case Place() if market is not None:
            return _place(action, head, market)
        case Replace() if market is not None:
            return _replace(action, head, market)
        case Cancel():
            return core.CancelOrder(*head, to_bytes("an order id", action.order_id, ORDER_ID_BYTES))
        case CancelClient():
            return core.CancelClientOrder(*head, action.client_order_id)
        case CancelAll():
            return core.CancelAll(*head, 0 if market is None else market.id)
        case _:
            raise ActionError(f"{type(action).__name__} needs a market")


def _place(action: Place, head: Head, market: Market) -> core.PlaceOrder:
    return core.PlaceOrder(
        *head,
        market=market.id,
        side=member("side", action.side, SIDES),
        time_in_force=member("time in force", action.time_in_force, TIMES_IN_FORCE),
        self_trade=member("self-trade mode", action.self_trade, SELF_TRADES),
        price=to_steps(action.price, market.tick_size),
        size=to_steps(action.size, market.lot_size),
        client_order_id=action.client_order_id,
    )


def _replace(action: Replace, head: Head, market: Market) -> core.ReplaceOrder:
    return core.ReplaceOrder(
        *head,
        order_id=to_bytes("an order id", action.order_id, ORDER_ID_BYTES),
        time_in_force=member("time in force", action.time_in_force, TIMES_IN_FORCE),
        self_trade=member("self-trade mode", action.self_trade, SELF_TRADES),
        price=to_steps(action.price, market.tick_size),
        size=to_steps(action.size, market.lot_size),
        expected_size=to_steps(action.expected_size, market.lot_size),
        client_order_id=action.client_order_id,
    )


def member(what: str, name: str, members: Mapping[str, Member]) -> Member:
    """The member of that name. Raises ActionError that lists them."""
    try:
        return members[name]
    except KeyError:
        raise ActionError(f"{name!r} is no {what}: take one of {', '.join(members)}") from None


def to_bytes(what: str, value: Hex, length: int) -> bytes:
    """Bytes of a length. Raises ActionError."""
    if isinstance(value, str):
        try:
            value = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            value = b""
    if len(value) != length:
        raise ActionError(f"{what} is {length} bytes of hex")
    return value


def to_hex(value: Hex) -> str:
    """0x and hexadecimal digits."""
    return value if isinstance(value, str) else f"0x{value.hex()}"
