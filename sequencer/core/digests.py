"""Digests of sequenced transactions and the commitment to them (docs/protocol.md, section 7)."""

from collections.abc import Iterable, Sequence

from zkclob_native import keccak256

from sequencer.core.constants import CHUNK
from sequencer.core.inbox import next_inbox_hash
from sequencer.core.signing import digest
from sequencer.core.types import Block, ExpireOrder, InboxEntry, Kind


def block_digests(separator: bytes, inbox_hash: bytes, blocks: Iterable[Block]) -> list[bytes]:
    """The digest of each transaction, in order; `inbox_hash` is the one before the first block."""
    digests = []
    for block in blocks:
        for tx in block.transactions:
            if isinstance(tx, InboxEntry):
                inbox_hash = next_inbox_hash(inbox_hash, tx.data)
                digests.append(inbox_hash)
            elif isinstance(tx, ExpireOrder):
                digests.append(expiry_digest(tx))
            else:
                digests.append(digest(separator, tx))
    return digests


def expiry_digest(tx: ExpireOrder) -> bytes:
    """Digest of the end of an order."""
    return keccak256(bytes([Kind.EXPIRE_ORDER]) + tx.order_id)


def digests_hash(digests: Sequence[bytes]) -> bytes:
    """Commitment to a batch's transactions by the digest of each, in order."""
    chunks = (digests[start : start + CHUNK] for start in range(0, len(digests), CHUNK))
    return keccak256(b"".join(keccak256(b"".join(chunk)) for chunk in chunks))
