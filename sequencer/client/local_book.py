"""An order book that a stream keeps up to date."""

from decimal import Decimal
from itertools import islice
from typing import Final

from sortedcontainers import SortedDict

from sequencer.client.answers import Level
from sequencer.client.events import BookMessage


class LocalBook:
    """The whole book of a market as of sequence number `seq`.

    `is_current` is False before the first snapshot, and from a gap or a lost connection until the next one: then what
    it shows is old.
    """

    def __init__(self, market: int) -> None:
        self.market: Final = market
        self.seq = 0
        self.is_current = False
        self._bids: SortedDict[Decimal, Level] = SortedDict(lambda price: -price)
        self._asks: SortedDict[Decimal, Level] = SortedDict()

    def apply(self, message: BookMessage) -> None:
        """Takes the next message of the channel; that it is the next one is checked by the stream."""
        if message.is_snapshot:
            self._bids.clear()
            self._asks.clear()
            self.is_current = True
        for side, levels in ((self._bids, message.bids), (self._asks, message.asks)):
            for level in levels:
                if level.size:
                    side[level.price] = level
                else:
                    side.pop(level.price, None)
        self.seq = message.seq or 0

    def bids(self, depth: int | None = None) -> list[Level]:
        """The best `depth` levels of who buys, all unless given; best first."""
        return list(islice(self._bids.values(), depth))

    def asks(self, depth: int | None = None) -> list[Level]:
        """The best `depth` levels of who sells, all unless given; best first."""
        return list(islice(self._asks.values(), depth))

    @property
    def best_bid(self) -> Level | None:
        """The highest price that somebody pays."""
        return next(iter(self._bids.values()), None)

    @property
    def best_ask(self) -> Level | None:
        """The lowest price that somebody asks."""
        return next(iter(self._asks.values()), None)

    @property
    def spread(self) -> Decimal | None:
        """Between the two; None if there are not both."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else ask.price - bid.price
