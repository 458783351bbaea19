"""The prover worker that runs as a child process, so that a sequencer alone settles its batches."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sequencer.config import LocalWorker, ProofMode
from sequencer.ports import Clock

log = logging.getLogger(__name__)

BACK_OFF_FIRST_MS: Final = 1_000
BACK_OFF_MAX_MS: Final = 60_000
HEALTHY_AFTER_MS: Final = 60_000
STOP_S: Final = 5
# prctl(PR_SET_PDEATHSIG, SIGTERM), then the program itself: on Linux the worker ends with the sequencer, even when
# that is killed. In a process of its own, since nothing may run between fork and exec of one with threads.
_END_WITH_PARENT: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"
)


def command(worker: LocalWorker, url: str, token_file: Path, mode: ProofMode) -> list[str]:
    """The worker's command line."""
    return [
        str(worker.program),
        "worker",
        *("--url", url),
        *("--elf", str(worker.elf)),
        *("--name", worker.name),
        *("--mode", str(mode)),
        *("--token-file", str(token_file)),
        *(() if worker.prover is None else ("--prover", str(worker.prover))),
    ]


async def supervise(arguments: Sequence[str], clock: Clock) -> None:
    """Runs the program, again when it ends, with growing pauses; stops it when cancelled."""
    pause_ms = BACK_OFF_FIRST_MS
    while True:
        started_ms = clock.now_ms()
        try:
            await _run(arguments)
        except OSError as error:
            log.error("prover worker: %s", error)
        if clock.now_ms() - started_ms >= HEALTHY_AFTER_MS:
            pause_ms = BACK_OFF_FIRST_MS
        await clock.sleep(pause_ms)
        pause_ms = min(2 * pause_ms, BACK_OFF_MAX_MS)


async def _run(arguments: Sequence[str]) -> None:
    launcher = [sys.executable, "-S", "-c", _END_WITH_PARENT] if sys.platform == "linux" else []
    process = await asyncio.create_subprocess_exec(*launcher, *arguments, stdin=asyncio.subprocess.DEVNULL)
    try:
        status = await process.wait()
        log.error("prover worker ended with status %d", status)
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
