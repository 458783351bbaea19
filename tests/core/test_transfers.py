"""Withdrawals: each code, and what a withdrawal leaves."""

from typing import Any

import pytest

from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
from sequencer.core.transition import accept, apply
from sequencer.core.types import Withdrawal
from tests.core.exchange import ALICE, BASE, BOB, FUNDS, LOT_SIZE, QUOTE, Trader


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
