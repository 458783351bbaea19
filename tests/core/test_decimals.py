"""Decimal strings are exact or refused."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core.decimals import NotDecimal, OffStep, Unit, lot, tick
from sequencer.core.types import Market, MarketStatus, Token

units = st.builds(Unit, st.integers(1, 10**12), st.integers(-40, 10))


@given(unit=units, count=st.integers(0, 2**64 - 1))
def test_what_is_written_is_read_back(unit: Unit, count: int) -> None:
    text = unit.format(count)
    assert unit.parse(text) == count
    assert Fraction(text) == count * unit.coefficient * Fraction(10) ** unit.exponent
    assert not (("." in text) and text.endswith(("0", ".")))


@given(unit=units, whole=st.integers(0, 10**20), places=st.integers(0, 20))
def test_any_decimal_is_exact_or_between_the_two_that_are_named(unit: Unit, whole: int, places: int) -> None:
    digits = str(whole).rjust(places + 1, "0")
    text = digits if not places else f"{digits[:-places]}.{digits[-places:]}"
    value, step = Fraction(text), unit.coefficient * Fraction(10) ** unit.exponent
    if value % step == 0:
        assert unit.parse(text) * step == value
        return
    with pytest.raises(OffStep) as refused:
        unit.parse(text)
    below, above = Fraction(refused.value.below), Fraction(refused.value.above)
    assert below < value < above
    assert above - below == step


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1e3",
        "1.",
        ".5",
        "01",
        "1,5",
        " 1",
        "1 ",
        "0x1",
        "NaN",
        "inf",
        "١",
        "1_0",
        "1\n",
        "1" * 81,
    ],
)
def test_other_text_is_no_decimal(text: str) -> None:
    with pytest.raises(NotDecimal):
        Unit(1, -2).parse(text)


def test_steps_of_a_market() -> None:
    market = Market(1, 1, 2, 10**14, 1, 0, 0, 0, 0, MarketStatus.ACTIVE, 0, b"\x01" * 20)
    ether, dollar = Token(1, bytes(20), 18), Token(2, b"\x02" * 20, 6)
    assert lot(market, ether).format(1) == "0.0001"
    assert tick(market, ether, dollar).format(1) == "0.01"
    # One lot at 2,500 USDC is 0.25 USDC: as many quote units as ticks times lots.
    ticks = tick(market, ether, dollar).parse("2500")
    assert ticks * 1 * market.tick_size == 250_000
