"""The public channels of one market."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from sequencer.adapters.candles import RESOLUTIONS, Candle, start_of
from sequencer.adapters.feed.bars import Bars
from sequencer.adapters.feed.channel import Channel, Outbox
from sequencer.adapters.feed.frames import text_frame
from sequencer.adapters.feed.messages import (
    BookMessage,
    CandleRow,
    CandlesMessage,
    Levels,
    Trade,
    TradesMessage,
)
from sequencer.core.book import Book
from sequencer.core.decimals import amount_unit, lot, tick
from sequencer.core.state import State
from sequencer.core.types import Fill, OrderId, Side

RING_MESSAGES: Final = 4_096
RING_BYTES: Final = 1 << 20
REUSE_BYTES: Final = 1 << 16
"""Updates that are sent after a snapshot that was made earlier, before it is made anew; more for a large one."""
CANDLE_RING_MESSAGES: Final = 256
FORMATTED_MAX: Final = 4_096
"""Prices and sizes whose decimals are remembered."""

_SIDES: Final = ("buy", "sell")
_encode: Final = msgspec.json.Encoder().encode


class MarketFeed:
    """Book and trades of a market as they are published."""

    def __init__(
        self, state: State, number: int, start_seq: int, minutes: Mapping[int, Candle], outbox: Outbox
    ) -> None:
        """The feed of a listed market, of which nothing was published since `start_seq`.

        `minutes`: what it traded in its last day, by first second.
        """
        market = state.markets[number]
        base, quote = state.tokens[market.base], state.tokens[market.quote]
        self.number = number
        self.book = Channel(start_seq, RING_MESSAGES, RING_BYTES, outbox)
        self.trades = Channel(start_seq, RING_MESSAGES, RING_BYTES, outbox)
        self.ticker = Channel(start_seq, 0, 0)
        self.bars = Bars(minutes)
        self._candles: dict[str, LiveCandles] = {}
        self._start_seq = start_seq
        self._outbox = outbox
        self._turnover_unit = market.tick_size
        # Formatting costs more than matching; the same prices and sizes come again and again.
        self.price = lru_cache(FORMATTED_MAX)(tick(market, base, quote).format)
        self.size = lru_cache(FORMATTED_MAX)(lot(market, base).format)
        self.quote = amount_unit(quote).format
        self._received = ((base.id, amount_unit(base).format), (quote.id, self.quote))
        self._snapshot: tuple[int, bytes] | None = None

    def fail(self) -> None:
        """Sends all readers away."""
        for channel in (self.book, self.trades, self.ticker):
            channel.fail()
        for candles in self._candles.values():
            candles.channel.fail()

    def fee(self, side: Side, units: int) -> tuple[str, int]:
        """A fee that this side pays, as a decimal amount and its token: the one that the side receives."""
        token, amount = self._received[side]
        return amount(units), token

    # ------------------------------------------------------------------- book

    def publish_book(self, book: Book, seq: int, bids: Iterable[int], asks: Iterable[int]) -> None:
        """Tells what the levels at these prices are after `seq`."""
        message = BookMessage(
            channel="book",
            market=self.number,
            type="update",
            prev_seq=str(self.book.last_seq),
            seq=str(seq),
            bids=self._changed(book, Side.BID, bids),
            asks=self._changed(book, Side.ASK, asks),
        )
        self.book.publish(seq, text_frame(_encode(message)))

    def _changed(self, book: Book, side: Side, prices: Iterable[int]) -> Levels:
        levels = []
        for price in prices:
            size, orders = book.sides[side].level(price)
            levels.append((self.price(price), self.size(size), orders))
        return levels

    def book_snapshot(self, book: Book) -> list[bytes]:
        """Frames that bring a new reader up to the last update.

        A snapshot of a deep book is costly: a recent one and the updates after it serve as well.
        """
        if self._snapshot is not None:
            seq, frame = self._snapshot
            missed = self.book.since(seq)
            if missed is not None and sum(map(len, missed)) <= max(REUSE_BYTES, len(frame)):
                return [frame, *missed]
        frame = self._full(book)
        self._snapshot = self.book.last_seq, frame
        return [frame]

    def _full(self, book: Book) -> bytes:
        bids, asks = (
            [(self.price(price), self.size(size), orders) for price, size, orders in book.levels(side)]
            for side in (Side.BID, Side.ASK)
        )
        seq = str(self.book.last_seq)
        return text_frame(
            _encode(
                BookMessage(
                    channel="book", market=self.number, type="snapshot", seq=seq, bids=bids, asks=asks
                )
            )
        )

    # ----------------------------------------------------------------- trades

    def trade(self, fill: Fill, taker_order: OrderId, seq: int, item: int, time: int) -> Trade:
        """A fill as it is published."""
        return Trade(
            seq=str(seq),
            item=item,
            price=self.price(fill.price),
            size=self.size(fill.size),
            quote=self.quote(fill.quote_amount),
            taker_side=_SIDES[fill.taker_side],
            maker_order=f"0x{fill.maker_order_id.hex()}",
            taker_order=f"0x{taker_order.hex()}",
            time=time,
        )

    def publish_trades(self, seq: int, trades: list[Trade]) -> None:
        """Tells of the trades of a group whose last transaction is `seq`."""
        message = TradesMessage(
            channel="trades",
            market=self.number,
            type="update",
            prev_seq=str(self.trades.last_seq),
            seq=str(seq),
            trades=trades,
        )
        self.trades.publish(seq, text_frame(_encode(message)))

    def trades_snapshot(self) -> list[bytes]:
        """From where a new reader's trades go on; those before are in the history."""
        seq = str(self.trades.last_seq)
        message = TradesMessage(channel="trades", market=self.number, type="snapshot", seq=seq, trades=[])
        return [text_frame(_encode(message))]

    def traded(self, fill: Fill, time: int) -> None:
        """Counts a trade in what is told of stretches of time."""
        self.bars.add(time, fill.price, fill.size)
        for candles in self._candles.values():
            candles.add(time, fill.price, fill.size)

    # ---------------------------------------------------------------- candles

    def candles(self, resolution: str) -> "LiveCandles":
        """The candles of one of RESOLUTIONS."""
        candles = self._candles.get(resolution)
        if candles is None:
            candles = LiveCandles(RESOLUTIONS[resolution], self._start_seq, self.bars, self._outbox)
            self._candles[resolution] = candles
        return candles

    def publish_candles(self, seq: int) -> None:
        """Tells of the candles that the trades of a group changed."""
        for resolution, candles in self._candles.items():
            channel, changed = candles.channel, candles.take_changed()
            message = CandlesMessage(
                channel="candles",
                market=self.number,
                resolution=resolution,
                type="update",
                prev_seq=str(channel.last_seq),
                seq=str(seq),
                candles=[self._row(start, candle) for start, candle in changed.items()],
            )
            channel.publish(seq, text_frame(_encode(message)))

    def candles_snapshot(self, resolution: str) -> list[bytes]:
        """The latest candle; those before it are in the history."""
        candles = self._candles[resolution]
        message = CandlesMessage(
            channel="candles",
            market=self.number,
            resolution=resolution,
            type="snapshot",
            seq=str(candles.channel.last_seq),
            candles=[self._row(*candles.latest)] if candles.latest else [],
        )
        return [text_frame(_encode(message))]

    def _row(self, start: int, candle: Candle) -> CandleRow:
        prices = (candle.open, candle.high, candle.low, candle.close)
        opened, high, low, close = map(self.price, prices)
        turnover = self.quote(candle.turnover * self._turnover_unit)
        return (start, opened, high, low, close, self.size(candle.lots), turnover, candle.trades)


class LiveCandles:
    """The candle of one resolution that grows, and those that changed since they were told."""

    __slots__ = ("_changed", "_length", "channel", "latest")

    def __init__(self, length: int, start_seq: int, bars: Bars, outbox: Outbox) -> None:
        self.channel = Channel(start_seq, CANDLE_RING_MESSAGES, RING_BYTES, outbox)
        self.latest = bars.latest(length)
        self._length = length
        self._changed: dict[int, Candle] = {}

    def add(self, time: int, price: int, lots: int) -> None:
        """One more trade."""
        start = start_of(time, self._length)
        if self.latest is None or self.latest[0] != start:
            self.latest = (start, Candle(price, price, price, price))
        self.latest[1].add(price, lots)
        self._changed[start] = self.latest[1]

    def take_changed(self) -> dict[int, Candle]:
        """Candles that changed since the last call, by first second."""
        changed, self._changed = self._changed, {}
        return changed
