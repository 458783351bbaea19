"""What a batch will cost to prove, estimated from its contents before anything runs.

Prover gas is SP1's measure of proving cost. The guest pays for each signature, for what each transaction does, and for
each record of the state that the batch touches, whose path in its trie is hashed before and after. The figures below
are rounded up from a least-squares fit to 33 executions of the guest over a state of 100,000 accounts and 10,000
resting orders, each batch of other kinds, sizes and numbers of signers; all but two batches, of 100 transactions and
less, were within 10 % of the fit. A larger state costs more by a few percent for each doubling of its accounts, hence
the margin. `/v1/batches` shows estimate and actual figure of each batch: refresh the table when they drift apart.
"""

from collections.abc import Iterable
from typing import Final

from sequencer.core.state import ACCOUNTS, BOOKS, CLIENTS, REGISTRY
from sequencer.core.types import (
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    ExpireOrder,
    InboxEntry,
    InvalidateNonces,
    PlaceOrder,
    ReplaceOrder,
    RevokeAgent,
    Transfer,
    Withdraw,
)
from sequencer.ports import SealedBlock

BATCH: Final = 240_000
"""What every proof costs."""
TRANSACTION: Final[dict[type, int]] = {
    PlaceOrder: 14_000,
    CancelOrder: 13_000,
    CancelClientOrder: 13_000,
    CancelAll: 13_000,
    ReplaceOrder: 16_000,
    Batch: 16_000,
    Withdraw: 16_000,
    Transfer: 14_000,
    ApproveAgent: 14_000,
    RevokeAgent: 13_000,
    InvalidateNonces: 13_000,
    InboxEntry: 2_000,
    ExpireOrder: 2_000,
}
"""Its signature, where it has one, its digest and what it does for itself."""
STEP: Final = 3_000
"""Each action of a batch, fill, cancel, reduction and withdrawal (`node.steps`)."""
RECORD: Final = {ACCOUNTS: 33_000, BOOKS: 4_000, CLIENTS: 4_000, REGISTRY: 40_000}
"""Each record that is written, by map: its hashes and those on the path to it."""
BLOB_BYTE: Final = 10
"""Each byte of data in blobs, whose polynomials the guest evaluates."""
MARGIN_PERCENT: Final = 20


class GasEstimate:
    """The estimate for some blocks in one batch. A record that several of them write counts once."""

    def __init__(self, byte: int = 0) -> None:
        """`byte`: what the carrier costs for each byte of data, besides its hash."""
        self._byte = byte
        self._sum = BATCH
        self._records: set[tuple[int, bytes]] = set()

    def add(self, block: SealedBlock) -> None:
        """One more block."""
        self._sum += self._added(block)
        self._records.update(_written(block))

    def gas(self) -> int:
        """Of the blocks so far."""
        return _with_margin(self._sum)

    def gas_with(self, block: SealedBlock) -> int:
        """Of the blocks so far and one more, which is not added."""
        return _with_margin(self._sum + self._added(block))

    def _added(self, block: SealedBlock) -> int:
        transactions = block.block.transactions
        own = sum(TRANSACTION[type(tx)] for tx in transactions)
        steps = STEP * (block.steps - len(transactions))
        records = sum(RECORD[record[0]] for record in _written(block) if record not in self._records)
        return own + steps + records + self._byte * block.data_bound


def _written(block: SealedBlock) -> Iterable[tuple[int, bytes]]:
    return ((number, key) for number, key, _ in block.writes)


def _with_margin(gas: int) -> int:
    return gas * (100 + MARGIN_PERCENT) // 100
