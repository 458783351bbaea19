"""Commits to blobs in a process of its own: the work keeps the interpreter's lock, for seconds the first time."""

import asyncio
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import Final, TypeVar

from sequencer.core.carriers import Carried
from sequencer.core.codec.blobs import MAX_BLOBS_DATA
from sequencer.kzg import Sidecar, carried, sidecar
from sequencer.prover_gas import BLOB_BYTE

log = logging.getLogger(__name__)

T = TypeVar("T")


class BlobProver:
    """One process that commits to blobs and proves what they hold: the port Carrier for blobs."""

    max_data: Final = MAX_BLOBS_DATA
    prover_gas_per_byte: Final = BLOB_BYTE

    def __init__(self) -> None:
        self._process = _new_process()

    def close(self) -> None:
        """Waits for what is being worked on."""
        self._process.shutdown(cancel_futures=True)

    async def carry(self, data: bytes) -> Carried:
        """`data` in blobs."""
        return await self._run(carried, data)

    async def sidecar(self, data: bytes) -> Sidecar:
        """What the transaction with `data` in blobs is made of."""
        return await self._run(sidecar, data)

    async def _run(self, work: Callable[[bytes], T], data: bytes) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._process, work, data)
        except BrokenExecutor:
            log.warning("the process that commits to blobs ended: starting another")
            self._process = _new_process()
            return await loop.run_in_executor(self._process, work, data)


def _new_process() -> ProcessPoolExecutor:
    """It starts with the first work."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=spawn, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
