"""The single writer: every change of the state passes one queue and one task.

The writer takes what waits as a group, checks and applies each transaction in memory, makes the group durable in one
commit, and only then answers. Under load the next group, and no other, is applied while one is on its way. If a commit
fails, memory is ahead of the disk and the node halts: the journal is the truth, a restart folds it into the state
again. Readers of the state wait until all of it is durable, and the writer waits for them.

A block is opened by its first transaction and sealed when it is old or full, or when an inbox entry or an order that
ends needs a later block time. What one transaction may add to a block is bounded, so a full block leaves room for it.

An order with an expiry is taken out by a transaction of the node's own as soon as its time is over.

L1 refuses a batch that takes no inbox entry and leaves one that is overdue. So entries that wait go first, and nothing
else is sequenced while one that nobody has read may be too old.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, Literal

from sequencer.core.codec import MAX_BATCH_BOUND, data_bound, parse_inbox_entry
from sequencer.core.constants import (
    MAX_BATCH_ITEMS,
    MAX_MAKERS,
    MAX_OPEN_ORDERS,
    MAX_TOKEN_ID,
    ZERO_HASH,
)
from sequencer.core.errors import Rejection
from sequencer.core.inbox import next_inbox_hash
from sequencer.core.state import State
from sequencer.core.transition import (
    accept,
    apply,
    apply_expiry,
    apply_inbox,
    open_block,
    removed_ids,
)
from sequencer.core.types import (
    Batch,
    Block,
    ExpireOrder,
    InboxEntry,
    OrderId,
    Receipt,
    Result,
    Sequenceable,
    Transaction,
)
from sequencer.expiry import OrderExpiry
from sequencer.ports import (
    Clock,
    InboxPosition,
    Journal,
    JournaledBlock,
    JournaledTransaction,
    JournalGroup,
    L1InboxEntry,
    Listener,
    NodeHalted,
    SealedBlock,
    Sequenced,
)

log = logging.getLogger(__name__)

MAX_BATCH_DATA: Final = 120_000
"""Bytes of a batch's data in calldata; with the rest of `settle` it stays below the 131,072 of an L1 transaction."""
MAX_BLOCK_HEAD: Final = 64
"""Bytes that a block adds besides its transactions, and the growth of the counts before them; generous."""
MAX_BLOCK_DATA: Final = MAX_BATCH_DATA - MAX_BLOCK_HEAD - MAX_BATCH_BOUND
"""A block that may have this many bytes takes no more; any transaction may have been the last."""
MAX_BATCH_STEPS: Final = 4_000
"""Steps of a batch: a fill, a cancel or a withdrawal touches orders and accounts of its own, so transactions that do
many of them would otherwise make a witness and a proof too large."""
MAX_TRANSACTION_STEPS: Final = max(
    1 + MAX_OPEN_ORDERS + MAX_TOKEN_ID,
    1 + MAX_BATCH_ITEMS + MAX_MAKERS + MAX_OPEN_ORDERS + MAX_BATCH_ITEMS,
)
"""Most steps of one transaction: a forced exit of a full account, or a batch that meets and cancels all it can."""
MAX_BLOCK_STEPS: Final = MAX_BATCH_STEPS - MAX_TRANSACTION_STEPS
"""A block with this many takes no more; any transaction may have been the last."""
AHEAD_MIN: Final = 64
"""Transactions that must wait for a group to be applied while the one before it is on its way to the disk. Fewer are
answered sooner if they wait until it is there: what comes meanwhile joins them.
"""
MAX_GROUP: Final = 1_024
"""Transactions per commit, each action of a batch counted, and two steps as one; bounds how long an answer waits for
others, and how long the event loop waits for the writer. What gets a group there is still in it.
"""


class Busy(Exception):  # noqa: N818 - a state, named as it is shown
    """Too many transactions wait for the writer. Nothing was done."""


class InboxUnread(Busy):
    """What L1's inbox holds is not known, or not sequenced, for too long. Nothing was done."""


class ReplayError(Exception):
    """The journal does not give the results that it holds."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A transaction that is durably sequenced."""

    block: int
    receipt: Receipt
    """What may be promised about it from now on."""
    result: Result


def steps(result: Result) -> int:
    """What a transaction costs to prove: itself, and all that it filled, cancelled, reduced and withdrew."""
    cancelled = sum(order.remaining > 0 for order in result.removed)
    own = len(result.fills) + cancelled + len(result.reductions) + len(result.withdrawals)
    return 1 + own + sum(map(steps, result.items))


