"""The real guest on a batch whose data blobs carry. What a hostile host can change of that, the data hash shows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from zkclob_native import keccak256

from sequencer.core.carriers import BLOBS, CALLDATA
from sequencer.core.codec import encode_data
from sequencer.core.public_values import PublicValues
from sequencer.core.types import Block
from sequencer.kzg import carried
from tests.guest.executor import START, GuestStopped, run
from tests.guest.witness import Witness
from tests.properties.replica import Signer
from tests.properties.test_blobs import BATCHES_FOR_TWO_BLOBS, cancels, listed

pytestmark = pytest.mark.slow


@dataclass
class Scene:
    """A batch in two blobs; `later` is its data with another time."""

    witness: bytes
    values: PublicValues
    later: bytes

    def proven(self, change: Callable[[Witness], None], folder: Path) -> PublicValues:
        """What the guest says of the witness after a change."""
        witness = Witness.decode(self.witness)
        change(witness)
        return PublicValues.decode(run(witness.encode(), folder))


@pytest.fixture(scope="module")
def scene() -> Scene:
    signer = Signer(41)
    replica = listed([signer])
    first_seq = replica.state.meta.next_seq
    replica.open_block(START + 1)
    cancels(replica, signer, BATCHES_FOR_TWO_BLOBS)
    later = encode_data(
        first_seq, [Block(block.number, START + 2, block.transactions) for block in replica.blocks]
    )
    prepared = replica.seal_batch().prepared
    return Scene(prepared.witness, PublicValues.decode(prepared.public_values), later)


def test_guest_and_native_code_agree(scene: Scene, tmp_path: Path) -> None:
    assert scene.proven(lambda witness: None, tmp_path) == scene.values
    assert scene.values.data_carrier == BLOBS


def test_without_blobs_it_is_calldata(scene: Scene, tmp_path: Path) -> None:
    found = scene.proven(lambda witness: witness.versioned_hashes.clear(), tmp_path)
    data_hash = keccak256(Witness.decode(scene.witness).data)
    assert found == replace(scene.values, data_carrier=CALLDATA, data_hash=data_hash)


def test_blobs_in_another_order_have_another_hash(scene: Scene, tmp_path: Path) -> None:
    found = scene.proven(lambda witness: witness.versioned_hashes.reverse(), tmp_path)
    assert found.data_hash != scene.values.data_hash
    assert found == replace(scene.values, data_hash=found.data_hash)


def test_s10_other_data_than_the_blobs_hold_has_another_hash(scene: Scene, tmp_path: Path) -> None:
    """It is a batch that follows the rules, so there is a proof; but none of blobs that hold it."""

    def change(witness: Witness) -> None:
        witness.data = scene.later

    found = scene.proven(change, tmp_path)
    assert found.timestamp == START + 2
    assert found.data_carrier == BLOBS
    assert found.data_hash not in (scene.values.data_hash, carried(scene.later).data_hash)


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_blobs_stops_the_guest(scene: Scene, count: int, tmp_path: Path) -> None:
    def change(witness: Witness) -> None:
        witness.versioned_hashes = [*witness.versioned_hashes, bytes(32)][:count]

    with pytest.raises(GuestStopped, match="does not fill as many blobs"):
        scene.proven(change, tmp_path)
