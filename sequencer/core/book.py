"""The order book of a market: price levels of resting orders, first come first (docs/protocol.md, section 2).

A level is an `OrderedDict` by order id: its first element, an append and a cancel are each O(1). (The first
element of a plain dict is not: it walks over what was deleted before it.)
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from struct import Struct
from typing import Final

from sortedcontainers import SortedList

from sequencer.core.constants import MAX_U64
from sequencer.core.types import Order, OrderId, Side

PLACES_PER_SEQ: Final = 64
"""Places that belong to one sequence number, one for each item of a signed batch."""

_ORDER_ID: Final = Struct(">QQQ")
_SIDES: Final = (Side.BID, Side.ASK)


def price_key(side: int, price: int) -> int:
    """The price as it stands in an order id: the better, the smaller."""
    return price if side else MAX_U64 - price


def order_id(market: int, side: int, price: int, place: int) -> OrderId:
    """Key in *books* of an order; keys of one side in byte order are in price-time priority."""
    return _ORDER_ID.pack(market * 2 + side, price_key(side, price), place)


def parse_order_id(key: OrderId) -> tuple[int, Side, int, int]:
    """Market, side, price and place in an order id."""
    book, priority, place = _ORDER_ID.unpack(key)
    side = _SIDES[book & 1]
    return book >> 1, side, price_key(side, priority), place


class Level:
    """The resting orders at one price, in the order of their places. `size`: lots of them all."""

    __slots__ = ("orders", "price", "size")

    def __init__(self, price: int) -> None:
        self.price = price
        self.size = 0
        self.orders: OrderedDict[OrderId, Order] = OrderedDict()

    def first(self) -> Order:
        """The order that trades next."""
        return next(iter(self.orders.values()))


class BookSide:
    """One side of a book. `best` is its best level, None if it is empty."""

    __slots__ = ("_levels", "_priorities", "_sign", "best")

    def __init__(self, side: Side) -> None:
        self._sign = 1 if side is Side.ASK else -1
        self._levels: dict[int, Level] = {}
        self._priorities: SortedList[int] = SortedList()
        self.best: Level | None = None

    def add(self, order: Order) -> None:
        """Enter an order; its place is later than those of the orders at its price."""
        price = order.price
        level = self._levels.get(price)
        if level is None:
            level = self._levels[price] = Level(price)
            self._priorities.add(price * self._sign)
            if self.best is None or price * self._sign < self.best.price * self._sign:
                self.best = level
        level.orders[order.id] = order
        level.size += order.remaining

    def reduce(self, order: Order, size: int) -> None:
        """Note that a resting order lost `size` lots."""
        self._levels[order.price].size -= size

    def remove(self, order: Order) -> None:
        """Take out a resting order."""
        level = self._levels[order.price]
        del level.orders[order.id]
        level.size -= order.remaining
        if not level.orders:
            self._remove_level(level)

    def _remove_level(self, level: Level) -> None:
        del self._levels[level.price]
        self._priorities.remove(level.price * self._sign)
        if level is self.best:
            self.best = self._levels[self._priorities[0] * self._sign] if self._priorities else None

    def level(self, price: int) -> tuple[int, int]:
        """Size and number of orders at a price; zeros where there is none."""
        level = self._levels.get(price)
        return (level.size, len(level.orders)) if level else (0, 0)

    def orders(self) -> Iterator[Order]:
        """All resting orders in price-time priority. The side must not change while they are read."""
        for priority in self._priorities:
            yield from self._levels[priority * self._sign].orders.values()

    def levels(self, depth: int | None = None) -> list[tuple[int, int, int]]:
        """Up to `depth` levels as (price, size, number of orders), best first."""
        levels = (self._levels[priority * self._sign] for priority in islice(self._priorities, depth))
        return [(level.price, level.size, len(level.orders)) for level in levels]


class Book:
    """Both sides of a market."""

    __slots__ = ("sides",)

    def __init__(self) -> None:
        self.sides = (BookSide(Side.BID), BookSide(Side.ASK))

    def levels(self, side: Side, depth: int | None = None) -> list[tuple[int, int, int]]:
        """Up to `depth` levels of a side as (price, size, number of orders), best first."""
        return self.sides[side].levels(depth)


def crosses(side: int, price: int, opposite: int) -> bool:
    """Whether a taker on `side` at `price` trades with a resting order at the price `opposite`."""
    return opposite >= price if side else opposite <= price
