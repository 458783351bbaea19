"""From sealed block to settled batch: both implementations agree, nothing is lost, and a disagreement stops it."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
import zkclob_native as native

from sequencer import node as node_module
from sequencer import pipeline as pipeline_module
from sequencer.adapters.blob_prover import BlobProver
from sequencer.adapters.calldata import Calldata
from sequencer.core.carriers import BLOBS, BlobPoint, Carried, in_blobs
from sequencer.core.errors import Code
from sequencer.core.public_values import PublicValues
from sequencer.core.state import ACCOUNTS, BOOKS
from sequencer.core.types import PlaceOrder, Side
from sequencer.node import ReplayError
from sequencer.pipeline import settlement
from sequencer.ports import NodeHalted, Proof, SealedBlock, Settled, SettlementRefused, StoredBatch
from sequencer.prover_gas import BATCH, MARGIN_PERCENT, RECORD, TRANSACTION
from tests.properties.replica import SEPARATOR
from tests.world import ALICE, BATCH_MS, BOB, MARKET, PROOF, USDC, VKEY, ManualClock, World, eventually


async def trade(world: World) -> None:
    """A resting order, a fill, a cancel and a withdrawal."""
    resting = await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
    await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 40))
    assert resting.result.order_id is not None
    await world.submit(ALICE, world.cancel(ALICE, resting.result.order_id))
    await world.submit(BOB, world.withdrawal(BOB, USDC, 5_000_000))


async def settled(world: World, count: int) -> None:
    """Until L1 has so many batches and the database knows."""
    await eventually(lambda: len(world.settler.settlements) >= count and not world.store.unsettled())


async def test_a_batch_is_agreed_on_proven_and_settled(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await trade(world)
        await world.close_batch()
        (batch,) = world.store.unsettled()
        assert world.queue.waiting() == 1
        assert native.execute(world.store.witness_path(1).read_bytes()) == batch.public_values
        assert await world.prove() == 1
        await settled(world, 1)
        (posted,) = world.settler.settlements
        assert posted.number == 1
        assert posted.prev_state_root == native.StateTree().root
        assert posted.first_seq == 1
        assert posted.end_seq == 12
        assert posted.inbox_cursor == 7
        assert posted.outbox_count == 1
        assert posted.proof[:4] == b"MOCK"
        assert posted.proof[36:] == VKEY
        await eventually(lambda: not world.store.witness_path(1).exists())


class Recorder:
    """The port BatchListener."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def block_rooted(self, block: SealedBlock, state_root: bytes) -> None:
        assert len(state_root) == 32
        self.heard.append(("block", block.block.number))

    def batch_built(self, batch: StoredBatch) -> None:
        self.heard.append(("built", batch.settlement.number))

    def batch_proven(self, batch: int, proof: Proof) -> None:
        self.heard.append(("proven", batch))

    def batch_settled(self, settled: Settled) -> None:
        self.heard.append(("settled", settled.number))


