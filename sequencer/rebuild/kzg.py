"""By which hash the contract knows data in blobs, from the data alone (docs/protocol.md, section 5)."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import ckzg  # type: ignore[import-not-found]  # written in C, without types
from zkclob_native import keccak256

from sequencer.core.carriers import BlobPoint, challenge, in_blobs
from sequencer.core.codec.blobs import pack_blobs

_PARAMETERS: Final = ("eth_account.typed_transactions.blob_transactions", "kzg_trusted_setup.txt")


def hash_in_blobs(data: bytes) -> bytes:
    """The `dataHash` of data in blobs; seconds the first time. `ValueError` for more than a transaction carries."""
    content_hash = keccak256(data)
    return in_blobs(data, [_point(blob, content_hash) for blob in pack_blobs(data)]).data_hash


def _point(blob: bytes, content_hash: bytes) -> BlobPoint:
    commitment = ckzg.blob_to_kzg_commitment(blob, _parameters())
    versioned_hash = b"\x01" + sha256(commitment).digest()[1:]
    z = challenge(content_hash, versioned_hash)
    _, y = ckzg.compute_kzg_proof(blob, z.to_bytes(32, "big"), _parameters())
    return BlobPoint(versioned_hash, int.from_bytes(y, "big"))


@cache
def _parameters() -> Any:
    package, name = _PARAMETERS
    return ckzg.load_trusted_setup(str(files(package) / name), 0)
