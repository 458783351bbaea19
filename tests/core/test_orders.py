"""Checks of orders and cancels: each code, their order, and that a no-op changes nothing else."""

from typing import Any

import pytest
from msgspec.structs import replace

from sequencer.core.constants import MAX_AMOUNT, MAX_OPEN_ORDERS
from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
from sequencer.core.transition import accept, apply
from sequencer.core.types import MarketStatus, TimeInForce, Transaction
from tests.core.exchange import (
    ALICE,
    BASE,
    BOB,
    FUNDS,
    LOT_SIZE,
    MARKET,
    MIN_NOTIONAL,
    QUOTE,
    TICK_SIZE,
    Trader,
)


def rejection(state: State, tx: Transaction) -> Rejection:
    """Why `tx` is refused at admission; sequencing it nevertheless is the no-op of the same code."""
    with pytest.raises(Rejection) as rejected:
        accept(state, tx)
    assert state.take_writes() == []
    balances = [state.balance(account, token) for account in (ALICE, BOB) for token in (BASE, QUOTE)]
    result = apply(state, tx)
    assert (result.code, result.order_id, result.fills, result.removed) == (rejected.value.code, None, (), ())
    assert [write[:2] for write in state.take_writes()] == [(0, tx.account)]
    assert balances == [state.balance(account, token) for account in (ALICE, BOB) for token in (BASE, QUOTE)]
    return rejected.value


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"market": 2}, Code.UNKNOWN_MARKET),
        ({"time_in_force": TimeInForce.FOK}, Code.FOK_NOT_FILLABLE),
        ({"price": 0}, Code.ZERO_PRICE),
        ({"size": 0}, Code.ZERO_SIZE),
        ({"size": MAX_AMOUNT // LOT_SIZE + 1, "price": 1}, Code.AMOUNT_TOO_LARGE),
        ({"size": 1, "price": MAX_AMOUNT // TICK_SIZE + 1}, Code.AMOUNT_TOO_LARGE),
        ({"size": 1, "price": MIN_NOTIONAL // TICK_SIZE - 1}, Code.BELOW_MINIMUM),
        ({"size": FUNDS // LOT_SIZE + 1}, Code.INSUFFICIENT_BALANCE),
    ],
)
def test_an_order_that_breaks_a_rule(
    state: State, alice: Trader, changes: dict[str, Any], code: Code
) -> None:
    assert rejection(state, replace(alice.sell(1000, 1), **changes)).code is code


def test_checks_come_in_the_protocols_order(state: State, alice: Trader, bob: Trader) -> None:
    """An order that breaks every rule is told of one after the other as they are mended."""
    apply(state, alice.sell(1000, 5, client_order_id=1))
    apply(state, bob.buy(1000, 1))
    state.markets[MARKET].price_band = 1000
    state.markets[MARKET].status = MarketStatus.HALTED
    state.take_writes()
    bad: dict[str, Any] = {
        "market": 3,
        "time_in_force": TimeInForce.POST_ONLY,
        "price": 0,
        "size": 0,
        "client_order_id": 1,
    }
    mending: list[tuple[Code, dict[str, Any]]] = [
        (Code.UNKNOWN_MARKET, {"market": MARKET}),
        (Code.MARKET_NOT_ACTIVE, {}),
        (Code.ZERO_PRICE, {"price": 2}),
        (Code.ZERO_SIZE, {"size": 2**63, "price": 2**63}),
        (Code.AMOUNT_TOO_LARGE, {"size": 1, "price": 2}),
        (Code.BELOW_MINIMUM, {"size": 10**6}),
        (Code.PRICE_BAND, {"price": 1001}),
        (Code.CLIENT_ORDER_ID_IN_USE, {"client_order_id": 2}),
        (Code.INSUFFICIENT_BALANCE, {"size": 10}),
    ]
    for code, mend in mending:
        assert rejection(state, replace(alice.sell(1, 1), **bad)).code is code
        bad |= mend
        if code is Code.MARKET_NOT_ACTIVE:
            state.markets[MARKET].status = MarketStatus.ACTIVE
    assert rejection(state, replace(bob.buy(1, 1), **bad)).code is Code.POST_ONLY_WOULD_CROSS


def test_details_give_the_figures(state: State, alice: Trader) -> None:
    below = rejection(state, alice.buy(1, 3))
    assert below.details == {"minimum": str(MIN_NOTIONAL), "given": str(3 * TICK_SIZE)}
    assert str(MIN_NOTIONAL) in below.message
    poor = rejection(state, alice.buy(10**6, 1000))
    needed = str(10**9 * TICK_SIZE)
    assert poor.details == {"token": str(QUOTE), "available": str(FUNDS), "needed": needed}


@pytest.mark.parametrize(("price", "fits"), [(899, False), (900, True), (1100, True), (1101, False)])
def test_price_band_is_measured_from_the_last_trade(
    state: State, alice: Trader, bob: Trader, price: int, fits: bool
) -> None:
    state.markets[MARKET].price_band = 100_000
    accept(state, alice.sell(50_000, 1))  # no trade yet, no band
    apply(state, alice.sell(1000, 1))
    apply(state, bob.buy(1000, 1))
    state.take_writes()
    if fits:
        accept(state, alice.sell(price, 10))
    else:
        assert rejection(state, alice.sell(price, 10)).code is Code.PRICE_BAND


def test_only_so_many_orders_may_rest_but_an_ioc_still_trades(
    state: State, alice: Trader, bob: Trader
) -> None:
    for _ in range(MAX_OPEN_ORDERS):
        apply(state, alice.sell(1000, 1))
    apply(state, bob.buy(999, 2))
    state.take_writes()
    assert rejection(state, alice.sell(1000, 1)).code is Code.TOO_MANY_ORDERS
    assert apply(state, alice.sell(999, 2, time_in_force=TimeInForce.IOC)).filled == 2


@pytest.mark.parametrize(("price", "crosses"), [(1000, True), (1001, True), (999, False)])
def test_post_only_rests_or_is_refused(
    state: State, alice: Trader, bob: Trader, price: int, crosses: bool
) -> None:
    apply(state, alice.sell(1000, 1))
    state.take_writes()
    tx = bob.buy(price, 10, time_in_force=TimeInForce.POST_ONLY)
    if crosses:
        assert rejection(state, tx).code is Code.POST_ONLY_WOULD_CROSS
    else:
        assert apply(state, tx).resting


def test_locked_funds_cannot_be_used_twice(state: State, alice: Trader) -> None:
    apply(state, alice.sell(1000, FUNDS // LOT_SIZE))
    state.take_writes()
    assert rejection(state, alice.sell(2000, 1)).code is Code.INSUFFICIENT_BALANCE


def test_a_cancel_frees_the_lock_and_the_client_order_id(state: State, alice: Trader) -> None:
    placed = apply(state, alice.buy(1000, 10, client_order_id=7))
    assert placed.order_id is not None
    result = apply(state, alice.cancel(placed.order_id))
    assert (result.code, result.order_id, result.remaining) == (Code.OK, placed.order_id, 10)
    assert [order.id for order in result.removed] == [placed.order_id]
    assert state.balance(ALICE, QUOTE) == (FUNDS, 0)
    assert apply(state, alice.buy(1000, 10, client_order_id=7)).resting


def test_a_cancel_by_client_order_id_finds_only_the_accounts_own(
    state: State, alice: Trader, bob: Trader
) -> None:
    placed = apply(state, alice.buy(1000, 10, client_order_id=7))
    state.take_writes()
    assert rejection(state, bob.cancel_client(7)).code is Code.UNKNOWN_ORDER
    assert apply(state, alice.cancel_client(7)).order_id == placed.order_id
    state.take_writes()
    assert rejection(state, alice.cancel_client(7)).code is Code.UNKNOWN_ORDER


def test_only_the_owner_cancels(state: State, alice: Trader, bob: Trader) -> None:
    placed = apply(state, alice.buy(1000, 10))
    assert placed.order_id is not None
    state.take_writes()
    assert rejection(state, bob.cancel(placed.order_id)).code is Code.NOT_ORDER_OWNER
    assert rejection(state, bob.cancel(bytes(24))).code is Code.UNKNOWN_ORDER


def test_a_halted_market_still_cancels(state: State, alice: Trader) -> None:
    placed = apply(state, alice.buy(1000, 10))
    assert placed.order_id is not None
    state.markets[MARKET].status = MarketStatus.HALTED
    assert apply(state, alice.cancel(placed.order_id)).code is Code.OK


def test_a_filled_order_cannot_be_cancelled(state: State, alice: Trader, bob: Trader) -> None:
    placed = apply(state, alice.buy(1000, 10, client_order_id=1))
    apply(state, bob.sell(1000, 10))
    assert placed.order_id is not None
    state.take_writes()
    assert rejection(state, alice.cancel(placed.order_id)).code is Code.UNKNOWN_ORDER
    assert rejection(state, alice.cancel_client(1)).code is Code.UNKNOWN_ORDER
