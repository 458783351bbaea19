"""The fields of a transaction in fixed width, without the four that every struct starts with.

`kind ‖ fields` is what a signed batch holds (docs/protocol.md, section 3) and, after those four, the journal.
"""

from collections.abc import Iterator
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any, Final

from sequencer.core.constants import MAX_BATCH_ITEMS
from sequencer.core.types import (
    Action,
    Address,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    Kind,
    PlaceOrder,
    ReplaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
)

Head = tuple[Address, Address, int, int]
"""Account, signer, nonce and deadline."""

PLACE_ORDER: Final = Struct(">BIBBBQQ16s")
CANCEL_ORDER: Final = Struct(">B24s")
CANCEL_CLIENT_ORDER: Final = Struct(">B16s")
CANCEL_ALL: Final = Struct(">BI")
REPLACE_ORDER: Final = Struct(">B24sBBQQQ16s")

_PLACE: Final = int(Kind.PLACE_ORDER)
SIDES: Final = tuple(Side)
TIMES_IN_FORCE: Final = tuple(TimeInForce)
SELF_TRADES: Final = tuple(SelfTrade)


def encode_action(tx: Action) -> bytes:
    """`kind ‖ fields` of an action. Raises `struct.error` or `OverflowError` for a field out of range."""
    match tx:
        case PlaceOrder():
            return PLACE_ORDER.pack(
                _PLACE,
                tx.market,
                tx.side,
                tx.time_in_force,
                tx.self_trade,
                tx.price,
                tx.size,
                tx.client_order_id.to_bytes(16, "big"),
            )
        case CancelOrder():
            return CANCEL_ORDER.pack(Kind.CANCEL_ORDER, tx.order_id)
        case CancelClientOrder():
            return CANCEL_CLIENT_ORDER.pack(Kind.CANCEL_CLIENT_ORDER, tx.client_order_id.to_bytes(16, "big"))
        case CancelAll():
            return CANCEL_ALL.pack(Kind.CANCEL_ALL, tx.market)
        case ReplaceOrder():
            return REPLACE_ORDER.pack(
                Kind.REPLACE_ORDER,
                tx.order_id,
                tx.time_in_force,
                tx.self_trade,
                tx.price,
                tx.size,
                tx.expected_size,
                tx.client_order_id.to_bytes(16, "big"),
            )


def encode_actions(actions: tuple[Action, ...]) -> bytes:
    """The `actions` of a signed batch."""
    return b"".join(map(encode_action, actions))


def decode_actions(encoded: bytes, head: Head) -> tuple[Action, ...]:
    """The actions of a batch that has these first four fields.

    Raises `ValueError` for bytes that are not 1 to MAX_BATCH_ITEMS actions.
    """
    actions = tuple(_decode_all(encoded, head))
    if not 1 <= len(actions) <= MAX_BATCH_ITEMS:
        raise ValueError(f"a batch has 1 to {MAX_BATCH_ITEMS} actions, not {len(actions)}")
    return actions


def _decode_all(encoded: bytes, head: Head) -> Iterator[Action]:
    at = count = 0
    while at < len(encoded) and count <= MAX_BATCH_ITEMS:
        form = FORMS.get(encoded[at])
        if form is None:
            raise ValueError(f"action {count} is of kind {encoded[at]:#04x}, which a batch cannot hold")
        try:
            fields = form.unpack_from(encoded, at)
        except StructError as error:
            raise ValueError(f"action {count} is cut off") from error
        yield action(head, *fields)
        at += form.size
        count += 1


FORMS: Final[dict[int, Struct]] = {
    Kind.PLACE_ORDER: PLACE_ORDER,
    Kind.CANCEL_ORDER: CANCEL_ORDER,
    Kind.CANCEL_CLIENT_ORDER: CANCEL_CLIENT_ORDER,
    Kind.CANCEL_ALL: CANCEL_ALL,
    Kind.REPLACE_ORDER: REPLACE_ORDER,
}


def action(head: Head, kind: int, *fields: Any) -> Action:
    """An action from its head and unpacked fields. Raises `ValueError` for an unknown enumeration member."""
    match kind:
        case Kind.PLACE_ORDER:
            return _place_order(head, *fields)
        case Kind.CANCEL_ORDER:
            return CancelOrder(*head, *fields)
        case Kind.CANCEL_CLIENT_ORDER:
            return CancelClientOrder(*head, int.from_bytes(fields[0], "big"))
        case Kind.CANCEL_ALL:
            return CancelAll(*head, *fields)
        case _:
            return _replace_order(head, *fields)


def _place_order(
    head: Head, market: int, side: int, force: int, self_trade: int, price: int, size: int, client: bytes
) -> PlaceOrder:
    return PlaceOrder(
        *head,
        market,
        _member(SIDES, side),
        _member(TIMES_IN_FORCE, force),
        _member(SELF_TRADES, self_trade),
        price,
        size,
        int.from_bytes(client, "big"),
    )


def _replace_order(
    head: Head,
    order_id: bytes,
    force: int,
    self_trade: int,
    price: int,
    size: int,
    expected: int,
    client: bytes,
) -> ReplaceOrder:
    return ReplaceOrder(
        *head,
        order_id,
        _member(TIMES_IN_FORCE, force),
        _member(SELF_TRADES, self_trade),
        price,
        size,
        expected,
        int.from_bytes(client, "big"),
    )


def _member(members: tuple[Any, ...], value: int) -> Any:
    """A member of an enumeration that counts from 0; a tuple finds it faster than the enumeration."""
    if value >= len(members):
        raise ValueError(f"{type(members[0]).__name__} has no member {value}")
    return members[value]
