"""What brings a batch's data to L1, and the hash by which the contract knows it (docs/protocol.md, section 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zkclob_native import keccak256

CALLDATA: Final = 0
BLOBS: Final = 1

SCALAR_MODULUS: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""Order of the group of BLS12-381; field elements of blobs are below it."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A batch's data as a carrier brings it."""

    carrier: int
    data_hash: bytes
    versioned_hashes: tuple[bytes, ...] = ()
    """Of its blobs, in order; none for calldata."""


@dataclass(frozen=True, slots=True)
class BlobPoint:
    """What the hash of data in blobs holds of one of them: its polynomial's value `y` at its challenge."""

    versioned_hash: bytes
    y: int


def in_calldata(data: bytes) -> Carried:
    """`data` as an argument of `settle`."""
    return Carried(CALLDATA, keccak256(data))


def in_blobs(data: bytes, points: Sequence[BlobPoint]) -> Carried:
    """`data` as the blobs of its transaction."""
    content_hash = keccak256(data)
    parts = [content_hash]
    for point in points:
        z = challenge(content_hash, point.versioned_hash)
        parts += [point.versioned_hash, z.to_bytes(32, "big"), point.y.to_bytes(32, "big")]
    return Carried(BLOBS, keccak256(b"".join(parts)), tuple(point.versioned_hash for point in points))


def challenge(content_hash: bytes, versioned_hash: bytes) -> int:
    """Where a blob's polynomial is evaluated. `content_hash` is that of the whole data."""
    return int.from_bytes(keccak256(content_hash + versioned_hash)) % SCALAR_MODULUS
