"""L1 data, byte by byte."""

import pytest
from msgspec.structs import replace

from sequencer.core.book import order_id
from sequencer.core.codec import DataEncoder, data_bound, encode_data
from sequencer.core.codec.varint import varint, zigzag
from sequencer.core.constants import MAX_U32, MAX_U64, MAX_U128
from sequencer.core.types import Block, InboxEntry, SelfTrade, Sequenceable, Side, TimeInForce, Transaction
from tests.core.exchange import ALICE, BOB, STRANGER, Trader


@pytest.mark.parametrize(
    ("value", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (MAX_U64, "ff" * 9 + "01")]
)
def test_varint(value: int, encoded: str) -> None:
    assert varint(value).hex() == encoded


@pytest.mark.parametrize(
    ("value", "previous", "encoded"),
    [
        (5, 5, "00"),
        (4, 5, "01"),
        (6, 5, "02"),
        (0, MAX_U64, "02"),
        (MAX_U64, 0, "01"),
        (1 << 63, 0, "ff" * 9 + "01"),
        ((1 << 63) - 1, 0, "feffffffffffffffff01"),
    ],
)
def test_zigzag(value: int, previous: int, encoded: str) -> None:
    assert zigzag(value, previous).hex() == encoded


def test_a_batch_by_hand(alice: Trader, bob: Trader) -> None:
    blocks = [
        Block(7, 1000, [InboxEntry(b"x"), replace(alice.buy(5, 3), deadline=64)]),
        Block(
            8,
            1002,
            [
                replace(alice.buy(6, 300, client_order_id=1), deadline=65),
                replace(
                    bob.cancel(order_id(1, Side.BID, 6, 2 * 64)), signer=ALICE, deadline=65, nonce=1 << 48
                ),
                replace(alice.withdraw(2, 1 << 64, recipient=STRANGER), deadline=65),
                replace(bob.cancel_client(2), deadline=65),
            ],
        ),
    ]
    expected = (
        "01" + "03" + ALICE.hex() + BOB.hex() + STRANGER.hex() + "07" + "01" + "02"
        "e807" + "02" + "00"
        # kind, account 0, signer itself, nonce 0, deadline 64; options, market, price key -6, size
        "01" + "00" + "00" + "00" + "8001" + "00" + "01" + "0b" + "03"
        "02" + "04"
        "01" + "00" + "00" + "02" + "02" + "40" + "01" + "01" + "ac02" + f"{1:032x}"
        # account 1 is new, signer is address 0, nonce 2^48; book 2, same price key, sequence 4 less 2
        "02" + "01" + "01" + "80808080808080" + "01" + "00" + "02" + "00" + "8002"
        "07" + "00" + "00" + "02" + "00" + "02" + "80808080808080808002" + "03" + "00"
        "03" + "01" + "00" + "fdffffffffff7f" + "00" + f"{2:032x}"
    )
    data = encode_data(1, blocks).hex()
    assert data == expected


def test_options_hold_side_time_in_force_and_self_trade(alice: Trader) -> None:
    tx = replace(
        alice.sell(1, 1, client_order_id=MAX_U128),
        deadline=0,
        time_in_force=TimeInForce.POST_ONLY_GTT,
        self_trade=SelfTrade.DECREMENT_BOTH,
    )
    data = encode_data(1, [Block(1, 0, [tx])])
    assert data[-20:] == bytes([1 | 5 << 1 | 3 << 4 | 1 << 6, 1, 2, 1]) + b"\xff" * 16


def test_size_is_known_before_encoding(alice: Trader, bob: Trader) -> None:
    encoder = DataEncoder(first_seq=9)
    for number in range(1, 40):
        transactions: list[Sequenceable] = [
            InboxEntry(b""),
            alice.buy(number, 1),
            bob.withdraw(1, number, recipient=bytes([number] * 20)),
        ]
        encoder.add_block(Block(number, number * 100, transactions))
        assert encoder.size == len(encoder.encode())


def test_no_transaction_adds_more_than_the_bound() -> None:
    """Fields that are as far from what came before as they can be, with addresses that are all new."""
    encoder = DataEncoder(first_seq=1)
    trader = Trader(ALICE)
    encoder.add_block(Block(1, 1, [trader.buy(1, 1)]))
    far = 1 << 63
    transactions: list[Transaction] = [
        replace(trader.buy(1, MAX_U64, market=MAX_U32, client_order_id=MAX_U128), deadline=far),
        replace(trader.cancel(b"\xff" * 8 + b"\x7f" + b"\xff" * 7 + bytes(8)), deadline=0),
        replace(
            trader.withdraw(MAX_U32, MAX_U128, max_relay_fee=MAX_U128, recipient=b"\x09" * 20), deadline=far
        ),
    ]
    for number, tx in enumerate(transactions, start=2):
        before = encoder.size
        changed = replace(tx, account=bytes([number, 1]) * 10, signer=bytes([number, 2]) * 10, nonce=far)
        encoder.add_block(Block(number, 1, [changed]))
        block_header = 2
        assert encoder.size - before - block_header <= data_bound(changed)


def test_nothing_has_no_data() -> None:
    with pytest.raises(ValueError, match="at least one block"):
        encode_data(1, [])
