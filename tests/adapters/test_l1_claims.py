"""What readers ask L1 about claims holds up nobody else."""

import asyncio
import threading
from typing import Any, cast

from sequencer.adapters.l1 import ExchangeContract, L1Claims, L1Unavailable


class HeldContract:
    """Answers once it is released: leaf 0 is claimed, of leaf 1 nothing is known."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def is_claimed(self, _batch: int, index: int) -> bool:
        self.released.wait(10)
        if index == 1:
            raise L1Unavailable("not there")
        return index == 0


async def test_many_questions_about_claims_leave_threads_for_others() -> None:
    contract = HeldContract()
    claims = L1Claims(cast("ExchangeContract", contract))
    asked: list[asyncio.Task[Any]] = [asyncio.create_task(claims.is_claimed(1, i)) for i in range(100)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await asyncio.to_thread(lambda: None)
    contract.released.set()
    assert await asyncio.gather(*asked) == [True, None] + [False] * 98
