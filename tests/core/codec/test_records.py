"""Records of the state to bytes and back."""

from dataclasses import replace

import pytest

from sequencer.core.book import order_id
from sequencer.core.codec import (
    client_key,
    decode_account,
    decode_market,
    decode_meta,
    decode_order,
    decode_token,
    encode_account,
    encode_market,
    encode_meta,
    encode_order,
    encode_token,
    parse_client_key,
    parse_registry_key,
    registry_key,
)
from sequencer.core.codec.records import RegistryKind
from sequencer.core.constants import MAX_U64, MAX_U128
from sequencer.core.ledger import Account, Agent, Balance, Lane
from sequencer.core.types import Market, MarketStatus, Meta, Order, Side, TimeInForce, Token
from tests.core.exchange import ALICE, BOB, FEES

MARKET = Market(3, 1, 2, 10**14, 100, MAX_U128, 1, 2, 3, MarketStatus.HALTED, MAX_U64, FEES)
META = Meta(1, 2, 3, 4, 5, b"\x06" * 32)
KEY = order_id(3, Side.BID, 77, 64)
ORDER = Order(KEY, 3, Side.BID, 77, 64, ALICE, 9, 10, TimeInForce.POST_ONLY, MAX_U128)
ACCOUNT = Account(
    lanes={256: Lane(4, 5), 0: Lane(1, 1)},
    next_agent_lane=257,
    agents={BOB: Agent(256, 9, 1)},
    open_counts={255: 3, 1: 2},
    balances={2: Balance(MAX_U128, 7), 1: Balance(1, 0)},
)


def test_records_are_read_as_written() -> None:
    assert decode_market(3, encode_market(MARKET)) == MARKET
    assert decode_token(2, encode_token(Token(2, BOB, 6))) == Token(2, BOB, 6)
    assert decode_meta(encode_meta(META)) == META
    assert decode_order(KEY, encode_order(ORDER)) == ORDER
    assert decode_account(encode_account(ACCOUNT)) == ACCOUNT
    assert decode_account(encode_account(Account())) == Account()
    assert parse_client_key(client_key(ALICE, MAX_U128)) == (ALICE, MAX_U128)
    assert parse_registry_key(registry_key(RegistryKind.MARKET, 3)) == (RegistryKind.MARKET, 3)


def test_lengths() -> None:
    assert len(encode_market(MARKET)) == 97
    assert len(encode_token(Token(1, BOB, 6))) == 21
    assert len(encode_order(ORDER)) == 53
    assert len(encode_meta(META)) == 68


def test_account_lists_are_sorted_and_zeros_left_out() -> None:
    account = replace(
        ACCOUNT,
        lanes=ACCOUNT.lanes | {3: Lane()},
        open_counts=ACCOUNT.open_counts | {7: 0},
        balances=ACCOUNT.balances | {9: Balance()},
        orders={KEY: ORDER},
    )
    expected = (
        "02" + f"{0:04x}{1:016x}{1:032x}" + f"{256:04x}{4:016x}{5:032x}" + f"{257:04x}"
        "01" + BOB.hex() + f"{256:04x}{9:016x}{1:064x}"
        "02" + f"{1:08x}{2:08x}" + f"{255:08x}{3:08x}"
        "02" + f"{1:08x}{1:032x}{0:032x}" + f"{2:08x}{MAX_U128:032x}{7:032x}"
    )
    assert encode_account(account).hex() == expected


@pytest.mark.parametrize("change", [lambda value: value[:-1], lambda value: value + b"\0", lambda value: b""])
def test_bytes_that_are_not_a_record(change) -> None:  # type: ignore[no-untyped-def]
    for decode, value in (
        (decode_account, encode_account(ACCOUNT)),
        (decode_meta, encode_meta(META)),
        (lambda value: decode_market(3, value), encode_market(MARKET)),
        (lambda value: decode_order(KEY, value), encode_order(ORDER)),
    ):
        with pytest.raises(ValueError, match="record"):
            decode(change(value))
