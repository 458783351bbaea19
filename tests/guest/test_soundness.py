"""The numbered sentences of docs/soundness.md, each tried on the real guest by a hostile host.

A poisoned witness must stop the guest, or prove something in which the contract's own words differ: those that it fills
in from its storage and from the data it received.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from sequencer.core.codec import encode_data, encode_inbox_deposit, encode_inbox_forced
from sequencer.core.constants import MAX_U64
from sequencer.core.errors import Code
from sequencer.core.types import (
    Block,
    CancelAll,
    CancelOrder,
    Deposit,
    ForceExit,
    InboxEntry,
    OrderId,
    Side,
    Withdraw,
)
from tests.guest.executor import START, GuestStopped, order, run
from tests.guest.test_removed_orders import funded
from tests.guest.witness import ACCOUNTS, BOOKS, REGISTRY, Inner, Leaf, Opaque, Witness
from tests.properties.replica import Signer

pytestmark = pytest.mark.slow

DOMAIN, PREVIOUS, NEW, CURSOR, INBOX, CARRIER, DATA, OUTBOX, COUNT, BLOCK, TIME, FIRST, END, DIGESTS = range(
    14
)
ASKED = (DOMAIN, PREVIOUS, INBOX, CARRIER, DATA, FIRST)
"""The words that the contract fills in."""


@dataclass
class Scene:
    """A batch with something of everything that a host could try to change."""

    witness: bytes
    honest: list[bytes]
    first_seq: int
    blocks: list[Block]
    better: OrderId
    worse: OrderId
    maker: bytes
    taker: bytes

    def poisoned(self) -> Witness:
        """The honest witness, taken apart."""
        return Witness.decode(self.witness)


def proven(witness: Witness, folder: Path) -> list[bytes]:
    """The words of the public values."""
    public_values = run(witness.encode(), folder)
    return [public_values[at : at + 32] for at in range(0, 448, 32)]


def settles(witness: Witness, scene: Scene, folder: Path) -> bool:
    """Whether there is a proof, with all the words that the contract fills in."""
    try:
        words = proven(witness, folder)
    except GuestStopped:
        return False
    return all(words[word] == scene.honest[word] for word in ASKED)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    maker, rival, taker, quitter = signers = [Signer(500 + number) for number in range(4)]
    replica = funded(signers)
    worse = replica.sequence(order(rival, 0, Side.ASK, 1_001, 5)).order_id
    better = replica.sequence(order(maker, 0, Side.ASK, 1_000, 5)).order_id
    for nonce in range(2):
        assert replica.sequence(order(quitter, nonce, Side.ASK, 1_100 + nonce, 5)).resting
    replica.seal_batch()
    assert better
    assert worse
    first_seq = replica.state.meta.next_seq
    replica.open_block(START + 1)
    for amount in (7, 8):
        replica.sequence(InboxEntry(encode_inbox_deposit(Deposit(START, 1, taker.address, amount))))
    result = replica.sequence(order(taker, 0, Side.BID, 1_001, 5))
    assert [fill.maker_order_id for fill in result.fills] == [better]
    assert replica.sequence(order(taker, 1, Side.BID, 900, 5)).code is Code.OK
    head = (rival.address, rival.address, 1, MAX_U64)
    assert replica.sequence(CancelOrder(*head, order_id=bytes(24))).code is Code.UNKNOWN_ORDER
    replica.open_block(START + 2)
    result = replica.sequence(CancelAll(quitter.address, quitter.address, 2, MAX_U64, 0))
    assert len(result.removed) == 2
    withdrawal = Withdraw(maker.address, maker.address, 1, MAX_U64, 1, 5, b"\x07" * 20, 0)
    assert replica.sequence(withdrawal).code is Code.OK
    replica.seal_block()
    blocks = replica.blocks
    witness = replica.seal_batch().prepared.witness
    honest = proven(Witness.decode(witness), tmp_path_factory.mktemp("scene"))
    return Scene(witness, honest, first_seq, blocks, better, worse, maker.address, taker.address)


# --- what a proof says ----------------------------------------------------------------------------------------------


def test_s01_the_public_values_hold_what_the_contract_fills_in(tmp_path: Path) -> None:
    """Nothing is signed in this batch: a host that names another exchange gets a proof for that one."""
    replica = funded([Signer(1)])
    witness = Witness.decode(replica.seal_batch().prepared.witness)
    honest = proven(witness, tmp_path)
    witness.separator = bytes(32)
    assert proven(witness, tmp_path) == [bytes(32), *honest[1:]]


@pytest.mark.parametrize("at", [4, 12, 20, 28, 36, 67], ids=lambda at: f"meta[{at}]")
def test_s02_the_previous_root_is_that_of_all_that_was_read(at: int, scene: Scene, tmp_path: Path) -> None:
    witness = scene.poisoned()
    witness.meta = witness.meta[:at] + bytes([witness.meta[at] ^ 1]) + witness.meta[at + 1 :]
    assert not settles(witness, scene, tmp_path)


def test_s03_the_honest_witness_settles(scene: Scene, tmp_path: Path) -> None:
    assert settles(scene.poisoned(), scene, tmp_path)


# --- the state ------------------------------------------------------------------------------------------------------


def turn_a_branch(scene: Scene, witness: Witness) -> None:
    root = witness.tries[BOOKS]
    assert isinstance(root, Inner)
    root.left, root.right = root.right, root.left


def move_a_branch(scene: Scene, witness: Witness) -> None:
    root = witness.tries[BOOKS]
    assert isinstance(root, Inner)
    root.bit -= 1


def take_a_leaf_for_a_trie(scene: Scene, witness: Witness) -> None:
    witness.tries[BOOKS] = witness.leaf(BOOKS, scene.better)


@pytest.mark.parametrize(
    "poison",
    [turn_a_branch, move_a_branch, take_a_leaf_for_a_trie],
    ids=lambda poison: poison.__name__,
)
def test_s04_a_root_stands_for_one_map(
    poison: Callable[[Scene, Witness], None], scene: Scene, tmp_path: Path
) -> None:
    witness = scene.poisoned()
    poison(scene, witness)
    assert not settles(witness, scene, tmp_path)


def test_s04_a_hash_has_one_form(scene: Scene, tmp_path: Path) -> None:
    """An element that is not reduced would be another name of the same node."""
    witness = scene.poisoned()
    witness.tries[BOOKS] = Opaque(b"\xff" * 32)
    with pytest.raises(GuestStopped, match="not canonical"):
        run(witness.encode(), tmp_path)


def test_s05_a_value_has_one_encoding(scene: Scene, tmp_path: Path) -> None:
    witness = scene.poisoned()
    leaf = witness.leaf(ACCOUNTS, scene.taker)
    balance = 36
    first, second = leaf.value[-2 * balance : -balance], leaf.value[-balance:]
    leaf.value = leaf.value[: -2 * balance] + second + first
    with pytest.raises(GuestStopped, match="not in order"):
        run(witness.encode(), tmp_path)
    leaf.value = leaf.value[: -2 * balance] + first + second[:4] + bytes(32)
    with pytest.raises(GuestStopped, match="a balance of nothing"):
        run(witness.encode(), tmp_path)


def hide_better_maker(scene: Scene, witness: Witness) -> None:
    witness.replace(BOOKS, scene.better, None)


def make_better_maker_opaque(scene: Scene, witness: Witness) -> None:
    witness.replace(BOOKS, scene.better, Opaque(bytes(32)))


def swap_makers(scene: Scene, witness: Witness) -> None:
    better, worse = witness.leaf(BOOKS, scene.better), witness.leaf(BOOKS, scene.worse)
    better.value, worse.value = worse.value, better.value


def insert_a_better_one(scene: Scene, witness: Witness) -> None:
    key = scene.better[:8] + (999).to_bytes(8) + bytes(8)
    forged = Leaf(key, witness.leaf(BOOKS, scene.worse).value)
    bit = 8 * 15
    witness.replace(BOOKS, scene.better, Inner(bit, forged, witness.leaf(BOOKS, scene.better)))


@pytest.mark.parametrize(
    "poison",
    [hide_better_maker, make_better_maker_opaque, swap_makers, insert_a_better_one],
    ids=lambda poison: poison.__name__,
)
def test_s07_the_best_order_is_the_first(
    poison: Callable[[Scene, Witness], None], scene: Scene, tmp_path: Path
) -> None:
    witness = scene.poisoned()
    poison(scene, witness)
    assert not settles(witness, scene, tmp_path)


@pytest.mark.parametrize("trie", [ACCOUNTS, BOOKS, REGISTRY])
def test_s08_nothing_is_missing_where_a_path_is_not_shown(trie: int, scene: Scene, tmp_path: Path) -> None:
    """Without its map, a transaction cannot be told that there is no such account, order or market."""
    witness = scene.poisoned()
    witness.tries[trie] = Opaque(bytes(32))
    with pytest.raises(GuestStopped, match="is needed and not there"):
        run(witness.encode(), tmp_path)
    witness.tries[trie] = None
    assert not settles(witness, scene, tmp_path)


def test_s09_a_leaf_on_another_path_has_another_root(scene: Scene, tmp_path: Path) -> None:
    """Where no walk finds it, an order would be neither the best nor there at all."""
    witness = scene.poisoned()
    better, worse = witness.leaf(BOOKS, scene.better), witness.leaf(BOOKS, scene.worse)
    better.key, better.value, worse.key, worse.value = worse.key, worse.value, better.key, better.value
    assert not settles(witness, scene, tmp_path)


# --- transactions ---------------------------------------------------------------------------------------------------


def with_blocks(scene: Scene, blocks: list[Block], first_seq: int | None = None) -> Witness:
    """The witness with these blocks as its data."""
    witness = scene.poisoned()
    witness.data = encode_data(scene.first_seq if first_seq is None else first_seq, blocks)
    return witness


def test_s10_what_is_executed_is_what_was_posted(scene: Scene, tmp_path: Path) -> None:
    witness = scene.poisoned()
    assert witness.data == encode_data(scene.first_seq, scene.blocks)
    # The number of addresses in two bytes instead of one: the same list in another encoding.
    witness.data = witness.data[:1] + bytes([witness.data[1] | 0x80, 0]) + witness.data[2:]
    with pytest.raises(GuestStopped, match="shortest form"):
        run(witness.encode(), tmp_path)
    first, second = scene.blocks
    richer = replace(second.transactions[-1], recipient=b"\x08" * 20)
    witness = with_blocks(scene, [first, replace(second, transactions=[second.transactions[0], richer])])
    with pytest.raises(GuestStopped, match="does not fit"):
        run(witness.encode(), tmp_path)
    dropped = with_blocks(scene, [first, replace(second, transactions=second.transactions[:-1])])
    dropped.signatures.pop()
    words = proven(dropped, tmp_path)
    assert words[PREVIOUS] == scene.honest[PREVIOUS]
    assert words[DATA] != scene.honest[DATA]


def test_s11_data_goes_on_where_the_state_ends(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(GuestStopped, match="next sequence number"):
        run(with_blocks(scene, scene.blocks, scene.first_seq + 1).encode(), tmp_path)
    later = [replace(block, number=block.number + 1) for block in scene.blocks]
    with pytest.raises(GuestStopped, match="next block"):
        run(with_blocks(scene, later).encode(), tmp_path)


def drop_entry(witness: Witness) -> None:
    witness.inbox.pop()


def repeat_entry(witness: Witness) -> None:
    witness.inbox.append(witness.inbox[0])


def turn_entries(witness: Witness) -> None:
    witness.inbox.reverse()


def forge_entry(witness: Witness) -> None:
    entry = witness.inbox[0]
    witness.inbox[0] = entry[:-1] + bytes([entry[-1] + 1])


def join_entries(witness: Witness) -> None:
    witness.inbox = [b"", witness.inbox[0] + witness.inbox[1]]


@pytest.mark.parametrize(
    "poison",
    [drop_entry, repeat_entry, turn_entries, forge_entry, join_entries],
    ids=lambda poison: poison.__name__,
)
def test_s12_the_entries_consumed_are_those_of_l1(
    poison: Callable[[Witness], None], scene: Scene, tmp_path: Path
) -> None:
    witness = scene.poisoned()
    poison(witness)
    assert not settles(witness, scene, tmp_path)


def test_s13_time_goes_on(scene: Scene, tmp_path: Path) -> None:
    """Backwards within a batch has no encoding."""
    first, second = scene.blocks
    with pytest.raises(GuestStopped, match="before that of the previous block"):
        run(with_blocks(scene, [replace(first, timestamp=START - 1), second]).encode(), tmp_path)
    witness = scene.poisoned()
    entry = witness.inbox[0]
    witness.inbox[0] = entry[:1] + (START + 2).to_bytes(8) + entry[9:]
    with pytest.raises(GuestStopped, match="before that of an inbox entry"):
        run(witness.encode(), tmp_path)
    words = proven(with_blocks(scene, [first, replace(second, timestamp=START + 3)]), tmp_path)
    assert int.from_bytes(words[TIME]) == START + 3
    assert words[DATA] != scene.honest[DATA]


def test_s15_a_transaction_is_sequenced_once(scene: Scene, tmp_path: Path) -> None:
    first, second = scene.blocks
    again = [*second.transactions, second.transactions[-1]]
    witness = with_blocks(scene, [first, replace(second, transactions=again)])
    witness.signatures.append(witness.signatures[-1])
    with pytest.raises(GuestStopped, match="NonceUsed"):
        run(witness.encode(), tmp_path)


def test_s16_the_digests_are_those_of_what_was_executed_in_its_order(scene: Scene, tmp_path: Path) -> None:
    first, second = scene.blocks
    witness = with_blocks(scene, [first, replace(second, transactions=second.transactions[::-1])])
    witness.signatures[-2:] = witness.signatures[:-3:-1]
    words = proven(witness, tmp_path)
    changed = {word for word in range(14) if words[word] != scene.honest[word]}
    assert changed == {DATA, DIGESTS}


def test_s17_money_leaves_only_as_the_state_says(tmp_path: Path) -> None:
    """A forced exit pays what the account has; a host that says it has more starts at another state."""
    owner = Signer(1)
    replica = funded([owner])
    replica.seal_batch()
    replica.open_block(START)
    result = replica.sequence(InboxEntry(encode_inbox_forced(ForceExit(START, owner.address))))
    batch = replica.seal_batch()
    assert len(result.withdrawals) == len(batch.prepared.outbox) > 0
    witness = Witness.decode(batch.prepared.witness)
    honest = proven(witness, tmp_path)
    leaf = witness.leaf(ACCOUNTS, owner.address)
    total = int.from_bytes(leaf.value[-32:-16]) + 1
    leaf.value = leaf.value[:-32] + total.to_bytes(16) + leaf.value[-16:]
    words = proven(witness, tmp_path)
    assert words[OUTBOX] != honest[OUTBOX]
    assert words[PREVIOUS] != honest[PREVIOUS]
    assert words[COUNT] == honest[COUNT]


# --- signatures -----------------------------------------------------------------------------------------------------


def drop_signature(witness: Witness) -> None:
    witness.signatures.pop()


def add_signature(witness: Witness) -> None:
    witness.signatures.append(witness.signatures[-1])


def turn_signatures(witness: Witness) -> None:
    witness.signatures.reverse()


def use_key_of_another(witness: Witness) -> None:
    witness.keys[0] = Signer(9).public_key


def sign_elsewhere(witness: Witness) -> None:
    witness.separator = bytes(32)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (drop_signature, "number of signatures"),
        (add_signature, "number of signatures"),
        (turn_signatures, "BadSignature|does not fit"),
        (use_key_of_another, "BadSignature|order of their addresses"),
        (sign_elsewhere, "does not fit"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_s18_each_transaction_is_signed_by_its_signer(
    poison: Callable[[Witness], None], reason: str, scene: Scene, tmp_path: Path
) -> None:
    witness = scene.poisoned()
    poison(witness)
    with pytest.raises(GuestStopped, match=reason):
        run(witness.encode(), tmp_path)


# --- hints ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [0, 1, 12, 125])
def test_s27_a_cut_or_longer_witness_stops_the_guest(words: int, scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(GuestStopped, match="ends too early"):
        run(scene.witness[: 8 * words], tmp_path)
    with pytest.raises(GuestStopped, match="words left over"):
        run(scene.witness + bytes(8 * words + 8), tmp_path)
    with pytest.raises(GuestStopped, match="not a whole number"):
        run(scene.witness + bytes(8 * words + 1), tmp_path)


def test_s27_filling_is_zero(scene: Scene, tmp_path: Path) -> None:
    """Else one list of parts would have many witnesses."""
    meta = 32 + 68
    filled = scene.witness[:meta] + b"\1" + scene.witness[meta + 1 :]
    with pytest.raises(GuestStopped, match="not filled up with zeros"):
        run(filled, tmp_path)
    witness = scene.poisoned()
    witness.signatures[0] = witness.signatures[0][:-1] + b"\1"
    with pytest.raises(GuestStopped, match="not filled up with zeros"):
        run(witness.encode(), tmp_path)
