"""Numbers of the state and of stored rows as the API writes them."""

from sequencer.core.decimals import Unit


def side_name(side: int) -> str:
    """`buy` or `sell`."""
    return "sell" if side else "buy"


def optional(number: int | None) -> str | None:
    """A large number that may be missing."""
    return None if number is None else str(number)


def signed(unit: Unit, units: int) -> str:
    """A number of units that may be negative."""
    return f"-{unit.format(-units)}" if units < 0 else unit.format(units)
