"""Matching: prices, priority, fees, and when it stops."""

import pytest

from sequencer.core.constants import MAX_MAKERS
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.transition import apply
from sequencer.core.types import SelfTrade, Side, Stop, TimeInForce
from tests.core.exchange import (
    ALICE,
    BASE,
    BOB,
    FEES,
    FUNDS,
    LOT_SIZE,
    MAKER_FEE,
    MARKET,
    QUOTE,
    TAKER_FEE,
    TICK_SIZE,
    Trader,
)


def ceil_fee(amount: int, rate: int) -> int:
    return (amount * rate + 999_999) // 1_000_000


def test_a_bid_takes_at_the_makers_price_and_each_side_pays_from_what_it_receives(
    state: State, alice: Trader, bob: Trader
) -> None:
    apply(state, alice.sell(100, 50))
    result = apply(state, bob.buy(103, 20))
    base, quote = 20 * LOT_SIZE, 100 * 20 * TICK_SIZE
    base_fee, quote_fee = ceil_fee(base, TAKER_FEE), ceil_fee(quote, MAKER_FEE)
    assert state.balance(BOB, BASE) == (FUNDS + base - base_fee, 0)
    assert state.balance(BOB, QUOTE) == (FUNDS - quote, 0)
    assert state.balance(ALICE, BASE) == (FUNDS - base, 30 * LOT_SIZE)
    assert state.balance(ALICE, QUOTE) == (FUNDS + quote - quote_fee, 0)
    assert [state.balance(FEES, token) for token in (BASE, QUOTE)] == [(base_fee, 0), (quote_fee, 0)]
    (fill,) = result.fills
    assert (fill.price, fill.size, fill.base_amount, fill.quote_amount) == (100, 20, base, quote)
    assert (fill.maker, fill.taker, fill.taker_side) == (ALICE, BOB, Side.BID)
    assert (fill.maker_fee, fill.taker_fee) == (quote_fee, base_fee)
    assert (result.filled, result.remaining, result.resting) == (20, 0, False)
    assert state.markets[MARKET].last_price == 100


def test_an_ask_pays_its_fee_in_quote_and_the_makers_lock_falls_by_what_it_gave(
    state: State, alice: Trader, bob: Trader
) -> None:
    apply(state, alice.buy(100, 50))
    apply(state, bob.sell(90, 20))
    base, quote = 20 * LOT_SIZE, 100 * 20 * TICK_SIZE
    assert state.balance(ALICE, QUOTE) == (FUNDS - quote, 100 * 30 * TICK_SIZE)
    assert state.balance(ALICE, BASE) == (FUNDS + base - ceil_fee(base, MAKER_FEE), 0)
    assert state.balance(BOB, QUOTE) == (FUNDS + quote - ceil_fee(quote, TAKER_FEE), 0)
    assert state.balance(BOB, BASE) == (FUNDS - base, 0)


def test_makers_are_met_in_price_time_priority(state: State, alice: Trader, bob: Trader) -> None:
    late, early, best = (apply(state, alice.sell(price, 10)) for price in (1010, 1000, 990))
    second = apply(state, alice.sell(1000, 10))
    result = apply(state, bob.buy(1010, 35))
    met = [(fill.maker_order_id, fill.price, fill.size) for fill in result.fills]
    assert met == [
        (best.order_id, 990, 10),
        (early.order_id, 1000, 10),
        (second.order_id, 1000, 10),
        (late.order_id, 1010, 5),
    ]
    assert [order.id for order in result.removed] == [best.order_id, early.order_id, second.order_id]
    assert all(order.remaining == 0 for order in result.removed)
    assert [fill.maker_remaining for fill in result.fills] == [0, 0, 0, 5]
    assert state.book(MARKET).levels(Side.ASK) == [(1010, 5, 1)]


def test_what_is_left_rests_at_its_own_price(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.sell(100, 10))
    apply(state, alice.sell(105, 10))
    result = apply(state, bob.buy(104, 25))
    assert (result.filled, result.remaining, result.resting) == (10, 15, True)
    assert state.book(MARKET).levels(Side.BID) == [(104, 15, 1)]
    assert state.balance(BOB, QUOTE)[1] == 104 * 15 * TICK_SIZE


def test_what_is_left_of_an_ioc_is_cancelled(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.sell(100, 10))
    result = apply(state, bob.buy(100, 25, time_in_force=TimeInForce.IOC))
    assert (result.filled, result.remaining, result.resting) == (10, 15, False)
    assert result.stop is None
    assert state.book(MARKET).levels(Side.BID) == []
    assert state.balance(BOB, QUOTE)[1] == 0


@pytest.mark.parametrize("crossing", [990, 1000])
def test_a_taker_stops_at_its_own_order(state: State, alice: Trader, bob: Trader, crossing: int) -> None:
    apply(state, alice.sell(980, 10))
    own = apply(state, bob.sell(crossing, 10))
    apply(state, alice.sell(1000, 10))
    result = apply(state, bob.buy(1000, 100))
    assert (result.filled, result.remaining, result.resting) == (10, 90, False)
    assert result.stop is Stop.SELF_TRADE
    assert own.order_id in state.orders
    assert state.book(MARKET).levels(Side.BID) == []


@pytest.mark.parametrize(("size", "stop"), [(7, Stop.SELF_TRADE), (10, Stop.SELF_TRADE), (15, None)])
def test_a_taker_that_is_decremented_to_nothing_ends_by_it(
    state: State, bob: Trader, size: int, stop: Stop | None
) -> None:
    own = apply(state, bob.sell(1000, 10))
    result = apply(state, bob.buy(1000, size, self_trade=SelfTrade.DECREMENT_BOTH))
    assert (result.stop, result.resting) == (stop, size > 10)
    lost = [reduction.size for reduction in result.reductions] + [order.remaining for order in result.removed]
    assert lost == [min(size, 10)]
    assert (own.order_id in state.orders) == (size < 10)


def test_a_taker_meets_only_so_many_makers(state: State, alice: Trader, bob: Trader) -> None:
    for _ in range(MAX_MAKERS + 1):
        apply(state, alice.sell(1000, 1))
    result = apply(state, bob.buy(1000, MAX_MAKERS + 9))
    assert (result.filled, result.remaining, result.resting) == (MAX_MAKERS, 9, False)
    assert result.stop is Stop.MAKER_LIMIT
    assert state.book(MARKET).levels(Side.ASK) == [(1000, 1, 1)]


def test_a_fee_that_takes_all_of_a_credit_leaves_no_balance(state: State, alice: Trader, bob: Trader) -> None:
    market = state.markets[MARKET]
    market.lot_size = 1
    apply(state, alice.buy(1000, 1))
    del state.accounts[ALICE].balances[BASE]
    assert apply(state, bob.sell(1000, 1)).code is Code.OK
    assert state.balance(ALICE, BASE) == (0, 0)
    assert state.balance(FEES, BASE) == (1, 0)
