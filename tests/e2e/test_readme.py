"""The commands of README.md and what `make devnet` prints do what they say."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.devnet import free_port
from tests.e2e.conftest import wait_until

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
STOP_S = 20
TESTED_HERE = {"make demo", "make devnet", ".venv/bin/zkclob --help"}
RUNS_THIS = {"make test"}


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Output of a command that must succeed, run where a user would."""
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_is_known() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert {line for block in blocks for line in block.splitlines()} == TESTED_HERE | RUNS_THIS
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            there = target.startswith("https://") or (page.parent / target).exists()
            assert there, f"{page.name}: {target}"


def test_make_demo() -> None:
    run("make", "demo")
    summary = json.loads((ROOT / "build" / "demo.json").read_text())
    assert summary["l1_root"] == summary["l2_root"]
    assert summary["conserved"] is True
    assert summary["proof_mode"] == "executed"


def test_zkclob_help() -> None:
    assert "withdraw" in run(str(ROOT / ".venv" / "bin" / "zkclob"), "--help")


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[str]:
    """What a devnet prints once it runs. It must end when it is told to."""
    assert "python) -m scripts.devnet\n" in (ROOT / "Makefile").read_text()
    output = tmp_path / "output"
    ports = ["--anvil-port", str(free_port()), "--port", str(free_port())]
    command = [sys.executable, "-m", "scripts.devnet", *ports, "--folder", str(tmp_path / "devnet")]
    with output.open("w") as file, subprocess.Popen(command, cwd=ROOT, stdout=file) as process:
        try:
            wait_until(lambda: "zkclob balances" in output.read_text() or process.poll() is not None)
            yield output.read_text()
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_S) == 0


def test_what_a_devnet_prints_can_be_used(printed: str) -> None:
    environment = dict(re.findall(r"(ZKCLOB_\w+)=(\S+)", printed))
    commands = [line.split() for line in printed.splitlines() if line.strip().startswith(".venv/bin/zkclob")]
    assert [command[1] for command in commands] == ["deposit", "balances"]
    for command in commands:
        run(*command, environment=environment)

    wait_until(
        lambda: '"total": "1"' in run(".venv/bin/zkclob", "--json", "balances", environment=environment)
    )
