"""Vectors of section 5: lists of transactions with their data, and data that must not decode."""

from typing import Any, Final

from msgspec.structs import replace

from sequencer.core.book import order_id
from sequencer.core.codec import encode_data
from sequencer.core.codec.varint import varint
from sequencer.core.constants import MAX_U32, MAX_U64, MAX_U128
from sequencer.core.types import (
    Action,
    ApproveAgent,
    Batch,
    Block,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    ExpireOrder,
    InboxEntry,
    InvalidateNonces,
    Kind,
    PlaceOrder,
    ReplaceOrder,
    RevokeAgent,
    SelfTrade,
    Sequenceable,
    Side,
    TimeInForce,
    Transfer,
    Withdraw,
)

ALICE, BOB, CAROL, DAVE = (bytes([number]) * 20 for number in (0xA1, 0xB0, 0xC4, 0xDA))


def data() -> dict[str, Any]:
    """`valid`: blocks and their only encoding. `malformed`: bytes that no list of transactions has."""
    return {
        "valid": [
            {"name": name, "first_seq": first_seq, "blocks": blocks, "data": encode_data(first_seq, blocks)}
            for name, first_seq, blocks in _valid()
        ],
        "malformed": [{"name": name, "data": encoded} for name, encoded in _malformed().items()],
    }


def _valid() -> list[tuple[str, int, list[Block]]]:
    entry = InboxEntry(b"\x01")
    return [
        ("one inbox entry", 1, [Block(1, 0, [entry])]),
        ("orders of each option", 5, [Block(2, 1_700_000_000, _orders())]),
        ("differences that wrap around", 2**40, [Block(2**33, MAX_U64, _far_apart())]),
        (
            "several blocks and accounts",
            1000,
            [
                Block(
                    7, 100, [entry, CancelOrder(ALICE, ALICE, 0, 200, order_id(1, Side.BID, 50, 900 * 64))]
                ),
                Block(8, 100, [Withdraw(BOB, BOB, 0, 200, 2, MAX_U128, CAROL, 0), entry]),
                Block(
                    9,
                    163,
                    [CancelClientOrder(BOB, ALICE, 1, 199, 7), CancelClientOrder(ALICE, ALICE, 1, 200, 0)],
                ),
                Block(10, 164, [Withdraw(CAROL, CAROL, 5 << 48, 0, 0, 0, CAROL, MAX_U128)]),
            ],
        ),
        ("replacements of each option", 70, [Block(3, 9, _replacements())]),
        ("prices that follow one another in their books", 500, [Block(4, 50, _priced())]),
        ("a batch of each kind and one of the most items", 900, [Block(5, 60, _batches())]),
        ("an agent from its approval to its end", 40, [Block(6, 70, _agents())]),
        ("transfers and floors", 2**20, [Block(7, 80, _transfers())]),
        ("orders that expire", 3, [Block(8, 90, _expiries())]),
    ]


def _orders() -> list[Sequenceable]:
    return [
        PlaceOrder(
            ALICE, ALICE, number, 60, 1, side, time_in_force, self_trade, 100 + number, number, number % 3
        )
        for number, (side, time_in_force, self_trade) in enumerate(
            (side, time_in_force, self_trade)
            for side in Side
            for time_in_force in TimeInForce
            for self_trade in SelfTrade
        )
    ]


def _far_apart() -> list[Sequenceable]:
    gtc, cancel_taker = TimeInForce.GTC, SelfTrade.CANCEL_TAKER
    return [
        PlaceOrder(ALICE, BOB, MAX_U64, 0, MAX_U32, Side.BID, gtc, cancel_taker, 0, MAX_U64, MAX_U128),
        PlaceOrder(ALICE, ALICE, 0, MAX_U64, MAX_U32, Side.BID, gtc, cancel_taker, MAX_U64, 0, 0),
        PlaceOrder(ALICE, ALICE, 1 << 63, 1 << 63, 0, Side.ASK, gtc, cancel_taker, 1 << 63, 0, 0),
        CancelOrder(ALICE, ALICE, (1 << 63) - 1, 0, b"\xff" * 24),
        CancelOrder(CAROL, CAROL, 1, 0, bytes(24)),
    ]


def _replacements() -> list[Sequenceable]:
    """Sizes below, at and above what was expected; own and other prices on both sides."""
    return [
        ReplaceOrder(
            ALICE,
            ALICE,
            number,
            60,
            order_id(1, side, 100, number * 64 + number % 64),
            time_in_force,
            self_trade,
            99 + number % 3,
            number % 5,
            number % 7,
            number % 3,
        )
        for number, (side, time_in_force, self_trade) in enumerate(
            (side, time_in_force, self_trade)
            for side in Side
            for time_in_force in TimeInForce
            for self_trade in SelfTrade
        )
    ]


