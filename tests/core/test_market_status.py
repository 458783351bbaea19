"""Markets that change: what a status allows, and from when terms hold."""

from typing import Any

import pytest
from msgspec.structs import replace

from sequencer.core.codec import encode_inbox_set_market
from sequencer.core.constants import MAX_FEE, MAX_U32, MAX_U128
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_inbox
from sequencer.core.types import MarketStatus, SetMarket, Side, TimeInForce
from tests.core.exchange import (
    ALICE,
    BASE,
    BOB,
    FEES,
    LOT_SIZE,
    MARKET,
    NOW,
    QUOTE,
    STRANGER,
    TICK_SIZE,
    Trader,
    queue,
    set_market,
)

SET = SetMarket(NOW, MARKET, MarketStatus.ACTIVE, 1, 0, 0, 0, FEES)
CLOSED = (MarketStatus.CANCEL_ONLY, MarketStatus.HALTED)


@pytest.mark.parametrize("status", CLOSED)
def test_a_closed_market_takes_no_orders_and_gives_up_those_it_has(
    state: State, alice: Trader, bob: Trader, status: MarketStatus
) -> None:
    first, second, third = (
        apply(state, alice.sell(1000, 10, client_order_id=number)).order_id for number in (1, 2, 3)
    )
    set_market(state, status)
    for time_in_force in TimeInForce:
        tx = bob.buy(1000, 10, time_in_force=time_in_force)
        assert apply(state, tx).code is Code.MARKET_NOT_ACTIVE
    assert apply(state, alice.replace(first, 1001, 10, expected_size=10)).code is Code.MARKET_NOT_ACTIVE
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10)] * 3
    assert apply(state, alice.replace(first, 1000, 5, expected_size=10)).code is Code.OK
    assert apply(state, alice.cancel(second)).code is Code.OK
    assert apply(state, alice.cancel_client(3)).code is Code.OK
    assert apply(state, alice.cancel_all(MARKET)).code is Code.OK
    assert third not in state.orders
    assert queue(state, Side.ASK) == []


@pytest.mark.parametrize("status", CLOSED)
def test_a_market_opens_again_with_the_orders_it_had(
    state: State, alice: Trader, bob: Trader, status: MarketStatus
) -> None:
    apply(state, alice.sell(1000, 10))
    set_market(state, status)
    set_market(state, MarketStatus.ACTIVE)
    assert apply(state, bob.buy(1000, 10)).filled == 10


def test_money_goes_out_of_a_halted_market(state: State, alice: Trader) -> None:
    apply(state, alice.sell(1000, 10))
    set_market(state, MarketStatus.HALTED)
    apply(state, alice.cancel_all())
    assert apply(state, alice.withdraw(BASE, state.balance(ALICE, BASE)[0])).code is Code.OK


def test_new_fees_hold_for_the_next_trade_also_of_orders_that_rest(
    state: State, alice: Trader, bob: Trader
) -> None:
    apply(state, alice.sell(1000, 20))
    set_market(state, MarketStatus.ACTIVE, maker_fee=0, taker_fee=10_000, fee_account=STRANGER)
    (fill,) = apply(state, bob.buy(1000, 10)).fills
    assert (fill.maker_fee, fill.taker_fee) == (0, 10 * LOT_SIZE // 100)
    assert state.balance(STRANGER, BASE) == (10 * LOT_SIZE // 100, 0)
    assert state.balance(FEES, BASE) == (0, 0)


def test_a_new_minimum_and_band_hold_for_the_next_order(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.sell(1000, 1))
    apply(state, bob.buy(1000, 1))
    set_market(state, MarketStatus.ACTIVE, min_notional=1000 * 5 * TICK_SIZE, price_band=100_000)
    assert apply(state, alice.sell(1000, 4)).code is Code.BELOW_MINIMUM
    assert apply(state, alice.sell(1101, 5)).code is Code.PRICE_BAND
    assert apply(state, alice.sell(1100, 5)).code is Code.OK


def test_what_was_listed_stays(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.sell(1000, 1))
    apply(state, bob.buy(1000, 1))
    before = replace(state.markets[MARKET])
    set_market(state, MarketStatus.CANCEL_ONLY, maker_fee=7)
    assert state.markets[MARKET] == replace(before, status=MarketStatus.CANCEL_ONLY, maker_fee=7)
    assert state.markets[MARKET].last_price == 1000


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, Code.OK),
        (
            {"min_notional": MAX_U128, "maker_fee": MAX_FEE, "taker_fee": MAX_FEE, "price_band": MAX_U32},
            Code.OK,
        ),
        ({"market": 0}, Code.INVALID_LISTING),
        ({"market": 2}, Code.INVALID_LISTING),
        ({"status": 0}, Code.INVALID_LISTING),
        ({"status": 4}, Code.INVALID_LISTING),
        ({"status": 255}, Code.INVALID_LISTING),
        ({"maker_fee": MAX_FEE + 1}, Code.INVALID_LISTING),
        ({"taker_fee": MAX_FEE + 1}, Code.INVALID_LISTING),
        ({"fee_account": bytes(20)}, Code.INVALID_LISTING),
    ],
)
def test_terms_that_make_no_sense_change_nothing(state: State, changes: dict[str, Any], code: Code) -> None:
    before = replace(state.markets[MARKET])
    assert apply_inbox(state, encode_inbox_set_market(replace(SET, **changes))).code is code
    assert (state.markets[MARKET] == before) == (code is not Code.OK)
    assert len(state.markets) == 1
    assert state.balance(BOB, QUOTE)[1] == 0
