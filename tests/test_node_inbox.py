"""The node takes nothing from users that L1 would refuse for an inbox entry that was left behind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sequencer.core.codec import encode_inbox_deposit
from sequencer.core.types import Deposit, InboxEntry, PlaceOrder, Side, TimeInForce
from sequencer.node import InboxUnread
from tests.test_node import HeldStore
from tests.world import ALICE, BOB, ETH, START_MS, World, eventually, order_body

PATIENCE_S = 43_200
NOW = START_MS // 1000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, inbox_patience_s=PATIENCE_S).running() as world:
        await world.list_and_fund()
        yield world


def bid(world: World) -> PlaceOrder:
    return world.order(ALICE, Side.BID, 250_000, 100)


def deposit(world: World, time: int) -> bytes:
    return encode_inbox_deposit(Deposit(time, ETH, BOB.address, 10**18))


async def test_users_wait_until_the_inbox_was_read_once(world: World) -> None:
    order = bid(world)
    with pytest.raises(InboxUnread):
        await world.submit(ALICE, order)
    world.node.inbox_read(NOW, None)
    accepted = await world.submit(ALICE, order)
    assert accepted.result.resting


async def test_no_order_and_no_cancel_is_taken_while_the_inbox_is_unknown_for_too_long(world: World) -> None:
    world.node.inbox_read(NOW, None)
    world.clock.advance(PATIENCE_S * 1000)
    accepted = await world.submit(ALICE, bid(world))
    assert accepted.result.order_id is not None
    cancel = world.cancel(ALICE, accepted.result.order_id)
    world.clock.advance(1_000)
    for tx in (bid(world), cancel):
        with pytest.raises(InboxUnread):
            await world.submit(ALICE, tx)
    async with world.node.reading() as state:
        assert list(state.orders) == [accepted.result.order_id]
    world.node.inbox_read(NOW + PATIENCE_S + 1, None)
    await world.submit(ALICE, cancel)


async def test_entries_that_wait_come_first_however_late(world: World) -> None:
    waiting = world.entry(deposit(world, NOW))
    world.clock.advance(10 * PATIENCE_S * 1000)
    world.node.inbox_read(NOW + 10 * PATIENCE_S, waiting)
    with pytest.raises(InboxUnread):
        await world.submit(ALICE, bid(world))
    await world.node.submit_inbox(waiting)
    world.node.inbox_read(NOW + 10 * PATIENCE_S, None)
    await world.submit(ALICE, bid(world))
    await world.close_batch()
    assert world.node.halt_reason is None
    assert [type(tx) for tx in world.sealed[-1].block.transactions] == [InboxEntry, PlaceOrder]


async def test_an_entry_overtakes_the_users_who_wait(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        count = len(store.groups)
        with store.holding():
            tasks = [asyncio.create_task(world.submit(ALICE, bid(world)))]
            await eventually(lambda: len(store.groups) > count)
            tasks += [asyncio.create_task(world.submit(ALICE, bid(world))) for _ in range(3)]
            await asyncio.sleep(0)
            entry = asyncio.create_task(world.submit_inbox(deposit(world, NOW)))
            await asyncio.sleep(0)
        await asyncio.gather(entry, *tasks)
        sealed = await world.seal()
        kinds = [type(tx) for tx in sealed.block.transactions]
        assert kinds[-5:] == [PlaceOrder, InboxEntry, PlaceOrder, PlaceOrder, PlaceOrder]


async def test_orders_end_only_when_the_inbox_is_known(world: World) -> None:
    world.node.inbox_read(NOW, None)
    ending = world.order(ALICE, Side.BID, 250_000, 100, time_in_force=TimeInForce.GTT, deadline=NOW + 5)
    await world.submit(ALICE, ending)
    sealed = await world.seal()
    world.clock.advance(2 * PATIENCE_S * 1000)
    await world.node.submit_inbox(world.entry(deposit(world, NOW)))
    assert len(world.node.latest.orders) == 1
    assert world.node.latest.meta.next_seq == sealed.next_seq + 1
    world.node.inbox_read(NOW + 2 * PATIENCE_S, None)
    await eventually(lambda: not world.node.latest.orders)


async def test_the_api_says_why_nothing_is_taken(tmp_path: Path) -> None:
    async with World(tmp_path, inbox_patience_s=PATIENCE_S).serving() as api:
        world = api.world
        await world.list_and_fund()
        body = order_body(bid(world), ALICE, "2500.00", "0.0100")
        status, refusal = await api.post("/v1/orders", body)
        assert (status, refusal["code"]) == (503, "BUSY")
        assert "until all that L1 has" in refusal["message"]
        _, health = await api.get("/v1/health")
        assert (health["status"], health["l1Watcher"]["lastError"]) == ("degraded", refusal["message"])
        world.node.inbox_read(NOW, None)
        status, _ = await api.post("/v1/orders", body)
        assert status == 200
        _, health = await api.get("/v1/health")
        assert health["status"] == "ok"
