"""Transactions that are signed now and sent later: dead-man switches, and triggers on the price of trades.

The sequencer does this on its own: nothing of it is proven. What is sent is an ordinary signed transaction, which the
rules treat like any other, with the nonce and the deadline that were signed.

What is armed is durable before it is acknowledged, and so are renewals and disarming. A restart goes on as if there
had been no pause: a switch that came due while the sequencer was down is sent at once, and so is a trigger that
a trade reached which was sequenced just before.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import takewhile
from typing import Any, Final, Protocol

from sortedcontainers import SortedKeyList

from sequencer.adapters.deferred_rows import Deferrable, Deferred, Status, Switch, Trigger
from sequencer.core.book import PLACES_PER_SEQ, order_id
from sequencer.core.errors import Code, Rejection
from sequencer.core.types import Address, Fill, OrderId, PlaceOrder
from sequencer.node import Accepted, Busy, Node
from sequencer.ports import Clock, NodeHalted, Randomness, Sequenced

log = logging.getLogger(__name__)

ARMED_PER_ACCOUNT_MAX: Final = 64
ARMED_MAX: Final = 16_384
SENT_AT_ONCE_MAX: Final = 64
"""Transactions that wait for the node together, so that a cascade leaves it room for others."""
RETRY_MS: Final = 50
"""Pause before a transaction is offered again to a node that has no room."""
DEADLINE_MARGIN_MS: Final = 1_000
"""How long before the deadline of its transaction a switch is sent at the latest."""
TIMES_SLACK: Final = 1_024
"""Times that are kept of what is not armed any more, besides as many as are armed."""
POLL_MS: Final = 10_000
"""Longest sleep before times are looked at again, should the clock be set."""


class TooManyDeferred(Exception):  # noqa: N818 - an answer to a trader
    """The account has as many as it may."""


class NotArmed(Exception):  # noqa: N818 - an answer to a trader
    """It ended, or is being sent; the message is its status."""


class DeferredStore(Protocol):
    """Where they are durable."""

    def armed(self) -> list[Deferred]:
        """Those that have not ended; blocks the caller."""
        ...

    async def save(self, entries: Iterable[Deferred]) -> None:
        """Durable when it returns, as they are at the call."""
        ...

    def sequenced_as(self, digest: bytes) -> int | None:
        """Sequence number of a transaction; blocks the caller."""
        ...

    def prices_since(self, market: int, seq: int) -> Iterator[tuple[int, int]]:
        """Sequence number and price of each trade from `seq` on, the latest first; blocks the caller."""
        ...


class DeferredTransactions:
    """All that are armed. Implements Listener."""

    def __init__(self, node: Node, store: DeferredStore, clock: Clock, randomness: Randomness) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._armed: dict[str, Deferred] = {}
        self._per_account: Counter[Address] = Counter()
        self._watched: dict[int, _Watched] = {}
        self._times: list[tuple[int, str]] = []
        self._time_added = asyncio.Event()
        self._sending: set[str] = set()
        self._to_send: deque[Deferred] = deque()
        self._senders: set[asyncio.Task[None]] = set()
        self._missed: list[Deferred] = []
        self._unsaved: dict[str, Deferred] = {}
        self._saving = asyncio.Lock()

    # ------------------------------------------------------------------- asked

    async def arm(
        self,
        tx: Deferrable,
        digest: bytes,
        public_key: bytes,
        signature: bytes,
        terms: Trigger | int,
    ) -> Deferred:
        """A transaction whose signature was checked; `terms` is a trigger or a switch's time-out in seconds.

        Raises TooManyDeferred, Busy, NodeHalted.
        """
        if self._node.halt_reason is not None:
            raise NodeHalted(self._node.halt_reason)
        if self._per_account[tx.account] >= ARMED_PER_ACCOUNT_MAX:
            raise TooManyDeferred
        if len(self._armed) >= ARMED_MAX:
            raise Busy
        now_ms = self._clock.now_ms()
        entry = Deferred(
            id=self._randomness.token(),
            transaction=tx,
            digest=digest,
            public_key=public_key,
            signature=signature,
            armed_ms=now_ms,
            armed_seq=self._node.latest.meta.next_seq,
            terms=terms if isinstance(terms, Trigger) else Switch(terms, _due_ms(tx, terms, now_ms)),
        )
        self._add(entry)
        await self._save(entry)
        return entry

    async def renew(self, number: str) -> Deferred | None:
        """Moves the end of a switch's time-out; None: there is no such switch. Raises NotArmed."""
        entry = self._armed.get(number)
        if entry is None or not isinstance(entry.terms, Switch):
            return None
        self._require_not_sending(number)
        before_ms = entry.terms.due_ms
        entry.terms.due_ms = _due_ms(entry.transaction, entry.terms.timeout_s, self._clock.now_ms())
        if entry.terms.due_ms < before_ms:  # the clock was set back
            self._add_time(entry)
        await self._save(entry)
        return entry

    async def disarm(self, number: str) -> Deferred | None:
        """Forgets it; None: it is not armed. Raises NotArmed."""
        entry = self._armed.get(number)
        if entry is None:
            return None
        self._require_not_sending(number)
        await self._end(entry, Status.DISARMED)
        return entry

    def _require_not_sending(self, number: str) -> None:
        if number in self._sending:
            raise NotArmed("firing")

    # ----------------------------------------------------------------- set off

    def applied(self, group: Sequence[Sequenced]) -> None:
        """See Listener: what is not durable fires nothing."""

    def sequenced(self, group: Sequence[Sequenced]) -> None:
        """See Listener."""
        for seq, fill in _fills(group) if self._watched else ():
            watched = self._watched.get(fill.market)
            if watched is not None:
                for entry in watched.reached(fill.price, seq):
                    self._send(entry)

    async def run(self) -> None:
        """Sends what comes due and ends what is too late, until the task is cancelled."""
        try:
            await self._save(*self._unsaved.values())
            for entry in self._missed:
                self._send(entry)
            while True:
                self._look_at_times()
                await self._sleep()
        finally:
            for task in self._senders:
                task.cancel()

    def _look_at_times(self) -> None:
        now_ms = self._clock.now_ms()
        while self._times and self._times[0][0] <= now_ms:
            _, number = heappop(self._times)
            entry = self._armed.get(number)
            if entry is not None and (time_ms := _time_ms(entry)) > now_ms:
                heappush(self._times, (time_ms, number))
            elif entry is not None:
                self._send(entry)

    async def _sleep(self) -> None:
        """Returns when something may be due, or when another time may be the next."""
        self._time_added.clear()
        ahead_ms = self._times[0][0] - self._clock.now_ms() if self._times else POLL_MS
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._time_added.wait()),
            asyncio.create_task(self._clock.sleep(min(max(ahead_ms, 0), POLL_MS))),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _send(self, entry: Deferred) -> None:
        if entry.id not in self._sending:
            self._unwatch(entry)
            self._sending.add(entry.id)
            self._to_send.append(entry)
            if len(self._senders) < SENT_AT_ONCE_MAX:
                sender = asyncio.get_running_loop().create_task(self._send_all())
                self._senders.add(sender)
                sender.add_done_callback(self._senders.discard)

    async def _send_all(self) -> None:
        while self._to_send:
            await self._finish(self._to_send.popleft())

    async def _finish(self, entry: Deferred) -> None:
        try:
            if isinstance(entry.terms, Trigger) and _time_ms(entry) <= self._clock.now_ms():
                await self._end(entry, Status.EXPIRED)
            else:
                await self._offer(entry)
        except NodeHalted:
            pass  # It stays armed, and is sent after a restart.
        except Exception:
            log.exception("what became of a deferred transaction could not be stored")
        finally:
            self._sending.discard(entry.id)

    async def _offer(self, entry: Deferred) -> None:
        try:
            accepted = await self._submitted(entry)
        except Rejection as refusal:
            status = Status.EXPIRED if refusal.code is Code.DEADLINE_PASSED else Status.REFUSED
            await self._end(entry, status, code=refusal.code, message=refusal.message)
        else:
            result = accepted.result
            await self._end(entry, Status.FIRED, seq=result.seq, order_id=result.order_id)

    async def _submitted(self, entry: Deferred) -> Accepted:
        while True:
            try:
                return await self._node.submit(
                    entry.transaction, entry.digest, entry.public_key, entry.signature
                )
            except Busy:
                await self._clock.sleep(RETRY_MS)

    # ------------------------------------------------------------------- state

    def recover(self) -> None:
        """Takes up what was armed when the process ended, once the journal is replayed; before `run`."""
        for entry in self._store.armed():
            seq = self._store.sequenced_as(entry.digest)
            if seq is None:
                self._add(entry)
            else:
                self._mark(entry, Status.FIRED, seq=seq, order_id=_order_id(entry.transaction, seq))
                self._unsaved[entry.id] = entry
        for market, watched in self._watched.items():
            first = min(entry.armed_seq for entry in watched)
            self._missed += _reached_by(list(watched), self._store.prices_since(market, first))

    def _add(self, entry: Deferred) -> None:
        self._armed[entry.id] = entry
        self._per_account[entry.account] += 1
        if isinstance(entry.terms, Trigger):
            self._watched.setdefault(entry.terms.market, _Watched()).add(entry)
        self._add_time(entry)

    def _add_time(self, entry: Deferred) -> None:
        heappush(self._times, (_time_ms(entry), entry.id))
        if len(self._times) > 2 * len(self._armed) + TIMES_SLACK:
            self._times = sorted((_time_ms(armed), armed.id) for armed in self._armed.values())
        self._time_added.set()

    def _unwatch(self, entry: Deferred) -> None:
        if isinstance(entry.terms, Trigger):
            watched = self._watched.get(entry.terms.market)
            if watched is not None and watched.discard(entry):
                del self._watched[entry.terms.market]

    async def _end(self, entry: Deferred, status: Status, **outcome: Any) -> None:
        self._unwatch(entry)
        del self._armed[entry.id]
        self._per_account[entry.account] -= 1
        if not self._per_account[entry.account]:
            del self._per_account[entry.account]
        self._mark(entry, status, **outcome)
        await self._save(entry)

    def _mark(self, entry: Deferred, status: Status, **outcome: Any) -> None:
        entry.status, entry.ended_ms = status, self._clock.now_ms()
        for name, value in outcome.items():
            setattr(entry, name, value)

    async def _save(self, *entries: Deferred) -> None:
        """Durable when it returns. What is to be saved during a save is saved together by the next."""
        self._unsaved |= {entry.id: entry for entry in entries}
        async with self._saving:
            batch, self._unsaved = self._unsaved, {}
            try:
                if batch:
                    await self._store.save(batch.values())
            except BaseException:
                self._unsaved = batch | self._unsaved
                raise


