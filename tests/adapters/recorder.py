"""A state and a database that is told of every transaction, in groups, as the node tells it."""

import asyncio
from pathlib import Path
from random import Random

from sequencer.adapters.store import Store
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_expiry, apply_inbox, open_block
from sequencer.core.types import ExpireOrder, InboxEntry, Result, Sequenceable
from sequencer.ports import JournalGroup, L1InboxEntry, Sequenced
from tests.properties.flow import Flow
from tests.properties.replica import SEPARATOR

START = 1_700_000_000


class Recorder:
    """Applies transactions and commits them when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.state = State()
        self.store = Store(folder, SEPARATOR)
        self.group = JournalGroup()

    def open_block(self, timestamp: int) -> None:
        """Begins a block."""
        open_block(self.state, timestamp)
        self.group.opened.append((self.state.meta.block_number, timestamp))

    def sequence(self, tx: Sequenceable) -> Result:
        """Applies a transaction or an entry; it is in the next group."""
        inbox = None
        match tx:
            case InboxEntry():
                index = self.state.meta.inbox_cursor
                result = apply_inbox(self.state, tx.data)
                inbox = L1InboxEntry(index, tx.data, self.state.meta.inbox_hash, 10 + index, bytes(32))
            case ExpireOrder():
                result = apply_expiry(self.state, tx)
            case _:
                result = apply(self.state, tx)
        meta = self.state.meta
        digest = result.seq.to_bytes(32, "big")
        self.group.sequenced.append(
            Sequenced(result.seq, meta.block_number, meta.timestamp, tx, digest, b"", b"", result, inbox)
        )
        return result

    def commit(self) -> None:
        """Makes what was applied since durable."""
        group, self.group = self.group, JournalGroup()

        async def commit() -> None:
            await self.store.commit(group)

        asyncio.run(commit())


def recorded(folder: Path, flow: Flow, size: int) -> Recorder:
    """A recorder that was told of `size` transactions of a flow, in groups of any size."""
    recorder, random = Recorder(folder), Random(size)
    time = START
    recorder.open_block(time)
    for entry in flow.opening_entries(time):
        recorder.sequence(InboxEntry(entry))
    for _ in range(size):
        if random.random() < 0.03:
            time += random.choice((0, 1, 30, 3_600))
            recorder.open_block(time)
        recorder.sequence(flow.next(recorder.state))
        if random.random() < 0.1:
            recorder.commit()
    recorder.commit()
    return recorder
