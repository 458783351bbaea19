"""A burst of inbox entries is settled through, by batches that the contract takes however long they had to wait."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from sequencer.core.codec import encode_inbox_deposit, encode_inbox_forced
from sequencer.core.types import Deposit, ForceCancelAll, ForceExit, Side, TimeInForce
from sequencer.node import MAX_BATCH_STEPS, MAX_TRANSACTION_STEPS
from tests.world import ALICE, BOB, DEPLOYMENT, ETH, PROOF, VKEY, World, eventually

ENTRIES = 3_000
INCLUSION = DEPLOYMENT.delays.inclusion
LIMITS = Path(__file__).parents[1] / "contracts/src/types/Limits.sol"
MIN_INBOX_PER_BATCH = 1
"""The contract's: fewer may be consumed only if no overdue entry is left."""


@dataclass
class Burst:
    """Entries as strangers make them: deposits for accounts that are new, exits and cancels of others."""

    time: int

    def entry(self, number: int) -> bytes:
        account = number.to_bytes(20)
        if number % 3 == 0:
            return encode_inbox_deposit(Deposit(self.time, ETH, account, 10**18))
        if number % 3 == 1:
            return encode_inbox_forced(ForceExit(self.time, (number - 1).to_bytes(20)))
        return encode_inbox_forced(ForceCancelAll(self.time, account))


async def prove_all(world: World) -> None:
    """Plays a worker until everything is settled."""
    expected = {batch.settlement.number: batch.public_values for batch in world.store.unsettled()}
    for _ in expected:
        lease = world.queue.lease("test", [world.queue.mode], VKEY)
        assert lease is not None
        await world.queue.result(lease.batch, lease.token, expected[lease.batch], PROOF)
    await eventually(lambda: not world.store.unsettled())


def test_a_batch_can_take_as_many_entries_as_the_contract_asks_for() -> None:
    assert f"uint64 constant MIN_INBOX_PER_BATCH = {MIN_INBOX_PER_BATCH};" in LIMITS.read_text()
    assert MIN_INBOX_PER_BATCH * MAX_TRANSACTION_STEPS <= MAX_BATCH_STEPS


@pytest.mark.slow
async def test_each_batch_of_a_burst_takes_its_share_of_the_inbox(tmp_path: Path) -> None:
    async with World(tmp_path, max_batch_transactions=2_000).running() as world:
        await world.list_and_fund()
        burst = Burst(world.clock.now_ms() // 1000)
        for number in range(ENTRIES):
            await world.submit_inbox(burst.entry(number))
            if number % 100 == 0:
                await world.submit(ALICE, world.withdrawal(ALICE, ETH, 1))
        await world.submit(BOB, world.withdrawal(BOB, ETH, 1))
        length = world.node.inbox_position().count
        await world.close_batch()
        await prove_all(world)
        cursors = [settlement.inbox_cursor for settlement in world.settler.settlements]
        assert cursors[-1] == length
        shares = [after - before for before, after in zip([0, *cursors], cursors, strict=False)]
        assert all(share >= MIN_INBOX_PER_BATCH for share in shares[:-1])
        assert len(shares) > 1


async def test_after_a_downtime_every_batch_of_the_smallest_size_is_taken(tmp_path: Path) -> None:
    """Blocks and batches of one transaction, as if each entry filled one; an order ended in the meantime."""
    patience = INCLUSION // 2
    small = World(tmp_path, max_batch_transactions=1, max_block_transactions=1, inbox_patience_s=patience)
    async with small.running() as world:
        await world.list_and_fund()
        start = world.clock.now_ms() // 1000
        world.node.inbox_read(start, None)
        ending = world.order(
            ALICE, Side.BID, 250_000, 100, time_in_force=TimeInForce.GTT, deadline=start + INCLUSION
        )
        await world.submit(ALICE, ending)
        before, burst = world.node.inbox_position().count, Burst(start + 1)
        world.clock.advance(2 * INCLUSION * 1000)
        for number in range(5):
            await world.submit_inbox(burst.entry(number))
        length = world.node.inbox_position().count
        world.node.inbox_read(start + 2 * INCLUSION, None)
        await eventually(lambda: not world.node.latest.orders)
        await world.submit(BOB, world.withdrawal(BOB, ETH, 1))
        # all batches but the one that is being filled
        await eventually(lambda: len(world.store.unsettled()) == world.node.latest.meta.next_seq - 2)
        await prove_all(world)
        settled, previous = world.settler.settlements, 0
        for batch in settled:
            left = before <= batch.inbox_cursor < length and batch.timestamp > burst.time + INCLUSION
            assert not left or batch.inbox_cursor - previous >= MIN_INBOX_PER_BATCH
            previous = batch.inbox_cursor
        assert previous == length
