"""The outbox of a batch: a Merkle tree over its withdrawals and refunds (docs/protocol.md, section 6)."""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from zkclob_native import keccak256

from sequencer.core.constants import ZERO_HASH
from sequencer.core.types import Withdrawal

_LEAF: Final = Struct(">BI20sI16s16s")
_LEAF_TAG: Final = 0x70


def encode_outbox_leaf(withdrawal: Withdrawal, index: int) -> bytes:
    """The leaf at `index` before it is hashed, 61 bytes."""
    return _LEAF.pack(
        _LEAF_TAG,
        index,
        withdrawal.recipient,
        withdrawal.token,
        withdrawal.amount.to_bytes(16, "big"),
        withdrawal.max_relay_fee.to_bytes(16, "big"),
    )


def outbox_leaf(withdrawal: Withdrawal, index: int) -> bytes:
    """The leaf at `index`, 32 bytes."""
    return keccak256(encode_outbox_leaf(withdrawal, index))


def outbox_root(leaves: Sequence[bytes]) -> bytes:
    """Root over hashed leaves; zero for none."""
    if not leaves:
        return ZERO_HASH
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


class OutboxTree:
    """All nodes over hashed leaves, for the proofs of many of them."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_parents(self._levels[-1]))

    def proof(self, index: int) -> list[bytes]:
        """Siblings from the leaf at `index` up to the root."""
        proof = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                proof.append(level[sibling])
            index >>= 1
        return proof


def _parents(level: list[bytes]) -> list[bytes]:
    """The level above; an odd last node moves up as it is."""
    pairs = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return pairs + level[len(pairs) * 2 :]


def _node(left: bytes, right: bytes) -> bytes:
    return keccak256(min(left, right) + max(left, right))
