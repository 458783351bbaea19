"""Lots and ticks of a market, and the unit of what each side receives."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from sequencer.core.decimals import Unit, amount_unit, lot, tick
from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
from sequencer.core.types import Market, Side, Token


class MarketUnits(NamedTuple):
    """A market with its tokens and units."""

    market: Market
    base: Token
    quote: Token
    lot: Unit
    tick: Unit
    size: Callable[[int], str]
    """Lots as a decimal string."""
    price: Callable[[int], str]
    """Ticks as a decimal string."""

    def received(self, side: Side) -> tuple[Token, Unit]:
        """The token that an order of this side receives and pays its fee in, and its base unit."""
        token = self.quote if side else self.base
        return token, amount_unit(token)


def market_units(state: State, number: int) -> MarketUnits:
    """The units of a listed market. Raises Rejection."""
    market = state.markets.get(number)
    if market is None:
        raise Rejection(Code.UNKNOWN_MARKET, f"market {number} is not listed", {"market": str(number)})
    base, quote = state.tokens[market.base], state.tokens[market.quote]
    lots, ticks = lot(market, base), tick(market, base, quote)
    return MarketUnits(market, base, quote, lots, ticks, decimals_of(lots), decimals_of(ticks))


FORMATTED_MAX: Final = 4_096
"""Numbers whose decimals are remembered, of each unit: formatting costs more than matching, and the same prices and
sizes come again and again.
"""


@lru_cache(512)
def decimals_of(unit: Unit) -> Callable[[int], str]:
    """The unit's `format`, which remembers what it was asked for."""
    return lru_cache(FORMATTED_MAX)(unit.format)
