"""How long an order stays, by each time in force."""

import pytest

from sequencer.core.constants import MAX_MAKERS
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.transition import apply, open_block
from sequencer.core.types import SelfTrade, Side, TimeInForce
from tests.core.exchange import ALICE, BOB, FUNDS, NOW, QUOTE, TICK_SIZE, Trader, queue, trades

GTC, GTT, IOC, FOK, POST_ONLY, POST_ONLY_GTT = TimeInForce


def test_gtc_rests_beyond_its_deadline(state: State, alice: Trader, bob: Trader) -> None:
    """The deadline of a GTC order is only for its sequencing."""
    apply(state, alice.sell(1000, 10, time_in_force=GTC, deadline=NOW))
    open_block(state, NOW + 1_000_000)
    assert trades(apply(state, bob.buy(1000, 10))) == [(ALICE, 1000, 10)]


@pytest.mark.parametrize("time_in_force", [GTT, POST_ONLY_GTT])
def test_gtt_rests_until_its_deadline(
    state: State, alice: Trader, bob: Trader, time_in_force: TimeInForce
) -> None:
    apply(state, alice.sell(1000, 10, time_in_force=time_in_force, deadline=NOW + 60))
    open_block(state, NOW + 60)
    assert trades(apply(state, bob.buy(1000, 4))) == [(ALICE, 1000, 4)]
    open_block(state, NOW + 61)
    assert trades(apply(state, bob.buy(1000, 4))) == []
    assert queue(state, Side.ASK) == []
    assert queue(state, Side.BID) == [(BOB, 1000, 4)]


def test_gtt_takes_first_and_rests_then(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.sell(1000, 10))
    result = apply(state, bob.buy(1000, 15, time_in_force=GTT, deadline=NOW + 60))
    assert (result.filled, result.remaining, result.resting) == (10, 5, True)
    assert result.rested is not None
    assert result.rested.expiry == NOW + 60


def test_ioc_takes_what_there_is_and_never_rests(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.sell(1000, 10))
    apply(state, alice.sell(1002, 10))
    result = apply(state, bob.buy(1001, 15, time_in_force=IOC))
    assert trades(result) == [(ALICE, 1000, 10)]
    assert (result.filled, result.remaining, result.resting) == (10, 5, False)
    assert queue(state, Side.BID) == []
    assert state.balance(BOB, QUOTE) == (FUNDS - 1000 * 10 * TICK_SIZE, 0)


def test_ioc_that_meets_nothing_is_no_error(state: State, bob: Trader) -> None:
    result = apply(state, bob.buy(1000, 10, time_in_force=IOC))
    assert (result.code, result.filled, result.remaining) == (Code.OK, 0, 10)


def test_a_market_order_is_ioc_with_a_worst_price(state: State, alice: Trader, bob: Trader) -> None:
    """It pays the makers' prices, but must be able to pay its own."""
    for price in (1000, 1500, 2000):
        apply(state, alice.sell(price, 10))
    worst = FUNDS // (30 * TICK_SIZE)
    assert apply(state, bob.buy(worst + 1, 30, time_in_force=IOC)).code is Code.INSUFFICIENT_BALANCE
    result = apply(state, bob.buy(worst, 30, time_in_force=IOC))
    assert trades(result) == [(ALICE, 1000, 10), (ALICE, 1500, 10), (ALICE, 2000, 10)]


def test_fok_is_filled_at_once_by_as_many_orders_as_it_takes(
    state: State, alice: Trader, bob: Trader
) -> None:
    apply(state, alice.sell(1000, 10))
    apply(state, alice.sell(1001, 10))
    result = apply(state, bob.buy(1001, 15, time_in_force=FOK))
    assert (trades(result), result.remaining) == ([(ALICE, 1000, 10), (ALICE, 1001, 5)], 0)
    assert queue(state, Side.ASK) == [(ALICE, 1001, 5)]


@pytest.mark.parametrize(("price", "size"), [(1001, 21), (1000, 11), (999, 2)])
def test_fok_that_cannot_be_filled_does_nothing(
    state: State, alice: Trader, bob: Trader, price: int, size: int
) -> None:
    apply(state, alice.sell(1000, 10))
    apply(state, alice.sell(1001, 10))
    result = apply(state, bob.buy(price, size, time_in_force=FOK))
    assert (result.code, result.fills) == (Code.FOK_NOT_FILLABLE, ())
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10), (ALICE, 1001, 10)]
    assert state.balance(BOB, QUOTE) == (FUNDS, 0)


