"""The node takes orders out when their time is over, also while nothing else happens and after a restart."""

import asyncio
from pathlib import Path

from sequencer.core.errors import Code
from sequencer.core.types import Batch, CancelAll, ExpireOrder, ReplaceOrder, SelfTrade, Side, TimeInForce
from sequencer.expiry import AT_ONCE_MAX, SLACK
from tests.test_node import HeldStore
from tests.world import ALICE, BOB, SEAL_MS, START_MS, World, eventually

NOW = START_MS // 1000


async def resting(world: World) -> list[int]:
    async with world.node.reading() as state:
        return sorted(order.price for order in state.orders.values())


async def ended(world: World, left: int = 0) -> None:
    """Returns when `left` orders rest, durably."""
    await eventually(lambda: len(world.node.latest.orders) == left)
    assert len(await resting(world)) == left


async def test_an_order_ends_by_itself_one_second_after_its_deadline(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        gtt = world.order(ALICE, Side.BID, 250_000, 100, time_in_force=TimeInForce.GTT, deadline=NOW + 30)
        await world.submit(ALICE, gtt)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 240_000, 100))
        await world.seal()
        world.clock.advance(30_000 - SEAL_MS)
        assert await resting(world) == [240_000, 250_000]
        world.clock.advance(1_000)
        await ended(world, left=1)
        assert await resting(world) == [240_000]
        block = await world.seal()
        assert [type(tx) for tx in block.block.transactions] == [ExpireOrder]
        assert block.block.timestamp == NOW + 31


async def test_both_implementations_agree_on_a_batch_with_an_end(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        gtt = world.order(ALICE, Side.BID, 250_000, 100, time_in_force=TimeInForce.GTT, deadline=NOW + 5)
        await world.submit(ALICE, gtt)
        world.clock.advance(6_000)
        await ended(world)
        await world.close_batch()
        assert world.node.halt_reason is None
        assert world.queue.waiting() == 1


async def test_a_filled_order_has_no_end(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        gtt = world.order(ALICE, Side.BID, 250_000, 100, time_in_force=TimeInForce.GTT, deadline=NOW + 5)
        await world.submit(ALICE, gtt)
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 100))
        world.clock.advance(6_000)
        await world.submit(BOB, world.order(BOB, Side.ASK, 260_000, 100))
        assert await resting(world) == [260_000]
        assert world.node.halt_reason is None


async def test_a_prolonged_order_ends_at_its_new_deadline(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        gtt = world.order(ALICE, Side.BID, 250_000, 100, time_in_force=TimeInForce.GTT, deadline=NOW + 5)
        placed = (await world.submit(ALICE, gtt)).result
        assert placed.order_id is not None
        longer = ReplaceOrder(
            **world.head(ALICE) | {"deadline": NOW + 60},
            order_id=placed.order_id,
            time_in_force=TimeInForce.GTT,
            self_trade=SelfTrade.CANCEL_TAKER,
            price=250_000,
            size=100,
            expected_size=100,
            client_order_id=0,
        )
        replaced = (await world.submit(ALICE, longer)).result
        assert (replaced.code, replaced.order_id) == (Code.OK, placed.order_id)
        await world.seal()
        world.clock.advance(6_000 - SEAL_MS)
        await eventually(lambda: len(world.node._expiry._expiries) == 1)
        await world.submit(BOB, world.order(BOB, Side.ASK, 260_000, 100))
        assert await resting(world) == [250_000, 260_000]
        assert (await world.seal()).block.timestamp == NOW + 6
        world.clock.advance(54_000)
        await ended(world, left=1)
        assert await resting(world) == [260_000]


async def test_orders_of_a_batch_that_ended_while_the_node_was_down_end_at_its_start(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        head = world.head(ALICE) | {"deadline": NOW + 5}
        orders = tuple(
            world.order(
                ALICE, Side.BID, price, 100, time_in_force=TimeInForce.POST_ONLY_GTT, deadline=NOW + 5
            )
            for price in (250_000, 250_001)
        )
        accepted = await world.submit(ALICE, Batch(**head, actions=orders))
        assert [item.resting for item in accepted.result.items] == [True, True]
        clock = world.clock
    clock.advance(3_600_000)
    async with World(tmp_path, clock=clock).running() as world:
        await ended(world)
        assert world.node.halt_reason is None


def gtt_batch(world: World, count: int, deadline: int) -> Batch:
    """So many bids of Alice that rest until the deadline."""
    orders = tuple(
        world.order(ALICE, Side.BID, 250_000, 100, time_in_force=TimeInForce.GTT, deadline=deadline)
        for _ in range(count)
    )
    return Batch(**world.head(ALICE) | {"deadline": deadline}, actions=orders)


async def test_many_orders_that_end_at_once_leave_room_for_others(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store, max_waiting=AT_ONCE_MAX + 1).running() as world:
        await world.list_and_fund()
        for _ in range(5):
            await world.submit(ALICE, gtt_batch(world, 64, NOW + 5))
        await world.seal()
        count = len(store.groups)
        with store.holding():
            first = asyncio.create_task(world.submit(BOB, world.order(BOB, Side.ASK, 260_000, 100)))
            await eventually(lambda: len(store.groups) > count)
            world.clock.advance(5_000)
            await eventually(lambda: len(world.node._waiting) >= AT_ONCE_MAX)
            second = asyncio.create_task(world.submit(BOB, world.order(BOB, Side.ASK, 260_000, 100)))
            await asyncio.sleep(0)
        assert (await first).result.resting
        assert (await second).result.resting
        await ended(world, left=2)


async def test_an_order_ends_in_time_though_the_clock_was_set_back(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        await world.submit(ALICE, gtt_batch(world, 1, NOW + 5))
        count = len(store.groups)
        with store.holding():
            order = asyncio.create_task(world.submit(BOB, world.order(BOB, Side.ASK, 260_000, 100)))
            await eventually(lambda: len(store.groups) > count)
            world.clock.advance(6_000)
            await eventually(lambda: bool(world.node._waiting))
            world.clock.advance(-6_000)
        await order
        await eventually(lambda: len(world.node._expiry._expiries) == 1)
        assert await resting(world) == [250_000, 260_000]
        world.clock.advance(6_000)
        world.node._expiry._earlier.set()
        await ended(world, left=1)


async def test_expiries_of_orders_that_are_gone_do_not_pile_up(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        for _ in range(SLACK // 64 + 2):
            accepted = await world.submit(ALICE, gtt_batch(world, 64, NOW + 86_400))
            await world.submit(ALICE, CancelAll(**world.head(ALICE), market=0))
            assert len(accepted.result.items) == 64
        await world.submit(ALICE, gtt_batch(world, 1, NOW + 5))
        assert len(world.node._expiry._expiries) <= SLACK
        await world.seal()
        world.clock.advance(6_000)
        await ended(world)
