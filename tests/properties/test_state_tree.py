"""The Rust state tree against a naive trie, for the map that is hashed with SHA-256."""

from hashlib import sha256

import zkclob_native as native
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.core.codec import encode_account
from sequencer.core.ledger import Account, Balance

ADDRESSES = st.one_of(
    st.binary(min_size=20, max_size=20),
    # Keys that differ in few bits make long paths.
    st.builds(lambda bits: (1 << bits).to_bytes(20, "big"), st.integers(0, 159)),
)
STEPS = st.lists(st.dictionaries(ADDRESSES, st.integers(0, 5)), max_size=6)


def naive_root(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """Root of sorted pairs: split at the first bit in which the first and the last key differ."""
    if not pairs:
        return bytes(32)
    if len(pairs) == 1:
        key, value = pairs[0]
        return sha256(b"\x10" + bytes(7) + key + value).digest()
    first, last = (int.from_bytes(pair[0], "big") for pair in (pairs[0], pairs[-1]))
    bit = 160 - (first ^ last).bit_length()
    left = [pair for pair in pairs if not int.from_bytes(pair[0], "big") >> 159 - bit & 1]
    right = pairs[len(left) :]
    head = b"\x11\0" + bit.to_bytes(2) + bytes(4)
    return sha256(head + naive_root(left) + naive_root(right)).digest()


def naive_state_root(accounts: dict[bytes, bytes], meta: bytes) -> bytes:
    roots = naive_root(sorted(accounts.items())) + bytes(3 * 32)
    return bytes(keccak(b"\x60" + roots + keccak(b"\x50" + meta)))


@settings(deadline=None, database=None)
@given(STEPS)
def test_root_depends_only_on_what_is_in_the_map(steps: list[dict[bytes, int]]) -> None:
    tree = native.StateTree()
    meta = tree.meta
    accounts: dict[bytes, bytes] = {}
    assert tree.root == naive_state_root(accounts, meta)
    for step in steps:
        writes: list[tuple[int, bytes, bytes | None]] = []
        for address, amount in step.items():
            value = encode_account(Account(balances={1: Balance(amount)})) if amount else None
            writes.append((native.ACCOUNTS, address, value))
            if value is None:
                accounts.pop(address, None)
            else:
                accounts[address] = value
        assert tree.apply(writes, meta) == naive_state_root(accounts, meta)
        assert tree.items(native.ACCOUNTS) == sorted(accounts.items())


def test_a_copy_is_not_changed() -> None:
    tree = native.StateTree()
    copy = tree.copy()
    tree.apply([(native.ACCOUNTS, bytes(20), encode_account(Account()))], tree.meta)
    assert copy.root == native.StateTree().root != tree.root
