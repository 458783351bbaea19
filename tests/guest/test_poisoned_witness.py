"""The real guest in the SP1 executor, given witnesses by a hostile host.

A poisoned witness must either stop the guest or prove something that the contract never asks for: the contract
builds the public values from its own storage, so another previous root, inbox hash or domain settles nothing.
"""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sequencer.core.codec import encode_inbox_deposit
from sequencer.core.constants import MAX_U64
from sequencer.core.errors import Code
from sequencer.core.types import Deposit, InboxEntry, PlaceOrder, SelfTrade, Side, TimeInForce
from tests.guest.witness import ACCOUNTS, BOOKS, Leaf, Opaque, Witness
from tests.properties.flow import Flow
from tests.properties.replica import Replica, Signer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ELF = Path(os.environ.get("ZKCLOB_GUEST", ROOT / "sp1_program" / "elf" / "zkclob-program"))
"""The committed guest, or another that `scripts/check_elf.sh` built."""
PROVER = (
    Path(os.environ.get("ZKCLOB_CACHE", Path.home() / ".cache" / "zkclob"))
    / "target"
    / "release"
    / "zkclob-prover"
)
START = 1_700_000_000
MARKET = 2

PREV_STATE_ROOT = slice(32, 64)
INBOX_HASH = slice(128, 160)


class GuestStopped(Exception):  # noqa: N818 - what happened, not a fault of the test
    """The guest ended without public values."""


