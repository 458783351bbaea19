"""Hashes, tries, witnesses, signature recovery and re-execution, from the Rust crate `zkclob-core`.

Every function raises `ValueError` with a readable message for input that does not fit.
"""

from collections.abc import Sequence

ACCOUNTS: int
BOOKS: int
CLIENTS: int
REGISTRY: int

def keccak256(data: bytes) -> bytes:
    """Keccak-256 of `data`, 32 bytes."""

def recover(digest: bytes, signature: bytes) -> tuple[bytes, bytes]:
    """The signer's address (20) and public key (64, x then y) of a 65-byte `r s v` signature.

    Accepts exactly the signatures of the protocol: v 27 or 28, low s, r and s in range.
    """

def recover_many(items: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes] | None]:
    """`recover` of each (digest, signature), in order; None where it is not a valid signature.

    Releases the interpreter lock.
    """

def merkle_root(leaves: list[bytes]) -> bytes:
    """Root of an outbox tree over 32-byte leaves; zero for none."""

def merkle_proof(leaves: list[bytes], index: int) -> list[bytes]:
    """Siblings from the leaf at `index` up to the root."""

class StateTree:
    """The four tries and the meta record. A copy shares its nodes and costs nothing."""

    def __init__(self) -> None:
        """The genesis state."""

    @property
    def root(self) -> bytes:
        """State root, 32 bytes."""

    @property
    def roots(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Roots of accounts, books, clients and registry, which the state root is made of."""

    @property
    def meta(self) -> bytes:
        """The meta record, 68 bytes."""

    def copy(self) -> StateTree: ...
    def apply(self, writes: list[tuple[int, bytes, bytes | None]], meta: bytes) -> bytes:
        """Set (value) or remove (None) keys, in any order, replace the meta record; gives the new root."""

    def get(self, map: int, key: bytes) -> bytes | None: ...
    def items(self, map: int) -> list[tuple[bytes, bytes]]:
        """All pairs of a map in the order of keys."""

class Prepared:
    """A batch re-executed in Rust over the whole state, with what a prover needs."""

    public_values: bytes
    """448 bytes, protocol section 8."""
    witness: bytes
    """Protocol section 10."""
    block_roots: list[bytes]
    """State root after each block."""
    results: list[int]
    """Result code of each transaction, in order; the codes of a batch's actions follow the batch's own."""
    outbox: list[bytes]
    """Outbox leaves before hashing, 61 bytes each (protocol section 6)."""

def prepare(
    tree: StateTree,
    domain_separator: bytes,
    data: bytes,
    inbox: list[bytes],
    signatures: list[tuple[bytes, bytes]],
    removed: list[bytes],
    versioned_hashes: Sequence[bytes] = ...,
) -> Prepared:
    """Re-execute a batch that starts at `tree` (left as it is).

    `inbox`: the entries it consumes. `signatures`: (public key 64, signature 65) of each signed transaction, in
    order; they are verified. `removed`: ids of the orders that its CancelAll (signed or from the inbox) and ForceExit
    remove, each transaction's in any order, one transaction after the other; they are used up exactly.
    `versioned_hashes`: of the blobs that carry its data, none for calldata. Releases the interpreter lock.
    """

def execute(witness: bytes) -> bytes:
    """What the guest does, natively: public values of a witness."""