class _Watched:
    """The triggers of a market, on each side the one that is reached first in front."""

    def __init__(self) -> None:
        self._rising: SortedKeyList[Deferred, Any] = SortedKeyList(key=_rank)
        self._falling: SortedKeyList[Deferred, Any] = SortedKeyList(key=_rank)

    def __iter__(self) -> Iterator[Deferred]:
        yield from self._rising
        yield from self._falling

    def add(self, entry: Deferred) -> None:
        self._side(entry).add(entry)

    def discard(self, entry: Deferred) -> bool:
        """Whether none are left."""
        self._side(entry).discard(entry)
        return not self._rising and not self._falling

    def reached(self, price: int, seq: int) -> list[Deferred]:
        """Those that a trade at `price` in transaction `seq` sets off, in their order."""
        return [
            entry
            for side in (self._rising, self._falling)
            for entry in takewhile(lambda entry: _trigger(entry).reached(price), side)
            if entry.armed_seq <= seq
        ]

    def _side(self, entry: Deferred) -> "SortedKeyList[Deferred, Any]":
        return self._rising if _trigger(entry).rising else self._falling


def _trigger(entry: Deferred) -> Trigger:
    if not isinstance(entry.terms, Trigger):
        raise TypeError(f"{entry.id} is no trigger")
    return entry.terms


