"""The nonces of one lane, each handed out once.

A number that was handed out and not used leaves a gap, which the exchange allows (docs/protocol.md, section 3), so
nothing is ever given back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from sequencer.core.constants import NONCE_LANE_SHIFT

STALE_CODES: Final = frozenset({"NONCE_USED", "NONCE_TOO_LOW", "NONCE_TOO_HIGH"})
"""The lane stands elsewhere than assumed: a fresh number is needed."""


class Nonces:
    """Safe among tasks of one event loop. Another program in the same lane costs refusals, which are recovered from."""

    def __init__(self, lane: int, read_next: Callable[[], Awaitable[int]]) -> None:
        """`read_next`: asks the exchange for the lowest sequence above all used in the lane."""
        self.lane = lane
        self._read_next = read_next
        self._next = 0
        self._is_stale = True
        self._lock = asyncio.Lock()

    async def take(self) -> int:
        """A nonce that nobody else is given. Raises what reading the lane raises."""
        async with self._lock:
            if self._is_stale:
                # Never backwards: what was handed out may be on its way.
                self._next = max(self._next, await self._read_next())
                self._is_stale = False
            sequence = self._next
            self._next += 1
            return self.lane << NONCE_LANE_SHIFT | sequence

    def refused(self, code: str) -> None:
        """A nonce was refused with one of STALE_CODES: the next `take` asks the exchange."""
        self._is_stale = True
        if code == "NONCE_TOO_HIGH":
            self._next = (
                0  # a million above all used: nothing handed out since can be on its way to acceptance
            )