@dataclass(slots=True)
class _Submission:
    transaction: Sequenceable
    digest: bytes
    public_key: bytes
    signature: bytes
    inbox: L1InboxEntry | None
    answer: asyncio.Future[Accepted]


@dataclass(slots=True)
class _OpenBlock:
    block: Block
    digests: list[bytes] = field(default_factory=list)
    signatures: list[tuple[bytes, bytes]] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    removed: list[OrderId] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    steps: int = 0
    data_bound: int = 0

    def add(
        self,
        tx: Sequenceable,
        digest: bytes,
        public_key: bytes,
        signature: bytes,
        result: Result,
    ) -> None:
        """Appends a transaction that was applied."""
        self.block.transactions.append(tx)
        self.digests.append(digest)
        self.results.append(result)
        self.removed += removed_ids(tx, result)
        self.steps += steps(result)
        self.data_bound += data_bound(tx)
        if isinstance(tx, InboxEntry):
            self.entries.append(tx.data)
        elif not isinstance(tx, ExpireOrder):
            self.signatures.append((public_key, signature))


@dataclass(slots=True)
class _Group:
    """What is committed together. `taken`: all submissions, `accepted`: those that were sequenced."""

    taken: list[_Submission] = field(default_factory=list)
    accepted: list[tuple[_Submission, Accepted]] = field(default_factory=list)
    sealed: list[SealedBlock] = field(default_factory=list)
    journal: JournalGroup = field(default_factory=JournalGroup)


