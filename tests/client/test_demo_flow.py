"""The stream of orders of `make demo`."""

from collections import Counter

from scripts.demo_flow import MARKETS, Cancel, Place, flow, queue_at_one_price
from sequencer.client.decimals import to_steps


def test_a_seed_always_gives_the_same_stream() -> None:
    assert list(flow(7, 5, 200)) == list(flow(7, 5, 200))
    assert list(flow(7, 5, 200)) != list(flow(8, 5, 200))


def test_stream_has_everything_that_trading_has() -> None:
    actions = list(flow(7, 5, 300))
    orders = [action for action in actions if isinstance(action, Place)]
    kinds = Counter(order.time_in_force for order in orders)
    assert len(orders) == 300
    assert kinds.keys() == {"GTC", "IOC", "POST_ONLY"}
    assert {order.market for order in orders} == {market.symbol for market in MARKETS}
    assert {order.trader for order in orders} == set(range(5))
    assert sum(isinstance(action, Cancel) for action in actions) > 30


def test_prices_and_sizes_are_whole_ticks_and_lots() -> None:
    shapes = {market.symbol: market for market in MARKETS}
    for action in flow(7, 5, 300):
        if isinstance(action, Place):
            assert to_steps(action.price, shapes[action.market].tick) > 0
            assert to_steps(action.size, shapes[action.market].lot) > 0


def test_cancels_name_an_earlier_order_of_the_same_trader_once() -> None:
    placed: set[tuple[int, int]] = set()
    for action in flow(7, 5, 300):
        key = (action.trader, action.client_order_id)
        if isinstance(action, Place):
            placed.add(key)
        else:
            placed.remove(key)


def test_queue_is_filled_in_part_only() -> None:
    bids, sale = queue_at_one_price(4)
    assert len({bid.price for bid in bids}) == 1
    assert bids[0].size < sale.size < 2 * bids[0].size
    assert sale.trader not in {bid.trader for bid in bids}