def _priced() -> list[Sequenceable]:
    """Each kind that names a book takes its price from the one before in the same book, and leaves its own."""
    bid, ask = order_id(1, Side.BID, 1000, 64), order_id(1, Side.ASK, 2000, 2**40 + 63)
    gtc, cancel_maker = TimeInForce.GTC, SelfTrade.CANCEL_MAKER
    return [
        PlaceOrder(ALICE, ALICE, 0, 9, 1, Side.BID, gtc, cancel_maker, 1001, 1, 0),
        ReplaceOrder(ALICE, ALICE, 1, 9, bid, gtc, cancel_maker, 990, 5, 5, 0),
        CancelOrder(ALICE, ALICE, 2, 9, order_id(1, Side.BID, 990, 128)),
        PlaceOrder(ALICE, ALICE, 3, 9, 1, Side.ASK, gtc, cancel_maker, 2001, 1, 0),
        ReplaceOrder(ALICE, ALICE, 4, 9, ask, gtc, cancel_maker, MAX_U64, MAX_U64, 0, MAX_U128),
        ExpireOrder(order_id(1, Side.ASK, MAX_U64, MAX_U64)),
        PlaceOrder(ALICE, ALICE, 5, 9, 1, Side.ASK, gtc, cancel_maker, 1, 1, 0),
        ReplaceOrder(ALICE, ALICE, 6, 9, b"\xff" * 24, gtc, cancel_maker, 0, 0, MAX_U64, 0),
        ReplaceOrder(ALICE, ALICE, 7, 9, bytes(24), gtc, cancel_maker, 1 << 63, 0, 1 << 63, 0),
    ]


def _batches() -> list[Sequenceable]:
    head = (ALICE, BOB, 300 << 48, 60)
    bid = order_id(1, Side.BID, 1000, 64)
    fok, cancel_both = TimeInForce.FOK, SelfTrade.CANCEL_BOTH
    order = PlaceOrder(*head, 1, Side.BID, fok, cancel_both, 1000, 2, 0)
    every_kind: tuple[Action, ...] = (
        order,
        CancelOrder(*head, bid),
        CancelClientOrder(*head, 5),
        CancelAll(*head, 0),
        ReplaceOrder(*head, bid, fok, cancel_both, 990, 7, 8, 6),
        replace(order, price=991, client_order_id=7),
    )
    other = (ALICE, ALICE, 4, 61)
    most = tuple(
        PlaceOrder(*other, 1, Side.BID, fok, cancel_both, 991 - number, 1, 0) for number in range(64)
    )
    return [
        Batch(*head, every_kind),
        Batch(*other, most),
        Batch(BOB, BOB, 0, 61, (CancelAll(BOB, BOB, 0, 61, MAX_U32),)),
        PlaceOrder(ALICE, ALICE, 5, 61, 1, Side.BID, fok, cancel_both, 928, 1, 0),
    ]


def _agents() -> list[Sequenceable]:
    """Nonces are differences within the account, whoever signs."""
    first, second = 256 << 48, 257 << 48
    return [
        ApproveAgent(ALICE, ALICE, 0, 100, BOB, 90, 1 << 1 | 1 << 255),
        ApproveAgent(ALICE, ALICE, 1, 100, CAROL, MAX_U64, (1 << 256) - 1),
        CancelAll(ALICE, BOB, first, 100, 1),
        CancelAll(ALICE, CAROL, second, 100, 0),
        PlaceOrder(ALICE, BOB, first + 1, 100, 1, Side.ASK, TimeInForce.GTT, SelfTrade.CANCEL_TAKER, 5, 6, 0),
        CancelClientOrder(ALICE, ALICE, 2, 100, 1),
        CancelClientOrder(BOB, CAROL, MAX_U64, 100, 1),
        ApproveAgent(ALICE, ALICE, 3, 100, ALICE, 0, 0),
        RevokeAgent(ALICE, ALICE, 4, 100, BOB),
        RevokeAgent(ALICE, ALICE, 5, 100, DAVE),
    ]


def _transfers() -> list[Sequenceable]:
    return [
        Transfer(ALICE, ALICE, 0, 90, BOB, 1, 1),
        Transfer(BOB, BOB, 0, 90, ALICE, 2, MAX_U128),
        Transfer(BOB, BOB, 1, 90, BOB, MAX_U32, 0),
        Transfer(BOB, BOB, 2, 90, bytes(20), 1, 1),
        InvalidateNonces(ALICE, ALICE, 1, 90, 256 << 48 | 77),
        InvalidateNonces(BOB, BOB, 3, 90, MAX_U64),
        InvalidateNonces(BOB, BOB, 4, 90, 0),
    ]


