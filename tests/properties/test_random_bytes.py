"""Random bytes for everything that decodes: a typed refusal each time, never another exception and never a hang."""

from collections.abc import Callable, Iterator
from random import Random

import pytest
import zkclob_native as native

from sequencer.core.codec import (
    decode_account,
    decode_actions,
    decode_market,
    decode_meta,
    decode_order,
    decode_token,
    decode_transaction,
    encode_account,
    encode_actions,
    encode_market,
    encode_meta,
    encode_order,
    encode_token,
    encode_transaction,
    parse_inbox_entry,
)
from sequencer.core.state import State
from sequencer.core.transition import apply_inbox
from sequencer.core.types import Batch, ExpireOrder, InboxEntry, Sequenceable, Transaction
from tests.properties.flow import Flow
from tests.properties.replica import SEPARATOR, Replica, SealedBatch, Signer
from tests.properties.spoil import ROUNDS, spoiled

SEED = 71
HEAD = (bytes(20), bytes(20), 0, 0)


@pytest.fixture(scope="module")
def scene() -> tuple[State, list[Transaction], list[bytes], SealedBatch]:
    """A state after a short flow, its transactions and inbox entries, and its last batch."""
    signers = [Signer(4_000 + number) for number in range(6)]
    replica = Replica(signers)
    flow = Flow(SEED, [signer.address for signer in signers])
    replica.open_block(1_700_000_000)
    entries = flow.opening_entries(1_700_000_000)
    for entry in entries:
        replica.sequence(InboxEntry(entry))
    replica.seal_batch()
    replica.open_block(1_700_000_001)
    drawn = list[Sequenceable]()
    for _ in range(300):
        drawn.append(flow.next(replica.state))
        replica.sequence(drawn[-1])
    batch = replica.seal_batch()
    transactions = [tx for tx in drawn if not isinstance(tx, InboxEntry | ExpireOrder)]
    entries += [tx.data for tx in drawn if isinstance(tx, InboxEntry)]
    return replica.state, transactions, entries, batch


def refused(decode: Callable[[bytes], object], inputs: Iterator[bytes]) -> int:
    """How many inputs do not decode; any exception but `ValueError` fails the test."""
    count = 0
    for data in inputs:
        try:
            decode(data)
        except ValueError:
            count += 1
    return count


def test_records(scene: tuple[State, list[Transaction], list[bytes], SealedBatch]) -> None:
    state, transactions, _, _ = scene
    random = Random(SEED)
    actions = [encode_actions(tx.actions) for tx in transactions if isinstance(tx, Batch)]
    key = next(iter(state.orders))
    cases: list[tuple[Callable[[bytes], object], list[bytes]]] = [
        (decode_transaction, [encode_transaction(tx) for tx in transactions]),
        (lambda data: decode_actions(data, HEAD), actions),
        (decode_account, [encode_account(account) for account in state.accounts.values()]),
        (lambda data: decode_order(key, data), [encode_order(order) for order in state.orders.values()]),
        (lambda data: decode_market(1, data), [encode_market(market) for market in state.markets.values()]),
        (lambda data: decode_token(1, data), [encode_token(token) for token in state.tokens.values()]),
        (decode_meta, [encode_meta(state.meta)]),
    ]
    for decode, good in cases:
        assert refused(decode, iter(good)) == 0
        assert refused(decode, spoiled(random, good)) > ROUNDS


def test_any_bytes_are_an_inbox_entry(
    scene: tuple[State, list[Transaction], list[bytes], SealedBatch],
) -> None:
    _, _, entries, _ = scene
    state = State()
    state.meta.timestamp = (1 << 64) - 1
    for data in spoiled(Random(SEED), entries):
        parse_inbox_entry(data)
        assert apply_inbox(state, data).seq == state.meta.next_seq - 1


def test_data_of_a_batch(scene: tuple[State, list[Transaction], list[bytes], SealedBatch]) -> None:
    batch = scene[3]

    def prepare(data: bytes) -> object:
        return native.prepare(batch.before, SEPARATOR, data, batch.entries, batch.signatures, batch.removed)

    assert refused(prepare, iter([batch.data])) == 0
    assert refused(prepare, spoiled(Random(SEED), [batch.data])) == 2 * ROUNDS


def test_witness(scene: tuple[State, list[Transaction], list[bytes], SealedBatch]) -> None:
    """A damaged witness may still execute, but then it proves something else."""
    batch = scene[3]
    expected = batch.prepared.public_values
    for data in spoiled(Random(SEED), [batch.prepared.witness]):
        try:
            found = native.execute(data)
        except ValueError:
            continue
        assert found != expected


def test_signatures() -> None:
    random = Random(SEED)
    good = Signer(9).sign(bytes(32))
    for data in spoiled(random, [good]):
        try:
            address, key = native.recover(bytes(32), data)
        except ValueError:
            continue
        assert (len(address), len(key)) == (20, 64)
        assert data != good or address == Signer(9).address
