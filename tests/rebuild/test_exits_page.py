"""Every command of docs/exits.md is run, in the order of the page."""

import contextlib
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
import requests

from scripts.devnet import Devnet, free_port
from tests.command import Zkclob
from tests.rebuild.conftest import Operator

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "exits.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
MAIN = "from sequencer.client.cli import main; main()"


def test_every_command_of_the_page(
    chain: Devnet, settled: Operator, zkclob: Zkclob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZKCLOB_RPC_URL", settled.rpc_url)
    monkeypatch.setenv("ZKCLOB_CONTRACT", settled.exchange)
    monkeypatch.setenv("ZKCLOB_KEY", settled.traders[0].l1.key.hex())
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 12
    for command in COMMANDS:
        words = shlex.split(command)
        match words:
            case ["export", variable]:
                assert variable.split("=")[0] in ("ZKCLOB_RPC_URL", "ZKCLOB_CONTRACT")
            case ["zkclob", *rest, "--serve", _]:
                place = f"127.0.0.1:{free_port()}"
                serve([*rest, "--serve", place], place)
            case ["zkclob", "exit", "--yes"]:
                with served(settled):
                    ended = zkclob(*words[1:])
                assert "nothing is left" in ended.out
            case ["zkclob", *rest]:
                ended = zkclob(*rest)
                assert ended.status == 0, ended.err
            case ["python", "-m", "sequencer", "rebuild", *rest]:
                chain.write_config()
                config = chain.folder / "config.toml"
                rest = [str(config) if word == "config.toml" else word for word in rest]
                subprocess.run([sys.executable, "-m", "sequencer", "rebuild", *rest], check=True, timeout=60)
                assert (chain.folder / "data" / "sequencer.sqlite3").exists()
            case _:
                pytest.fail(f"nothing runs `{command}`")


def serve(words: list[str], place: str) -> None:
    """Runs `zkclob verify --serve` until it answers."""
    with subprocess.Popen([sys.executable, "-c", MAIN, *words]) as process:
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                with contextlib.suppress(requests.RequestException):
                    assert requests.get(f"http://{place}/v1/state", timeout=5).json()["batch"] != "0"
                    break
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()


@contextlib.contextmanager
def served(operator: Operator) -> Iterator[None]:
    """The operator settles whatever comes into the inbox."""
    ended = Event()

    def work() -> None:
        while not ended.wait(0.1):
            if operator.contract.functions.inboxLength().call() > operator.replica.state.meta.inbox_cursor:
                operator.settle(0)

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
