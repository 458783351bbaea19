"""Kept receipts against the order that L1 settled, and the evidence where the two contradict each other."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from zkclob_native import keccak256

from sequencer.client.receipts import BadReceipt, KeptReceipt
from sequencer.core import types as core
from sequencer.core.constants import CHUNK
from sequencer.rebuild.digests import SettledOrder
from sequencer.rebuild.events import SettledBatch


class Verdict(StrEnum):
    """What L1 says of a receipt."""

    KEPT = "settled as promised"
    PENDING = "not yet settled"
    CONTRADICTED = "CONTRADICTED"
    VOID = "void"
    """It was given on an inbox that L1 does not have, and is not kept: L1 took an entry back, or never had it."""
    FOREIGN = "of another exchange"
    FORGED = "not signed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What `ReceiptBond.challenge` takes, besides a salt."""

    receipt: core.Receipt
    signature: bytes
    inbox_count: int
    batch: SettledBatch
    chunk_hashes: list[bytes]
    digests: list[bytes]
    """Of the chunk that the receipt's number is in."""

    @property
    def settled_digest(self) -> bytes:
        """Of the transaction that has the receipt's number on L1."""
        return self.digests[(self.receipt.seq - self.batch.first_seq) % CHUNK]

    def arguments(self) -> tuple[Any, ...]:
        """The struct `Evidence` of the contract."""
        receipt, batch = self.receipt, self.batch
        return (
            (receipt.seq, receipt.digest, receipt.inbox_hash, receipt.time),
            self.signature,
            self.inbox_count,
            batch.number,
            batch.first_seq,
            (
                batch.new_state_root,
                batch.inbox_cursor,
                batch.outbox_root,
                batch.outbox_count,
                batch.block_number,
                batch.timestamp,
                batch.end_seq,
                batch.digests_hash,
            ),
            self.chunk_hashes,
            self.digests,
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """A receipt and what became of its promise. `evidence`: if it was broken."""

    kept: KeptReceipt
    verdict: Verdict
    batch: int | None = None
    evidence: Evidence | None = None


def check(kept: KeptReceipt, settled: SettledOrder, chain_id: int, contract: bytes) -> Checked:
    """Compares one receipt. Raises RebuildError."""
    if (kept.chain_id, kept.exchange.lower()) != (chain_id, f"0x{contract.hex()}"):
        return Checked(kept, Verdict.FOREIGN)
    try:
        receipt = kept.require_valid()
    except BadReceipt:
        return Checked(kept, Verdict.FORGED)
    batch, inbox_count = settled.batch_with(receipt.seq), settled.inbox_count(receipt.inbox_hash)
    if batch is None:
        return Checked(kept, Verdict.VOID if inbox_count is None else Verdict.PENDING)
    digests = settled.digests(batch.number)
    if digests[receipt.seq - batch.first_seq] == receipt.digest:
        return Checked(kept, Verdict.KEPT, batch.number)
    if inbox_count is None:
        return Checked(kept, Verdict.VOID, batch.number)
    signature = bytes.fromhex(kept.receipt.signature.removeprefix("0x"))
    evidence = _evidence(receipt, signature, inbox_count, batch, digests)
    return Checked(kept, Verdict.CONTRADICTED, batch.number, evidence)


def _evidence(
    receipt: core.Receipt, signature: bytes, inbox_count: int, batch: SettledBatch, digests: list[bytes]
) -> Evidence:
    chunks = [digests[start : start + CHUNK] for start in range(0, len(digests), CHUNK)]
    return Evidence(
        receipt,
        signature,
        inbox_count,
        batch,
        [keccak256(b"".join(chunk)) for chunk in chunks],
        chunks[(receipt.seq - batch.first_seq) // CHUNK],
    )
