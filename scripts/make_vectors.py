"""Writes the vectors that Python, Rust and Solidity run: `python -m scripts.make_vectors [--check]`.

`tests/vectors/README.md` describes the files, and `docs/signing.md` the one that is for clients. With `--check` nothing
is written: the run fails if a committed file is not what would be written.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.vectors.carried import blobs
from tests.vectors.executed import batches
from tests.vectors.json_form import to_json
from tests.vectors.proven import accounts
from tests.vectors.published import signing_vectors
from tests.vectors.records import inbox, outbox, public_values, state
from tests.vectors.signed import eip712
from tests.vectors.transactions import data

ROOT: Final = Path(__file__).resolve().parent.parent
SHARED: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "eip712.json": eip712,
    "inbox.json": inbox,
    "outbox.json": outbox,
    "data.json": data,
    "blobs.json": blobs,
    "state.json": state,
    "accounts.json": accounts,
    "public_values.json": public_values,
    "batches.json": batches,
}
"""Files of `tests/vectors`."""
SIGNING: Final = "docs/signing-vectors.json"
FILES: Final = (*(f"tests/vectors/{name}" for name in SHARED), SIGNING)


def render(path: str) -> str:
    """The text of a file of `FILES`."""
    content = signing_vectors() if path == SIGNING else to_json(SHARED[Path(path).name]())
    return json.dumps(content, indent=1) + "\n"


def differing() -> list[str]:
    """Those of `FILES` that are not what would be written."""
    return [path for path in FILES if not _is_current(path)]


def _is_current(path: str) -> bool:
    return (ROOT / path).exists() and (ROOT / path).read_text() == render(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file differs")
    if parser.parse_args().check:
        stale = differing()
        for path in stale:
            print(f"{path} is not what scripts.make_vectors writes", file=sys.stderr)
        return 1 if stale else 0
    for path in FILES:
        (ROOT / path).write_text(render(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
