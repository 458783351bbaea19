"""Python and Rust, written apart from one specification, agree on every block of a random flow."""

from collections.abc import Callable
from random import Random

import pytest
import zkclob_native as native
from msgspec.structs import replace

from sequencer.core import signing
from sequencer.core.codec import encode_data, encode_inbox_deposit
from sequencer.core.constants import MAX_MAKERS, MAX_NONCE_JUMP, MAX_OPEN_ORDERS, MAX_U64
from sequencer.core.errors import Code, Rejection
from sequencer.core.transition import apply
from sequencer.core.types import Block, Deposit, InboxEntry, PlaceOrder, SelfTrade, Side, TimeInForce
from tests.properties.flow import Flow
from tests.properties.replica import SEPARATOR, Replica, Signer

SEED = 20_241
START = 1_700_000_000
# TOO_MANY_ORDERS has a test of its own.
NO_OPS = {code for code in Code if code >= 20} - {Code.TOO_MANY_ORDERS}


def started(accounts: int, seed: int = SEED) -> tuple[Replica, Flow]:
    signers = [Signer(1_000 + number) for number in range(accounts)]
    replica = Replica(signers)
    flow = Flow(seed, [signer.address for signer in signers])
    replica.open_block(START)
    for entry in flow.opening_entries(START):
        assert replica.sequence(InboxEntry(entry)).code is Code.OK
    return replica, flow


@pytest.mark.slow
def test_python_and_rust_agree_on_a_random_flow(flow_size: int, flow_seed: int) -> None:
    """A failure shows `number`; the seed and a size just above it replay it."""
    replica, flow = started(24, flow_seed)
    random = Random(flow_seed)
    time = START
    for number in range(flow_size):
        if random.random() < 0.03:
            if random.random() < 0.15:
                seal(replica, flow_seed, number)
            time += random.choice((0, 1, 30))
            replica.open_block(time)
        result = replica.sequence(flow.next(replica.state))
        assert result.seq == replica.state.meta.next_seq - 1
    seal(replica, flow_seed, flow_size)
    assert set() == NO_OPS - replica.codes.keys()


def seal(replica: Replica, seed: int, number: int) -> None:
    try:
        replica.seal_batch()
    except Exception as error:
        raise AssertionError(f"replay with --flow-seed {seed} --flow-size {number}") from error


def order(replica: Replica, owner: Signer, nonce: int) -> PlaceOrder:
    return PlaceOrder(
        account=owner.address,
        signer=owner.address,
        nonce=nonce,
        deadline=MAX_U64,
        market=2,
        side=Side.ASK,
        time_in_force=TimeInForce.GTC,
        self_trade=SelfTrade.CANCEL_TAKER,
        price=1_000,
        size=1,
        client_order_id=0,
    )


def test_limits_on_open_orders_and_makers_agree() -> None:
    replica, _ = started(2)
    maker, taker = replica.signers.values()
    for nonce in range(MAX_OPEN_ORDERS):
        assert replica.sequence(order(replica, maker, nonce)).resting
    assert replica.sequence(order(replica, maker, MAX_OPEN_ORDERS)).code is Code.TOO_MANY_ORDERS
    replica.seal_batch()
    replica.open_block(START)
    result = replica.sequence(replace(order(replica, taker, 0), side=Side.BID, size=MAX_OPEN_ORDERS))
    assert len(result.fills) == len(result.removed) == result.filled == MAX_MAKERS
    assert not result.resting
    assert result.remaining == MAX_OPEN_ORDERS - MAX_MAKERS
    replica.seal_batch()


Change = Callable[[PlaceOrder], PlaceOrder]
INVALID: dict[Code, Change] = {
    Code.UNKNOWN_ACCOUNT: lambda tx: replace(tx, account=b"\x09" * 20, signer=b"\x09" * 20),
    Code.SIGNER_NOT_AUTHORIZED: lambda tx: replace(tx, signer=Signer(1_001).address),
    Code.DEADLINE_PASSED: lambda tx: replace(tx, deadline=START - 1),
    Code.NONCE_LANE: lambda tx: replace(tx, nonce=8 << 48),
    Code.NONCE_TOO_HIGH: lambda tx: replace(tx, nonce=MAX_NONCE_JUMP + 201),
    Code.NONCE_TOO_LOW: lambda tx: replace(tx, nonce=200 - 129),
    Code.NONCE_USED: lambda tx: replace(tx, nonce=199),
}


@pytest.mark.parametrize("code", INVALID)
def test_neither_sequences_what_is_invalid(code: Code) -> None:
    replica, _ = started(2)
    signers = list(replica.signers.values())
    replica.sequence(order(replica, signers[0], 199))
    replica.seal_batch()
    tx = INVALID[code](order(replica, signers[0], 200))
    seq = replica.state.meta.next_seq
    with pytest.raises(Rejection) as rejected:
        apply(replica.state, tx)
    assert rejected.value.code is code
    assert (replica.state.meta.next_seq, replica.state.take_writes()) == (seq, [])
    signer = replica.signers.get(tx.signer, signers[0])
    signature = (signer.public_key, signer.sign(signing.digest(SEPARATOR, tx)))
    data = encode_data(seq, [Block(replica.state.meta.block_number + 1, START, [tx])])
    with pytest.raises(ValueError, match=r"\S"):
        native.prepare(replica.tree, SEPARATOR, data, [], [signature], [])


def test_rust_refuses_a_signature_of_another_key() -> None:
    replica, _ = started(2)
    replica.seal_batch()
    signers = list(replica.signers.values())
    tx = order(replica, signers[0], 0)
    data = encode_data(replica.state.meta.next_seq, [Block(replica.state.meta.block_number + 1, START, [tx])])
    digest = signing.digest(SEPARATOR, tx)
    good = (signers[0].public_key, signers[0].sign(digest))
    assert native.prepare(replica.tree, SEPARATOR, data, [], [good], []).results == [Code.OK]
    for key, signature in (
        (signers[1].public_key, signers[1].sign(digest)),
        (signers[0].public_key, signers[1].sign(digest)),
        (signers[0].public_key, signers[0].sign(bytes(32))),
    ):
        with pytest.raises(ValueError, match=r"\S"):
            native.prepare(replica.tree, SEPARATOR, data, [], [(key, signature)], [])


def test_neither_sequences_an_entry_before_its_time() -> None:
    replica, flow = started(1)
    replica.seal_batch()
    entry = encode_inbox_deposit(Deposit(START + 1, 1, flow.accounts[0], 5))
    replica_block = Block(replica.state.meta.block_number + 1, START, [InboxEntry(entry)])
    with pytest.raises(ValueError, match=str(START + 1)):
        replica.sequence(InboxEntry(entry))
    with pytest.raises(ValueError, match=r"\S"):
        native.prepare(
            replica.tree,
            SEPARATOR,
            encode_data(replica.state.meta.next_seq, [replica_block]),
            [entry],
            [],
            [],
        )


def test_a_poisoned_witness_does_not_execute() -> None:
    replica, flow = started(4)
    replica.seal_batch()
    replica.open_block(START)
    for _ in range(40):
        replica.sequence(flow.next(replica.state))
    witness = replica.seal_batch().prepared.witness
    expected = native.execute(witness)
    random = Random(SEED)
    for _ in range(60):
        at = random.randrange(len(witness))
        poisoned = witness[:at] + bytes([witness[at] ^ 1 << random.randrange(8)]) + witness[at + 1 :]
        try:
            assert native.execute(poisoned) != expected
        except ValueError:
            continue
