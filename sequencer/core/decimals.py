"""Decimal strings of the API and the integers of the signed world, exactly in both directions.

A unit is `coefficient × 10^exponent` of whole tokens: a token's base unit, a market's lot, a market's tick. A decimal
string is a whole number of units or an error that names the two nearest ones; nothing is ever rounded.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sequencer.core.types import Market, Token

MAX_DIGITS: Final = 80
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)


class NotDecimal(ValueError):  # noqa: N818
    """The text is not a decimal number of at most MAX_DIGITS characters."""


class OffStep(ValueError):  # noqa: N818
    """The number lies between two multiples of the unit; `below` and `above` are these, as decimal strings."""

    def __init__(self, below: str, above: str) -> None:
        super().__init__(f"the nearest valid values are {below} and {above}")
        self.below = below
        self.above = above


@dataclass(frozen=True, slots=True)
class Unit:
    """`coefficient × 10^exponent` of whole tokens; `coefficient` ≥ 1."""

    coefficient: int
    exponent: int

    def parse(self, text: str) -> int:
        """The number of units that `text` is. Raises NotDecimal, OffStep."""
        match = _DECIMAL.fullmatch(text) if len(text) <= MAX_DIGITS else None
        if match is None:
            raise NotDecimal("expected a decimal number such as 12.5, without sign or exponent")
        whole, fraction = match[1], match[2] or ""
        shift = -len(fraction) - self.exponent
        numerator = int(whole + fraction) * _power_of_ten(max(shift, 0))
        denominator = self.coefficient * _power_of_ten(max(-shift, 0))
        units, rest = divmod(numerator, denominator)
        if rest:
            raise OffStep(self.format(units), self.format(units + 1))
        return units

    def format(self, units: int) -> str:
        """`units` as a decimal string without needless zeros."""
        if not units:
            return "0"
        value = units * self.coefficient
        if self.exponent >= 0:
            return str(value * _power_of_ten(self.exponent))
        digits = str(value).rjust(1 - self.exponent, "0")
        fraction = digits[self.exponent :].rstrip("0")
        return digits[: self.exponent] + (f".{fraction}" if fraction else "")


def _power_of_ten(exponent: int) -> int:
    return int(10**exponent)


_unit = lru_cache(1_024)(Unit)
"""There are few different ones, which are asked for with every order."""


def amount_unit(token: Token) -> Unit:
    """A base unit of `token`."""
    return _unit(1, -token.decimals)


def lot(market: Market, base: Token) -> Unit:
    """A lot of `market`, in base tokens."""
    return _unit(market.lot_size, -base.decimals)


def tick(market: Market, base: Token, quote: Token) -> Unit:
    """A tick of `market`, in quote tokens per base token.

    One tick is `tick_size` quote units per lot, a lot is `lot_size` base units and `lot_size` a power of ten, so the
    quotient is a decimal.
    """
    zeros = len(str(market.lot_size)) - 1
    return _unit(market.tick_size, base.decimals - quote.decimals - zeros)
