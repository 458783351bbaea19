"""What a proof states: the 14 words that the contract builds as well (docs/protocol.md, section 8)."""

from collections.abc import Sequence
from dataclasses import Field, astuple, dataclass, fields
from typing import Any, Final

from sequencer.core.carriers import Carried
from sequencer.core.digests import digests_hash
from sequencer.core.outbox import outbox_leaf, outbox_root
from sequencer.core.types import Meta, Withdrawal


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
        words = (value.to_bytes(32, "big") if isinstance(value, int) else value for value in astuple(self))
        return b"".join(words)

    @classmethod
    def decode(cls, encoded: bytes) -> "PublicValues":
        """The values in 448 bytes; `ValueError` for another length."""
        if len(encoded) != _LENGTH:
            raise ValueError(f"public values have {_LENGTH} bytes, not {len(encoded)}")
        words = [encoded[start : start + 32] for start in range(0, _LENGTH, 32)]
        return cls(*(_value(field, word) for field, word in zip(fields(cls), words, strict=True)))


def _value(field: Field[Any], word: bytes) -> Any:
    return int.from_bytes(word, "big") if field.type is int else word


_LENGTH: Final = 14 * 32


def public_values(
    separator: bytes,
    roots: tuple[bytes, bytes],
    first_seq: int,
    meta: Meta,
    carried: Carried,
    digests: Sequence[bytes],
    withdrawals: Sequence[Withdrawal],
) -> PublicValues:
    """The public values of a batch.

    `roots`: state root before and after. `meta`: the record after the batch. `carried`: its data. `digests` and
    `withdrawals`: those of its transactions, in order.
    """
    leaves = [outbox_leaf(withdrawal, index) for index, withdrawal in enumerate(withdrawals)]
    return PublicValues(
        domain_separator=separator,
        prev_state_root=roots[0],
        new_state_root=roots[1],
        inbox_cursor=meta.inbox_cursor,
        inbox_hash=meta.inbox_hash,
        data_carrier=carried.carrier,
        data_hash=carried.data_hash,
        outbox_root=outbox_root(leaves),
        outbox_count=len(leaves),
        block_number=meta.block_number,
        timestamp=meta.timestamp,
        first_seq=first_seq,
        end_seq=first_seq + len(digests),
        digests_hash=digests_hash(digests),
    )
