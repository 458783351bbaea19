"""Commitments to blobs (EIP-4844), and the proofs about them that the contract and L1's nodes want (EIP-7594).

ckzg does the work, with the public parameters that come with eth-account. It takes tenths of a second, seconds the
first time, and keeps the interpreter's lock; `adapters.blob_prover` does it in a process of its own.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import ckzg  # type: ignore[import-not-found]  # written in C, without types
import rlp  # type: ignore[import-untyped]
from zkclob_native import keccak256

from sequencer.core.carriers import BlobPoint, Carried, challenge, in_blobs
from sequencer.core.codec.blobs import pack_blobs

VERSION: Final = b"\x01"
"""First byte of the versioned hash of a KZG commitment."""
BLOB_TRANSACTION: Final = b"\x03"
CELL_PROOFS: Final = b"\x01"
"""Version of the form in which nodes take blobs since Osaka; before, without a version, there was one proof a blob."""
_PARAMETERS: Final = ("eth_account.typed_transactions.blob_transactions", "kzg_trusted_setup.txt")


@dataclass(frozen=True, slots=True)
class OpenedBlob:
    """A blob, the commitment to its polynomial, and the proof that this has the value `y` at its challenge."""

    blob: bytes
    commitment: bytes
    y: int
    proof: bytes

    @property
    def versioned_hash(self) -> bytes:
        """By which the EVM knows the blob."""
        return VERSION + sha256(self.commitment).digest()[1:]


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The blobs of a batch's data, and what a transaction that carries them is made of besides its own fields."""

    content_hash: bytes
    """keccak of the data."""
    blobs: tuple[OpenedBlob, ...]
    cell_proofs: tuple[bytes, ...]
    """For each blob 128, which nodes check the samples by that they get of it (EIP-7594)."""

    @property
    def versioned_hashes(self) -> list[bytes]:
        return [blob.versioned_hash for blob in self.blobs]

    def attached_to(self, signed: bytes) -> bytes:
        """A signed blob transaction with its blobs, as nodes take it."""
        blobs = [blob.blob for blob in self.blobs]
        commitments = [blob.commitment for blob in self.blobs]
        own = rlp.decode(signed.removeprefix(BLOB_TRANSACTION))
        encoded: bytes = rlp.encode([own, CELL_PROOFS, blobs, commitments, self.cell_proofs])
        return BLOB_TRANSACTION + encoded


def carried(data: bytes) -> Carried:
    """`data` in blobs; blocks."""
    return in_blobs(data, [BlobPoint(blob.versioned_hash, blob.y) for blob in _opened(data)])


@lru_cache(1)
def sidecar(data: bytes) -> Sidecar:
    """What the transaction with `data` in blobs is made of; blocks."""
    blobs = _opened(data)
    proofs = [
        proof for blob in blobs for proof in ckzg.compute_cells_and_kzg_proofs(blob.blob, parameters())[1]
    ]
    return Sidecar(keccak256(data), tuple(blobs), tuple(proofs))


def _opened(data: bytes) -> list[OpenedBlob]:
    content_hash = keccak256(data)
    return [_open(blob, content_hash) for blob in pack_blobs(data)]


def _open(blob: bytes, content_hash: bytes) -> OpenedBlob:
    commitment = ckzg.blob_to_kzg_commitment(blob, parameters())
    versioned_hash = VERSION + sha256(commitment).digest()[1:]
    z = challenge(content_hash, versioned_hash)
    proof, y = ckzg.compute_kzg_proof(blob, z.to_bytes(32, "big"), parameters())
    return OpenedBlob(blob, commitment, int.from_bytes(y), proof)


@cache
def parameters() -> Any:
    """The public parameters; loads them once."""
    package, name = _PARAMETERS
    return ckzg.load_trusted_setup(str(files(package) / name), 0)