def run(witness: bytes, folder: Path) -> bytes:
    """Public values of `witness` from the real ELF. Raises GuestStopped."""
    path = folder / "witness.bin"
    path.write_bytes(witness)
    done = subprocess.run(
        [PROVER, "execute", "--elf", ELF, "--witness", path], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise GuestStopped(done.stderr)
    return bytes.fromhex(json.loads(done.stdout)["public_values"][2:])


@dataclass
class Scene:
    """A batch in which a taker buys from the better of two makers, and a deposit arrives."""

    witness: bytes
    public_values: bytes
    better: bytes
    worse: bytes
    maker: bytes
    taker: bytes


def order(owner: Signer, nonce: int, side: Side, price: int, size: int) -> PlaceOrder:
    return PlaceOrder(
        account=owner.address,
        signer=owner.address,
        nonce=nonce,
        deadline=MAX_U64,
        market=MARKET,
        side=side,
        time_in_force=TimeInForce.GTC,
        self_trade=SelfTrade.CANCEL_TAKER,
        price=price,
        size=size,
        client_order_id=0,
    )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    signers = [Signer(500 + number) for number in range(3)]
    replica = Replica(signers)
    maker, rival, taker = signers
    replica.open_block(START)
    for entry in Flow(1, [signer.address for signer in signers]).opening_entries(START):
        replica.sequence(InboxEntry(entry))
    worse = replica.sequence(order(rival, 0, Side.ASK, 1_001, 5)).order_id
    better = replica.sequence(order(maker, 0, Side.ASK, 1_000, 5)).order_id
    replica.seal_batch()
    replica.open_block(START + 1)
    replica.sequence(InboxEntry(encode_inbox_deposit(Deposit(START, 1, taker.address, 7))))
    result = replica.sequence(order(taker, 0, Side.BID, 1_001, 5))
    assert [fill.maker_order_id for fill in result.fills] == [better]
    assert replica.sequence(order(taker, 1, Side.BID, 900, 5)).code is Code.OK
    witness = replica.seal_batch().prepared.witness
    assert better
    assert worse
    public_values = run(witness, tmp_path_factory.mktemp("scene"))
    return Scene(witness, public_values, better, worse, maker.address, taker.address)


def test_the_guest_proves_the_batch_as_it_was(scene: Scene) -> None:
    assert Witness.decode(scene.witness).encode() == scene.witness
    assert len(scene.public_values) == 448


def hide_better_maker(scene: Scene, witness: Witness) -> None:
    witness.replace(BOOKS, scene.better, None)


def prune_better_maker(scene: Scene, witness: Witness) -> None:
    witness.replace(BOOKS, scene.better, Opaque(bytes(32)))


def swap_makers(scene: Scene, witness: Witness) -> None:
    better, worse = witness.leaf(BOOKS, scene.better), witness.leaf(BOOKS, scene.worse)
    better.value, worse.value = worse.value, better.value


def swap_leaf(scene: Scene, witness: Witness) -> None:
    taker = witness.leaf(ACCOUNTS, scene.taker)
    witness.replace(ACCOUNTS, scene.maker, Leaf(scene.maker, taker.value))


def forge_balance(scene: Scene, witness: Witness) -> None:
    leaf = witness.leaf(ACCOUNTS, scene.taker)
    # The last balance ends with total and locked, 16 bytes each.
    total = int.from_bytes(leaf.value[-32:-16]) + 1
    leaf.value = leaf.value[:-32] + total.to_bytes(16) + leaf.value[-16:]


def rewind_meta(scene: Scene, witness: Witness) -> None:
    witness.meta = witness.meta[:4] + bytes(8) + witness.meta[12:]


@pytest.mark.parametrize(
    "poison",
    [hide_better_maker, prune_better_maker, swap_makers, swap_leaf, forge_balance, rewind_meta],
    ids=lambda poison: poison.__name__,
)
def test_another_state_settles_nothing(
    poison: Callable[[Scene, Witness], None], scene: Scene, tmp_path: Path
) -> None:
    witness = Witness.decode(scene.witness)
    poison(scene, witness)
    try:
        proven = run(witness.encode(), tmp_path)
    except GuestStopped:
        return
    assert proven[PREV_STATE_ROOT] != scene.public_values[PREV_STATE_ROOT]


def drop_inbox_entry(witness: Witness) -> None:
    witness.inbox.pop()


def add_inbox_entry(witness: Witness) -> None:
    witness.inbox.append(witness.inbox[0])


def change_r(witness: Witness) -> None:
    first = witness.signatures[0]
    witness.signatures[0] = first[:20] + bytes([first[20] ^ 1]) + first[21:]


def change_s(witness: Witness) -> None:
    first = witness.signatures[0]
    witness.signatures[0] = first[:40] + bytes([first[40] ^ 1]) + first[41:]


def change_inverse(witness: Witness) -> None:
    first = witness.signatures[0]
    witness.signatures[0] = first[:-1] + bytes([first[-1] ^ 1])


def swap_signatures(witness: Witness) -> None:
    witness.signatures.reverse()


def replace_key(witness: Witness) -> None:
    witness.keys[0] = Signer(9).public_key


def change_domain(witness: Witness) -> None:
    witness.separator = bytes(32)


def append_byte(witness: Witness) -> None:
    witness.data += b"\0"


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (drop_inbox_entry, "too few entries"),
        (add_inbox_entry, "not consumed"),
        (change_r, "does not fit the digest"),
        (change_s, "not the inverse of s"),
        (change_inverse, "not the inverse of s"),
        (swap_signatures, "does not fit the digest"),
        (replace_key, "BadSignature"),
        (change_domain, "does not fit the digest"),
        (append_byte, "bytes left over"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_guest_stops(
    poison: Callable[[Witness], None], reason: str, scene: Scene, tmp_path: Path
) -> None:
    witness = Witness.decode(scene.witness)
    poison(witness)
    with pytest.raises(GuestStopped, match=reason):
        run(witness.encode(), tmp_path)


def test_a_forged_inbox_entry_has_another_hash(scene: Scene, tmp_path: Path) -> None:
    witness = Witness.decode(scene.witness)
    entry = witness.inbox[0]
    witness.inbox[0] = entry[:-1] + bytes([entry[-1] + 1])
    assert run(witness.encode(), tmp_path)[INBOX_HASH] != scene.public_values[INBOX_HASH]


@pytest.mark.parametrize("length", [0, 1, 99, 1_000])
def test_a_cut_witness_stops_the_guest(length: int, scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(GuestStopped, match="ends too early"):
        run(scene.witness[:length], tmp_path)
