"""The settled order of transactions: which digest has which sequence number, from what was read of L1."""

from functools import lru_cache
from typing import Final

from sequencer.core.codec import decode_data
from sequencer.core.constants import ZERO_HASH
from sequencer.core.digests import block_digests, digests_hash
from sequencer.rebuild.errors import Mismatch, RecordsError
from sequencer.rebuild.events import SettledBatch
from sequencer.rebuild.follower import Follower
from sequencer.rebuild.records import Records

BATCHES_KEPT: Final = 16
"""Batches whose digests are remembered."""


class SettledOrder:
    """Of the batches that a follower has replayed."""

    def __init__(self, follower: Follower) -> None:
        self._records: Records = follower.records
        self._separator = follower.domain_separator
        self.batches = follower.replayer.batch
        """How many there are."""
        self.digests = lru_cache(BATCHES_KEPT)(self._digests)
        """Of a batch by its number: the digests of its transactions, in order."""

    def batch_with(self, seq: int) -> SettledBatch | None:
        """The batch that has a sequence number; None if it is not settled."""
        low, high = 1, self.batches
        while low <= high:
            batch = self._batch((low + high) // 2)
            if seq < batch.first_seq:
                high = batch.number - 1
            elif seq >= batch.end_seq:
                low = batch.number + 1
            else:
                return batch
        return None

    def inbox_count(self, chain_hash: bytes) -> int | None:
        """After how many entries the contract's inbox has this hash; None: it never has."""
        if chain_hash == ZERO_HASH:
            return 0
        index = self._records.inbox_index(chain_hash)
        return None if index is None else index + 1

    def _batch(self, number: int) -> SettledBatch:
        batch = self._records.batch(number)
        if batch is None:
            raise RecordsError(f"batch {number} is not in the records")
        return batch

    def _digests(self, number: int) -> list[bytes]:
        batch, data = self._batch(number), self._records.data(number)
        if data is None:
            raise RecordsError(f"the data of batch {number} is not in the records")
        cursor = self._batch(number - 1).inbox_cursor if number > 1 else 0
        entries = self._records.inbox(cursor, batch.inbox_cursor)
        before = self._records.inbox(cursor - 1, cursor)[0].chain_hash if cursor else ZERO_HASH
        blocks = decode_data(data, [record.entry for record in entries]).blocks
        digests = block_digests(self._separator, before, blocks)
        if digests_hash(digests) != batch.digests_hash:
            raise Mismatch(number, "digestsHash", digests_hash(digests), batch.digests_hash)
        return digests
