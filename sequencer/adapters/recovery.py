"""Recovers signers off the event loop: the costliest step of an order, and one that needs no interpreter.

What arrives while a group is worked on is the next group, so that handing over costs little under load. Groups are
worked on one after the other and answered in order: two orders of one connection keep theirs.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from zkclob_native import recover, recover_many

GROUP_MAX: Final = 128
"""Signatures in a group: while it is recovered, the one before can be on its way to the journal."""

Recovered = tuple[bytes, bytes]
"""Address (20) and public key (64)."""


class SignatureRecovery:
    """One thread that recovers signers, and the queue in front of it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recovery")
        self._waiting: list[tuple[bytes, bytes]] = []
        self._answers: list[asyncio.Future[Recovered | None]] = []
        self._working = False

    def close(self) -> None:
        """Waits for what is being worked on."""
        self._thread.shutdown()

    async def recover(self, digest: bytes, signature: bytes) -> Recovered | None:
        """Who signed the digest (32); None if the signature (65) is none."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Recovered | None] = loop.create_future()
        self._waiting.append((digest, signature))
        self._answers.append(answer)
        if not self._working:
            self._working = True
            # At the end of this turn of the loop: whatever else has arrived comes along.
            loop.call_soon(self._work)
        return await answer

    def _work(self) -> None:
        answers, self._answers = self._answers[:GROUP_MAX], self._answers[GROUP_MAX:]
        group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
        work = asyncio.get_running_loop().run_in_executor(self._thread, recover_many, group)
        work.add_done_callback(lambda done: self._answer(answers, done))

    def _answer(
        self,
        answers: list[asyncio.Future[Recovered | None]],
        done: "asyncio.Future[list[Recovered | None]]",
    ) -> None:
        """Hands a group's results over; nobody waits any more for an answer that was cancelled."""
        failure = done.exception()
        results = [None] * len(answers) if failure is not None else done.result()
        for answer, recovered in zip(answers, results, strict=True):
            if answer.done():
                continue
            if failure is not None:
                answer.set_exception(failure)
            else:
                answer.set_result(recovered)
        if self._answers:
            self._work()
        else:
            self._working = False


def why_none(digest: bytes, signature: bytes) -> str:
    """What is wrong with bytes that are no signature."""
    try:
        recover(digest, signature)
    except ValueError as error:
        return str(error)
    raise AssertionError("it is a signature")
