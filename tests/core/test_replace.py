"""Replacing an order: when it keeps its place, when it moves, and what was filled meanwhile.

Alice's first order is to sell 10 at 1000, and Bob's is behind it with 5 at the same price.
"""

from typing import Any

import pytest

from sequencer.core.constants import MAX_OPEN_ORDERS
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.transition import apply
from sequencer.core.types import MarketStatus, OrderId, Side, TimeInForce
from tests.core.exchange import (
    ALICE,
    BASE,
    BOB,
    FUNDS,
    LOT_SIZE,
    MARKET,
    NOW,
    QUOTE,
    STRANGER,
    TICK_SIZE,
    Trader,
    queue,
    set_market,
    trades,
)

BEHIND = (BOB, 1000, 5)


@pytest.fixture
def old(state: State, alice: Trader, bob: Trader) -> OrderId:
    """Alice's order; Bob's comes after it."""
    placed = apply(state, alice.sell(1000, 10, client_order_id=7)).order_id
    apply(state, bob.sell(1000, 5))
    assert placed is not None
    return placed


def locked(state: State) -> int:
    """Lots that Alice's asks lock."""
    return state.balance(ALICE, BASE)[1] // LOT_SIZE


# --- in its place -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 9, 10])
def test_a_size_that_does_not_grow_keeps_the_place(
    state: State, alice: Trader, old: OrderId, size: int
) -> None:
    result = apply(state, alice.replace(old, 1000, size, expected_size=10))
    assert (result.code, result.order_id, result.remaining, result.resting) == (Code.OK, old, size, True)
    assert (result.rested, result.removed) == (None, ())
    assert queue(state, Side.ASK) == [(ALICE, 1000, size), BEHIND]
    assert locked(state) == size


def test_terms_change_in_its_place(state: State, alice: Trader, bob: Trader, old: OrderId) -> None:
    changes: dict[str, Any] = {"time_in_force": TimeInForce.GTT, "deadline": NOW + 60, "client_order_id": 8}
    apply(state, alice.replace(old, 1000, 10, expected_size=10, **changes))
    order = state.orders[old]
    assert (order.time_in_force, order.expiry, order.client_order_id) == (TimeInForce.GTT, NOW + 60, 8)
    assert state.clients == {(ALICE, 8): old}
    apply(state, alice.replace(old, 1000, 10, expected_size=10))
    assert (state.orders[old].expiry, state.orders[old].client_order_id, state.clients) == (0, 0, {})
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10), BEHIND]


def test_it_may_become_post_only_where_it_is(state: State, alice: Trader, old: OrderId) -> None:
    tx = alice.replace(old, 1000, 10, expected_size=10, time_in_force=TimeInForce.POST_ONLY)
    assert apply(state, tx).order_id == old


def test_in_its_place_neither_the_minimum_nor_the_market_is_asked(
    state: State, alice: Trader, old: OrderId
) -> None:
    set_market(state, MarketStatus.CANCEL_ONLY, min_notional=10**9)
    assert apply(state, alice.replace(old, 1000, 1, expected_size=10)).order_id == old
    assert queue(state, Side.ASK) == [(ALICE, 1000, 1), BEHIND]


# --- to another place ---------------------------------------------------------------------------------------------


def test_a_size_that_grows_goes_to_the_end_of_the_queue(state: State, alice: Trader, old: OrderId) -> None:
    result = apply(state, alice.replace(old, 1000, 11, expected_size=10))
    assert result.order_id not in (None, old)
    assert queue(state, Side.ASK) == [BEHIND, (ALICE, 1000, 11)]
    assert [order.id for order in result.removed] == [old]
    assert (state.clients, locked(state)) == ({}, 11)


@pytest.mark.parametrize(("price", "first"), [(999, True), (1001, False)])
def test_another_price_is_another_place(
    state: State, alice: Trader, old: OrderId, price: int, first: bool
) -> None:
    apply(state, alice.replace(old, price, 10, expected_size=10, client_order_id=7))
    new = (ALICE, price, 10)
    assert queue(state, Side.ASK) == ([new, BEHIND] if first else [BEHIND, new])
    assert list(state.clients) == [(ALICE, 7)]


def test_at_a_price_that_crosses_it_takes(state: State, alice: Trader, bob: Trader, old: OrderId) -> None:
    apply(state, bob.buy(998, 4))
    result = apply(state, alice.replace(old, 998, 10, expected_size=10))
    assert trades(result) == [(BOB, 998, 4)]
    assert (result.filled, result.remaining, result.resting) == (4, 6, True)
    assert queue(state, Side.ASK) == [(ALICE, 998, 6), BEHIND]
    assert locked(state) == 6


def test_an_immediate_order_at_the_same_price_is_the_end_of_the_old_one(
    state: State, alice: Trader, old: OrderId
) -> None:
    tx = alice.replace(old, 1000, 10, expected_size=10, time_in_force=TimeInForce.IOC)
    result = apply(state, tx)
    assert (result.code, result.filled, result.remaining, result.resting) == (Code.OK, 0, 10, False)
    assert queue(state, Side.ASK) == [BEHIND]
    assert locked(state) == 0


