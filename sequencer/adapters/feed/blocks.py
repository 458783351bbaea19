"""The channel of blocks and batches: how far what was traded is on its way to L1."""

from typing import Any, Final

import msgspec

from sequencer.adapters.feed.channel import Channel
from sequencer.adapters.feed.frames import text_frame
from sequencer.ports import Proof, SealedBlock, Settled, StoredBatch

_encode: Final = msgspec.json.Encoder().encode


class BlockFeed:
    """Implements BatchListener.

    Each message is complete in itself; the numbers of blocks and batches show what is missing.
    """

    def __init__(self, proof_mode: str) -> None:
        """`proof_mode`: how the API calls what batches go through, `executed`, `real, local keys` or
        `real`.
        """
        self.channel = Channel(0, 0, 0)
        self._proof_mode = proof_mode
        self._latest: dict[str, dict[str, Any]] = {}

    def block_rooted(self, block: SealedBlock, state_root: bytes) -> None:
        """See BatchListener."""
        self._tell(
            "block",
            {
                "number": str(block.block.number),
                "timestamp": block.block.timestamp,
                "firstSeq": str(block.first_seq),
                "endSeq": str(block.next_seq),
                "stateRoot": f"0x{state_root.hex()}",
            },
        )

    def batch_built(self, batch: StoredBatch) -> None:
        """See BatchListener."""
        settlement = batch.settlement
        self._tell_batch(
            settlement.number,
            "sealed",
            firstBlock=str(batch.first_block),
            lastBlock=str(settlement.block_number),
            firstSeq=str(settlement.first_seq),
            endSeq=str(settlement.end_seq),
            newStateRoot=f"0x{settlement.new_state_root.hex()}",
        )

    def batch_proven(self, batch: int, proof: Proof) -> None:
        """See BatchListener."""
        status = "executed" if self._proof_mode == "executed" else "proven"
        self._tell_batch(
            batch, status, worker=proof.worker, cycles=str(proof.cycles), proverGas=str(proof.prover_gas)
        )

    def batch_settled(self, settled: Settled) -> None:
        """See BatchListener."""
        self._tell_batch(
            settled.number,
            "settled",
            l1Transaction=None if settled.tx_hash is None else f"0x{settled.tx_hash.hex()}",
            l1Block=str(settled.l1_block),
        )

    def _tell_batch(self, number: int, status: str, **more: str | None) -> None:
        head = {"number": str(number), "status": status, "proofMode": self._proof_mode}
        self._tell("batch", head | more)

    def _tell(self, kind: str, content: dict[str, Any]) -> None:
        self._latest[kind] = content
        self.channel.publish(0, _frame({kind: content}))

    def snapshot(self) -> list[bytes]:
        """The latest of each since the sequencer started."""
        return [_frame(self._latest)]


def _frame(content: dict[str, Any]) -> bytes:
    return text_frame(_encode({"channel": "blocks", "type": "snapshot"} | content))