class Node:
    """The state and the one task that changes it. Implements InboxSink."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        on_sealed: Callable[[SealedBlock], None],
        *,
        seal_interval_ms: int,
        max_block_transactions: int,
        max_waiting: int,
        inbox_patience_s: int | None = None,
    ) -> None:
        """`on_sealed` gets each sealed block, in order, once it is durable.

        `inbox_patience_s`: for how long the inbox may be unknown before nothing but its entries is sequenced; None:
        nobody reads it.
        """
        self._state = State()
        self._journal = journal
        self._clock = clock
        self._on_sealed = on_sealed
        self._listeners: list[Listener] = []
        self._seal_interval_ms = seal_interval_ms
        self._max_block_transactions = max_block_transactions
        self._max_waiting = max_waiting
        self._inbox_patience_s = inbox_patience_s
        self._waiting: deque[_Submission] = deque()
        self._entries: deque[_Submission] = deque()
        self._wake = asyncio.Event()
        self._durable = asyncio.Lock()
        self._committing: asyncio.Task[bool] | None = None
        self._open: _OpenBlock | None = None
        self._seal_timer: asyncio.Task[None] | None = None
        self._seal_due = False
        self._expiry = OrderExpiry(self._state, clock, self._expire)
        self._inbox_order = asyncio.Lock()
        self._inbox_hashes: list[bytes] = []
        self._inbox_place = (0, b"")
        self._inbox_known = 0
        self._inbox_news = asyncio.Event()
        self._halt_reason: str | None = None
        self._memory_ahead = False

    def listen(self, listener: Listener) -> None:
        """Tells `listener` of every group from now on; not of what is replayed."""
        self._listeners.append(listener)

    # ----------------------------------------------------------------- replay

    def replay(self, journaled: JournaledBlock) -> SealedBlock | None:
        """Applies a block of the journal; gives it if it is sealed. Raises ReplayError."""
        open_block(self._state, journaled.timestamp)
        if self._state.meta.block_number != journaled.number:
            raise ReplayError(f"block {journaled.number} follows block {self._state.meta.block_number - 1}")
        block = self._open = _OpenBlock(Block(journaled.number, journaled.timestamp, []))
        for entry in journaled.transactions:
            self._replay_transaction(block, entry)
        return self._seal(block) if journaled.sealed else None

    def _replay_transaction(self, block: _OpenBlock, x: JournaledTransaction) -> None:
        try:
            result = self._replayed(x.transaction)
        except (Rejection, ValueError) as error:
            raise ReplayError(f"transaction {x.seq} cannot be applied: {error}") from error
        if (result.seq, result.code) != (x.seq, x.code):
            raise ReplayError(f"transaction {x.seq} has result {result.code}, the journal {x.code}")
        self._expiry.note(result)
        block.add(x.transaction, x.digest, x.public_key, x.signature, result)
        if x.inbox is not None:
            self._note_inbox(x.inbox)

    # -------------------------------------------------------------- admission

    async def submit(
        self, transaction: Transaction, digest: bytes, public_key: bytes, signature: bytes
    ) -> Accepted:
        """Sequences a transaction whose signature was checked; returns when it is durable.

        Raises Rejection (its nonce stays free), Busy, InboxUnread, NodeHalted.
        """
        self._require_running()
        if len(self._waiting) >= self._max_waiting:
            raise Busy
        return await self._enqueue(transaction, digest, public_key, signature)

    async def submit_inbox(self, *entries: L1InboxEntry) -> None:
        """See InboxSink."""
        async with self._inbox_order:
            self._require_running()
            waiting = self._not_sequenced(entries)
            while waiting:
                await self._wait_for_time(_time_of(waiting[0]))
                self._require_running()
                due = _due(waiting, self._clock.now_ms() // 1000)
                sequenced = (self._enqueue(InboxEntry(x.entry), x.chain_hash, inbox=x) for x in due)
                await asyncio.gather(*sequenced)
                del waiting[: len(due)]

    def inbox_position(self) -> InboxPosition:
        """See InboxSink."""
        hashes = self._inbox_hashes
        return InboxPosition(len(hashes), hashes[-1] if hashes else ZERO_HASH, *self._inbox_place)

    def inbox_read(self, time: int, waiting: L1InboxEntry | None) -> None:
        """See InboxSink."""
        self._inbox_known = time if waiting is None else min(time, _time_of(waiting))
        self._inbox_news.set()

    def is_inbox_stale(self) -> bool:
        """Whether there may be an entry that makes L1 refuse a batch without entries."""
        if self._inbox_patience_s is None:
            return False
        now = max(self._state.meta.timestamp, self._clock.now_ms() // 1000)
        return now - self._inbox_known > self._inbox_patience_s

    async def _expire(self, transaction: ExpireOrder, digest: bytes) -> Accepted:
        """An order's end waits where a client is refused."""
        while True:
            while self.is_inbox_stale():
                self._inbox_news.clear()
                await self._inbox_news.wait()
            with suppress(InboxUnread):
                return await self._enqueue(transaction, digest)

    def _not_sequenced(self, entries: Sequence[L1InboxEntry]) -> list[L1InboxEntry]:
        """The entries that continue the inbox. Halts the node if L1 contradicts what is sequenced."""
        position = self.inbox_position()
        known, chain_hash = position.count, position.chain_hash
        found: list[L1InboxEntry] = []
        for entry in entries:
            if entry.index < known:
                if self._inbox_hashes[entry.index] != entry.chain_hash:
                    self.halt(f"L1 changed inbox entry {entry.index}, which is sequenced")
            elif entry.index > known + len(found):
                self.halt(f"inbox entry {entry.index} arrived, {known + len(found)} is missing")
            elif next_inbox_hash(chain_hash, entry.entry) != entry.chain_hash:
                self.halt(f"the hash of inbox entry {entry.index} is not the contract's")
            else:
                found.append(entry)
                chain_hash = entry.chain_hash
            self._require_running()
        return found

    async def _wait_for_time(self, time: int) -> None:
        while (ahead_ms := time * 1000 - self._clock.now_ms()) > 0:
            await self._clock.sleep(min(ahead_ms, 1000))
            self._require_running()

    async def _enqueue(
        self,
        transaction: Sequenceable,
        digest: bytes,
        public_key: bytes = b"",
        signature: bytes = b"",
        inbox: L1InboxEntry | None = None,
    ) -> Accepted:
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        queue = self._waiting if inbox is None else self._entries
        queue.append(_Submission(transaction, digest, public_key, signature, inbox, answer))
        self._wake.set()
        # A client that goes away cancels the answer that it waits for, not what it sent.
        return await answer

    # ---------------------------------------------------------------- reading

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[State]:
        """The state, durable and unchanging until the block ends: do not await in it. Raises NodeHalted."""
        async with self._durable:
            if self._committing is not None:
                await asyncio.shield(self._committing)
            if self._memory_ahead:
                self._require_running()
            yield self._state

    @property
    def latest(self) -> State:
        """The state as the writer has it, perhaps not durable yet: only for what a later commit decides on."""
        return self._state

    @property
    def halt_reason(self) -> str | None:
        """Why the node stopped sequencing; None while it runs."""
        return self._halt_reason

    def halt(self, reason: str) -> None:
        """Stops sequencing until the process is started again. What waits is answered with NodeHalted."""
        if self._halt_reason is None:
            log.critical("HALTED: %s", reason)
            self._halt_reason = reason
        while submission := self._next():
            _fail(submission.answer, NodeHalted(self._halt_reason))
        self._wake.set()

    def _require_running(self) -> None:
        if self._halt_reason is not None:
            raise NodeHalted(self._halt_reason)

    # ---------------------------------------------------------------- writing

    async def run(self) -> None:
        """Works until the node halts or the task is cancelled; a group that was begun is always finished."""
        if self._open is not None:
            self._start_seal_timer()
        expiring = asyncio.create_task(self._expiry.run())
        try:
            await self._work()
        finally:
            expiring.cancel()
            if self._committing is not None:
                await self._committing

    async def _work(self) -> None:
        while self._halt_reason is None:
            await self._wake.wait()
            self._wake.clear()
            if self._committing is not None and len(self._waiting) + len(self._entries) < AHEAD_MIN:
                await asyncio.shield(self._committing)
            await self._write()

    async def _write(self) -> None:
        """Applies a group and starts its commit; returns when the one before it is durable."""
        async with self._durable:
            before, group = self._committing, _Group()
            try:
                self._sequence(group)
                self._tell("applied", group.journal.sequenced)
                durable = self._journal.commit(group.journal) if group.journal else None
            except Exception as error:
                self._lose(group, error)
                return
            self._committing = asyncio.create_task(self._finish(group, durable, before))
        if self._waiting or self._entries:
            self._wake.set()
        if before is not None:
            await asyncio.shield(before)

    async def _finish(
        self, group: _Group, durable: Awaitable[None] | None, before: "asyncio.Task[bool] | None"
    ) -> bool:
        """Answers and publishes a group once it is durable, after the one before it; False if one of them is lost."""
        try:
            if durable is not None:
                await durable
            if before is not None and not await before:
                raise NodeHalted("an earlier group is lost")
        except Exception as error:
            self._lose(group, error)
            return False
        self._publish(group)
        self._tell("sequenced", group.journal.sequenced)
        return True

    def _lose(self, group: _Group, error: Exception) -> None:
        """A group that is in memory and perhaps not in the journal: nothing more may follow it."""
        log.error("a group of %d transactions was not made durable", len(group.taken), exc_info=error)
        self._memory_ahead = True
        self.halt(f"transactions could not be made durable: {type(error).__name__}: {error}")
        for submission in group.taken:
            _fail(submission.answer, NodeHalted(self._halt_reason))

    def _next(self) -> _Submission | None:
        """Takes what waits out of its queue, entries first."""
        queue = self._entries or self._waiting
        return queue.popleft() if queue else None

    def _sequence(self, group: _Group) -> None:
        """Applies what waits, as a group; rejected transactions are answered at once, they change nothing."""
        journal, sealed, weight = group.journal, group.sealed, 0
        while weight < MAX_GROUP and (submission := self._next()):
            group.taken.append(submission)
            tx = submission.transaction
            actions = len(tx.actions) if isinstance(tx, Batch) else 1
            if submission.inbox is None and self.is_inbox_stale():
                _fail(submission.answer, InboxUnread())
                weight += actions
                continue
            block = self._prepare_block(submission, journal, sealed)
            before, inbox_hash = block.steps, self._state.meta.inbox_hash
            try:
                sequenced = self._sequence_one(block, submission)
            except Rejection as rejection:
                _fail(submission.answer, rejection)
                weight += actions
                continue
            weight += max(actions, (block.steps - before) // 2)
            if len(block.digests) == 1:
                journal.opened.append((block.block.number, block.block.timestamp))
                self._start_seal_timer()
            journal.sequenced.append(sequenced)
            receipt = Receipt(sequenced.seq, sequenced.digest, inbox_hash, sequenced.time)
            group.accepted.append((submission, Accepted(sequenced.block, receipt, sequenced.result)))
        if self._seal_due or self._is_full():
            self._seal_into(journal, sealed)

    def _prepare_block(
        self, submission: _Submission, journal: JournalGroup, sealed: list[SealedBlock]
    ) -> _OpenBlock:
        """An open block that can take the submission. One without transactions takes the current time."""
        meta, earliest = self._state.meta, self._earliest(submission.transaction)
        if self._is_full() or meta.timestamp < earliest:
            self._seal_into(journal, sealed)
        timestamp = max(meta.timestamp, self._clock.now_ms() // 1000, earliest)
        if self._open is None:
            open_block(self._state, timestamp)
            self._open = _OpenBlock(Block(meta.block_number, timestamp, []))
        elif not self._open.digests:
            meta.timestamp = self._open.block.timestamp = timestamp
        return self._open

    def _earliest(self, tx: Sequenceable) -> int:
        """The first block time at which `tx` can be sequenced."""
        match tx:
            case InboxEntry():
                return parse_inbox_entry(tx.data).time
            case ExpireOrder():
                # Its time may lie ahead again: then it is refused, and must not take the block's time there.
                order = self._state.orders.get(tx.order_id)
                expiry = order.expiry if order is not None else 0
                return expiry + 1 if 0 < expiry < self._clock.now_ms() // 1000 else 0
            case _:
                return 0

    def _sequence_one(self, block: _OpenBlock, submission: _Submission) -> Sequenced:
        tx = submission.transaction
        result = self._applied(tx)
        self._expiry.note(result)
        block.add(tx, submission.digest, submission.public_key, submission.signature, result)
        return Sequenced(
            result.seq,
            block.block.number,
            block.block.timestamp,
            tx,
            submission.digest,
            submission.public_key,
            submission.signature,
            result,
            submission.inbox,
        )

    def _applied(self, tx: Sequenceable) -> Result:
        """Raises Rejection for what is not to be sequenced."""
        match tx:
            case InboxEntry():
                return apply_inbox(self._state, tx.data)
            case ExpireOrder():
                return apply_expiry(self._state, tx)
            case _:
                return accept(self._state, tx)

    def _replayed(self, tx: Sequenceable) -> Result:
        """What was sequenced once stays so, even if it would not be accepted any more."""
        return self._applied(tx) if isinstance(tx, InboxEntry | ExpireOrder) else apply(self._state, tx)

    def _publish(self, group: _Group) -> None:
        """Everything here is durable."""
        for submission, answer in group.accepted:
            if submission.inbox is not None:
                self._note_inbox(submission.inbox)
            if not submission.answer.done():
                submission.answer.set_result(answer)
        for block in group.sealed:
            self._on_sealed(block)

    def _tell(self, what: Literal["applied", "sequenced"], group: list[Sequenced]) -> None:
        for listener in self._listeners if group else ():
            try:
                getattr(listener, what)(group)
            except Exception:
                # What is durable stays so, whoever cannot cope with it.
                log.exception("a listener failed on transactions %d to %d", group[0].seq, group[-1].seq)

    def _note_inbox(self, entry: L1InboxEntry) -> None:
        self._inbox_hashes.append(entry.chain_hash)
        self._inbox_place = (entry.l1_block, entry.l1_block_hash)

    # ---------------------------------------------------------------- sealing

    def _is_full(self) -> bool:
        block = self._open
        return block is not None and (
            len(block.digests) >= self._max_block_transactions
            or block.steps >= MAX_BLOCK_STEPS
            or block.data_bound >= MAX_BLOCK_DATA
        )

    def _seal_into(self, journal: JournalGroup, sealed: list[SealedBlock]) -> None:
        """Seals the open block, if there is one with transactions."""
        if self._open is not None and self._open.digests:
            journal.sealed.append(self._open.block.number)
            sealed.append(self._seal(self._open))

    def _seal(self, block: _OpenBlock) -> SealedBlock:
        if self._seal_timer is not None:
            self._seal_timer.cancel()
        self._seal_due = False
        self._open = None
        return SealedBlock(
            block=block.block,
            meta=self._state.meta_bytes(),
            writes=self._state.take_writes(),
            next_seq=self._state.meta.next_seq,
            entries=block.entries,
            removed=block.removed,
            digests=block.digests,
            signatures=block.signatures,
            results=block.results,
            steps=block.steps,
            data_bound=block.data_bound,
        )

    def _start_seal_timer(self) -> None:
        self._seal_timer = asyncio.get_running_loop().create_task(self._seal_later())

    async def _seal_later(self) -> None:
        await self._clock.sleep(self._seal_interval_ms)
        self._seal_due = True
        self._wake.set()


def _due(entries: Sequence[L1InboxEntry], now: int) -> list[L1InboxEntry]:
    """The first entries, as many as are not of a time to come."""
    return list(takewhile(lambda entry: _time_of(entry) <= now, entries))


def _time_of(entry: L1InboxEntry) -> int:
    return parse_inbox_entry(entry.entry).time


def _fail(answer: asyncio.Future[Accepted], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
        # The caller may be gone; then nobody asks for the exception, which asyncio would report.
        answer.exception()
