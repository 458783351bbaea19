"""Trades of a market by stretches of time, in memory: its last day, and the candles that still grow."""

from collections.abc import Mapping

from sequencer.adapters.candles import DAY, HOUR, MINUTE, Candle, merge, start_of


class Bars:
    """Candles of minutes and of hours of the last day and a little more."""

    __slots__ = ("_hours", "_pruned", "minutes")

    def __init__(self, minutes: Mapping[int, Candle]) -> None:
        """`minutes`: what was traded so far, by first second, in order."""
        self.minutes: dict[int, Candle] = dict(minutes)
        self._hours: dict[int, Candle] = {}
        self._pruned = 0
        for start, candle in minutes.items():
            merge(self._hours, start_of(start, HOUR), candle)

    def add(self, time: int, price: int, lots: int) -> None:
        """One more trade; times do not go back."""
        trade = Candle(price, price, price, price, lots, price * lots, 1)
        merge(self.minutes, start_of(time, MINUTE), trade)
        merge(self._hours, start_of(time, HOUR), trade)
        if start_of(time, HOUR) > self._pruned:
            self._prune(start_of(time, HOUR))

    def _prune(self, hour: int) -> None:
        oldest = hour - DAY - HOUR
        self.minutes = {start: candle for start, candle in self.minutes.items() if start >= oldest}
        self._hours = {start: candle for start, candle in self._hours.items() if start >= oldest}
        self._pruned = hour

    def day(self, now: int) -> Candle | None:
        """The last 24 hours to the minute, as one candle; None if there were no trades."""
        since = start_of(now - DAY, MINUTE) + MINUTE
        hour = start_of(since - 1, HOUR) + HOUR
        whole: dict[int, Candle] = {}
        for start in range(since, hour, MINUTE):
            if start in self.minutes:
                merge(whole, 0, self.minutes[start])
        for start, candle in self._hours.items():
            if start >= hour:
                merge(whole, 0, candle)
        return whole.get(0)

    def latest(self, length: int) -> tuple[int, Candle] | None:
        """First second and candle of the latest stretch of `length` with trades, at most a day long."""
        if not self.minutes:
            return None
        first = start_of(next(reversed(self.minutes)), length)
        whole: dict[int, Candle] = {}
        for start, candle in self.minutes.items():
            if start >= first:
                merge(whole, first, candle)
        return first, whole[first]
