"""Proof of an account against a state root: the path through the trie of accounts (docs/protocol.md, section 2).

The contract checks the same path when an account leaves a frozen exchange.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct
from zkclob_native import keccak256

from sequencer.core.constants import ZERO_HASH
from sequencer.core.types import Address

ADDRESS_BITS: Final = 160
_LEAF_HEAD: Final = b"\x10" + bytes(7)
_INNER_TAG: Final = b"\x11\x00"
_META_TAG: Final = b"\x50"
_STATE_TAG: Final = b"\x60"


class AccountProof(Struct, frozen=True):
    """An account's value and what it takes to compute the state root from it.

    `siblings` (32 bytes each) and `bits`: of each inner node on the path, from the leaf to the root.
    """

    account: bytes
    siblings: list[bytes]
    bits: list[int]
    books_root: bytes
    clients_root: bytes
    registry_root: bytes
    meta_hash: bytes

    def state_root(self, address: Address) -> bytes:
        """The root that this shows the account to be in. `ValueError` for what is no path in any trie."""
        if len(self.siblings) != len(self.bits):
            raise ValueError("a path has one bit for each sibling")
        if any(bit >= lower for bit, lower in zip(self.bits, [ADDRESS_BITS, *self.bits], strict=False)):
            raise ValueError("the bits of a path fall from the leaf to the root")
        node = leaf_hash(address, self.account)
        for bit, sibling in zip(self.bits, self.siblings, strict=True):
            pair = (sibling, node) if bit_of(address, bit) else (node, sibling)
            node = _inner_hash(bit, *pair)
        return state_root((node, self.books_root, self.clients_root, self.registry_root), self.meta_hash)


def state_root(roots: tuple[bytes, bytes, bytes, bytes], meta_hash: bytes) -> bytes:
    """The state root from the roots of accounts, books, clients and registry (section 2.3)."""
    return keccak256(_STATE_TAG + b"".join(roots) + meta_hash)


def hash_meta(meta: bytes) -> bytes:
    """Hash of the meta record (68 bytes)."""
    return keccak256(_META_TAG + meta)


def bit_of(key: bytes, bit: int) -> int:
    """Bit `bit` of a key; bit 0 is the most significant one of the first byte."""
    return key[bit >> 3] >> (7 - (bit & 7)) & 1


def leaf_hash(address: Address, account: bytes) -> bytes:
    """Hash of an account's leaf."""
    return sha256(_LEAF_HEAD + address + account).digest()


def _inner_hash(bit: int, left: bytes, right: bytes) -> bytes:
    return sha256(_INNER_TAG + bit.to_bytes(2, "big") + bytes(4) + left + right).digest()


class _Node(Struct):
    """A leaf has no children."""

    hash: bytes
    bit: int = 0
    left: "_Node | None" = None
    right: "_Node | None" = None


class AccountTrie:
    """The trie of all accounts, for the paths of many of them."""

    def __init__(self, items: Sequence[tuple[Address, bytes]]) -> None:
        """`items`: every account with its value, in the order of addresses."""
        self._items = items
        self._root = self._build(0, len(items)) if items else None

    @property
    def root(self) -> bytes:
        """32 bytes; zero for no accounts."""
        return self._root.hash if self._root else ZERO_HASH

    def path(self, address: Address) -> tuple[list[bytes], list[int]]:
        """Siblings and bits from the leaf of an account that is there to the root."""
        siblings, bits = [], []
        node = self._root
        while node is not None and node.left is not None and node.right is not None:
            goes_right = bit_of(address, node.bit)
            siblings.append((node.left if goes_right else node.right).hash)
            bits.append(node.bit)
            node = node.right if goes_right else node.left
        return siblings[::-1], bits[::-1]

    def _build(self, low: int, high: int) -> _Node:
        """The node over the items from `low` to before `high`; they are sorted, so the ends tell what all share."""
        if high - low == 1:
            return _Node(leaf_hash(*self._items[low]))
        first, last = self._items[low][0], self._items[high - 1][0]
        differs = int.from_bytes(first, "big") ^ int.from_bytes(last, "big")
        bit = ADDRESS_BITS - differs.bit_length()
        middle = self._first_with(bit, low, high)
        left, right = self._build(low, middle), self._build(middle, high)
        return _Node(_inner_hash(bit, left.hash, right.hash), bit, left, right)

    def _first_with(self, bit: int, low: int, high: int) -> int:
        """Where the items begin whose bit is 1."""
        while low < high:
            middle = (low + high) // 2
            if bit_of(self._items[middle][0], bit):
                high = middle
            else:
                low = middle + 1
        return low
