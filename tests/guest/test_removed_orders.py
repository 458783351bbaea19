"""The real guest and transactions that remove orders without naming them: the host can neither keep one nor add one."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from sequencer.core.codec import encode_inbox_deposit, encode_inbox_forced, encode_inbox_list_token
from sequencer.core.constants import (
    MAX_BATCH_ITEMS,
    MAX_MAKERS,
    MAX_OPEN_ORDERS,
    MAX_TOKEN_ID,
    MAX_U64,
)
from sequencer.core.errors import Code
from sequencer.core.types import (
    Action,
    Batch,
    CancelAll,
    Deposit,
    ForceExit,
    InboxEntry,
    ListToken,
    Result,
    Side,
    TimeInForce,
)
from sequencer.node import MAX_TRANSACTION_STEPS, steps
from tests.guest.executor import ELF, MARKET, PROVER, START, GuestStopped, order, run
from tests.guest.witness import Witness
from tests.properties.flow import Flow
from tests.properties.replica import Replica, SealedBatch, Signer

pytestmark = pytest.mark.slow

GAS_OF_A_THOUSAND_ORDERS = 37_000_000
"""Prover gas of a batch as `make bench-proof` makes it."""


def funded(signers: list[Signer]) -> Replica:
    """Listed markets and deposits for each signer, in an open block."""
    replica = Replica(signers)
    replica.open_block(START)
    for entry in Flow(1, [signer.address for signer in signers]).opening_entries(START):
        replica.sequence(InboxEntry(entry))
    return replica


@dataclass
class Scene:
    """A batch in which an account cancels its two orders in one market; it has another one in a second market."""

    witness: bytes
    elsewhere: bytes
    foreign: bytes


@pytest.fixture(scope="module")
def scene() -> Scene:
    owner, other = Signer(700), Signer(701)
    replica = funded([owner, other])
    for nonce, price in enumerate((1_000, 1_001)):
        assert replica.sequence(order(owner, nonce, Side.ASK, price, 5)).resting
    elsewhere = replica.sequence(replace(order(owner, 2, Side.ASK, 1_000, 10_000), market=255)).rested
    foreign = replica.sequence(order(other, 0, Side.ASK, 1_002, 5)).rested
    assert elsewhere
    assert foreign
    replica.seal_batch()
    replica.open_block(START + 1)
    result = replica.sequence(CancelAll(owner.address, owner.address, 3, MAX_U64, MARKET))
    assert len(result.removed) == 2
    return Scene(replica.seal_batch().prepared.witness, elsewhere.id, foreign.id)


def keep_one(scene: Scene, witness: Witness) -> None:
    witness.removed.pop()


def add_one(scene: Scene, witness: Witness) -> None:
    witness.removed.append(scene.elsewhere)


def name_one_twice(scene: Scene, witness: Witness) -> None:
    witness.removed[1] = witness.removed[0]


def name_another_market(scene: Scene, witness: Witness) -> None:
    witness.removed[1] = scene.elsewhere


def name_another_account(scene: Scene, witness: Witness) -> None:
    witness.removed[1] = scene.foreign


@pytest.mark.parametrize(
    "poison",
    [keep_one, add_one, name_one_twice, name_another_market, name_another_account],
    ids=lambda poison: poison.__name__,
)
def test_s14_the_host_names_exactly_the_orders_that_are_removed(
    poison: Callable[[Scene, Witness], None], scene: Scene, tmp_path: Path
) -> None:
    witness = Witness.decode(scene.witness)
    assert len(run(witness.encode(), tmp_path)) == 448
    poison(scene, witness)
    with pytest.raises(GuestStopped, match=r"\S"):
        run(witness.encode(), tmp_path)


def list_all_tokens(replica: Replica, owner: Signer) -> None:
    """Fills the registry, and gives the owner some of each token."""
    for token in range(4, MAX_TOKEN_ID + 1):
        address = token.to_bytes(20, "big")
        replica.sequence(InboxEntry(encode_inbox_list_token(ListToken(START, token, address, 0))))
        replica.sequence(InboxEntry(encode_inbox_deposit(Deposit(START, token, owner.address, token))))


def exit_of_a_full_account() -> tuple[SealedBatch, Result]:
    owner = Signer(710)
    replica = funded([owner])
    list_all_tokens(replica, owner)
    for nonce in range(MAX_OPEN_ORDERS):
        named = replace(order(owner, nonce, Side.ASK, 1_000 + nonce, 5), client_order_id=nonce + 1)
        assert replica.sequence(named).resting
    replica.seal_batch()
    replica.open_block(START + 1)
    result = replica.sequence(InboxEntry(encode_inbox_forced(ForceExit(START, owner.address))))
    assert (len(result.removed), len(result.withdrawals)) == (MAX_OPEN_ORDERS, MAX_TOKEN_ID)
    return replica.seal_batch(), result


def batch_that_meets_and_cancels_all_it_can() -> tuple[SealedBatch, Result]:
    """Its last action cancels everything; before it, orders rest, and one meets as many makers of their own accounts
    as a transaction may.
    """
    owner, makers = Signer(720), [Signer(800 + number) for number in range(MAX_MAKERS)]
    replica = funded([owner, *makers])
    for maker in makers:
        assert replica.sequence(order(maker, 0, Side.ASK, 2_000, 1)).resting
    rests = MAX_BATCH_ITEMS - 2
    for nonce in range(MAX_OPEN_ORDERS - rests):
        assert replica.sequence(order(owner, nonce, Side.BID, 900 - nonce % 7, 5)).resting
    replica.seal_batch()
    replica.open_block(START + 1)
    head = (owner.address, owner.address, MAX_OPEN_ORDERS, MAX_U64)
    resting = tuple(
        replace(order(owner, MAX_OPEN_ORDERS, Side.BID, 800 - number, 5), client_order_id=number + 1)
        for number in range(rests)
    )
    sweep = replace(order(owner, MAX_OPEN_ORDERS, Side.BID, 2_000, MAX_MAKERS), time_in_force=TimeInForce.IOC)
    actions: tuple[Action, ...] = (*resting, sweep, CancelAll(*head, 0))
    result = replica.sequence(Batch(*head, actions))
    assert {item.code for item in result.items} == {Code.OK}
    assert len(result.items[-2].fills) == MAX_MAKERS
    assert len(result.items[-1].removed) == MAX_OPEN_ORDERS
    return replica.seal_batch(), result


@pytest.mark.parametrize(
    "worst", [exit_of_a_full_account, batch_that_meets_and_cancels_all_it_can], ids=lambda make: make.__name__
)
def test_the_worst_transaction_fits_a_block_and_a_proof(
    worst: Callable[[], tuple[SealedBatch, Result]], tmp_path: Path
) -> None:
    """Within the bound that blocks keep free, and cheaper to prove than the batches that are proven all the time."""
    batch, result = worst()
    assert steps(result) <= MAX_TRANSACTION_STEPS
    path = tmp_path / "witness.bin"
    path.write_bytes(batch.prepared.witness)
    command: list[str | Path] = [PROVER, "execute", "--elf", ELF, "--witness", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert bytes.fromhex(report["public_values"][2:]) == batch.prepared.public_values
    assert report["prover_gas"] < GAS_OF_A_THOUSAND_ORDERS
