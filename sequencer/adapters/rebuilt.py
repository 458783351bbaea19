"""Writes an exchange that was rebuilt from L1 into a data folder, from which a sequencer goes on.

Of what was settled nothing is missing but the signatures, which are not on L1 and which nobody needs any more: such
transactions have empty ones. Gas and prover of the batches are unknown. What was acknowledged and not settled is gone.
"""

import asyncio
import shutil
from pathlib import Path

from zkclob_native import keccak256

from sequencer.adapters.store import Store
from sequencer.core.carriers import BLOBS, CALLDATA
from sequencer.core.outbox import outbox_leaf
from sequencer.core.public_values import PublicValues
from sequencer.core.types import InboxEntry
from sequencer.pipeline import settlement
from sequencer.ports import JournalGroup, L1InboxEntry, Sequenced, Settled, StoredBatch
from sequencer.rebuild.events import SettledBatch
from sequencer.rebuild.follower import Follower
from sequencer.rebuild.records import InboxRecord
from sequencer.rebuild.replay import ReplayedBatch


class FolderInUse(Exception):  # noqa: N818 - a state, named as it is shown
    """There is something where the data folder is to be."""


def rebuild_folder(folder: Path, follower: Follower) -> int:
    """Makes the data folder from L1, whole or not at all; gives the number of batches.

    Raises FolderInUse, RebuildError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FolderInUse(f"{folder} is not empty: move it away if what is in it is lost for good")
    partial = folder.with_name(f"{folder.name}.rebuilding")
    shutil.rmtree(partial, ignore_errors=True)
    store = Store(partial, follower.domain_separator)
    try:
        asyncio.run(_fill(store, follower))
        count = store.batch_count()
    finally:
        store.close()
    partial.replace(folder)
    return count


async def _fill(store: Store, follower: Follower) -> None:
    """The follower works in a thread and waits there until each batch is stored."""
    loop = asyncio.get_running_loop()

    def keep(batch: SettledBatch, replayed: ReplayedBatch) -> None:
        asyncio.run_coroutine_threadsafe(_store(store, follower, batch, replayed), loop).result()

    await asyncio.to_thread(follower.catch_up, keep)


async def _store(store: Store, follower: Follower, batch: SettledBatch, replayed: ReplayedBatch) -> None:
    records = follower.records
    before = records.batch(batch.number - 1)
    entries = records.inbox(before.inbox_cursor if before else 0, batch.inbox_cursor)
    group = JournalGroup(
        opened=[(block.block.number, block.block.timestamp) for block in replayed.blocks],
        sequenced=_sequenced(batch, replayed, entries),
        sealed=[block.block.number for block in replayed.blocks],
    )
    await store.commit(group)
    for block in replayed.blocks:
        await store.store_root(block.block.number, block.state_root)
    data = records.data(batch.number) or b""
    inbox_hash = follower.replayer.state.meta.inbox_hash
    values = _public_values(follower.domain_separator, batch, data, inbox_hash).encode()
    stored = StoredBatch(
        settlement=settlement(batch.number, values, data),
        public_values=values,
        first_block=replayed.blocks[0].block.number,
        created_ms=batch.timestamp * 1000,
        prover_gas_estimate=0,
        proof=None,
    )
    await store.store_batch(stored, b"", _leaves(replayed))
    await store.store_settled(Settled(batch.number, batch.tx_hash, None, batch.l1_block))


def _sequenced(batch: SettledBatch, replayed: ReplayedBatch, entries: list[InboxRecord]) -> list[Sequenced]:
    waiting = iter(entries)
    found: list[Sequenced] = []
    for block in replayed.blocks:
        each = zip(block.block.transactions, block.digests, block.results, strict=True)
        for seq, (tx, digest, result) in enumerate(each, batch.first_seq + len(found)):
            inbox = _inbox(next(waiting)) if isinstance(tx, InboxEntry) else None
            where = (seq, block.block.number, block.block.timestamp)
            found.append(Sequenced(*where, tx, digest, b"", b"", result, inbox))
    return found


def _inbox(record: InboxRecord) -> L1InboxEntry:
    place = (record.l1_block, record.l1_block_hash)
    return L1InboxEntry(record.index, record.entry, record.chain_hash, *place)


def _leaves(replayed: ReplayedBatch) -> list[tuple[int, int, bytes]]:
    owed = [
        (result.seq, item, withdrawal)
        for block in replayed.blocks
        for result in block.results
        for item, withdrawal in enumerate(result.withdrawals)
    ]
    return [(seq, item, outbox_leaf(withdrawal, index)) for index, (seq, item, withdrawal) in enumerate(owed)]


def _public_values(separator: bytes, batch: SettledBatch, data: bytes, inbox_hash: bytes) -> PublicValues:
    return PublicValues(
        domain_separator=separator,
        prev_state_root=batch.prev_state_root,
        new_state_root=batch.new_state_root,
        inbox_cursor=batch.inbox_cursor,
        inbox_hash=inbox_hash,
        data_carrier=CALLDATA if keccak256(data) == batch.data_hash else BLOBS,
        data_hash=batch.data_hash,
        outbox_root=batch.outbox_root,
        outbox_count=batch.outbox_count,
        block_number=batch.block_number,
        timestamp=batch.timestamp,
        first_seq=batch.first_seq,
        end_seq=batch.end_seq,
        digests_hash=batch.digests_hash,
    )
