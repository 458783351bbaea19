"""Withdrawals and transfers: each code, and what they leave."""

from typing import Any

import pytest

from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
from sequencer.core.transition import accept, apply
from sequencer.core.types import Withdrawal
from tests.core.exchange import ALICE, BASE, BOB, FUNDS, LOT_SIZE, QUOTE, STRANGER, Trader


def test_a_withdrawal_leaves_a_leaf_for_its_recipient(state: State, alice: Trader) -> None:
    result = apply(state, alice.withdraw(QUOTE, 5, recipient=BOB, max_relay_fee=5))
    assert result.withdrawals == (Withdrawal(BOB, QUOTE, 5, 5),)
    assert state.balance(ALICE, QUOTE) == (FUNDS - 5, 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": 3, "amount": 0}, Code.UNKNOWN_TOKEN),
        ({"amount": 0, "recipient": bytes(20)}, Code.ZERO_AMOUNT),
        ({"recipient": bytes(20), "max_relay_fee": FUNDS + 2}, Code.ZERO_RECIPIENT),
        ({"max_relay_fee": FUNDS + 2}, Code.RELAY_FEE_TOO_HIGH),
        ({}, Code.INSUFFICIENT_BALANCE),
    ],
)
def test_checks_in_their_order(state: State, alice: Trader, changes: dict[str, Any], code: Code) -> None:
    fields: dict[str, Any] = {"token": QUOTE, "amount": FUNDS + 1} | changes
    tx = alice.withdraw(**fields)
    with pytest.raises(Rejection) as rejected:
        accept(state, tx)
    result = apply(state, tx)
    assert (rejected.value.code, result.code, result.withdrawals) == (code, code, ())
    assert state.balance(ALICE, QUOTE) == (FUNDS, 0)


def test_what_orders_lock_cannot_be_withdrawn(state: State, alice: Trader) -> None:
    apply(state, alice.sell(1000, 1))
    assert apply(state, alice.withdraw(BASE, FUNDS - LOT_SIZE + 1)).code is Code.INSUFFICIENT_BALANCE
    assert apply(state, alice.withdraw(BASE, FUNDS - LOT_SIZE)).code is Code.OK


def test_a_transfer_arrives_whole(state: State, alice: Trader) -> None:
    assert apply(state, alice.transfer(BOB, QUOTE, 5)).code is Code.OK
    assert state.balance(ALICE, QUOTE) == (FUNDS - 5, 0)
    assert state.balance(BOB, QUOTE) == (FUNDS + 5, 0)


def test_a_transfer_makes_the_account_it_goes_to(state: State, alice: Trader) -> None:
    apply(state, alice.transfer(STRANGER, BASE, FUNDS))
    assert state.balance(STRANGER, BASE) == (FUNDS, 0)
    assert apply(state, Trader(STRANGER).transfer(ALICE, BASE, FUNDS)).code is Code.OK


@pytest.mark.parametrize(
    ("to", "token", "amount", "code"),
    [
        (bytes(20), 3, 0, Code.UNKNOWN_TOKEN),
        (bytes(20), QUOTE, 0, Code.ZERO_AMOUNT),
        (bytes(20), QUOTE, FUNDS + 1, Code.ZERO_RECIPIENT),
        (ALICE, QUOTE, FUNDS + 1, Code.SELF_TRANSFER),
        (BOB, QUOTE, FUNDS + 1, Code.INSUFFICIENT_BALANCE),
    ],
)
def test_a_transfer_that_breaks_a_rule_moves_nothing(
    state: State, alice: Trader, to: bytes, token: int, amount: int, code: Code
) -> None:
    assert apply(state, alice.transfer(to, token, amount)).code is code
    assert [state.balance(account, QUOTE) for account in (ALICE, BOB)] == [(FUNDS, 0), (FUNDS, 0)]
    assert state.account(bytes(20)) is None


def test_what_orders_lock_cannot_be_transferred(state: State, alice: Trader) -> None:
    apply(state, alice.sell(1000, 1))
    assert apply(state, alice.transfer(BOB, BASE, FUNDS - LOT_SIZE + 1)).code is Code.INSUFFICIENT_BALANCE
    assert apply(state, alice.transfer(BOB, BASE, FUNDS - LOT_SIZE)).code is Code.OK
