"""The transactions of settled batches, applied one after the other; whatever a batch claimed is compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zkclob_native import StateTree

from sequencer.core.codec import decode_data
from sequencer.core.digests import block_digests, digests_hash
from sequencer.core.errors import Rejection
from sequencer.core.outbox import outbox_leaf, outbox_root
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_expiry, apply_inbox, open_block
from sequencer.core.types import Block, ExpireOrder, InboxEntry, Result, Sequenceable, Withdrawal
from sequencer.rebuild.errors import Mismatch
from sequencer.rebuild.events import SettledBatch

GENESIS_ROOT: Final = StateTree().root

Writes = list[tuple[int, bytes, bytes | None]]


@dataclass(frozen=True, slots=True)
class ReplayedBlock:
    """A block of the exchange with what it did."""

    block: Block
    digests: list[bytes]
    results: list[Result]
    state_root: bytes


@dataclass(frozen=True, slots=True)
class ReplayedBatch:
    """A batch that gives what was settled."""

    blocks: list[ReplayedBlock]
    withdrawals: list[Withdrawal]
    """Its outbox, in order."""


class Replayer:
    """The state after the batches that were applied; at first the one of genesis."""

    def __init__(self, domain_separator: bytes) -> None:
        self._separator = domain_separator
        self.state = State()
        self.tree = StateTree()
        self.batch = 0

    def restore(self, batch: int, maps: Sequence[Sequence[tuple[bytes, bytes]]], meta: bytes) -> None:
        """Goes on after `batch` from the pairs of the four maps and the meta record."""
        accounts, books, clients, registry = maps
        self.state = State.load(accounts, books, clients, registry, meta)
        self.tree = StateTree()
        writes: Writes = [(number, key, value) for number, pairs in enumerate(maps) for key, value in pairs]
        self.tree.apply(writes, meta)
        self.batch = batch

    def apply(self, batch: SettledBatch, data: bytes, entries: Sequence[bytes]) -> ReplayedBatch:
        """Applies the next batch. `entries`: those of the inbox that it consumed.

        Raises Mismatch at the first difference; the state is then of no use.
        """
        number = batch.number
        _require(number, "number", self.batch + 1, number)
        _require(number, "prevStateRoot", self.tree.root, batch.prev_state_root)
        _require(number, "firstSeq", self.state.meta.next_seq, batch.first_seq)
        blocks = self._decoded(batch, data, entries)
        replayed = [self._apply_block(number, block) for block in blocks]
        results = [result for block in replayed for result in block.results]
        withdrawals = [withdrawal for result in results for withdrawal in result.withdrawals]
        self._compare(batch, replayed, withdrawals)
        self.batch = number
        return ReplayedBatch(replayed, withdrawals)

    def _decoded(self, batch: SettledBatch, data: bytes, entries: Sequence[bytes]) -> list[Block]:
        try:
            decoded = decode_data(data, entries)
        except ValueError as error:
            raise Mismatch(batch.number, "data", str(error), "data that decodes") from error
        meta = self.state.meta
        _require(batch.number, "firstSeq in data", decoded.first_seq, meta.next_seq)
        _require(batch.number, "firstBlock in data", decoded.blocks[0].number, meta.block_number + 1)
        return decoded.blocks

    def _apply_block(self, batch: int, block: Block) -> ReplayedBlock:
        inbox_hash = self.state.meta.inbox_hash
        try:
            open_block(self.state, block.timestamp)
            results = [self._apply_transaction(tx) for tx in block.transactions]
        except (Rejection, ValueError) as error:
            where = f"transaction {self.state.meta.next_seq}"
            raise Mismatch(batch, where, f"invalid ({error})", "a valid one") from error
        return ReplayedBlock(
            block,
            block_digests(self._separator, inbox_hash, [block]),
            results,
            self.tree.apply(self.state.take_writes(), self.state.meta_bytes()),
        )

    def _apply_transaction(self, tx: Sequenceable) -> Result:
        match tx:
            case InboxEntry():
                return apply_inbox(self.state, tx.data)
            case ExpireOrder():
                return apply_expiry(self.state, tx)
            case _:
                return apply(self.state, tx)

    def _compare(
        self, batch: SettledBatch, blocks: list[ReplayedBlock], withdrawals: list[Withdrawal]
    ) -> None:
        meta = self.state.meta
        leaves = [outbox_leaf(withdrawal, index) for index, withdrawal in enumerate(withdrawals)]
        digests = [digest for block in blocks for digest in block.digests]
        for field, rebuilt, settled in (
            ("inboxCursor", meta.inbox_cursor, batch.inbox_cursor),
            ("blockNumber", meta.block_number, batch.block_number),
            ("timestamp", meta.timestamp, batch.timestamp),
            ("endSeq", meta.next_seq, batch.end_seq),
            ("digestsHash", digests_hash(digests), batch.digests_hash),
            ("outboxCount", len(leaves), batch.outbox_count),
            ("outboxRoot", outbox_root(leaves), batch.outbox_root),
            ("newStateRoot", blocks[-1].state_root, batch.new_state_root),
        ):
            _require(batch.number, field, rebuilt, settled)


def _require(batch: int, field: str, rebuilt: object, settled: object) -> None:
    if rebuilt != settled:
        raise Mismatch(batch, field, rebuilt, settled)
