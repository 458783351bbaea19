"""Exact conversion between decimals, as people write them, and the integers that are signed."""

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Final

# Holds every product of two u128 exactly; the default context would round after 28 digits.
_EXACT: Final = Context(prec=100)
_DECIMAL: Final = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)


class DecimalError(ValueError):
    """A decimal cannot be used; the message names the nearest ones that can."""


def parse(text: str) -> Decimal:
    """A decimal without sign and exponent. Raises DecimalError."""
    if not _DECIMAL.fullmatch(text):
        raise DecimalError(f"{text[:100]!r} is not a decimal such as 12.5")
    return Decimal(text)


def to_steps(value: Decimal, step: Decimal) -> int:
    """How many times `step` is in `value`. Raises DecimalError if not a whole number of times."""
    try:
        steps, rest = _EXACT.divmod(value, step)
    except InvalidOperation as error:
        raise DecimalError("the number is too large") from error
    if rest:
        below, above = (plain(_EXACT.multiply(n, step)) for n in (steps, steps + 1))
        raise DecimalError(f"{plain(value)} is not a multiple of {plain(step)}: take {below} or {above}")
    return int(steps)


def to_units(value: Decimal, decimals: int) -> int:
    """An amount of a token in base units. Raises DecimalError if it has more digits than the token."""
    return to_steps(value, Decimal(1).scaleb(-decimals, _EXACT))


def from_units(units: int, decimals: int) -> Decimal:
    """Base units as a decimal of whole tokens."""
    return Decimal(units).scaleb(-decimals, _EXACT)


def plain(value: Decimal) -> str:
    """Without exponent and without needless zeros: `2500.5`, `0`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