async def test_listeners_hear_how_far_blocks_and_batches_are(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        recorder = Recorder()
        world.pipeline.listen(recorder)
        await world.list_and_fund()
        await world.seal()
        await trade(world)
        await world.close_batch()
        await world.prove()
        await eventually(lambda: len(recorder.heard) == 5)
        assert recorder.heard == [("block", 1), ("block", 2), ("built", 1), ("proven", 1), ("settled", 1)]


async def test_batches_chain_and_are_settled_in_order_though_proven_out_of_order(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await world.close_batch()
        await trade(world)
        await world.close_batch()
        first, second = world.store.unsettled()
        assert second.settlement.prev_state_root == first.settlement.new_state_root
        assert second.settlement.first_seq == first.settlement.end_seq
        lease = world.queue.lease("slow", ["execute"], VKEY)
        assert lease is not None
        assert lease.batch == 1
        fast = world.queue.lease("fast", ["execute"], VKEY)
        assert fast is not None
        assert fast.batch == 2
        await world.queue.result(2, fast.token, second.public_values, PROOF)
        assert world.settler.settlements == []
        await world.queue.result(1, lease.token, first.public_values, PROOF)
        await settled(world, 2)
        assert [x.number for x in world.settler.settlements] == [1, 2]


async def test_a_proof_that_the_verifier_refuses_is_made_again(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        recorder = Recorder()
        world.pipeline.listen(recorder)
        world.verifier.refusals = ["ProofInvalid()"]
        await world.list_and_fund()
        await world.close_batch()
        await world.prove()
        await eventually(lambda: world.queue.health().last_error is not None)
        (batch,) = world.store.unsettled()
        assert (batch.proof, world.settler.settlements) == (None, [])
        await world.prove()
        await eventually(lambda: len(recorder.heard) == 4)
        assert [what for what, _ in recorder.heard] == ["block", "built", "proven", "settled"]
        assert world.queue.health().last_error is None


async def test_nothing_is_posted_or_called_proven_before_the_verifier_has_answered(tmp_path: Path) -> None:
    clock = ManualClock()
    async with World(tmp_path, clock).serving() as api:
        world = api.world
        world.verifier.answering.clear()
        await world.list_and_fund()
        await world.close_batch()
        await world.prove()
        _, shown = await api.get("/v1/batches/1")
        assert (shown["status"], shown["worker"]) == ("sealed", "test")
        assert (world.queue.waiting(), world.settler.settlements) == (1, [])
        assert world.queue.lease("other", ["execute"], VKEY) is None
    async with World(tmp_path, clock).running() as restarted:
        await settled(restarted, 1)
        assert len(restarted.verifier.seen) == 1
        assert restarted.queue.waiting() == 0


async def test_a_proof_from_before_a_restart_can_still_be_refused(tmp_path: Path) -> None:
    clock = ManualClock()
    async with World(tmp_path, clock).running() as world:
        world.verifier.answering.clear()
        await world.list_and_fund()
        await world.close_batch()
        await world.prove()
    restarted = World(tmp_path, clock)
    restarted.verifier.refusals = ["ProofInvalid()"]
    async with restarted.running():
        await eventually(lambda: restarted.queue.health().last_error is not None)
        assert "test: the verifier refuses" in (restarted.queue.health().last_error or "")
        await restarted.prove()
        await settled(restarted, 1)


async def test_a_batch_ends_before_the_block_that_would_make_it_too_large(tmp_path: Path) -> None:
    async with World(tmp_path, max_block_transactions=20, max_batch_transactions=50).running() as world:
        await world.list_and_fund()
        for _ in range(93):
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 40))
        await eventually(lambda: world.queue.waiting() == 2)
        first, second = world.store.unsettled()
        assert (first.settlement.first_seq, first.settlement.end_seq) == (1, 41)
        assert (second.settlement.first_seq, second.settlement.end_seq) == (41, 81)


class Narrow(Calldata):
    """Calldata for less than two blocks."""

    max_data = 500


async def test_a_batch_ends_before_the_block_that_its_carrier_would_not_take(tmp_path: Path) -> None:
    async with World(tmp_path, carrier=Narrow()).running() as world:
        await world.list_and_fund()
        await world.seal()
        await trade(world)
        await world.seal()
        await eventually(lambda: world.queue.waiting() == 1)
        (first,) = world.store.unsettled()
        assert first.settlement.block_number == 1


async def test_blocks_before_a_restart_are_no_batch_that_the_new_carrier_would_not_take(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with World(tmp_path, clock).running() as world:
        await world.list_and_fund()
        await world.seal()
        await trade(world)
        await world.seal()
        await eventually(world.pipeline_idle)
        assert world.queue.waiting() == 0
    async with World(tmp_path, clock, carrier=Narrow()).running() as restarted:
        await eventually(lambda: restarted.queue.waiting() == 1)
        await eventually(restarted.pipeline_idle)
        await asyncio.sleep(0)  # the batch's timer starts
        clock.advance(BATCH_MS)
        await eventually(lambda: restarted.queue.waiting() == 2)
        assert [batch.settlement.block_number for batch in restarted.store.unsettled()] == [1, 2]


async def test_blobs_carry_what_the_settlement_names(tmp_path: Path) -> None:
    carrier = BlobProver()
    try:
        async with World(tmp_path, carrier=carrier).running() as world:
            await world.list_and_fund()
            await world.close_batch()
            await world.prove()
            await settled(world, 1)
            (posted,) = world.settler.settlements
            assert posted.data_carrier == BLOBS
    finally:
        carrier.close()


async def test_a_value_of_a_blob_on_which_rust_does_not_agree_stops_posting(tmp_path: Path) -> None:
    class Lying(Calldata):
        """Names a blob that does not hold the data."""

        async def carry(self, data: bytes) -> Carried:
            return in_blobs(data, [BlobPoint(b"\x01" * 32, 0)])

    async with World(tmp_path, carrier=Lying()).running() as world:
        await world.list_and_fund()
        await world.close_batch()
        assert "the public values" in (world.node.halt_reason or "")
        assert world.store.unsettled() == []


async def test_a_batch_ends_before_the_block_that_would_cost_too_much_to_prove(tmp_path: Path) -> None:
    order = TRANSACTION[PlaceOrder] + RECORD[BOOKS]
    limit = (BATCH + RECORD[ACCOUNTS] + 15 * order) * (100 + MARGIN_PERCENT) // 100
    async with World(tmp_path, max_block_transactions=10, max_prover_gas=limit).running() as world:
        await world.list_and_fund()
        await world.seal()
        for _ in range(40):
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 40))
        await eventually(lambda: world.queue.waiting() == 3)
        batches = world.store.unsettled()
        assert [batch.settlement.end_seq - batch.settlement.first_seq for batch in batches] == [7, 10, 10]
        assert all(limit / 2 < batch.prover_gas_estimate <= limit for batch in batches)


