"""The channel of tickers: what REST says of a market's last 24 hours, told when it is another than before."""

from typing import Final

import msgspec
from msgspec.structs import replace

from sequencer.adapters.feed.frames import text_frame
from sequencer.adapters.feed.messages import TickerMessage
from sequencer.adapters.http import answers
from sequencer.adapters.http.context import Context
from sequencer.adapters.http.reads.markets import Touch, shown_ticker
from sequencer.adapters.http.units import market_units
from sequencer.core.state import State

TICKER_MS: Final = 1_000
"""How often tickers that somebody reads are looked at."""

_encode: Final = msgspec.json.Encoder().encode


class Tickers:
    """What was told last of each market."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._told: dict[int, answers.Ticker] = {}

    def snapshot(self, state: State, number: int) -> list[bytes]:
        """A frame with the ticker of a listed market."""
        return [self._frame(self._ticker(state, number))]

    def publish(self, state: State) -> None:
        """Tells of the tickers that changed, where somebody reads them."""
        for number in state.markets:
            channel = self._context.feed.market(number).ticker
            if not channel.subscribers:
                self._told.pop(number, None)
                continue
            ticker = self._ticker(state, number)
            timeless = replace(ticker, time=0)
            if timeless != self._told.get(number):
                self._told[number] = timeless
                channel.publish(self._context.feed.seq, self._frame(ticker))

    def _ticker(self, state: State, number: int) -> answers.Ticker:
        now = self._context.clock.now_ms() // 1000
        day = self._context.feed.market(number).bars.day(now)
        return shown_ticker(self._context, now, Touch(state, market_units(state, number)), day)

    def _frame(self, ticker: answers.Ticker) -> bytes:
        seq = str(self._context.feed.seq)
        message = TickerMessage(
            channel="ticker", type="snapshot", seq=seq, market=ticker.market, ticker=ticker
        )
        return text_frame(_encode(message))
