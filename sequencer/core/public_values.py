"""What a proof states: the 14 words that the contract builds as well (docs/protocol.md, sections 7 and 8)."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from zkclob_native import keccak256

from sequencer.core.constants import CHUNK


@dataclass(frozen=True, slots=True)
class PublicValues:
    """Fields in the order of the contract's struct. `end_seq` is one past the last sequence number."""

    domain_separator: bytes
    prev_state_root: bytes
    new_state_root: bytes
    inbox_cursor: int
    inbox_hash: bytes
    data_carrier: int
    data_hash: bytes
    outbox_root: bytes
    outbox_count: int
    block_number: int
    timestamp: int
    first_seq: int
    end_seq: int
    digests_hash: bytes

    def encode(self) -> bytes:
        """As `abi.encode` writes the struct, 448 bytes."""
        return b"".join(
            value.to_bytes(32, "big") if isinstance(value, int) else value for value in astuple(self)
        )


def digests_hash(digests: Sequence[bytes]) -> bytes:
    """Commitment to a batch's transactions by the digest of each, in order."""
    chunks = (digests[start : start + CHUNK] for start in range(0, len(digests), CHUNK))
    return keccak256(b"".join(keccak256(b"".join(chunk)) for chunk in chunks))
