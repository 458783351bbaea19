"""Takes a witness apart and puts it together again (docs/protocol.md, section 10), so that tests can poison it."""

from dataclasses import dataclass
from typing import Self

ACCOUNTS, BOOKS, CLIENTS, REGISTRY = range(4)
_KEY_LENGTHS = (20, 24, 36, 5)
_DIGEST = 32
_OPAQUE = (24, 25)
"""Bits in the first word of an inner node: its left child is opaque, its right child."""


@dataclass
class Opaque:
    """A subtree that only its hash stands for."""

    digest: bytes


@dataclass
class Leaf:
    """A key with its value, which nothing may use."""

    key: bytes
    value: bytes
    used: bool = True


@dataclass
class Inner:
    """A node at bit `bit`."""

    bit: int
    left: "Node"
    right: "Node"


Node = Opaque | Leaf | Inner | None


class _Reader:
    """Little-endian words of 64 bits."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, length: int) -> bytes:
        """The next bytes, filled up with zeros to whole words; they must be there."""
        padded = self.data[self.at : self.at + length + -length % 8]
        assert len(padded) == length + -length % 8
        assert not any(padded[length:])
        self.at += len(padded)
        return padded[:length]

    def number(self) -> int:
        """The next word."""
        return int.from_bytes(self.take(8), "little")

    def root(self, key_length: int) -> Node:
        """The next trie."""
        header = self.number()
        match header & 0xFF:
            case 0:
                return None
            case 1:
                return Opaque(self.take(_DIGEST))
        return self.node(header, key_length)

    def node(self, header: int, key_length: int) -> Node:
        """The node that starts with `header`."""
        match header & 0xFF:
            case 2 | 4 as tag:
                pair = self.take(header >> 8)
                return Leaf(pair[:key_length], pair[key_length:], used=tag == 2)
            case 3:
                left, right = (self.child(header >> flag & 1, key_length) for flag in _OPAQUE)
                return Inner(header >> 8 & 0xFFFF, left, right)
        raise AssertionError("no such node")

    def child(self, opaque: int, key_length: int) -> Node:
        """A child, which has no word of its own if it is opaque."""
        return Opaque(self.take(_DIGEST)) if opaque else self.node(self.number(), key_length)


def _word(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _list(items: list[bytes]) -> bytes:
    return _word(len(items)) + b"".join(map(_padded, items))


def _with_length(data: bytes) -> bytes:
    return _word(len(data)) + _padded(data)


def _encode(node: Node) -> bytes:
    match node:
        case None:
            return _word(0)
        case Opaque(digest):
            return _word(1) + digest
        case Leaf(key, value, used):
            return _word((2 if used else 4) | len(key + value) << 8) + _padded(key + value)
        case Inner(bit, left, right):
            children = (left, right)
            flags = sum(
                isinstance(child, Opaque) << flag for child, flag in zip(children, _OPAQUE, strict=True)
            )
            parts = [child.digest if isinstance(child, Opaque) else _encode(child) for child in children]
            return _word(3 | bit << 8 | flags) + b"".join(parts)


@dataclass
class Witness:
    """The parts of a witness, in their order."""

    separator: bytes
    meta: bytes
    versioned_hashes: list[bytes]
    data: bytes
    inbox: list[bytes]
    removed: list[bytes]
    keys: list[bytes]
    """x and y, little-endian, 64 bytes each."""
    signatures: list[bytes]
    """r, y of the point with x = r, s, the inverse of s, the key's index, zeros; little-endian, 144 bytes each."""
    tries: list[Node]

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """Takes `encoded` apart."""
        reader = _Reader(encoded)
        witness = cls(
            separator=reader.take(32),
            meta=reader.take(68),
            versioned_hashes=[reader.take(32) for _ in range(reader.number())],
            data=reader.take(reader.number()),
            inbox=[reader.take(reader.number()) for _ in range(reader.number())],
            removed=[reader.take(24) for _ in range(reader.number())],
            keys=[reader.take(64) for _ in range(reader.number())],
            signatures=[reader.take(144) for _ in range(reader.number())],
            tries=[reader.root(length) for length in _KEY_LENGTHS],
        )
        assert reader.at == len(encoded)
        return witness

    def encode(self) -> bytes:
        """Puts the parts together."""
        parts = [
            _padded(self.separator),
            _padded(self.meta),
            _list(self.versioned_hashes),
            _with_length(self.data),
            _word(len(self.inbox)),
            *map(_with_length, self.inbox),
            *map(_list, (self.removed, self.keys, self.signatures)),
        ]
        return b"".join([*parts, *map(_encode, self.tries)])

    def replace(self, trie: int, key: bytes, node: Node) -> None:
        """Puts `node` where the leaf of `key` is; None takes the leaf out and moves its sibling up."""
        self.tries[trie] = _replace(self.tries[trie], key, node)

    def leaf(self, trie: int, key: bytes) -> Leaf:
        """The leaf of `key`."""
        node = self.tries[trie]
        while isinstance(node, Inner):
            node = node.right if key[node.bit // 8] >> 7 - node.bit % 8 & 1 else node.left
        assert isinstance(node, Leaf)
        assert node.key == key
        return node


def _replace(node: Node, key: bytes, replacement: Node) -> Node:
    if not isinstance(node, Inner):
        assert isinstance(node, Leaf)
        assert node.key == key
        return replacement
    if key[node.bit // 8] >> 7 - node.bit % 8 & 1:
        right = _replace(node.right, key, replacement)
        return Inner(node.bit, node.left, right) if right else node.left
    left = _replace(node.left, key, replacement)
    return Inner(node.bit, left, node.right) if left else node.right
