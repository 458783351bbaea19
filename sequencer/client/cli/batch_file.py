"""Files with the actions of a batch."""

import csv
import io
from pathlib import Path
from typing import Final

import msgspec

from sequencer.client.actions import Action, ActionError
from sequencer.core.constants import MAX_BATCH_ITEMS

FILE_BYTES_MAX: Final = 1 << 20


def read_actions(path: Path) -> list[Action]:
    """The actions in a JSON or CSV file, by its name. Raises ActionError."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX)
        listed = _rows(content.decode()) if path.suffix.lower() == ".csv" else msgspec.json.decode(content)
        actions = msgspec.convert(listed, type=list[Action], strict=False)
    except (OSError, UnicodeDecodeError, RecursionError, msgspec.DecodeError, csv.Error) as error:
        raise ActionError(f"{path}: {error}") from error
    if not 1 <= len(actions) <= MAX_BATCH_ITEMS:
        raise ActionError(f"{path}: a batch has 1 to {MAX_BATCH_ITEMS} actions, not {len(actions)}")
    return actions


def _rows(text: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [{str(name): cell for name, cell in row.items() if cell} for row in reader]
