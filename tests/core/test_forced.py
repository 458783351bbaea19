"""What L1 forces: an account gets out, whatever the operator wants."""

import pytest

from sequencer.core.codec import encode_inbox_forced
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_inbox
from sequencer.core.types import (
    ForceApproveAgent,
    ForceCancelAll,
    ForceExit,
    ForceRevokeAgents,
    Side,
    Withdrawal,
)
from tests.core.exchange import ALICE, BASE, BOB, FUNDS, NOW, QUOTE, STRANGER, Trader, queue


def test_an_exit_takes_everything_to_l1(state: State, alice: Trader, bob: Trader) -> None:
    """What orders lock too; other accounts keep theirs."""
    apply(state, alice.sell(1000, 10))
    apply(state, alice.buy(990, 10))
    apply(state, bob.sell(1001, 10))
    result = apply_inbox(state, encode_inbox_forced(ForceExit(NOW, ALICE)))
    assert result.withdrawals == (Withdrawal(ALICE, BASE, FUNDS, 0), Withdrawal(ALICE, QUOTE, FUNDS, 0))
    assert [order.owner for order in result.removed] == [ALICE, ALICE]
    assert [state.balance(ALICE, token) for token in (BASE, QUOTE)] == [(0, 0), (0, 0)]
    assert queue(state, Side.ASK) == [(BOB, 1001, 10)]
    assert queue(state, Side.BID) == []


def test_an_exit_pays_only_tokens_that_there_are(state: State, alice: Trader) -> None:
    apply(state, alice.withdraw(BASE, FUNDS))
    result = apply_inbox(state, encode_inbox_forced(ForceExit(NOW, ALICE)))
    assert result.withdrawals == (Withdrawal(ALICE, QUOTE, FUNDS, 0),)
    again = apply_inbox(state, encode_inbox_forced(ForceExit(NOW, ALICE)))
    assert (again.code, again.withdrawals) == (Code.OK, ())


def test_a_forced_cancel_takes_orders_and_leaves_money(state: State, alice: Trader) -> None:
    apply(state, alice.sell(1000, 10))
    result = apply_inbox(state, encode_inbox_forced(ForceCancelAll(NOW, ALICE)))
    assert [order.owner for order in result.removed] == [ALICE]
    assert result.withdrawals == ()
    assert state.balance(ALICE, BASE) == (FUNDS, 0)


@pytest.mark.parametrize(
    "entry",
    [
        ForceExit(NOW, STRANGER),
        ForceCancelAll(NOW, STRANGER),
        ForceApproveAgent(NOW, STRANGER, ALICE, NOW, 1),
        ForceRevokeAgents(NOW, STRANGER),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_an_account_that_never_was_is_left_alone(
    state: State, entry: ForceExit | ForceCancelAll | ForceApproveAgent | ForceRevokeAgents
) -> None:
    result = apply_inbox(state, encode_inbox_forced(entry))
    assert (result.code, result.withdrawals, state.account(STRANGER)) == (Code.NO_ACCOUNT, (), None)
