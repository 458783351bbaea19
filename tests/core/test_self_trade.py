"""What happens when a taker meets an order of its own account, by each mode.

The book, unless a test says otherwise: Bob sells 10 at 1000, Alice 10 at 1001, Bob 10 at 1002. Alice buys up to 1002.
"""

import pytest

from sequencer.core.constants import FIRST_AGENT_LANE, MAX_MAKERS
from sequencer.core.state import State
from sequencer.core.transition import apply, open_block
from sequencer.core.types import Result, SelfTrade, Side, Stop, TimeInForce
from tests.core.exchange import ALICE, BASE, BOB, LOT_SIZE, QUOTE, STRANGER, TICK_SIZE, Trader, queue, trades


def book(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, bob.sell(1000, 10))
    apply(state, alice.sell(1001, 10))
    apply(state, bob.sell(1002, 10))


def locked(state: State) -> tuple[int, int]:
    """What Alice's orders lock: lots of base, ticks × lots of quote."""
    return state.balance(ALICE, BASE)[1] // LOT_SIZE, state.balance(ALICE, QUOTE)[1] // TICK_SIZE


def end(result: Result) -> tuple[int, int, bool, Stop | None]:
    return result.filled, result.remaining, result.resting, result.stop


def test_cancel_taker_stops_at_its_own_order(state: State, alice: Trader, bob: Trader) -> None:
    book(state, alice, bob)
    result = apply(state, alice.buy(1002, 25, self_trade=SelfTrade.CANCEL_TAKER))
    assert trades(result) == [(BOB, 1000, 10)]
    assert end(result) == (10, 15, False, Stop.SELF_TRADE)
    assert queue(state, Side.ASK) == [(ALICE, 1001, 10), (BOB, 1002, 10)]
    assert queue(state, Side.BID) == []
    assert locked(state) == (10, 0)


def test_cancel_maker_takes_its_own_order_away_and_goes_on(state: State, alice: Trader, bob: Trader) -> None:
    book(state, alice, bob)
    result = apply(state, alice.buy(1002, 25, self_trade=SelfTrade.CANCEL_MAKER))
    assert trades(result) == [(BOB, 1000, 10), (BOB, 1002, 10)]
    assert end(result) == (20, 5, True, None)
    assert queue(state, Side.ASK) == []
    assert queue(state, Side.BID) == [(ALICE, 1002, 5)]
    assert locked(state) == (0, 1002 * 5)
    assert [(order.owner, order.remaining) for order in result.removed] == [(BOB, 0), (ALICE, 10), (BOB, 0)]


def test_cancel_both_takes_its_own_order_away_and_stops(state: State, alice: Trader, bob: Trader) -> None:
    book(state, alice, bob)
    result = apply(state, alice.buy(1002, 25, self_trade=SelfTrade.CANCEL_BOTH))
    assert trades(result) == [(BOB, 1000, 10)]
    assert end(result) == (10, 15, False, Stop.SELF_TRADE)
    assert queue(state, Side.ASK) == [(BOB, 1002, 10)]
    assert queue(state, Side.BID) == []
    assert locked(state) == (0, 0)


def test_decrement_both_takes_the_smaller_size_from_both(state: State, alice: Trader, bob: Trader) -> None:
    """25 are 10 of Bob's, 10 against its own 10 without a trade, and 5 of Bob's."""
    book(state, alice, bob)
    result = apply(state, alice.buy(1002, 25, self_trade=SelfTrade.DECREMENT_BOTH))
    assert trades(result) == [(BOB, 1000, 10), (BOB, 1002, 5)]
    assert end(result) == (15, 10, False, None)
    assert queue(state, Side.ASK) == [(BOB, 1002, 5)]
    assert queue(state, Side.BID) == []
    assert locked(state) == (0, 0)


