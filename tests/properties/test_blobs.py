"""Batches whose data blobs carry: Python, with ckzg, and Rust agree on what the proof says of them."""

from dataclasses import replace

import pytest
import zkclob_native as native

from sequencer.core.carriers import BLOBS, CALLDATA
from sequencer.core.codec.blobs import BLOB_DATA
from sequencer.core.constants import MAX_BATCH_ITEMS, MAX_U64
from sequencer.core.public_values import PublicValues
from sequencer.core.types import Batch, CancelClientOrder, InboxEntry
from sequencer.kzg import carried
from tests.properties.flow import Flow
from tests.properties.replica import SEPARATOR, Replica, SealedBatch, Signer

START = 1_700_000_000
BATCHES_FOR_TWO_BLOBS = 125
"""A batch of as many cancels as it may have is of more than a kilobyte."""


def cancels(replica: Replica, signer: Signer, batches: int) -> None:
    """Signed batches of cancels that hit nothing: much data and little else."""
    for nonce in range(batches):
        head = (signer.address, signer.address, nonce, MAX_U64)
        ids = range(nonce << 64, (nonce << 64) + MAX_BATCH_ITEMS)
        replica.sequence(Batch(*head, tuple(CancelClientOrder(*head, client_order_id=i) for i in ids)))


def listed(signers: list[Signer]) -> Replica:
    """An exchange with deposits, the batches of which blobs carry from now on."""
    replica = Replica(signers)
    replica.open_block(START)
    for entry in Flow(1, [signer.address for signer in signers]).opening_entries(START):
        replica.sequence(InboxEntry(entry))
    replica.seal_batch()
    replica.carry = carried
    return replica


def values_of(batch: SealedBatch, versioned_hashes: tuple[bytes, ...] = ()) -> PublicValues:
    """What Rust says of `batch` when these blobs carry it."""
    prepared = native.prepare(
        batch.before, SEPARATOR, batch.data, batch.entries, batch.signatures, batch.removed, versioned_hashes
    )
    assert native.execute(prepared.witness) == prepared.public_values
    return PublicValues.decode(prepared.public_values)


def test_a_random_flow_in_blobs() -> None:
    signers = [Signer(30 + number) for number in range(6)]
    replica = listed(signers)
    flow = Flow(5, [signer.address for signer in signers])
    for batch in range(3):
        replica.open_block(START + 1 + batch)
        for _ in range(40):
            replica.sequence(flow.next(replica.state))
        sealed = replica.seal_batch()
        assert PublicValues.decode(sealed.prepared.public_values).data_carrier == BLOBS


@pytest.fixture(scope="module")
def two_blobs() -> SealedBatch:
    signer = Signer(40)
    replica = listed([signer])
    replica.open_block(START + 1)
    cancels(replica, signer, BATCHES_FOR_TWO_BLOBS)
    sealed = replica.seal_batch()
    assert BLOB_DATA < len(sealed.data) < 2 * BLOB_DATA
    return sealed


def test_two_blobs_in_their_order(two_blobs: SealedBatch) -> None:
    in_blobs = carried(two_blobs.data)
    first, second = in_blobs.versioned_hashes
    values = values_of(two_blobs, (first, second))
    assert (values.data_carrier, values.data_hash) == (BLOBS, in_blobs.data_hash)
    swapped = values_of(two_blobs, (second, first))
    assert swapped == replace(values, data_hash=swapped.data_hash)
    assert swapped.data_hash != values.data_hash


def test_the_same_batch_in_calldata(two_blobs: SealedBatch) -> None:
    values = PublicValues.decode(two_blobs.prepared.public_values)
    plain = values_of(two_blobs)
    assert plain == replace(values, data_carrier=CALLDATA, data_hash=native.keccak256(two_blobs.data))


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_blobs_is_refused(two_blobs: SealedBatch, count: int) -> None:
    with pytest.raises(ValueError, match="does not fill as many blobs"):
        values_of(two_blobs, (bytes(32),) * count)