async def test_a_block_that_costs_too_much_alone_is_a_batch_of_its_own_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with World(tmp_path, max_prover_gas=1).serving() as api:
        world = api.world
        await world.list_and_fund()
        await world.close_batch()
        (batch,) = world.store.unsettled()
        assert batch.settlement.end_seq == 8
        assert "lower seal.max_transactions" in caplog.text
        _, shown = await api.get("/v1/batches/1")
        assert shown["proverGasEstimate"] == str(batch.prover_gas_estimate)


async def test_gas_above_the_estimate_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await world.close_batch()
        await world.prove(replace(PROOF, prover_gas=10**9))
        await settled(world, 1)
        assert "test says 1000000000 prover gas" in caplog.text


async def test_fills_fill_blocks_and_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "MAX_BLOCK_STEPS", 12)
    monkeypatch.setattr(pipeline_module, "MAX_BATCH_STEPS", 20)
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await world.seal()
        for price in range(8):
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000 + price, 40))
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 320))
        assert [block.steps for block in world.sealed] == [7, 17]
        await eventually(lambda: world.queue.waiting() == 1)
        (batch,) = world.store.unsettled()
        assert batch.settlement.end_seq == 8


@pytest.mark.parametrize("proven", [False, True])
async def test_unsettled_batches_and_blocks_survive_a_restart(tmp_path: Path, proven: bool) -> None:
    clock = ManualClock()
    async with World(tmp_path, clock).running() as world:
        await world.list_and_fund()
        await world.close_batch()
        (before,) = world.store.unsettled()
        if proven:
            world.settler.refusal = RuntimeError("the process dies before it posts")
            await world.prove()
            await eventually(lambda: world.node.halt_reason is not None)
        else:
            await trade(world)
            await world.seal()
            await eventually(world.pipeline_idle)
    async with World(tmp_path, clock).running() as restarted:
        assert restarted.store.unsettled()[0].settlement.new_state_root == before.settlement.new_state_root
        if not proven:
            assert restarted.queue.waiting() == 1
            await restarted.prove()
        await settled(restarted, 1)
        assert [x.number for x in restarted.settler.settlements] == [1]
        if proven:
            await trade_again(restarted)
        else:
            clock.advance(5_000)
        await eventually(lambda: restarted.queue.waiting() == 1)
        (after,) = restarted.store.unsettled()
        assert after.settlement.number == 2
        assert after.settlement.prev_state_root == before.settlement.new_state_root
        await restarted.prove()
        await settled(restarted, 2)


