"""Books keep price-time priority and levels that add up."""

from itertools import count

import pytest

from sequencer.core.book import Book, order_id, parse_order_id, price_key
from sequencer.core.constants import MAX_U64
from sequencer.core.types import Order, Side, TimeInForce
from tests.core.exchange import ALICE

_places = count(64, 64)


def resting(side: Side, price: int, size: int) -> Order:
    place = next(_places)
    key = order_id(1, side, price, place)
    return Order(key, 1, side, price, place, ALICE, size, 0, TimeInForce.GTC, 0)


def book_of(*orders: Order) -> Book:
    book = Book()
    for order in orders:
        book.sides[order.side].add(order)
    return book


@pytest.mark.parametrize("side", Side)
def test_keys_in_byte_order_are_in_price_time_priority(side: Side) -> None:
    better, worse = (5, 6) if side is Side.ASK else (6, 5)
    keys = [order_id(7, side, better, 64), order_id(7, side, better, 128), order_id(7, side, worse, 0)]
    assert keys == sorted(keys)
    assert parse_order_id(keys[1]) == (7, side, better, 128)


def test_price_keys_cover_the_ends() -> None:
    assert price_key(Side.BID, MAX_U64) == price_key(Side.ASK, 0) == 0
    assert price_key(Side.BID, 1) == MAX_U64 - 1


def test_levels_are_best_first_with_size_and_count() -> None:
    book = book_of(*(resting(side, price, 10) for side in Side for price in (5, 3, 4, 5)))
    assert book.levels(Side.BID) == [(5, 20, 2), (4, 10, 1), (3, 10, 1)]
    assert book.levels(Side.ASK, 2) == [(3, 10, 1), (4, 10, 1)]


@pytest.mark.parametrize(("side", "best"), [(Side.BID, 9), (Side.ASK, 4)])
def test_best_level_follows_additions_and_removals(side: Side, best: int) -> None:
    orders = [resting(side, price, 1) for price in (6, 9, 4, 7)]
    book = book_of(*orders)
    prices = []
    while level := book.sides[side].best:
        prices.append(level.price)
        book.sides[side].remove(level.first())
    assert prices[0] == best
    assert prices == [price for price, _, _ in book_of(*orders).levels(side)]


def test_the_oldest_order_of_a_level_trades_first_also_after_cancels() -> None:
    first, second, third = (resting(Side.BID, 5, size) for size in (1, 2, 3))
    book = book_of(first, second, third)
    level = book.sides[Side.BID].best
    assert level is not None
    assert level.first() is first
    book.sides[Side.BID].remove(first)
    assert level.first() is second
    book.sides[Side.BID].remove(third)
    assert book.levels(Side.BID) == [(5, 2, 1)]
