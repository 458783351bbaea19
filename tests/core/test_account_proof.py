"""Paths of accounts: as the native tries have them, and nothing else."""

from random import Random

import pytest
import zkclob_native as native
from msgspec.structs import replace

from sequencer.core.account_proof import AccountProof, AccountTrie, hash_meta, state_root
from sequencer.core.codec import encode_account, encode_meta
from sequencer.core.constants import ZERO_HASH
from sequencer.core.ledger import Account, Balance
from sequencer.core.types import Meta

META = encode_meta(Meta(1, 3, 4, 5, 6, b"\x07" * 32))


def accounts(count: int, seed: int = 1) -> list[tuple[bytes, bytes]]:
    """Random addresses, some of them in long common prefixes, in order."""
    random = Random(seed)
    found: set[bytes] = set()
    while len(found) < count:
        address = random.randbytes(20)
        found |= {address, address[:19] + random.randbytes(1)}
    values = [Account(balances={1: Balance(random.randrange(1, 1 << 100))}) for _ in range(count)]
    return list(zip(sorted(found)[:count], map(encode_account, values), strict=True))


def tree_of(items: list[tuple[bytes, bytes]]) -> native.StateTree:
    tree = native.StateTree()
    tree.apply([(native.ACCOUNTS, key, value) for key, value in items], META)
    return tree


def proof_of(items: list[tuple[bytes, bytes]], index: int) -> AccountProof:
    tree = tree_of(items)
    address, value = items[index]
    siblings, bits = AccountTrie(items).path(address)
    return AccountProof(value, siblings, bits, *tree.roots[1:], hash_meta(META))


@pytest.mark.parametrize("count", [1, 2, 3, 100, 1_000])
def test_every_path_leads_to_the_root_of_the_native_tries(count: int) -> None:
    items = accounts(count)
    tree, trie = tree_of(items), AccountTrie(items)
    assert trie.root == tree.roots[0]
    for address, value in items:
        siblings, bits = trie.path(address)
        proof = AccountProof(value, siblings, bits, *tree.roots[1:], hash_meta(META))
        assert proof.state_root(address) == tree.root


def test_the_state_root_is_made_of_the_four_roots() -> None:
    tree = native.StateTree()
    assert state_root(tree.roots, hash_meta(tree.meta)) == tree.root
    assert AccountTrie([]).root == tree.roots[0] == ZERO_HASH


def test_another_account_or_value_has_another_root() -> None:
    items = accounts(50)
    root, proof = tree_of(items).root, proof_of(items, 7)
    address = items[7][0]
    assert proof.state_root(address) == root
    assert proof.state_root(items[8][0]) != root
    for changed in (
        replace(proof, account=items[8][1]),
        replace(proof, siblings=[*proof.siblings[:-1], b"\x01" * 32]),
        replace(proof, siblings=proof.siblings[1:], bits=proof.bits[1:]),
        replace(proof, books_root=b"\x01" * 32),
        replace(proof, clients_root=b"\x01" * 32),
        replace(proof, registry_root=b"\x01" * 32),
        replace(proof, meta_hash=b"\x01" * 32),
    ):
        assert changed.state_root(address) != root


def test_a_path_of_no_trie_is_refused() -> None:
    items = accounts(50)
    proof = proof_of(items, 7)
    for bits in ([160, *proof.bits[1:]], proof.bits[::-1], [proof.bits[0]] * len(proof.bits), proof.bits[1:]):
        with pytest.raises(ValueError, match="path"):
            replace(proof, bits=bits).state_root(items[7][0])