async def trade_again(world: World) -> None:
    await trade(world)
    await world.close_batch()


async def test_a_settled_batch_is_not_posted_again_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with World(tmp_path, clock).running() as world:
        await world.list_and_fund()
        await world.close_batch()
        await world.prove()
        await settled(world, 1)
    async with World(tmp_path, clock).running() as restarted:
        await trade_again(restarted)
        await restarted.prove()
        await settled(restarted, 1)
        assert [x.number for x in restarted.settler.settlements] == [2]


@pytest.mark.parametrize("what", ["results", "block_roots", "public_values", "outbox", "refusal"])
async def test_a_disagreement_stops_posting_and_keeps_the_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    class Lying:
        """Rust's answer with one thing changed."""

        def __init__(self, honest: native.Prepared) -> None:
            self.public_values = honest.public_values
            self.witness = honest.witness
            self.block_roots = honest.block_roots
            self.results = honest.results
            self.outbox = honest.outbox
            lies = {
                "results": [*honest.results[:-1], int(Code.ZERO_SIZE)],
                "block_roots": [b"\x01" * 32],
                "public_values": honest.public_values[:-1] + b"\x00",
                "outbox": [b"\x02" * 61],
            }
            setattr(self, what, lies[what])

    def prepare(*arguments: object) -> object:
        if what == "refusal":
            raise ValueError("block 1: time goes back")
        return Lying(native.prepare(*arguments))  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline_module, "prepare", prepare)
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await world.close_batch()
        assert world.node.halt_reason is not None
        assert "differ" in world.node.halt_reason
        assert world.store.unsettled() == []
        report = json.loads((tmp_path / "evidence" / "batch-1" / "report.json").read_text())
        assert report["difference"] in world.node.halt_reason
        with pytest.raises(NodeHalted):
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))


async def test_a_refused_settlement_halts_the_node(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        world.settler.refusal = SettlementRefused("L1 is at another root")
        await world.list_and_fund()
        await world.close_batch()
        await world.prove()
        await eventually(lambda: world.node.halt_reason is not None)
        assert world.node.halt_reason == "L1 is at another root"


async def test_a_stored_root_that_replay_does_not_give_is_refused(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await world.seal()
        await eventually(world.pipeline_idle)
        await world.store.store_root(1, b"\x01" * 32)
    with pytest.raises(ReplayError, match="block 1"):
        World(tmp_path)


def test_public_values_give_the_settlement() -> None:
    values = PublicValues(
        SEPARATOR,
        b"\x01" * 32,
        b"\x02" * 32,
        3,
        b"\x04" * 32,
        0,
        b"\x05" * 32,
        b"\x06" * 32,
        7,
        8,
        9,
        10,
        11,
        b"\x0c" * 32,
    )
    found = settlement(MARKET, values.encode(), b"data", b"proof")
    assert found.prev_state_root == b"\x01" * 32
    assert found.new_state_root == b"\x02" * 32
    assert (found.inbox_cursor, found.outbox_count, found.block_number) == (3, 7, 8)
    assert (found.timestamp, found.first_seq, found.end_seq) == (9, 10, 11)
    assert (found.outbox_root, found.digests_hash) == (b"\x06" * 32, b"\x0c" * 32)
    assert (found.data, found.proof) == (b"data", b"proof")
