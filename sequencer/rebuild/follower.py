"""From the block that created the contract to the newest one, and on, across reorganisations.

Logs are read in ranges of blocks, each range continuing the block before it. What they say must continue what is known:
the inbox its hash chain, a batch the state root and the sequence number of the one before. After the newest block all
of it is compared with the contract's own storage. Then the data of each new batch is found and replayed.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from zkclob_native import ACCOUNTS, BOOKS, CLIENTS, REGISTRY

from sequencer.core.constants import ZERO_HASH
from sequencer.core.inbox import next_inbox_hash
from sequencer.core.signing import domain_separator
from sequencer.rebuild.chain import Block, Chain
from sequencer.rebuild.errors import ChainInconsistent, ChainReorganised, ChainUnavailable, RecordsError
from sequencer.rebuild.events import Event, Log, SettledBatch, decode_log, settled_batch
from sequencer.rebuild.records import InboxRecord, Records, Snapshot
from sequencer.rebuild.replay import GENESIS_ROOT, ReplayedBatch, Replayer
from sequencer.rebuild.sources import DataFinder

PASSING: Final = (ChainUnavailable, ChainInconsistent, ChainReorganised)
"""What another look at L1 may get over."""
ATTEMPTS: Final = 5
PAUSE_S: Final = 2.0
SNAPSHOT_EVERY: Final = 50_000
"""Transactions between two states that are kept on disk; what a restart replays at most."""
_GENESIS_SEQ: Final = 1

OnBatch = Callable[[SettledBatch, ReplayedBatch], None]
"""Takes each batch once it was replayed."""


def _ignore(_batch: SettledBatch, _replayed: ReplayedBatch) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is."""

    l1_block: int
    l1_newest: int
    batch: int
    batches: int
    transactions: int


