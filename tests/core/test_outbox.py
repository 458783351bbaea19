"""The outbox tree against proofs checked the way the contract checks them."""

import pytest
from zkclob_native import keccak256

from sequencer.core.outbox import OutboxTree, encode_outbox_leaf, outbox_leaf, outbox_root
from sequencer.core.types import Withdrawal
from tests.core.exchange import ALICE


def climb(leaf: bytes, proof: list[bytes]) -> bytes:
    """OpenZeppelin's `MerkleProof.processProof`: each pair is hashed in sorted order."""
    for sibling in proof:
        leaf = keccak256(b"".join(sorted((leaf, sibling))))
    return leaf


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 33])
def test_every_leaf_has_a_proof(count: int) -> None:
    leaves = [outbox_leaf(Withdrawal(ALICE, 1, 5, 0), index) for index in range(count)]
    root = outbox_root(leaves)
    assert all(climb(leaf, OutboxTree(leaves).proof(index)) == root for index, leaf in enumerate(leaves))


def test_root_of_none_is_zero() -> None:
    assert outbox_root([]) == bytes(32)


def test_leaf_bytes() -> None:
    leaf = encode_outbox_leaf(Withdrawal(ALICE, 2, 3, 1), 4)
    assert leaf == bytes.fromhex("70" + "00000004" + ALICE.hex() + "00000002" + f"{3:032x}" + f"{1:032x}")
