"""Writes the description of the REST API, `docs/openapi.json`: `make openapi`. With `--check`, says if it is old."""

import json
import sys
from pathlib import Path

from sequencer.adapters.http.openapi import describe

TARGET = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def rendered() -> str:
    """The text of the file."""
    return json.dumps(describe(), indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """The exit status."""
    if arguments == ["--check"]:
        current = TARGET.exists() and TARGET.read_text() == rendered()
        if not current:
            print("docs/openapi.json is not what the code gives: run `make openapi`", file=sys.stderr)
        return 0 if current else 1
    if arguments:
        print("usage: python -m scripts.make_openapi [--check]", file=sys.stderr)
        return 2
    TARGET.write_text(rendered())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
