"""Orders whose time is over: who takes them out, and when."""

import pytest

from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_expiry, open_block
from sequencer.core.types import ExpireOrder, OrderId, Side, TimeInForce
from tests.core.exchange import ALICE, BASE, BOB, FUNDS, LOT_SIZE, NOW, Trader, queue, trades

END = NOW + 60


@pytest.fixture
def gtt(state: State, alice: Trader) -> OrderId:
    """Alice sells 10 at 1000 until the minute is over."""
    tx = alice.sell(1000, 10, time_in_force=TimeInForce.GTT, deadline=END, client_order_id=7)
    order_id = apply(state, tx).order_id
    assert order_id is not None
    return order_id


def not_expired(state: State, order_id: OrderId) -> bool:
    """Whether nobody may take the order out yet; trying changes nothing."""
    meta = state.meta.next_seq
    with pytest.raises(Rejection) as rejected:
        apply_expiry(state, ExpireOrder(order_id))
    assert state.meta.next_seq == meta
    return rejected.value.code is Code.NOT_EXPIRED


def test_anybody_may_take_it_out_when_its_time_is_over(state: State, gtt: OrderId) -> None:
    open_block(state, END + 1)
    seq = state.meta.next_seq
    result = apply_expiry(state, ExpireOrder(gtt))
    assert (result.seq, result.code, result.order_id, result.remaining) == (seq, Code.OK, gtt, 10)
    assert state.meta.next_seq == seq + 1
    assert queue(state, Side.ASK) == []
    assert state.balance(ALICE, BASE) == (FUNDS, 0)
    assert state.clients == {}


def test_at_its_last_second_it_still_trades(state: State, bob: Trader, gtt: OrderId) -> None:
    open_block(state, END)
    assert not_expired(state, gtt)
    assert trades(apply(state, bob.buy(1000, 4))) == [(ALICE, 1000, 4)]


def test_it_is_taken_out_once(state: State, gtt: OrderId) -> None:
    open_block(state, END + 1)
    apply_expiry(state, ExpireOrder(gtt))
    assert not_expired(state, gtt)
    assert not_expired(state, bytes(24))


def test_an_order_without_an_end_never_expires(state: State, alice: Trader) -> None:
    gtc = apply(state, alice.sell(1000, 10, deadline=NOW)).order_id
    assert gtc is not None
    open_block(state, 2**64 - 1)
    assert not_expired(state, gtc)


def test_a_taker_takes_out_what_it_meets(state: State, alice: Trader, bob: Trader, gtt: OrderId) -> None:
    """Without a trade; better orders behind it are met, and one that does not cross is left alone."""
    apply(state, alice.sell(1001, 10))
    later = apply(state, alice.sell(1002, 10, time_in_force=TimeInForce.GTT, deadline=END)).order_id
    open_block(state, END + 1)
    result = apply(state, bob.buy(1001, 5))
    assert trades(result) == [(ALICE, 1001, 5)]
    assert [(order.id, order.remaining) for order in result.removed] == [(gtt, 10)]
    assert queue(state, Side.ASK) == [(ALICE, 1001, 5), (ALICE, 1002, 10)]
    assert later in state.orders
    assert state.balance(ALICE, BASE)[1] == (5 + 10) * LOT_SIZE


def test_its_owner_may_still_cancel_or_renew_it(state: State, alice: Trader, gtt: OrderId) -> None:
    """Renewed in its place, it is as good as before."""
    open_block(state, END + 1)
    renewed = alice.replace(gtt, 1000, 10, 10, time_in_force=TimeInForce.GTT, deadline=END + 60)
    assert apply(state, renewed).order_id == gtt
    assert not_expired(state, gtt)
    assert apply(state, alice.cancel(gtt)).code is Code.OK


def test_a_renewed_order_has_a_new_end(state: State, alice: Trader, bob: Trader, gtt: OrderId) -> None:
    apply(state, alice.replace(gtt, 1000, 10, 10, time_in_force=TimeInForce.GTC))
    open_block(state, END + 1)
    assert not_expired(state, gtt)
    assert trades(apply(state, bob.buy(1000, 10))) == [(ALICE, 1000, 10)]
    assert queue(state, Side.BID) == []
    assert state.balance(BOB, BASE)[1] == 0
