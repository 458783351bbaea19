"""Vectors of section 5: data in blobs. Commitments, proofs and values are those of ckzg."""

from typing import Any

from zkclob_native import keccak256

from sequencer.core.carriers import challenge
from sequencer.core.codec.blobs import BLOB_DATA
from sequencer.kzg import OpenedBlob, carried, sidecar

LENGTHS = {
    "one byte": 1,
    "a whole field element": 31,
    "all that one blob takes": BLOB_DATA - 1,
    "one byte more": BLOB_DATA,
    "two blobs": 200_000,
}


def data_of(length: int) -> bytes:
    """So many bytes; byte `i` is `i` modulo 251."""
    return bytes(i % 251 for i in range(length))


def blobs() -> dict[str, Any]:
    """Data of several lengths in blobs."""
    return {"cases": [_case(name, length) for name, length in LENGTHS.items()]}


def _case(name: str, length: int) -> dict[str, Any]:
    data = data_of(length)
    made = sidecar(data)
    return {
        "name": name,
        "length": length,
        "content_hash": made.content_hash,
        "blobs": [_blob(made.content_hash, blob) for blob in made.blobs],
        "data_hash": carried(data).data_hash,
    }


def _blob(content_hash: bytes, opened: OpenedBlob) -> dict[str, Any]:
    return {
        "blob_hash": keccak256(opened.blob),
        "commitment": opened.commitment,
        "versioned_hash": opened.versioned_hash,
        "z": challenge(content_hash, opened.versioned_hash),
        "y": opened.y,
        "proof": opened.proof,
    }
