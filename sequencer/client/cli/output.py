"""How results are shown."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from sequencer.client.answers import Page, json_form


def echo_json(answer: Any, *, err: bool = False) -> None:
    """An answer as JSON, in the types of the API; `err`: where errors go."""
    click.echo(msgspec.json.format(msgspec.json.encode(json_form(answer))), err=err)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in aligned columns; `none` when there are no rows."""
    if not rows:
        return ["none"]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]


def more(page: Page) -> list[str]:
    """How to go on, if there is more."""
    return [f"more: --before {page.next}"] if page.has_more else []


def clock(seconds: int | None) -> str:
    """A time for people, in UTC; nothing for none."""
    if seconds is None:
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(seconds)
