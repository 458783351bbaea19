"""Runs the command `zkclob` in the process of a test."""

import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from sequencer.client import cli


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """What it printed as JSON."""
        assert self.status == 0, self.err
        return json.loads(self.out)


Zkclob = Callable[..., Ended]


def zkclob_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zkclob:
    """A function that takes the words after `zkclob`, and what stands on its standard input."""

    def run(*arguments: object, stdin: str = "") -> Ended:
        monkeypatch.setattr("sys.argv", ["zkclob", *map(str, arguments)])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        return Ended(int(ended.value.code or 0), shown.out, shown.err)

    return run
