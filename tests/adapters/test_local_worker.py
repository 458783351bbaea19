"""The local prover worker: started again when it dies, ended with the sequencer however that ends."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from sequencer.adapters.local_worker import BACK_OFF_FIRST_MS, BACK_OFF_MAX_MS, command, supervise
from sequencer.config import LocalWorker, ProofMode
from tests.world import ManualClock, eventually

NOTE_AND_END = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n')"
NOTE_AND_WAIT = NOTE_AND_END + "; import time; time.sleep(600)"
PARENT = """
import asyncio, sys
from sequencer.adapters.local_worker import supervise
from sequencer.adapters.system import SystemClock
asyncio.run(supervise(sys.argv[1:], SystemClock()))
"""


def noted(path: Path) -> list[int]:
    """Process ids that the program noted."""
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_worker_that_dies_is_started_again_after_growing_pauses(tmp_path: Path) -> None:
    clock, notes = ManualClock(), tmp_path / "notes"
    task = asyncio.create_task(supervise([sys.executable, "-S", "-c", NOTE_AND_END, str(notes)], clock))
    pause_ms = BACK_OFF_FIRST_MS
    for count in range(1, 4):
        await eventually(lambda count=count: len(noted(notes)) == count and clock.sleepers() == 1)
        clock.advance(pause_ms - 1)
        assert clock.sleepers() == 1
        clock.advance(1)
        pause_ms = min(2 * pause_ms, BACK_OFF_MAX_MS)
    task.cancel()
    await asyncio.wait([task])


async def test_a_worker_ends_with_its_supervisor(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    arguments = [sys.executable, "-S", "-c", NOTE_AND_WAIT, str(notes)]
    task = asyncio.create_task(supervise(arguments, ManualClock()))
    await eventually(lambda: len(noted(notes)) == 1)
    (pid,) = noted(notes)
    task.cancel()
    await asyncio.wait([task])
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends the worker on Linux only")
async def test_a_worker_ends_when_the_sequencer_is_killed(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    worker = [sys.executable, "-S", "-c", NOTE_AND_WAIT, str(notes)]
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, *worker, env=dict(os.environ))
    await eventually(lambda: len(noted(notes)) == 1)
    (pid,) = noted(notes)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await eventually(lambda: not is_running(pid))


def test_the_command_line_holds_no_secret(tmp_path: Path) -> None:
    worker = LocalWorker(program=Path("/bin/prover"), elf=Path("/guest"))
    arguments = command(worker, "http://127.0.0.1:8080", tmp_path / "token", ProofMode.EXECUTE)
    assert arguments[:2] == ["/bin/prover", "worker"]
    assert str(tmp_path / "token") in arguments


@pytest.mark.parametrize("mode", ProofMode)
def test_the_worker_gets_the_mode_and_the_prover_of_the_configuration(mode: ProofMode) -> None:
    worker = LocalWorker(program=Path("/bin/prover"), elf=Path("/guest"))
    arguments = command(worker, "http://127.0.0.1:8080", Path("/token"), mode)
    assert arguments[arguments.index("--mode") + 1] == mode.value
    assert "--prover" not in arguments
    worker = LocalWorker(program=Path("/bin/prover"), elf=Path("/guest"), prover=Path("/bin/prove"))
    arguments = command(worker, "http://127.0.0.1:8080", Path("/token"), mode)
    assert arguments[arguments.index("--prover") + 1] == "/bin/prove"
