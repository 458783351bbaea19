"""Inbox entries: any can be sequenced, a deposit that cannot be credited is refunded."""

from typing import Any

import pytest
from msgspec.structs import replace

from sequencer.core.codec import encode_inbox_deposit, encode_inbox_list_market, encode_inbox_list_token
from sequencer.core.constants import MAX_AMOUNT, MAX_HOLDINGS, MAX_U128
from sequencer.core.errors import Code
from sequencer.core.inbox import next_inbox_hash
from sequencer.core.state import State
from sequencer.core.transition import apply_inbox
from sequencer.core.types import Deposit, Withdrawal
from tests.core.exchange import ALICE, FUNDS, LIST_BASE, LIST_MARKET, NOW, QUOTE, STRANGER, listed


def test_a_deposit_makes_the_account(state: State) -> None:
    assert apply_inbox(state, encode_inbox_deposit(Deposit(NOW, QUOTE, STRANGER, 5))).code is Code.OK
    assert state.balance(STRANGER, QUOTE) == (5, 0)


@pytest.mark.parametrize(
    ("token", "amount", "code"),
    [
        (3, 5, Code.UNKNOWN_TOKEN),
        (3, 0, Code.UNKNOWN_TOKEN),
        (QUOTE, MAX_HOLDINGS - FUNDS + 1, Code.AMOUNT_TOO_LARGE),
        (QUOTE, MAX_U128, Code.AMOUNT_TOO_LARGE),
    ],
)
def test_a_deposit_that_cannot_be_credited_is_refunded(
    state: State, token: int, amount: int, code: Code
) -> None:
    result = apply_inbox(state, encode_inbox_deposit(Deposit(NOW, token, ALICE, amount)))
    assert (result.code, result.withdrawals) == (code, (Withdrawal(ALICE, token, amount, 0),))
    assert state.balance(ALICE, QUOTE) == (FUNDS, 0)


def test_the_largest_deposit_is_credited(state: State) -> None:
    amount = MAX_HOLDINGS - FUNDS
    assert apply_inbox(state, encode_inbox_deposit(Deposit(NOW, QUOTE, ALICE, amount))).code is Code.OK
    assert state.balance(ALICE, QUOTE) == (MAX_HOLDINGS, 0)


def test_a_deposit_of_nothing_makes_no_account(state: State) -> None:
    result = apply_inbox(state, encode_inbox_deposit(Deposit(NOW, QUOTE, STRANGER, 0)))
    assert (result.code, result.withdrawals) == (Code.ZERO_AMOUNT, ())
    assert state.account(STRANGER) is None


@pytest.mark.parametrize("entry", [b"", b"\x01", b"\x02" + bytes(27), b"\x08" + bytes(60), b"\xff" * 9])
def test_an_entry_that_is_not_carried_out_only_moves_the_cursor(entry: bytes) -> None:
    state = listed()
    state.meta.timestamp = 2**64 - 1
    state.take_writes()
    before = replace(state.meta)
    assert apply_inbox(state, entry).code is Code.UNKNOWN_OPERATION
    assert state.take_writes() == []
    assert state.meta.inbox_cursor == before.inbox_cursor + 1
    assert state.meta.next_seq == before.next_seq + 1
    assert state.meta.inbox_hash == next_inbox_hash(before.inbox_hash, entry)


def test_an_entry_is_not_sequenced_before_its_time(state: State) -> None:
    before = replace(state.meta)
    with pytest.raises(ValueError, match=str(NOW + 1)):
        apply_inbox(state, encode_inbox_deposit(Deposit(NOW + 1, QUOTE, ALICE, 5)))
    assert state.meta == before
    assert state.balance(ALICE, QUOTE) == (FUNDS, 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, Code.OK),
        ({"token": 255, "decimals": 30}, Code.OK),
        ({"token": 1}, Code.INVALID_LISTING),
        ({"token": 0}, Code.INVALID_LISTING),
        ({"token": 256}, Code.INVALID_LISTING),
        ({"decimals": 31}, Code.INVALID_LISTING),
    ],
)
def test_listing_a_token(state: State, changes: dict[str, Any], code: Code) -> None:
    entry = replace(LIST_BASE, **{"token": 3} | changes)
    assert apply_inbox(state, encode_inbox_list_token(entry)).code is code
    assert (entry.token in state.tokens) == (code is Code.OK or entry.token == 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, Code.OK),
        ({"market": 255, "lot_size": 1, "tick_size": MAX_AMOUNT}, Code.OK),
        ({"lot_size": 10**32, "maker_fee": 10_000, "taker_fee": 10_000}, Code.OK),
        ({"market": 1}, Code.INVALID_LISTING),
        ({"market": 0}, Code.INVALID_LISTING),
        ({"market": 256}, Code.INVALID_LISTING),
        ({"base": 3}, Code.INVALID_LISTING),
        ({"quote": 3}, Code.INVALID_LISTING),
        ({"base": QUOTE}, Code.INVALID_LISTING),
        ({"lot_size": 0}, Code.INVALID_LISTING),
        ({"lot_size": 20}, Code.INVALID_LISTING),
        ({"lot_size": 1001}, Code.INVALID_LISTING),
        ({"lot_size": 10**33}, Code.INVALID_LISTING),
        ({"tick_size": 0}, Code.INVALID_LISTING),
        ({"tick_size": MAX_AMOUNT + 1}, Code.INVALID_LISTING),
        ({"maker_fee": 10_001}, Code.INVALID_LISTING),
        ({"taker_fee": 10_001}, Code.INVALID_LISTING),
        ({"fee_account": bytes(20)}, Code.INVALID_LISTING),
    ],
)
def test_listing_a_market(state: State, changes: dict[str, Any], code: Code) -> None:
    entry = replace(LIST_MARKET, **{"market": 2} | changes)
    assert apply_inbox(state, encode_inbox_list_market(entry)).code is code
    assert (entry.market in state.markets) == (code is Code.OK or entry.market == 1)
