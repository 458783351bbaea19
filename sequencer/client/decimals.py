"""The client's decimals, as people write them and as the API answers, and the integers that are signed."""

import re
from decimal import Context, Decimal
from typing import Final, Literal

from sequencer.core.constants import MAX_U64, MAX_U128
from sequencer.core.decimals import NotDecimal, OffStep, Unit

Rounding = Literal["down", "up", "nearest"]

DIGITS_MAX: Final = 200
"""Before or after the point; no value of the exchange has as many."""

_DECIMAL: Final = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
_EXACT: Final = Context(prec=200)


class DecimalError(ValueError):
    """A decimal cannot be used. `below` and `above` are the nearest ones that can, where there are any."""

    def __init__(self, message: str, below: Decimal | None = None, above: Decimal | None = None) -> None:
        super().__init__(message)
        self.below = below
        self.above = above


def parse(text: str) -> Decimal:
    """A decimal without sign and exponent. Raises DecimalError."""
    if not _DECIMAL.fullmatch(text):
        raise DecimalError(f"{text[:100]!r} is not a decimal such as 12.5")
    return Decimal(text)


def to_steps(value: Decimal, step: Decimal) -> int:
    """How many times `step` is in `value`. Raises DecimalError if not a whole number of times or 2^64 times or more."""
    return _count(value, _unit(step), MAX_U64)


def from_steps(steps: int, step: Decimal) -> str:
    """`steps` times `step` in plain digits."""
    return _unit(step).format(steps)


def to_units(value: Decimal, decimals: int) -> int:
    """An amount of a token in base units. Raises DecimalError if it has more digits than the token, or is 2^128 units
    or more.
    """
    return _count(value, Unit(1, -decimals), MAX_U128)


def from_units(units: int, decimals: int) -> str:
    """Base units of a token in plain digits of whole tokens."""
    return Unit(1, -decimals).format(units)


def round_to(value: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """The multiple of `step` that is next to `value`; the upper one if `nearest` has two. Raises DecimalError."""
    try:
        _unit(step).parse(plain(value))
    except NotDecimal as error:
        raise DecimalError(f"{plain(value)[:100]}: {error}") from error
    except OffStep as error:
        below, above = Decimal(error.below), Decimal(error.above)
        up = rounding == "up" or (
            rounding == "nearest" and _EXACT.subtract(above, value) <= _EXACT.subtract(value, below)
        )
        return above if up else below
    return value


def plain(value: Decimal) -> str:
    """Without exponent and without needless zeros: `2500.5`, `0`."""
    if abs(value.adjusted()) > DIGITS_MAX:
        return str(value)  # written out it could fill the memory
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _unit(step: Decimal) -> Unit:
    _, digits, exponent = step.as_tuple()
    if not isinstance(exponent, int) or not any(digits):
        raise DecimalError(f"{step} is not a step")
    return Unit(int("".join(map(str, digits))), exponent)


def _count(value: Decimal, unit: Unit, maximum: int) -> int:
    text = plain(value)
    try:
        count = unit.parse(text)
    except NotDecimal as error:
        raise DecimalError(f"{text[:100]}: {error}") from error
    except OffStep as error:
        raise DecimalError(
            f"{text} is not a multiple of {unit.format(1)}: take {error.below} or {error.above}",
            Decimal(error.below),
            Decimal(error.above),
        ) from error
    if count > maximum:
        raise DecimalError(f"{text} is too large: take at most {unit.format(maximum)}")
    return count
