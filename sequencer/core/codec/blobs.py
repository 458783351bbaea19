"""A batch's data in blobs and back (docs/protocol.md, section 5)."""

from collections.abc import Sequence
from typing import Final

FIELD_ELEMENTS: Final = 4_096
"""Field elements of a blob."""
ELEMENT_DATA: Final = 31
"""Bytes of data in a field element: any 31 bytes are a number below the field's modulus."""
BLOB_DATA: Final = FIELD_ELEMENTS * ELEMENT_DATA
"""Bytes of data in a blob, 126,976."""
BLOB_LENGTH: Final = FIELD_ELEMENTS * 32
"""Bytes of a blob, 131,072."""
MAX_BLOBS: Final = 6
"""Blobs of one transaction (EIP-7594)."""
MAX_BLOBS_DATA: Final = MAX_BLOBS * BLOB_DATA - 1
"""Most bytes of a batch's data in blobs: the byte that ends it has its place too."""
_END: Final = b"\x80"


def pack_blobs(data: bytes) -> list[bytes]:
    """The blobs of `data`, 131,072 bytes each. Raises ValueError if they are more than `MAX_BLOBS`."""
    if len(data) > MAX_BLOBS_DATA:
        raise ValueError(f"{len(data)} bytes do not fit {MAX_BLOBS} blobs")
    ended = data + _END
    padded = ended + bytes(-len(ended) % BLOB_DATA)
    return [_blob(padded[start : start + BLOB_DATA]) for start in range(0, len(padded), BLOB_DATA)]


def _blob(piece: bytes) -> bytes:
    return b"".join(
        b"\0" + piece[start : start + ELEMENT_DATA] for start in range(0, BLOB_DATA, ELEMENT_DATA)
    )


def unpack_blobs(blobs: Sequence[bytes]) -> bytes:
    """The data of which these are the blobs. Raises ValueError if `pack_blobs` makes them of none."""
    if not 1 <= len(blobs) <= MAX_BLOBS:
        raise ValueError(f"{len(blobs)} blobs instead of 1 to {MAX_BLOBS}")
    ended = b"".join(map(_piece, blobs)).rstrip(b"\0")
    if not ended.endswith(_END) or len(ended) <= (len(blobs) - 1) * BLOB_DATA:
        raise ValueError("the last blob does not end with 0x80 and zeros")
    return ended[:-1]


def _piece(blob: bytes) -> bytes:
    """The data in one blob, with what it is filled up with."""
    if len(blob) != BLOB_LENGTH:
        raise ValueError(f"a blob has {len(blob)} bytes instead of {BLOB_LENGTH}")
    if any(blob[::32]):
        raise ValueError("a field element does not begin with a zero byte")
    return b"".join(blob[start + 1 : start + 32] for start in range(0, BLOB_LENGTH, 32))
