"""Batches: many actions under one signature, in order, each with a result of its own."""

import pytest

from sequencer.core.book import parse_order_id
from sequencer.core.constants import FIRST_AGENT_LANE, MAX_BATCH_ITEMS, MAX_MAKERS
from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
from sequencer.core.transition import apply
from sequencer.core.types import Result, SelfTrade, Side, Stop, TimeInForce
from tests.core.exchange import ALICE, BASE, BOB, FUNDS, LOT_SIZE, MARKET, STRANGER, Trader, queue, trades


def codes(result: Result) -> list[Code]:
    return [item.code for item in result.items]


def test_quotes_are_moved_in_one_step(state: State, alice: Trader) -> None:
    """What a market maker does all day: away with the old quotes, in with the new ones."""
    apply(state, alice.batch(alice.buy(990, 10), alice.sell(1010, 10)))
    result = apply(state, alice.batch(alice.cancel_all(MARKET), alice.buy(991, 10), alice.sell(1011, 10)))
    assert (result.code, codes(result)) == (Code.OK, [Code.OK] * 3)
    assert len(result.items[0].removed) == 2
    assert queue(state, Side.BID) == [(ALICE, 991, 10)]
    assert queue(state, Side.ASK) == [(ALICE, 1011, 10)]


def test_one_that_fails_stops_no_other(state: State, alice: Trader) -> None:
    batch = alice.batch(alice.buy(0, 1), alice.buy(1000, 1), alice.cancel(bytes(24)), alice.buy(999, 2))
    result = apply(state, batch)
    assert result.code is Code.OK
    assert codes(result) == [Code.ZERO_PRICE, Code.OK, Code.UNKNOWN_ORDER, Code.OK]
    assert queue(state, Side.BID) == [(ALICE, 1000, 1), (ALICE, 999, 2)]


def test_a_batch_of_failures_is_accepted_and_uses_its_nonce(state: State, alice: Trader) -> None:
    batch = alice.batch(alice.buy(0, 1), alice.buy(1000, 0))
    assert codes(apply(state, batch)) == [Code.ZERO_PRICE, Code.ZERO_SIZE]
    with pytest.raises(Rejection) as rejected:
        apply(state, batch)
    assert rejected.value.code is Code.NONCE_USED


def test_items_see_what_those_before_them_did(state: State, alice: Trader) -> None:
    """Funds that a cancel frees pay for the next order, and a client order id names one of the same batch."""
    lots = FUNDS // LOT_SIZE
    old = apply(state, alice.sell(1000, lots)).order_id
    result = apply(
        state,
        alice.batch(
            alice.sell(1001, 1),
            alice.cancel(old),
            alice.sell(1001, lots, client_order_id=5),
            alice.sell(1002, 1),
            alice.cancel_client(5),
            alice.sell(1003, lots),
        ),
    )
    poor = Code.INSUFFICIENT_BALANCE
    assert codes(result) == [poor, Code.OK, Code.OK, poor, Code.OK, Code.OK]
    assert queue(state, Side.ASK) == [(ALICE, 1003, lots)]
    assert state.balance(ALICE, BASE)[1] == FUNDS


def test_an_order_has_its_items_place(state: State, alice: Trader) -> None:
    """Of equal price, the earlier item comes first; one number of the sequence serves all."""
    actions = [alice.sell(1000, size) for size in range(1, MAX_BATCH_ITEMS + 1)]
    result = apply(state, alice.batch(*actions))
    assert [size for _, _, size in queue(state, Side.ASK)] == list(range(1, MAX_BATCH_ITEMS + 1))
    places = [parse_order_id(item.order_id or b"")[3] for item in result.items]
    assert places == [result.seq * 64 + item for item in range(MAX_BATCH_ITEMS)]
    assert {item.seq for item in result.items} == {result.seq}
    assert apply(state, alice.sell(1000, 1)).seq == result.seq + 1


def test_an_account_may_trade_with_itself_only_by_its_mode(state: State, alice: Trader) -> None:
    batch = alice.batch(alice.sell(1000, 10), alice.buy(1000, 4, self_trade=SelfTrade.DECREMENT_BOTH))
    result = apply(state, batch)
    assert result.items[1].stop is Stop.SELF_TRADE
    assert queue(state, Side.ASK) == [(ALICE, 1000, 6)]


def test_all_items_together_meet_at_most_256_orders(state: State, alice: Trader, bob: Trader) -> None:
    for _ in range(MAX_MAKERS + 1):
        apply(state, alice.sell(1000, 1))
    first, second, third = apply(
        state, bob.batch(bob.buy(1000, 200), bob.buy(1000, 100), bob.buy(1000, 1))
    ).items
    assert (first.filled, first.stop) == (200, None)
    assert (second.filled, second.remaining, second.stop) == (56, 44, Stop.MAKER_LIMIT)
    assert (third.filled, third.remaining, third.stop) == (0, 1, Stop.MAKER_LIMIT)
    assert queue(state, Side.ASK) == [(ALICE, 1000, 1)]


def test_what_a_fill_or_kill_looked_at_in_vain_counts_as_met(
    state: State, alice: Trader, bob: Trader
) -> None:
    """It looks at 200 and is refused; the next one can meet 56 more."""
    for _ in range(200):
        apply(state, alice.sell(1000, 1))
    refused, bought = apply(
        state, bob.batch(bob.buy(1000, 201, time_in_force=TimeInForce.FOK), bob.buy(1000, 100))
    ).items
    assert refused.code is Code.FOK_NOT_FILLABLE
    assert (bought.filled, bought.remaining) == (56, 44)


def test_what_a_fill_or_kill_filled_counts_once(state: State, alice: Trader, bob: Trader) -> None:
    for _ in range(MAX_MAKERS):
        apply(state, alice.sell(1000, 1))
    fok = bob.buy(1000, 200, time_in_force=TimeInForce.FOK)
    assert [item.filled for item in apply(state, bob.batch(fok, bob.buy(1000, 100))).items] == [200, 56]


def test_an_agents_batch_stays_in_its_markets(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, bob.buy(1000, 5))
    apply(state, alice.approve(STRANGER, MARKET))
    agent = Trader(STRANGER, ALICE, FIRST_AGENT_LANE)
    result = apply(state, agent.batch(agent.sell(1000, 5), agent.sell(1000, 5, market=2), agent.cancel_all()))
    assert codes(result) == [Code.OK, Code.MARKET_NOT_ALLOWED, Code.MARKET_NOT_ALLOWED]
    assert trades(result.items[0]) == [(BOB, 1000, 5)]


def test_a_replacement_in_a_batch_keeps_its_place(state: State, alice: Trader, bob: Trader) -> None:
    first = apply(state, alice.sell(1000, 10)).order_id
    apply(state, bob.sell(1000, 10))
    kept, moved = apply(
        state,
        alice.batch(
            alice.replace(first, 1000, 9, expected_size=10), alice.replace(first, 1000, 10, expected_size=9)
        ),
    ).items
    assert kept.order_id == first != moved.order_id
    assert queue(state, Side.ASK) == [(BOB, 1000, 10), (ALICE, 1000, 10)]