class Follower:
    """Rebuilds one exchange and keeps up with it. Whoever reads its state from another thread holds `lock`."""

    def __init__(
        self,
        chain: Chain,
        records: Records,
        data: DataFinder,
        *,
        first_block: int,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """`first_block`: not after the one that created the contract. `on_event`: of governance and the like."""
        self.chain = chain
        self.records = records
        self.lock = threading.RLock()
        self._data = data
        self._first_block = first_block
        self._on_progress = on_progress
        self._on_event = on_event
        self._separator = domain_separator(chain.chain_id(), chain.contract)
        if self._separator != chain.view("domainSeparator"):
            raise ChainInconsistent("the contract's EIP-712 domain is not that of its chain and address")
        self._snapshot_seq = 0
        self.replayer = Replayer(self._separator)
        self.newest: Block | None = None
        """The block that the last step ended at."""
        self._restore()

    @property
    def domain_separator(self) -> bytes:
        """EIP-712 domain of the exchange."""
        return self._separator

    def catch_up(
        self, on_batch: OnBatch = _ignore, on_trouble: Callable[[Exception], None] = lambda _: None
    ) -> None:
        """Goes to the newest block; looks again a few times at what may pass. Raises RebuildError."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.step(on_batch)
            except PASSING as error:
                if attempt == ATTEMPTS:
                    raise
                on_trouble(error)
                time.sleep(PAUSE_S)
        raise AssertionError("the last attempt returns or raises")

    def step(self, on_batch: OnBatch = _ignore) -> None:
        """Goes to the newest block, once. Raises RebuildError.

        `on_batch` gets each batch that is replayed.
        """
        newest = self.chain.block(None)
        self._drop_replaced_blocks()
        if self._read_logs(newest):
            self._compare_with_contract(newest)
        self._replay(newest, on_batch)
        self.newest = newest

    # -------------------------------------------------------------------- logs

    def _drop_replaced_blocks(self) -> None:
        """Forgets what is no longer in the chain; the state goes back to the last batch that still is."""
        blocks = list(self.records.blocks())
        known = next((number for number, digest in blocks if self.chain.has_block(number, digest)), -1)
        if not blocks or blocks[0][0] == known:
            return
        with self.lock:
            self.records.drop_after(known)
            if self.records.batch_count() < self.replayer.batch:
                self._restore()

    def _read_logs(self, newest: Block) -> bool:
        """Whether there were blocks to read."""
        last = next(self.records.blocks(), None)
        first = self._first_block if last is None else last[0] + 1
        if first > newest.number:
            return False
        while first <= newest.number:
            if last is not None and self.chain.block(first).parent_hash != last[1]:
                raise ChainReorganised(f"L1 block {first} does not follow the one that was read before it")
            end, logs = self.chain.logs(first, newest.number)
            events = self._take(end, logs)
            for event in events:
                self._on_event(event)
            first, last = end.number + 1, (end.number, end.hash)
            self._report(newest)
        return True

    def _take(self, end: Block, logs: list[Log]) -> list[Event]:
        """Adds the logs up to `end`; gives those for people."""
        shown = []
        with self.lock, self.records.transaction():
            for log in logs:
                event = decode_log(log)
                if event is None:
                    continue
                match event.name:
                    case "InboxAppended":
                        self._add_entry(event)
                    case "Settled":
                        self._add_batch(settled_batch(event))
                    case "Claimed":
                        self.records.add_claim(
                            event.arguments["batchNumber"], event.arguments["index"], log.block
                        )
                    case _:
                        self.records.add_event(event)
                        shown.append(event)
            self.records.add_block(end)
        return shown

    def _add_entry(self, event: Event) -> None:
        count = self.records.inbox_count()
        before = self.records.inbox(count - 1)[0].chain_hash if count else ZERO_HASH
        index, entry = event.arguments["index"], event.arguments["entry"]
        chain_hash = next_inbox_hash(before, entry)
        if index != count or event.arguments["chainHash"] != chain_hash:
            raise ChainInconsistent(
                f"inbox entry {index} in L1 block {event.log.block} does not continue the inbox at {count}"
            )
        log = event.log
        self.records.add_entry(InboxRecord(index, entry, chain_hash, log.block, log.block_hash))

    def _add_batch(self, batch: SettledBatch) -> None:
        count = self.records.batch_count()
        before = self.records.batch(count)
        root, seq = (before.new_state_root, before.end_seq) if before else (GENESIS_ROOT, _GENESIS_SEQ)
        if (batch.number, batch.prev_state_root, batch.first_seq) != (count + 1, root, seq):
            raise ChainInconsistent(
                f"batch {batch.number} in L1 block {batch.l1_block} does not continue batch {count}"
            )
        self.records.add_batch(batch)

    def _compare_with_contract(self, block: Block) -> None:
        """The contract's own storage after `block` against what its events said."""
        head = self.chain.head(block.number)
        count = self.records.batch_count()
        batch = self.records.batch(count)
        entries = self.records.inbox_count()
        last = self.records.inbox(entries - 1)[0].chain_hash if entries else ZERO_HASH
        for what, found, expected in (
            ("number of batches", head.batch_number, count),
            ("state root", head.state_root, batch.new_state_root if batch else GENESIS_ROOT),
            ("next sequence number", head.next_seq, batch.end_seq if batch else _GENESIS_SEQ),
            ("inbox cursor", head.inbox_cursor, batch.inbox_cursor if batch else 0),
            ("length of the inbox", self.chain.view("inboxLength", block=block.number), entries),
            ("hash of the inbox", self.chain.view("inboxHash", entries, block=block.number), last),
        ):
            if found != expected:
                raise ChainInconsistent(f"{what} in the contract is not what its events say")

    # ------------------------------------------------------------------- state

    def _replay(self, newest: Block, on_batch: OnBatch) -> None:
        while (batch := self.records.batch(self.replayer.batch + 1)) is not None:
            data = self.records.data(batch.number)
            if data is None:
                data = self._data.find(batch)
                self.records.add_data(batch.number, data)
            with self.lock:
                replayed = self._apply(batch, data)
                with self.records.transaction():
                    self.records.add_leaves(batch.number, replayed.withdrawals)
                    if batch.end_seq - self._snapshot_seq >= SNAPSHOT_EVERY:
                        self._keep_snapshot()
            on_batch(batch, replayed)
            self._report(newest)

    def _apply(self, batch: SettledBatch, data: bytes) -> ReplayedBatch:
        cursor = self.replayer.state.meta.inbox_cursor
        entries = [record.entry for record in self.records.inbox(cursor, batch.inbox_cursor)]
        return self.replayer.apply(batch, data, entries)

    def _keep_snapshot(self) -> None:
        tree = self.replayer.tree
        maps = [tree.items(number) for number in (ACCOUNTS, BOOKS, CLIENTS, REGISTRY)]
        self.records.add_snapshot(Snapshot(self.replayer.batch, maps, tree.meta))
        self._snapshot_seq = self.replayer.state.meta.next_seq

    def _restore(self) -> None:
        """The newest state on disk, or genesis."""
        self.replayer = Replayer(self._separator)
        self._snapshot_seq = 0
        snapshot = self.records.snapshot()
        if snapshot is None:
            return
        self.replayer.restore(snapshot.batch, snapshot.maps, snapshot.meta)
        batch = self.records.batch(snapshot.batch)
        if batch is None or self.replayer.tree.root != batch.new_state_root:
            raise RecordsError(f"the state kept after batch {snapshot.batch} is not the settled one")
        self._snapshot_seq = batch.end_seq

    def _report(self, newest: Block) -> None:
        read = next(self.records.blocks(), (0, b""))[0]
        seq = self.replayer.state.meta.next_seq - 1
        self._on_progress(Progress(read, newest.number, self.replayer.batch, self.records.batch_count(), seq))
