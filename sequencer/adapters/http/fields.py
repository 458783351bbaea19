"""Fields of requests: text in, exact values out. Every function raises ApiError that names the field."""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

from sequencer.adapters.http.errors import ApiError, out_of_range, wrong_type
from sequencer.core.constants import MAX_U64, MAX_U128
from sequencer.core.decimals import NotDecimal, OffStep, Unit

T = TypeVar("T")

_INTEGER: Final = re.compile(r"0|[1-9][0-9]{0,38}", re.ASCII)


def integer(field: str, text: str, maximum: int) -> int:
    """A decimal string such as `"12"`, at most `maximum`."""
    if _INTEGER.fullmatch(text) is None:
        raise wrong_type(field, "a whole number in decimal digits, as a string")
    value = int(text)
    if value > maximum:
        raise out_of_range(field, f"at most {maximum}", text)
    return value


def u64(field: str, text: str) -> int:
    """A decimal string that fits 64 bits."""
    return integer(field, text, MAX_U64)


def u128(field: str, text: str) -> int:
    """A decimal string that fits 128 bits."""
    return integer(field, text, MAX_U128)


def fixed_bytes(field: str, text: str, length: int) -> bytes:
    """`length` bytes in 0x hexadecimal, either case."""
    value = _unhex(text) if len(text) == 2 + 2 * length else None
    if value is None:
        raise wrong_type(field, f"{length} bytes as 0x and {2 * length} hexadecimal digits")
    return value


def any_bytes(field: str, text: str) -> bytes:
    """Bytes in 0x hexadecimal."""
    value = _unhex(text)
    if value is None:
        raise wrong_type(field, "0x hexadecimal")
    return value


def _unhex(text: str) -> bytes | None:
    """Bytes in 0x hexadecimal; None for anything else. (`fromhex` skips white space; then the length tells.)"""
    if not text.startswith("0x"):
        return None
    try:
        value = bytes.fromhex(text[2:])
    except ValueError:
        return None
    return value if len(text) == 2 + 2 * len(value) else None


def address(field: str, text: str) -> bytes:
    """An address, in any case."""
    return fixed_bytes(field, text, 20)


def units(field: str, text: str, unit: Unit, maximum: int, off_step: str) -> int:
    """A decimal string as a number of units; `off_step` is the code for a value between two units."""
    try:
        value = unit.parse(text)
    except NotDecimal as error:
        raise wrong_type(field, str(error).removeprefix("expected ")) from error
    except OffStep as error:
        raise ApiError(
            400,
            off_step,
            f"{field}: {text} is not a multiple of {unit.format(1)}; {error}",
            {
                "field": field,
                "given": text,
                "step": unit.format(1),
                "below": error.below,
                "above": error.above,
            },
        ) from error
    if value > maximum:
        raise out_of_range(field, f"at most {unit.format(maximum)}", text)
    return value


def choice(field: str, text: str, choices: Mapping[str, T]) -> T:
    """One of a few words."""
    if text not in choices:
        raise out_of_range(field, "one of " + ", ".join(choices), text)
    return choices[text]
