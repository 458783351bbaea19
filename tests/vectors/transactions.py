"""Vectors of section 5: lists of transactions with their data, and data that must not decode."""

from typing import Any

from sequencer.core.book import order_id
from sequencer.core.codec import encode_data
from sequencer.core.codec.varint import varint
from sequencer.core.constants import MAX_U32, MAX_U64, MAX_U128
from sequencer.core.types import (
    Block,
    CancelClientOrder,
    CancelOrder,
    InboxEntry,
    PlaceOrder,
    SelfTrade,
    Sequenceable,
    Side,
    TimeInForce,
    Withdraw,
)

ALICE, BOB, CAROL = (bytes([number]) * 20 for number in (0xA1, 0xB0, 0xC4))


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


def _data(dictionary: list[bytes], *transactions: bytes, blocks: int = 1) -> bytes:
    """Data of one block at time 0, made by hand."""
    head = b"\x01" + varint(len(dictionary)) + b"".join(dictionary) + b"\x01\x01" + varint(blocks)
    return head + b"\x00" + varint(len(transactions)) + b"".join(transactions)


def _malformed() -> dict[str, bytes]:
    cancel = bytes.fromhex("03" + "00" + "00" + "02" + "02") + bytes(16)
    place = bytes.fromhex("01" + "00" + "00" + "02" + "02")
    order = bytes.fromhex("00" + "01" + "02" + "01")
    withdraw = bytes.fromhex("07" + "00" + "00" + "02" + "02")
    good = _data([ALICE], cancel)
    later_kinds = {
        f"kind {kind:02x}": _data([ALICE], bytes([kind]) + cancel[1:]) for kind in range(4, 14) if kind != 7
    }
    return later_kinds | {
        "nothing": b"",
        "another version": b"\x02" + good[1:],
        "no blocks": b"\x01\x00\x01\x01\x00",
        "a block of no transactions": _data([]),
        "fewer blocks than said": _data([ALICE], cancel, blocks=2),
        "bytes left over": good + b"\x00",
        "last byte missing": good[:-1],
        "more addresses than bytes": b"\x01" + varint(MAX_U64) + good[2:],
        "an address not used": _data([ALICE, BOB], cancel),
        "an address twice": _data([ALICE, ALICE], cancel, cancel.replace(b"\x03\x00", b"\x03\x01", 1)),
        "addresses not in the order of use": _data(
            [ALICE, BOB], cancel.replace(b"\x03\x00", b"\x03\x01", 1), cancel
        ),
        "an address beyond the dictionary": _data([ALICE], cancel.replace(b"\x03\x00", b"\x03\x01", 1)),
        "the account's own address by reference": _data(
            [ALICE], cancel.replace(b"\x03\x00\x00", b"\x03\x00\x01", 1)
        ),
        "a varint in a longer form": _data([ALICE], b"\x03\x00\x00\x82\x00\x02" + bytes(16)),
        "a varint of 65 bits": _data([ALICE], b"\x03\x00\x00" + b"\xff" * 9 + b"\x02" + b"\x02" + bytes(16)),
        "a varint without an end": _data([ALICE], b"\x03\x00\x00" + b"\xff" * 11),
        "a time past 64 bits": b"\x01\x00\x01\x01\x02" + varint(MAX_U64) + b"\x01\x00" + b"\x01\x01\x00",
        "time in force 6": _data([ALICE], place + b"\x0c" + order[1:]),
        "time in force 7": _data([ALICE], place + b"\x0e" + order[1:]),
        "option bit 7": _data([ALICE], place + b"\x80" + order[1:]),
        "a client order id of 0": _data([ALICE], place + b"\x40" + order[1:] + bytes(16)),
        "a client order id cut short": _data([ALICE], place + b"\x40" + order[1:] + bytes(14) + b"\x01"),
        "a market of 33 bits": _data([ALICE], place + b"\x00" + varint(1 << 32) + order[2:]),
        "a token of 33 bits": _data([ALICE], withdraw + varint(1 << 32) + b"\x01\x00\x00"),
        "an amount of 129 bits": _data([ALICE], withdraw + b"\x01" + varint(1 << 128) + b"\x00\x00"),
        "a recipient beyond the dictionary": _data([ALICE], withdraw + b"\x01\x01\x03\x00"),
        "the account by reference as recipient": _data([ALICE], withdraw + b"\x01\x01\x01\x00"),
    }
