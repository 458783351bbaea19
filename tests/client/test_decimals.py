"""Exact decimals of the client."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.client.decimals import DecimalError, parse, plain, to_steps, to_units
from sequencer.core.decimals import Unit


@pytest.mark.parametrize("text", ["", "1e400000000", "-1", "nan", "inf", "1,5", "0x10"])
def test_what_is_not_a_decimal_is_refused(text: str) -> None:
    with pytest.raises(DecimalError):
        parse(text)


def test_a_value_between_steps_names_its_neighbours() -> None:
    with pytest.raises(DecimalError, match=r"2500\.57 is not a multiple of 0\.5: take 2500\.5 or 2501$"):
        to_steps(Decimal("2500.57"), Decimal("0.5"))


@given(st.integers(0, 2**128 - 1), st.integers(0, 30))
def test_units_survive_the_way_through_text(units: int, decimals: int) -> None:
    assert to_units(parse(Unit(1, -decimals).format(units)), decimals) == units


@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity", "1E+100"])
def test_a_number_that_no_unit_counts_is_refused(value: str) -> None:
    with pytest.raises(DecimalError):
        to_units(Decimal(value), 6)


def test_a_number_that_the_signed_struct_cannot_hold_is_refused() -> None:
    assert to_steps(Decimal(2**64 - 1), Decimal(1)) == 2**64 - 1
    with pytest.raises(DecimalError, match=r"take at most 184467440737095516\.15"):
        to_steps(Decimal("184467440737095516.16"), Decimal("0.01"))
    with pytest.raises(DecimalError, match="too large"):
        to_units(Decimal(2**128), 0)


def test_more_digits_than_the_token_has_are_refused() -> None:
    with pytest.raises(DecimalError):
        to_units(Decimal("0.0000001"), 6)


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+999999999", "1E+999999999"), ("1E+3", "1000"), ("0.500", "0.5"), ("100", "100"), ("0E-8", "0")],
)
def test_plain_has_no_exponent_and_no_needless_zeros(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text