def _expiries() -> list[Sequenceable]:
    placed = [order_id(2, side, price, seq * 64) for seq, (side, price) in enumerate(((0, 9), (1, 11)))]
    return [
        *(ExpireOrder(key) for key in placed),
        CancelOrder(ALICE, ALICE, 0, 1, placed[0]),
        ExpireOrder(placed[0][:-1] + b"\x07"),
    ]


def _data(dictionary: list[bytes], *transactions: bytes, blocks: int = 1) -> bytes:
    """Data of one block at time 0, made by hand."""
    head = b"\x01" + varint(len(dictionary)) + b"".join(dictionary) + b"\x01\x01" + varint(blocks)
    return head + b"\x00" + varint(len(transactions)) + b"".join(transactions)


def _head(kind: int) -> bytes:
    """Kind and head: the first account for itself, nonce and deadline 1."""
    return bytes([kind]) + bytes.fromhex("00" + "00" + "02" + "02")


CANCEL = _head(3) + bytes(16)
PLACE, PLACED = _head(1), bytes.fromhex("00" + "01" + "02" + "01")
"""Head; options, market, price and size."""
REPLACE, OLD, NEW = _head(5), bytes.fromhex("02" + "02" + "02"), bytes.fromhex("00" + "02" + "01" + "00")
"""Head; book, price and place; options, new price, size and expected size."""
BATCH, WITHDRAW, TRANSFER, APPROVE, REVOKE, FLOOR = (_head(kind) for kind in range(6, 12))
EXPIRE = b"\x0c" + OLD
MARKETS = bytes(31) + b"\x01"
CLIENT_ID = bytes(15) + b"\x01"
ITEM = b"\x03" + CLIENT_ID

WELL_FORMED: Final = {
    "place": PLACE + PLACED,
    "place with a client order id": PLACE + b"\x40" + PLACED[1:] + CLIENT_ID,
    "cancel": CANCEL,
    "cancel all": _head(4) + b"\x01",
    "replace": REPLACE + OLD + NEW,
    "replace with a client order id": REPLACE + OLD + b"\x40" + NEW[1:] + CLIENT_ID,
    "batch": BATCH + b"\x02" + ITEM + b"\x04\x01",
    "batch of 64": BATCH + b"\x40" + ITEM * 64,
    "withdraw": WITHDRAW + b"\x01\x01\x00\x00",
    "transfer": TRANSFER + b"\x00\x01\x01",
    "approve": APPROVE + b"\x00\x01" + MARKETS,
    "revoke": REVOKE + b"\x00",
    "invalidate": FLOOR + b"\x01",
}
"""Signed transactions made by hand, of which the malformed ones are changes."""


def well_formed() -> dict[str, bytes]:
    """Data of each."""
    return {name: _data([ALICE], tx) for name, tx in WELL_FORMED.items()}


def _malformed() -> dict[str, bytes]:
    return (
        _malformed_frames()
        | _malformed_orders()
        | _malformed_batches()
        | _malformed_transfers()
        | {f"{name}, last byte missing": data[:-1] for name, data in well_formed().items()}
    )


def _malformed_frames() -> dict[str, bytes]:
    """Versions, counts, dictionaries, heads and numbers."""
    good = _data([ALICE], CANCEL)
    by_reference = CANCEL.replace(b"\x03\x00", b"\x03\x01", 1)
    return {
        "nothing": b"",
        "another version": b"\x02" + good[1:],
        "no blocks": b"\x01\x00\x01\x01\x00",
        "a block of no transactions": _data([]),
        "fewer blocks than said": _data([ALICE], CANCEL, blocks=2),
        "bytes left over": good + b"\x00",
        "kind 0d": _data([ALICE], b"\x0d" + CANCEL[1:]),
        "kind ff": _data([ALICE], b"\xff" + CANCEL[1:]),
        "more addresses than bytes": b"\x01" + varint(MAX_U64) + good[2:],
        "an address not used": _data([ALICE, BOB], CANCEL),
        "an address twice": _data([ALICE, ALICE], CANCEL, by_reference),
        "addresses not in the order of use": _data([ALICE, BOB], by_reference, CANCEL),
        "an address beyond the dictionary": _data([ALICE], by_reference),
        "a signer beyond the dictionary": _data([ALICE], b"\x03\x00\x02" + CANCEL[3:]),
        "the account's own address by reference": _data([ALICE], b"\x03\x00\x01" + CANCEL[3:]),
        "a varint in a longer form": _data([ALICE], b"\x03\x00\x00\x82\x00\x02" + bytes(16)),
        "a varint of 65 bits": _data([ALICE], b"\x03\x00\x00" + b"\xff" * 9 + b"\x02" + b"\x02" + bytes(16)),
        "a varint without an end": _data([ALICE], b"\x03\x00\x00" + b"\xff" * 11),
        "a time past 64 bits": b"\x01\x00\x01\x01\x02" + varint(MAX_U64) + b"\x01\x00" + b"\x01\x01\x00",
    }


