"""Takes a witness apart and puts it together again (docs/protocol.md, section 10), so that tests can poison it."""

from dataclasses import dataclass
from typing import Self

ACCOUNTS, BOOKS, CLIENTS, REGISTRY = range(4)
_KEY_LENGTHS = (20, 24, 36, 5)
_DIGEST = 32


@dataclass
class Opaque:
    """A subtree that only its hash stands for."""

    digest: bytes


@dataclass
class Leaf:
    """A key with its value."""

    key: bytes
    value: bytes


@dataclass
class Inner:
    """A node at bit `bit`."""

    bit: int
    left: "Node"
    right: "Node"


Node = Opaque | Leaf | Inner | None


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, length: int) -> bytes:
        """The next bytes; they must be there."""
        taken = self.data[self.at : self.at + length]
        assert len(taken) == length
        self.at += length
        return taken

    def number(self, length: int) -> int:
        """The next bytes as a number."""
        return int.from_bytes(self.take(length))

    def node(self, key_length: int) -> Node:
        """The next trie."""
        match self.number(1):
            case 0:
                return None
            case 1:
                return Opaque(self.take(_DIGEST))
            case 2:
                return Leaf(self.take(key_length), self.take(self.number(2)))
            case 3:
                return Inner(self.number(2), self.node(key_length), self.node(key_length))
        raise AssertionError("no such node")


def _encode(node: Node) -> bytes:
    match node:
        case None:
            return b"\0"
        case Opaque(digest):
            return b"\1" + digest
        case Leaf(key, value):
            return b"\2" + key + len(value).to_bytes(2) + value
        case Inner(bit, left, right):
            return b"\3" + bit.to_bytes(2) + _encode(left) + _encode(right)


@dataclass
class Witness:
    """The parts of a witness, in their order."""

    separator: bytes
    meta: bytes
    data: bytes
    inbox: list[bytes]
    removed: list[bytes]
    keys: list[bytes]
    signatures: list[bytes]
    """Key index, r, s and the inverse of s, 100 bytes each."""
    tries: list[Node]

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """Takes `encoded` apart."""
        reader = _Reader(encoded)
        witness = cls(
            separator=reader.take(32),
            meta=reader.take(68),
            data=reader.take(reader.number(4)),
            inbox=[reader.take(reader.number(2)) for _ in range(reader.number(4))],
            removed=[reader.take(24) for _ in range(reader.number(4))],
            keys=[reader.take(64) for _ in range(reader.number(4))],
            signatures=[reader.take(100) for _ in range(reader.number(4))],
            tries=[reader.node(length) for length in _KEY_LENGTHS],
        )
        assert reader.at == len(encoded)
        return witness

    def encode(self) -> bytes:
        """Puts the parts together."""
        parts = [
            self.separator,
            self.meta,
            len(self.data).to_bytes(4),
            self.data,
            len(self.inbox).to_bytes(4),
        ]
        parts += [len(entry).to_bytes(2) + entry for entry in self.inbox]
        parts += [len(self.removed).to_bytes(4), *self.removed]
        parts += [len(self.keys).to_bytes(4), *self.keys, len(self.signatures).to_bytes(4), *self.signatures]
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
