"""Writes the vectors that Python, Rust and Solidity run: `python -m scripts.make_vectors [--check]`.

`tests/vectors/README.md` describes the files. With `--check` nothing is written: the run fails if a committed file
is not what would be written.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.vectors.executed import batches
from tests.vectors.json_form import to_json
from tests.vectors.records import inbox, outbox, public_values, state
from tests.vectors.signed import eip712
from tests.vectors.transactions import data

DIRECTORY: Final = Path(__file__).parent.parent / "tests" / "vectors"
FILES: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "eip712.json": eip712,
    "inbox.json": inbox,
    "outbox.json": outbox,
    "data.json": data,
    "state.json": state,
    "public_values.json": public_values,
    "batches.json": batches,
}


def render(name: str) -> str:
    """The text of a vector file."""
    return json.dumps(to_json(FILES[name]()), indent=1) + "\n"


def differing() -> list[str]:
    """Names of the committed files that are not what would be written."""
    return [name for name in FILES if not _is_current(DIRECTORY / name)]


def _is_current(path: Path) -> bool:
    return path.exists() and path.read_text() == render(path.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file differs")
    if parser.parse_args().check:
        names = differing()
        for name in names:
            print(f"tests/vectors/{name} is not what scripts.make_vectors writes", file=sys.stderr)
        return 1 if names else 0
    for name in FILES:
        (DIRECTORY / name).write_text(render(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