def test_decrement_both_leaves_the_rest_of_a_larger_order_in_its_place(
    state: State, alice: Trader, bob: Trader
) -> None:
    """14 are 10 of Bob's and 4 of its own 10: 6 stay, still before Bob's later order at the same price."""
    apply(state, bob.sell(1000, 10))
    apply(state, alice.sell(1001, 10))
    apply(state, bob.sell(1001, 10))
    result = apply(state, alice.buy(1002, 14, self_trade=SelfTrade.DECREMENT_BOTH))
    assert trades(result) == [(BOB, 1000, 10)]
    assert end(result) == (10, 4, False, Stop.SELF_TRADE)
    assert [(reduction.order.owner, reduction.size) for reduction in result.reductions] == [(ALICE, 4)]
    assert queue(state, Side.ASK) == [(ALICE, 1001, 6), (BOB, 1001, 10)]
    assert locked(state) == (6, 0)


def test_decrement_both_of_equal_sizes_ends_both(state: State, alice: Trader, bob: Trader) -> None:
    book(state, alice, bob)
    result = apply(state, alice.buy(1001, 20, self_trade=SelfTrade.DECREMENT_BOTH))
    assert end(result) == (10, 10, False, Stop.SELF_TRADE)
    assert queue(state, Side.ASK) == [(BOB, 1002, 10)]
    assert locked(state) == (0, 0)


def test_nothing_moves_between_an_account_and_itself(state: State, alice: Trader) -> None:
    """No fee, no trade, no last price."""
    before = state.balance(ALICE, BASE)[0], state.balance(ALICE, QUOTE)[0]
    for mode in SelfTrade:
        apply(state, alice.cancel_all())
        apply(state, alice.sell(1000, 10))
        assert trades(apply(state, alice.buy(1000, 10, self_trade=mode))) == []
    assert (state.balance(ALICE, BASE)[0], state.balance(ALICE, QUOTE)[0]) == before
    assert state.markets[1].last_price == 0


def test_an_asks_own_bid_is_met_like_a_bids_own_ask(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.buy(1001, 10))
    apply(state, bob.buy(1000, 10))
    result = apply(state, alice.sell(1000, 15, self_trade=SelfTrade.DECREMENT_BOTH))
    assert trades(result) == [(BOB, 1000, 5)]
    assert queue(state, Side.BID) == [(BOB, 1000, 5)]
    assert locked(state) == (0, 0)


def test_what_is_left_of_an_immediate_order_does_not_rest(state: State, alice: Trader, bob: Trader) -> None:
    book(state, alice, bob)
    ioc = alice.buy(1001, 25, self_trade=SelfTrade.CANCEL_MAKER, time_in_force=TimeInForce.IOC)
    assert end(apply(state, ioc)) == (10, 15, False, None)
    assert locked(state) == (0, 0)


def test_an_own_order_whose_time_is_over_is_taken_away_by_every_mode(
    state: State, alice: Trader, bob: Trader
) -> None:
    for mode in SelfTrade:
        now = state.meta.timestamp
        gtt = alice.sell(1000, 10, time_in_force=TimeInForce.GTT, deadline=now)
        apply(state, gtt)
        apply(state, bob.sell(1000, 10))
        open_block(state, now + 1)
        result = apply(state, alice.buy(1000, 10, self_trade=mode))
        assert (trades(result), result.stop) == ([(BOB, 1000, 10)], None)
        assert queue(state, Side.ASK) == []


def test_an_agents_orders_are_those_of_its_account(state: State, alice: Trader) -> None:
    apply(state, alice.approve(STRANGER, 0))
    apply(state, Trader(STRANGER, ALICE, FIRST_AGENT_LANE).sell(1000, 10))
    assert end(apply(state, alice.buy(1000, 10))) == (0, 10, False, Stop.SELF_TRADE)


@pytest.mark.parametrize("mode", [SelfTrade.CANCEL_MAKER, SelfTrade.DECREMENT_BOTH])
def test_own_orders_count_among_those_that_may_be_met(
    state: State, alice: Trader, bob: Trader, mode: SelfTrade
) -> None:
    for _ in range(MAX_MAKERS):
        apply(state, alice.sell(1000, 1))
    apply(state, bob.sell(1000, 1))
    result = apply(state, alice.buy(1000, MAX_MAKERS + 1, self_trade=mode))
    assert (result.filled, result.resting, result.stop) == (0, False, Stop.MAKER_LIMIT)
    assert queue(state, Side.ASK) == [(BOB, 1000, 1)]
