"""Halmos, with a model of the SHA-256 precompile that it can use.

Halmos 0.3.3 declares the function that stands for SHA-256 with as many bits as its input has bytes, so that every call
fails. Runs in the environment of `scripts/requirements-audit.txt`, which pins that version.
"""

import sys
from typing import Any

from halmos import sevm  # type: ignore[import-not-found]
from halmos.__main__ import main  # type: ignore[import-not-found]
from z3 import BitVecSort, Function  # type: ignore[import-not-found]

PREFIX = "f_sha256_"


def function(name: str, *sorts: Any) -> Any:
    """`z3.Function`; for SHA-256 with eight bits a byte."""
    if name.startswith(PREFIX):
        return Function(name, BitVecSort(8 * int(name.removeprefix(PREFIX))), sorts[-1])
    return Function(name, *sorts)


if __name__ == "__main__":
    sevm.Function = function
    sys.exit(main())