def test_fok_meets_at_most_256_orders(state: State, alice: Trader, bob: Trader) -> None:
    for _ in range(MAX_MAKERS + 1):
        apply(state, alice.sell(1000, 1))
    assert apply(state, bob.buy(1000, MAX_MAKERS + 1, time_in_force=FOK)).code is Code.FOK_NOT_FILLABLE
    assert apply(state, bob.buy(1000, MAX_MAKERS, time_in_force=FOK)).filled == MAX_MAKERS


def test_fok_goes_past_orders_whose_time_is_over(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.sell(1000, 10, time_in_force=GTT, deadline=NOW))
    apply(state, alice.sell(1001, 10))
    open_block(state, NOW + 1)
    assert apply(state, bob.buy(1001, 11, time_in_force=FOK)).code is Code.FOK_NOT_FILLABLE
    result = apply(state, bob.buy(1001, 10, time_in_force=FOK))
    assert trades(result) == [(ALICE, 1001, 10)]
    assert [(order.price, order.remaining) for order in result.removed] == [(1000, 10), (1001, 0)]


@pytest.mark.parametrize("mode", SelfTrade)
def test_fok_gets_past_an_own_order_only_if_it_cancels_makers(
    state: State, alice: Trader, bob: Trader, mode: SelfTrade
) -> None:
    apply(state, bob.sell(1000, 10))
    apply(state, alice.sell(1001, 10))
    result = apply(state, bob.buy(1001, 10, time_in_force=FOK, self_trade=mode))
    if mode is SelfTrade.CANCEL_MAKER:
        assert trades(result) == [(ALICE, 1001, 10)]
        assert queue(state, Side.ASK) == []
    else:
        assert result.code is Code.FOK_NOT_FILLABLE
        assert queue(state, Side.ASK) == [(BOB, 1000, 10), (ALICE, 1001, 10)]


def test_fok_is_filled_before_it_gets_to_an_own_order(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.sell(1000, 10))
    apply(state, bob.sell(1001, 10))
    assert trades(apply(state, bob.buy(1001, 10, time_in_force=FOK))) == [(ALICE, 1000, 10)]


@pytest.mark.parametrize("time_in_force", [POST_ONLY, POST_ONLY_GTT])
def test_post_only_rests_or_is_refused_and_never_takes(
    state: State, alice: Trader, bob: Trader, time_in_force: TimeInForce
) -> None:
    apply(state, alice.sell(1000, 10))
    assert apply(state, bob.buy(1000, 10, time_in_force=time_in_force)).code is Code.POST_ONLY_WOULD_CROSS
    result = apply(state, bob.buy(999, 10, time_in_force=time_in_force))
    assert (result.code, result.resting) == (Code.OK, True)
    assert queue(state, Side.BID) == [(BOB, 999, 10)]


def test_post_only_is_refused_by_an_order_whose_time_is_over_too(
    state: State, alice: Trader, bob: Trader
) -> None:
    """Until somebody takes it away."""
    apply(state, alice.sell(1000, 10, time_in_force=GTT, deadline=NOW))
    open_block(state, NOW + 1)
    assert apply(state, bob.buy(1000, 10, time_in_force=POST_ONLY)).code is Code.POST_ONLY_WOULD_CROSS


def test_post_only_does_not_cross_an_own_order_either(state: State, alice: Trader) -> None:
    apply(state, alice.sell(1000, 10))
    assert apply(state, alice.buy(1000, 10, time_in_force=POST_ONLY)).code is Code.POST_ONLY_WOULD_CROSS


@pytest.mark.parametrize(
    ("time_in_force", "expires"),
    [(GTC, False), (GTT, True), (POST_ONLY, False), (POST_ONLY_GTT, True)],
)
def test_only_the_two_gtt_have_an_end(
    state: State, alice: Trader, time_in_force: TimeInForce, expires: bool
) -> None:
    rested = apply(state, alice.sell(1000, 10, time_in_force=time_in_force, deadline=NOW + 9)).rested
    assert rested is not None
    assert (rested.time_in_force, rested.expiry) == (time_in_force, NOW + 9 if expires else 0)