def _malformed_orders() -> dict[str, bytes]:
    cases = {
        "time in force 6": PLACE + b"\x0c" + PLACED[1:],
        "time in force 7": PLACE + b"\x0e" + PLACED[1:],
        "option bit 7": PLACE + b"\x80" + PLACED[1:],
        "a client order id of 0": PLACE + b"\x40" + PLACED[1:] + bytes(16),
        "a client order id cut short": PLACE + b"\x40" + PLACED[1:] + CLIENT_ID[1:],
        "a market of 33 bits": PLACE + b"\x00" + varint(1 << 32) + PLACED[2:],
        "all orders of a market of 33 bits": _head(4) + varint(1 << 32),
        "a replacement with the side of an ask": REPLACE + OLD + b"\x01" + NEW[1:],
        "a replacement with time in force 6": REPLACE + OLD + b"\x0c" + NEW[1:],
        "a replacement with option bit 7": REPLACE + OLD + b"\x80" + NEW[1:],
        "a replacement with a client order id of 0": REPLACE + OLD + b"\x40" + NEW[1:] + bytes(16),
        "a replacement without its expected size": REPLACE + OLD + NEW[:-1],
        "an order to expire that is cut short": EXPIRE[:-1],
        "an order to expire with a head": b"\x0c" + CANCEL[1:5] + OLD,
        "an order in a book of 65 bits": b"\x0c" + b"\xff" * 9 + b"\x02" + OLD[1:],
    }
    return {name: _data([] if tx[0] == Kind.EXPIRE_ORDER else [ALICE], tx) for name, tx in cases.items()}


def _malformed_batches() -> dict[str, bytes]:
    inner = {
        "an inbox entry": b"\x00",
        "a batch": b"\x06\x01" + ITEM,
        "a withdrawal": WELL_FORMED["withdraw"][:1] + WELL_FORMED["withdraw"][5:],
        "a transfer": WELL_FORMED["transfer"][:1] + WELL_FORMED["transfer"][5:],
        "an approval": WELL_FORMED["approve"][:1] + WELL_FORMED["approve"][5:],
        "a revocation": WELL_FORMED["revoke"][:1] + WELL_FORMED["revoke"][5:],
        "a floor": WELL_FORMED["invalidate"][:1] + WELL_FORMED["invalidate"][5:],
        "an order to expire": EXPIRE,
        "kind 0d": b"\x0d" + CLIENT_ID,
        "an item with a head": CANCEL,
    }
    cases = {f"{name} in a batch": b"\x02" + ITEM + item for name, item in inner.items()} | {
        "a batch of no items": b"\x00",
        "a batch of 65 items": b"\x41" + ITEM * 65,
        "a batch of more items than it says": b"\x01" + ITEM * 2,
        "a batch of fewer items than it says": b"\x03" + ITEM * 2,
        "a batch of 2^64 - 1 items": varint(MAX_U64) + ITEM,
        "a malformed order in a batch": b"\x01\x01\x0c" + PLACED[1:],
    }
    return {name: _data([ALICE], BATCH + items) for name, items in cases.items()}


def _malformed_transfers() -> dict[str, bytes]:
    cases = {
        "a token of 33 bits": WITHDRAW + varint(1 << 32) + b"\x01\x00\x00",
        "an amount of 129 bits": WITHDRAW + b"\x01" + varint(1 << 128) + b"\x00\x00",
        "a recipient beyond the dictionary": WITHDRAW + b"\x01\x01\x03\x00",
        "the account by reference as recipient": WITHDRAW + b"\x01\x01\x01\x00",
        "a transfer to beyond the dictionary": TRANSFER + b"\x01\x01\x01",
        "a transfer of a token of 33 bits": TRANSFER + b"\x00" + varint(1 << 32) + b"\x01",
        "a transfer of 129 bits": TRANSFER + b"\x00\x01" + varint(1 << 128),
        "an agent beyond the dictionary": APPROVE + b"\x01\x01" + MARKETS,
        "an expiry of 65 bits": APPROVE + b"\x00" + b"\xff" * 9 + b"\x02" + MARKETS,
        "markets of 31 bytes": APPROVE + b"\x00\x01" + MARKETS[1:],
        "a revoked agent beyond the dictionary": REVOKE + b"\x01",
        "a floor of 65 bits": FLOOR + b"\xff" * 9 + b"\x02",
    }
    return {name: _data([ALICE], tx) for name, tx in cases.items()}
