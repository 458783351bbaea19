"""Orders that end by themselves: each is taken out by a transaction of the node's own as soon as its time is over."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any, Final

from sequencer.core.digests import expiry_digest
from sequencer.core.errors import Rejection
from sequencer.core.state import State
from sequencer.core.types import ExpireOrder, OrderId, Result
from sequencer.ports import Clock, NodeHalted

POLL_MS: Final = 10_000
"""Longest sleep before the next expiry is looked at again, should the clock be set."""
AT_ONCE_MAX: Final = 256
"""Orders whose end waits for the writer at once: others want to be sequenced too."""
SLACK: Final = 1_024
"""Expiries that are kept of orders that are gone, besides as many as there are orders."""


class OrderExpiry:
    """The expiries of the resting orders, the earliest first."""

    def __init__(
        self, state: State, clock: Clock, sequence: Callable[[ExpireOrder, bytes], Awaitable[object]]
    ) -> None:
        """`sequence` takes a transaction and its digest; returns when it is durable, raises Rejection, NodeHalted."""
        self._state = state
        self._clock = clock
        self._sequence = sequence
        self._expiries: list[tuple[int, OrderId]] = []
        self._earlier = asyncio.Event()

    def note(self, result: Result) -> None:
        """Notes the orders that a transaction, which was applied, let rest or prolonged."""
        for part in (result, *result.items):
            if part.resting and part.order_id is not None:
                order = self._state.orders.get(part.order_id)
                if order is not None and order.expiry:
                    heappush(self._expiries, (order.expiry, order.id))
                    if self._expiries[0][1] == order.id:
                        self._earlier.set()
        if len(self._expiries) > 2 * len(self._state.orders) + SLACK:
            resting = self._state.orders.values()
            self._expiries = sorted((order.expiry, order.id) for order in resting if order.expiry)

    async def run(self) -> None:
        """Sequences the end of each order whose time is over, until it is cancelled."""
        while True:
            due = list[tuple[int, OrderId]]()
            while len(due) < AT_ONCE_MAX and self._expiries and self._ahead_ms() <= 0:
                due.append(heappop(self._expiries))
            if due:
                await asyncio.gather(*(self._expire(*each) for each in due))
            else:
                await self._sleep()

    def _ahead_ms(self) -> int:
        """Milliseconds until the next order is over; negative if it is."""
        return self._expiries[0][0] * 1000 + 1000 - self._clock.now_ms()

    async def _expire(self, expiry: int, order_id: OrderId) -> None:
        tx = ExpireOrder(order_id)
        with suppress(NodeHalted):
            try:
                await self._sequence(tx, expiry_digest(tx))
            except Rejection:
                # It was filled, cancelled or prolonged meanwhile; or the clock was set back, and it is not over yet.
                order = self._state.orders.get(order_id)
                if order is not None and order.expiry == expiry:
                    heappush(self._expiries, (expiry, order_id))

    async def _sleep(self) -> None:
        """Returns when an order may be over, or when another one may be the next."""
        self._earlier.clear()
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._earlier.wait())]
        if self._expiries:
            waits.append(asyncio.create_task(self._clock.sleep(min(self._ahead_ms(), POLL_MS))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