def test_what_the_old_order_locks_pays_for_the_new_one(state: State, alice: Trader) -> None:
    """All of Alice's quote is in the order: there is nothing else to pay with."""
    lots = FUNDS // (1000 * TICK_SIZE)
    old = apply(state, alice.buy(1000, lots)).order_id
    assert apply(state, alice.replace(old, 500, 2 * lots, expected_size=lots)).code is Code.OK
    assert queue(state, Side.BID) == [(ALICE, 500, 2 * lots)]
    assert state.balance(ALICE, QUOTE)[1] == 500 * 2 * lots * TICK_SIZE


def test_the_last_order_that_may_rest_can_be_moved(state: State, alice: Trader) -> None:
    for _ in range(MAX_OPEN_ORDERS - 1):
        apply(state, alice.sell(1000, 1))
    last = apply(state, alice.sell(1000, 1)).order_id
    assert apply(state, alice.sell(1000, 1)).code is Code.TOO_MANY_ORDERS
    assert apply(state, alice.replace(last, 1001, 1, expected_size=1)).code is Code.OK


# --- filled meanwhile ---------------------------------------------------------------------------------------------


def test_what_was_filled_meanwhile_comes_off_the_new_size(
    state: State, alice: Trader, bob: Trader, old: OrderId
) -> None:
    """8 instead of 10, of which 3 are sold: 5 are left to sell, and it keeps its place."""
    apply(state, bob.buy(1000, 3))
    result = apply(state, alice.replace(old, 1000, 8, expected_size=10))
    assert (result.order_id, result.remaining) == (old, 5)
    assert queue(state, Side.ASK) == [(ALICE, 1000, 5), BEHIND]


def test_a_larger_size_counts_by_what_is_left_of_it(
    state: State, alice: Trader, bob: Trader, old: OrderId
) -> None:
    """12 instead of 10, of which 3 are sold: 9 are more than the 7 that rest, so the place is lost."""
    apply(state, bob.buy(1000, 3))
    apply(state, alice.replace(old, 1000, 12, expected_size=10))
    assert queue(state, Side.ASK) == [BEHIND, (ALICE, 1000, 9)]


@pytest.mark.parametrize("size", [0, 2, 3])
def test_no_more_than_was_filled_cancels(
    state: State, alice: Trader, bob: Trader, old: OrderId, size: int
) -> None:
    apply(state, bob.buy(1000, 3))
    result = apply(state, alice.replace(old, 1000, size, expected_size=10))
    assert (result.code, result.order_id, result.remaining, result.resting) == (Code.OK, old, 7, False)
    assert queue(state, Side.ASK) == [BEHIND]
    assert (locked(state), state.clients) == (0, {})


def test_a_signer_that_knew_less_than_remains_is_mistaken(state: State, alice: Trader, old: OrderId) -> None:
    assert apply(state, alice.replace(old, 1000, 5, expected_size=9)).code is Code.EXPECTED_SIZE_TOO_LOW
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10), BEHIND]


# --- refused: the old order stays as it was -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "size", "changes", "code"),
    [
        (0, 10, {}, Code.ZERO_PRICE),
        (1001, FUNDS // LOT_SIZE + 1, {}, Code.INSUFFICIENT_BALANCE),
        (998, 10, {"time_in_force": TimeInForce.POST_ONLY}, Code.POST_ONLY_WOULD_CROSS),
        (998, 10, {"time_in_force": TimeInForce.FOK}, Code.FOK_NOT_FILLABLE),
        (1001, 10, {"client_order_id": 9}, Code.CLIENT_ORDER_ID_IN_USE),
        (1000, 10, {"client_order_id": 9}, Code.CLIENT_ORDER_ID_IN_USE),
    ],
)
def test_a_replacement_that_breaks_a_rule_leaves_the_old_order(
    state: State, alice: Trader, bob: Trader, old: OrderId, price: int, size: int, changes: Any, code: Code
) -> None:
    apply(state, bob.buy(998, 4))
    apply(state, alice.sell(2000, 1, client_order_id=9))
    assert apply(state, alice.replace(old, price, size, expected_size=10, **changes)).code is code
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10), BEHIND, (ALICE, 2000, 1)]
    assert state.clients == {(ALICE, 7): old} | {(ALICE, 9): state.clients[ALICE, 9]}
    assert locked(state) == 11


def test_a_market_that_takes_no_orders_moves_none(state: State, alice: Trader, old: OrderId) -> None:
    set_market(state, MarketStatus.CANCEL_ONLY)
    assert apply(state, alice.replace(old, 1001, 10, expected_size=10)).code is Code.MARKET_NOT_ACTIVE
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10), BEHIND]
    assert apply(state, alice.replace(old, 1001, 0, expected_size=10)).code is Code.OK
    assert queue(state, Side.ASK) == [BEHIND]


def test_only_its_owner_replaces_an_order(state: State, bob: Trader, old: OrderId) -> None:
    assert apply(state, bob.replace(old, 1000, 10, expected_size=10)).code is Code.NOT_ORDER_OWNER
    assert apply(state, bob.replace(bytes(24), 1000, 10, expected_size=10)).code is Code.UNKNOWN_ORDER


def test_an_agent_replaces_where_it_may_trade(state: State, alice: Trader, old: OrderId) -> None:
    apply(state, alice.approve(STRANGER, MARKET))
    apply(state, alice.approve(BOB, MARKET + 1))
    allowed, other = Trader(STRANGER, ALICE, 256), Trader(BOB, ALICE, 257)
    assert apply(state, other.replace(old, 1000, 9, expected_size=10)).code is Code.MARKET_NOT_ALLOWED
    assert apply(state, allowed.replace(old, 1000, 9, expected_size=10)).code is Code.OK
