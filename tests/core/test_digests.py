"""Digests of blocks and the commitment to them."""

import pytest
from zkclob_native import keccak256

from sequencer.core.constants import CHUNK
from sequencer.core.digests import block_digests, digests_hash
from sequencer.core.signing import digest
from sequencer.core.types import Block, InboxEntry
from tests.core.exchange import Trader

SEPARATOR = b"\x05" * 32


def test_entries_and_signed_transactions_each_have_a_digest(alice: Trader) -> None:
    order = alice.buy(1, 1)
    blocks = [Block(1, 5, [InboxEntry(b"a"), order]), Block(2, 5, [InboxEntry(b"b")])]
    first = keccak256(b"\x01" * 32 + b"a")
    expected = [first, digest(SEPARATOR, order), keccak256(first + b"b")]
    assert block_digests(SEPARATOR, b"\x01" * 32, blocks) == expected


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_digests_are_hashed_in_chunks(count: int) -> None:
    digests = [bytes([n % 256]) * 32 for n in range(count)]
    joined = b"".join(digests)
    chunks = [joined[start : start + 32 * CHUNK] for start in range(0, len(joined), 32 * CHUNK)]
    assert digests_hash(digests) == keccak256(b"".join(map(keccak256, chunks)))
