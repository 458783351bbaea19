"""Candles: what a market traded at, by stretches of time.

Prices are in ticks, volumes in lots; `turnover` is the sum of price × size, which the market's `tick_size` makes quote
units. Stretches begin at multiples of their length since 1970 and are named by their first second.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
KEPT: Final = (MINUTE, HOUR, DAY)
"""Lengths in seconds of the candles that are stored; others are put together from these."""

RESOLUTIONS: Final = {
    "1m": MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "1h": HOUR,
    "4h": 4 * HOUR,
    "1d": DAY,
}
"""Lengths in seconds of the candles that are shown."""


class Candle(Struct):
    """Trades of one stretch."""

    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    turnover: int = 0
    trades: int = 0

    def add(self, price: int, lots: int) -> None:
        """One more trade, after those before."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.lots += lots
        self.turnover += price * lots
        self.trades += 1

    def extend(self, later: "Candle") -> None:
        """Also the trades of a stretch that follows, or of the rest of this one."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.lots += later.lots
        self.turnover += later.turnover
        self.trades += later.trades


Key = tuple[int, int, int]
"""Market, length and first second."""
K = TypeVar("K")


def start_of(time: int, length: int) -> int:
    """First second of the stretch that has `time` in it."""
    return time - time % length


def kept(minutes: Mapping[tuple[int, int], Candle]) -> dict[Key, Candle]:
    """Candles of every kept length from those of minutes, which are in order, by market and first second."""
    found: dict[Key, Candle] = {}
    for (market, minute), candle in minutes.items():
        for length in KEPT:
            merge(found, (market, length, start_of(minute, length)), candle)
    return found


def merge(into: dict[K, Candle], key: K, later: Candle) -> None:
    """Add trades to the candle of `key`."""
    candle = into.get(key)
    if candle is None:
        into[key] = replace(later)
    else:
        candle.extend(later)