def _rank(entry: Deferred) -> tuple[int, int, str]:
    trigger = _trigger(entry)
    return (trigger.price if trigger.rising else -trigger.price, entry.armed_seq, entry.id)


def _fills(group: Iterable[Sequenced]) -> Iterator[tuple[int, Fill]]:
    """Every trade of a group with its sequence number."""
    for x in group:
        for part in (x.result, *x.result.items):
            for fill in part.fills:
                yield x.seq, fill


def _reached_by(entries: list[Deferred], trades: Iterable[tuple[int, int]]) -> Iterator[Deferred]:
    """Triggers of one market that one of its trades, latest first, has reached since they were armed."""
    waiting = sorted(entries, key=lambda entry: entry.armed_seq)
    prices: list[int] = []
    for seq, price in trades:
        while waiting and waiting[-1].armed_seq > seq:
            entry = waiting.pop()
            if any(map(_trigger(entry).reached, prices)):
                yield entry
        prices = [min([*prices, price]), max([*prices, price])]
    yield from (entry for entry in waiting if any(map(_trigger(entry).reached, prices)))


def _due_ms(tx: Deferrable, timeout_s: int, now_ms: int) -> int:
    """When a switch is sent; in time for its transaction's deadline, whatever was asked for."""
    return min(now_ms + timeout_s * 1000, tx.deadline * 1000 - DEADLINE_MARGIN_MS)


def _time_ms(entry: Deferred) -> int:
    """When a switch is due, or a trigger's transaction too late."""
    return entry.terms.due_ms if isinstance(entry.terms, Switch) else (entry.transaction.deadline + 1) * 1000


def _order_id(tx: Deferrable, seq: int) -> OrderId | None:
    """The order that a transaction placed as `seq`."""
    if not isinstance(tx, PlaceOrder):
        return None
    return order_id(tx.market, tx.side, tx.price, seq * PLACES_PER_SEQ)
