"""docs/sdk.md: its Python runs against a whole sequencer, and its commands are understood."""

import re
import shlex
from pathlib import Path

import click
import pytest

from sequencer.client import Client, cli
from tests.client.conftest import ALICE, Exchange

PAGE = (Path(__file__).parents[2] / "docs" / "sdk.md").read_text()
PROGRAM = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = [
    line for line in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)[0].splitlines() if line.strip()
]


def test_the_program_runs(exchange: Exchange, capsys: pytest.CaptureFixture[str]) -> None:
    program = PROGRAM.replace("http://127.0.0.1:8080", exchange.url)
    program = re.sub(r"0x[0-9a-f]{64}", ALICE.l1.key.hex(), program)
    names: dict[str, object] = {}
    exec(compile(program, "docs/sdk.md", "exec"), names)  # noqa: S102 - that is what the page is for
    client = names["client"]
    assert isinstance(client, Client)
    client.close()
    shown = capsys.readouterr().out
    assert "take 2500.01 or 2500.02" in shown
    assert "['OK', 'OK', 'OK']" in shown
    assert shown.splitlines()[-1].startswith("new ")


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("orders.csv", "key.txt"):
        (tmp_path / name).touch()
    program, *arguments = shlex.split(line, comments=True)
    assert program == "zkclob"
    command: click.Command = cli.cli
    context = command.make_context("zkclob", arguments)
    while isinstance(command, click.Group):
        known_as, found, rest = command.resolve_command(context, [*context.protected_args, *context.args])
        assert found is not None

        context = found.make_context(known_as, rest, parent=context)
        command = found
