"""Vectors of section 4: whole batches, with the state before and what comes out, or nothing where they are invalid."""

from typing import Any

import zkclob_native as native
from msgspec.structs import replace

from sequencer.core import signing
from sequencer.core.codec import encode_data, encode_inbox_deposit
from sequencer.core.constants import MAX_NONCE_JUMP
from sequencer.core.errors import Code
from sequencer.core.types import Block, Deposit, InboxEntry, Sequenceable, Transaction, Withdraw
from tests.properties.flow import Flow
from tests.properties.replica import SEPARATOR, Replica, SealedBatch, Signer

START = 1_700_000_000
TRANSACTIONS_PER_BATCH = 60
GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1."""


def batches() -> dict[str, Any]:
    """Valid batches, one after the other, then batches that must be refused."""
    signers = [Signer(number) for number in range(1, 5)]
    replica = Replica(signers)
    flow = Flow(7, [signer.address for signer in signers])
    replica.open_block(START)
    for entry in flow.opening_entries(START):
        replica.sequence(InboxEntry(entry))
    cases = [_valid("listings and deposits", replica.seal_batch())]
    cases += [
        _valid(f"a random flow, part {part}", _flowing(replica, flow, START + 60 * part))
        for part in (1, 2, 3)
    ]
    return {"domain_separator": SEPARATOR, "cases": cases + _invalid(signers)}


def _flowing(replica: Replica, flow: Flow, time: int) -> SealedBatch:
    for number in range(TRANSACTIONS_PER_BATCH):
        if number % 20 == 0:
            replica.open_block(time + number)
        replica.sequence(flow.next(replica.state))
    return replica.seal_batch()


def _valid(name: str, batch: SealedBatch) -> dict[str, Any]:
    prepared = batch.prepared
    post = {
        "public_values": prepared.public_values,
        "block_roots": prepared.block_roots,
        "results": prepared.results,
        "outbox": prepared.outbox,
    }
    case = _case(name, batch.before, batch.data, batch.entries, batch.signatures, batch.removed)
    return case | {"post": post}


def _case(
    name: str,
    before: native.StateTree,
    data: bytes,
    entries: list[bytes],
    signatures: list[tuple[bytes, bytes]],
    removed: list[bytes],
) -> dict[str, Any]:
    pre = {
        "writes": [[number, key, value] for number in range(4) for key, value in before.items(number)],
        "meta": before.meta,
        "root": before.root,
    }
    signed = [{"public_key": key, "signature": signature} for key, signature in signatures]
    return {
        "name": name,
        "pre": pre,
        "data": data,
        "inbox": entries,
        "removed": removed,
        "signatures": signed,
        "post": None,
    }


def _invalid(signers: list[Signer]) -> list[dict[str, Any]]:
    """One transaction each that no block can hold, on a small state where nonce 199 was used."""
    owner, other, stranger, _ = signers
    replica = Replica(signers)
    replica.open_block(START)
    for entry in Flow(8, [owner.address, other.address]).opening_entries(START):
        replica.sequence(InboxEntry(entry))
    good = Withdraw(owner.address, owner.address, 199, START, 1, 5, owner.address, 0)
    replica.sequence(good)
    replica.seal_batch()
    good = replace(good, nonce=200)
    changed: dict[Code, Transaction] = {
        Code.UNKNOWN_ACCOUNT: replace(good, account=stranger.address, signer=stranger.address),
        Code.SIGNER_NOT_AUTHORIZED: replace(good, signer=other.address),
        Code.DEADLINE_PASSED: replace(good, deadline=START - 1),
        Code.NONCE_LANE: replace(good, nonce=8 << 48),
        Code.NONCE_TOO_HIGH: replace(good, nonce=201 + MAX_NONCE_JUMP),
        Code.NONCE_TOO_LOW: replace(good, nonce=200 - 129),
        Code.NONCE_USED: replace(good, nonce=199),
    }
    cases = [_one(replica, code.name, tx) for code, tx in changed.items()]
    for name, signature in _bad_signatures(good, owner, other).items():
        cases.append(_one(replica, f"BAD_SIGNATURE, {name}", good, signature))
    return cases + _wrong_blocks(replica, good)


def _one(
    replica: Replica, name: str, tx: Transaction, signature: tuple[bytes, bytes] | None = None
) -> dict[str, Any]:
    """A batch of one signed transaction, by default signed as it says."""
    signer = replica.signers[tx.signer]
    signature = signature or (signer.public_key, signer.sign(signing.digest(SEPARATOR, tx)))
    meta = replica.state.meta
    data = encode_data(meta.next_seq, [Block(meta.block_number + 1, START, [tx])])
    return _case(name, replica.tree, data, [], [signature], [])


def _bad_signatures(tx: Transaction, owner: Signer, other: Signer) -> dict[str, tuple[bytes, bytes]]:
    digest = signing.digest(SEPARATOR, tx)
    good = owner.sign(digest)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    order = GROUP_ORDER.to_bytes(32, "big")
    high_s = (GROUP_ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    return {
        "another key": (other.public_key, other.sign(digest)),
        "another key's signature": (owner.public_key, other.sign(digest)),
        "another key's name": (other.public_key, good),
        "another digest": (owner.public_key, owner.sign(bytes(32))),
        "high s": (owner.public_key, r + high_s),
        "r of 0": (owner.public_key, bytes(32) + good[32:]),
        "s of 0": (owner.public_key, r + bytes(32) + good[64:]),
        "r of the group order": (owner.public_key, order + good[32:]),
        "s of the group order": (owner.public_key, r + order + good[64:]),
    }


def _wrong_blocks(replica: Replica, tx: Withdraw) -> list[dict[str, Any]]:
    """Blocks that do not follow the state, and inbox entries that do not fit the data."""
    meta = replica.state.meta
    number, seq = meta.block_number + 1, meta.next_seq
    entry = encode_inbox_deposit(Deposit(START + 1, 1, tx.account, 1))
    entries: list[Sequenceable] = [InboxEntry(entry)]
    cases: list[tuple[str, int, Block, list[bytes]]] = [
        (
            "a time that goes back",
            seq,
            Block(number, START - 1, entries),
            [encode_inbox_deposit(Deposit(0, 1, tx.account, 1))],
        ),
        ("a time before the entry's", seq, Block(number, START, entries), [entry]),
        ("a block left out", seq, Block(number + 1, START + 1, entries), [entry]),
        ("a sequence number left out", seq + 1, Block(number, START + 1, entries), [entry]),
        ("an entry too few", seq, Block(number, START + 1, entries), []),
        ("an entry too many", seq, Block(number, START + 1, entries), [entry, entry]),
    ]
    return [
        _case(name, replica.tree, encode_data(first_seq, [block]), inbox, [], [])
        for name, first_seq, block, inbox in cases
    ]
