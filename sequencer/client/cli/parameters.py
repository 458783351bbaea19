"""Types of arguments."""

import re
import time
from decimal import Decimal
from typing import Any, Final

import click

from sequencer.client import decimals
from sequencer.client.decimals import DecimalError
from sequencer.core.constants import MAX_U64, MAX_U128


class DecimalParameter(click.ParamType):
    """An exact decimal of whole tokens."""

    name = "decimal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return decimals.parse(str(value))
        except DecimalError as error:
            self.fail(str(error), param, ctx)


class HexParameter(click.ParamType):
    """Bytes in hex, of one length."""

    def __init__(self, name: str, length: int) -> None:
        self.name = name
        self._length = length

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        try:
            data = bytes.fromhex(str(value).removeprefix("0x"))
        except ValueError:
            data = b""
        if len(data) != self._length:
            self.fail(f"{value} is not {self._length} bytes of hex", param, ctx)
        return data


class TimeParameter(click.ParamType):
    """A time: Unix seconds, or so far from now as `30s`, `15m`, `2h`, `7d`, to come or past."""

    name = "time"
    _SPAN: Final = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
    _SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

    def __init__(self, sign: int) -> None:
        """`sign`: 1 for a span to come, -1 for one that is past."""
        self._sign = sign

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if span := self._SPAN.fullmatch(text):
            return max(0, int(time.time()) + self._sign * int(span[1]) * self._SECONDS[span[2]])
        if not (text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= MAX_U64):
            self.fail(
                f"{text[:80]} is no time: give Unix seconds, or a span such as 30s, 15m, 2h, 7d", param, ctx
            )
        return int(text)


DECIMAL: Final = DecimalParameter()
ADDRESS: Final = HexParameter("address", 20)
ORDER_ID: Final = HexParameter("order id", 24)
SECRET: Final = HexParameter("id", 16)
DIGEST: Final = HexParameter("digest", 32)
TIME: Final = TimeParameter(1)
PAST: Final = TimeParameter(-1)
CLIENT_ID: Final = click.IntRange(1, MAX_U128)
SEQUENCE: Final = click.IntRange(0, (1 << 48) - 1)
LIMIT: Final = click.IntRange(1, 1_000)
