"""The single writer: durable before answered, atomic, halting rather than guessing, and exact after a restart."""

import asyncio
import random
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from zkclob_native import keccak256

from sequencer import node
from sequencer.adapters.history_rows import Rows
from sequencer.adapters.store import DATABASE, Store, StoreError
from sequencer.core.codec import encode_inbox_deposit
from sequencer.core.errors import Code, Rejection
from sequencer.core.types import Deposit, InboxEntry, Side
from sequencer.node import Busy, ReplayError
from sequencer.ports import JournalGroup, L1InboxEntry, NodeHalted, Sequenced
from tests.properties.replica import SEPARATOR
from tests.world import ALICE, BOB, ETH, SEAL_MS, START_MS, STRANGER, USDC, ManualClock, World, eventually


class CommitFailingStore(Store):
    """Injects the fault of a disk: the commit number `fails_at` does not happen."""

    def __init__(self, folder: Path, fails_at: int) -> None:
        super().__init__(folder, SEPARATOR)
        self._left = fails_at

    def _commit(self, group: JournalGroup, rows: Rows) -> None:
        self._left -= 1
        if self._left == 0:
            self._lost = True
            raise OSError("no space left on device")
        super()._commit(group, rows)


class HeldStore(Store):
    """Notes every commit, and holds it inside `holding`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SEPARATOR)
        self._release = threading.Event()
        self._release.set()
        self.groups: list[JournalGroup] = []
        self.loses_next = False

    def _commit(self, group: JournalGroup, rows: Rows) -> None:
        self.groups.append(group)
        self._release.wait()
        if self.loses_next:
            self.loses_next, self._lost = False, True
            raise OSError("no space left on device")
        super()._commit(group, rows)

    @contextmanager
    def holding(self) -> Iterator[None]:
        self._release.clear()
        try:
            yield
        finally:
            self._release.set()


async def trade_at_random(world: World, count: int, seed: int) -> None:
    """Orders, cancels and withdrawals, in groups that wait together."""
    chance = random.Random(seed)
    for _ in range(count):
        group = []
        for _ in range(chance.randrange(1, 6)):
            signer = chance.choice((ALICE, BOB))
            price, size = chance.randrange(249_900, 250_100), chance.randrange(50, 500)
            tx = world.order(signer, chance.choice((Side.BID, Side.ASK)), price, size)
            group.append(world.submit(signer, tx))
        group.append(world.submit(ALICE, world.withdrawal(ALICE, USDC, chance.randrange(1, 1000))))
        await asyncio.gather(*group)
        world.clock.advance(chance.randrange(400))


async def test_an_answer_waits_for_the_commit(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        count = len(store.groups)
        with store.holding():
            submitted = asyncio.create_task(world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100)))
            await eventually(lambda: len(store.groups) > count)
            reading = asyncio.create_task(world.fingerprint())
            for _ in range(20):
                await asyncio.sleep(0)
            assert not submitted.done()
            assert not reading.done()
        accepted = await submitted
        assert accepted.result.code is Code.OK
        assert (await reading)[0] == replace(world.node._state.meta)


async def test_one_group_is_applied_while_another_is_on_its_way_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "AHEAD_MIN", 1)
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        told = world.feed.seq
        with store.holding():
            submitted = []
            for rested in (1, 2, 2):
                order = world.order(ALICE, Side.BID, 250_000, 100)
                submitted.append(asyncio.create_task(world.submit(ALICE, order)))
                await eventually(lambda rested=rested: len(world.node.latest.orders) == rested)
                for _ in range(20):
                    await asyncio.sleep(0)
            assert len(world.node.latest.orders) == 2
            assert not any(task.done() for task in submitted)
            assert world.feed.seq == told
        answers = [(await task).result.seq for task in submitted]
        assert answers == [told + 1, told + 2, told + 3]
        assert world.feed.seq == answers[-1]


async def test_what_follows_a_lost_group_is_lost_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "AHEAD_MIN", 1)
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        before = await world.fingerprint()
        with store.holding():
            submitted = []
            for rested in (1, 2):
                order = world.order(ALICE, Side.BID, 250_000, 100)
                submitted.append(asyncio.create_task(world.submit(ALICE, order)))
                await eventually(lambda rested=rested: len(world.node.latest.orders) == rested)
            store.loses_next = True
        for task in submitted:
            with pytest.raises(NodeHalted, match="no space left"):
                await task
        with pytest.raises(NodeHalted):
            await world.fingerprint()
    async with World(tmp_path).running() as world:
        assert await world.fingerprint() == before


async def test_what_waits_together_is_one_commit(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        count = len(store.groups)
        orders = [world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100)) for _ in range(10)]
        accepted = await asyncio.gather(*orders)
        assert [len(group.sequenced) for group in store.groups[count:]] == [10]
        assert [x.result.seq for x in accepted] == list(range(8, 18))


async def test_a_commit_has_only_so_much_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "MAX_GROUP", 10)
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        for _ in range(20):
            await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 100))
        count = len(store.groups)
        taker = world.order(ALICE, Side.BID, 250_000, 2_000)
        others = [world.order(ALICE, Side.BID, 240_000, 100) for _ in range(11)]
        answers = await asyncio.gather(*(world.submit(ALICE, tx) for tx in (taker, *others)))
        assert len(answers[0].result.fills) == 20
        assert [len(group.sequenced) for group in store.groups[count:]] == [1, 10, 1]


async def test_a_rejected_transaction_changes_nothing_and_is_not_journaled(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        before = await world.fingerprint()
        order = world.order(ALICE, Side.BID, 250_000, 1)
        with pytest.raises(Rejection) as rejected:
            await world.submit(ALICE, order)
        assert rejected.value.code is Code.BELOW_MINIMUM
        with pytest.raises(Rejection) as rejected:
            await world.submit(STRANGER, world.order(STRANGER, Side.BID, 250_000, 100))
        assert rejected.value.code is Code.UNKNOWN_ACCOUNT
        assert await world.fingerprint() == before
    restarted = World(tmp_path)
    assert (await restarted.fingerprint())[0] == before[0]
    restarted.store.close()


async def test_a_nonce_is_used_once_even_within_a_group(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        order = world.order(ALICE, Side.BID, 250_000, 100)
        answers = await asyncio.gather(
            *(world.submit(ALICE, order) for _ in range(2)), return_exceptions=True
        )
        rejections = [x for x in answers if isinstance(x, Rejection)]
        assert [x.code for x in rejections] == [Code.NONCE_USED]


async def test_a_deadline_is_judged_by_the_time_of_the_block_it_would_enter(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await world.seal()
        world.clock.advance(60_000)
        now = world.clock.now_ms() // 1000
        with pytest.raises(Rejection) as rejected:
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100, deadline=now - 1))
        assert rejected.value.code is Code.DEADLINE_PASSED
        world.clock.advance(60_000)
        later = await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100, deadline=now + 60))
        assert later.block == 2
        assert (await world.seal()).block.timestamp == now + 60


def is_stored(store: Store, digest: bytes) -> bool:
    """Whether a new connection finds the transaction."""
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute("SELECT 1 FROM journal WHERE digest = ?", (digest,)).fetchone() is not None


class Recorder:
    """The port Listener: notes the groups, and what the state is while it hears of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.applied_groups: list[list[int]] = []
        self.groups: list[list[int]] = []
        self.durable: list[bool] = []

    def applied(self, group: Sequence[Sequenced]) -> None:
        assert self.world.node.latest.meta.next_seq == group[-1].seq + 1
        self.applied_groups.append([x.seq for x in group])
        assert not is_stored(self.world.store, group[-1].digest)

    def sequenced(self, group: Sequence[Sequenced]) -> None:
        self.groups.append([x.seq for x in group])
        assert {x.time for x in group} == {self.world.clock.now_ms() // 1000}
        self.durable.append(is_stored(self.world.store, group[-1].digest))


class Broken:
    """A Listener that fails."""

    def applied(self, group: Sequence[Sequenced]) -> None:
        raise RuntimeError("on purpose")

    def sequenced(self, group: Sequence[Sequenced]) -> None:
        raise RuntimeError("on purpose")


async def test_listeners_hear_of_each_group_once_when_it_is_durable(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        recorder = Recorder(world)
        world.node.listen(Broken())
        world.node.listen(recorder)
        orders = [world.order(ALICE, Side.BID, 250_000, 100) for _ in range(3)]
        await asyncio.gather(*(world.submit(ALICE, tx) for tx in orders))
        with pytest.raises(Rejection):
            await world.submit(ALICE, orders[0])
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        assert recorder.groups == [[8, 9, 10], [11]]
        assert recorder.durable == [True, True]


async def test_a_full_queue_refuses_and_does_nothing(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store, max_waiting=3).running() as world:
        await world.list_and_fund()
        count = len(store.groups)
        with store.holding():
            first = asyncio.create_task(world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100)))
            await eventually(lambda: len(store.groups) > count)
            waiting = [
                asyncio.create_task(world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100)))
                for _ in range(3)
            ]
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        accepted = await asyncio.gather(first, *waiting)
        async with world.node.reading() as state:
            assert state.meta.next_seq == accepted[-1].result.seq + 1
            assert len(state.orders) == 4


async def test_blocks_are_sealed_by_time_and_by_count(tmp_path: Path) -> None:
    async with World(tmp_path, max_block_transactions=3).running() as world:
        await world.list_and_fund()
        assert [len(x.digests) for x in world.sealed] == [3, 3]
        last = await world.seal()
        assert (len(last.digests), last.block.number) == (1, 3)
        world.clock.advance(10 * SEAL_MS)
        assert len(world.sealed) == 3


async def test_block_times_do_not_go_back(tmp_path: Path) -> None:
    clock = ManualClock()
    async with World(tmp_path, clock).running() as world:
        await world.list_and_fund()
        first = await world.seal()
        clock.advance(-3_600_000)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        second = await world.seal()
        assert second.block.timestamp == first.block.timestamp


async def test_an_inbox_entry_waits_for_its_time_and_gets_a_block_that_is_not_older(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        time = START_MS // 1000 + 1
        entry = world.entry(encode_inbox_deposit(Deposit(time, ETH, ALICE.address, 5)))
        task = asyncio.create_task(world.node.submit_inbox(entry))
        await asyncio.sleep(0.01)
        assert not task.done()
        world.clock.advance(999)
        await asyncio.sleep(0.01)
        assert not task.done()
        world.clock.advance(1)
        await task
        last = await world.seal()
        assert last.block.timestamp == time
        assert world.node.inbox_position().count == 8


async def test_an_inbox_entry_is_sequenced_once(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        entry = world.entry(encode_inbox_deposit(Deposit(START_MS // 1000, ETH, ALICE.address, 5)))
        await asyncio.gather(world.node.submit_inbox(entry), world.node.submit_inbox(entry))
        async with world.node.reading() as state:
            assert state.balance(ALICE.address, ETH) == (100 * 10**18 + 5, 0)


async def test_inbox_entries_that_come_together_share_a_block_and_those_to_come_wait(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await world.seal()
        now = world.clock.now_ms() // 1000
        entries: list[L1InboxEntry] = []
        position = world.node.inbox_position()
        chain_hash = position.chain_hash
        for number, time in enumerate((*[now] * 40, now + 5)):
            data = encode_inbox_deposit(Deposit(time, ETH, ALICE.address, 1 + number))
            chain_hash = keccak256(chain_hash + data)
            entries.append(L1InboxEntry(position.count + number, data, chain_hash, 90, b"\x0b" * 32))
        task = asyncio.create_task(world.node.submit_inbox(*entries))
        await eventually(lambda: world.node.inbox_position().count == position.count + 40)
        last = await world.seal()
        assert [tx.data for tx in last.block.transactions if isinstance(tx, InboxEntry)] == [
            entry.entry for entry in entries[:40]
        ]
        assert not task.done()
        world.clock.advance(5_000)
        await task
        assert world.node.inbox_position().count == position.count + 41


@pytest.mark.parametrize("case", ["another entry", "a gap", "another hash"])
async def test_an_inbox_that_contradicts_itself_halts_the_node(tmp_path: Path, case: str) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        good = world.entry(encode_inbox_deposit(Deposit(START_MS // 1000, ETH, ALICE.address, 5)))
        bad = {
            "another entry": L1InboxEntry(0, good.entry, good.chain_hash, 10, b""),
            "a gap": L1InboxEntry(good.index + 1, good.entry, good.chain_hash, 10, b""),
            "another hash": L1InboxEntry(good.index, good.entry, b"\x01" * 32, 10, b""),
        }[case]
        with pytest.raises(NodeHalted):
            await world.node.submit_inbox(bad)
        assert world.node.halt_reason is not None
        with pytest.raises(NodeHalted):
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))


async def test_a_failed_commit_halts_and_answers_no_success(tmp_path: Path) -> None:
    store = CommitFailingStore(tmp_path, fails_at=8)
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        group = [world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100)) for _ in range(3)]
        answers = await asyncio.gather(*group, return_exceptions=True)
        assert [type(x) for x in answers] == [NodeHalted] * 3
        with pytest.raises(NodeHalted):
            await world.fingerprint()
    async with World(tmp_path).running() as restarted:
        async with restarted.node.reading() as state:
            assert state.meta.next_seq == 8
            assert not state.orders
        accepted = await restarted.submit(ALICE, restarted.order(ALICE, Side.BID, 250_000, 100))
        assert accepted.result.seq == 8


@pytest.mark.parametrize("fails_at", range(8, 40, 3))
async def test_a_crash_between_apply_and_commit_loses_nothing_acknowledged(
    tmp_path: Path, fails_at: int
) -> None:
    store = CommitFailingStore(tmp_path, fails_at)
    acknowledged: list[int] = []
    async with World(tmp_path, store=store).running() as world:
        await world.list_and_fund()
        for step in range(40):
            side = Side.ASK if step % 3 else Side.BID
            signer = (ALICE, BOB)[step % 2]
            try:
                accepted = await world.submit(signer, world.order(signer, side, 250_000, 100))
            except NodeHalted:
                break
            acknowledged.append(accepted.result.seq)
            world.clock.advance(300)
    restarted = World(tmp_path)
    journaled = [x.seq for block in restarted.store.blocks() for x in block.transactions]
    assert journaled[7:] == acknowledged
    restarted.store.close()


async def test_a_restart_gives_the_same_state_and_the_same_blocks(tmp_path: Path) -> None:
    clock = ManualClock()
    async with World(tmp_path, clock).running() as world:
        await world.list_and_fund()
        await trade_at_random(world, 40, seed=1)
        before = await world.fingerprint()
        sealed = list(world.sealed)
        position = world.node.inbox_position()
    restarted = World(tmp_path, clock)
    assert await restarted.fingerprint() == before
    assert restarted.node.inbox_position() == position
    blocks = list(restarted.store.blocks())
    assert [block.number for block in blocks if block.sealed] == [x.block.number for x in sealed]
    assert [block.timestamp for block in blocks if block.sealed] == [x.block.timestamp for x in sealed]
    assert len(blocks) > 5
    restarted.store.close()


async def test_the_open_block_is_continued_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with World(tmp_path, clock).running() as world:
        await world.list_and_fund()
        assert not world.sealed
    async with World(tmp_path, clock).running() as restarted:
        accepted = await restarted.submit(ALICE, restarted.order(ALICE, Side.BID, 250_000, 100))
        assert accepted.block == 1
        sealed = await restarted.seal()
        assert len(sealed.digests) == 8


async def test_a_journal_that_does_not_give_its_results_is_refused(tmp_path: Path) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        await world.store._write(lambda db: db.execute("UPDATE journal SET code = 40 WHERE seq = 3"))
    with pytest.raises(ReplayError, match="transaction 3"):
        World(tmp_path)


def test_a_second_sequencer_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = Store(tmp_path, SEPARATOR)
    with pytest.raises(StoreError, match="another sequencer"):
        Store(tmp_path, SEPARATOR)
    first.close()
    Store(tmp_path, SEPARATOR).close()


@pytest.mark.parametrize("taken", ["", "-wal"])
async def test_nothing_is_accepted_into_files_that_were_deleted(tmp_path: Path, taken: str) -> None:
    async with World(tmp_path).running() as world:
        await world.list_and_fund()
        (tmp_path / f"{DATABASE}{taken}").unlink()
        with pytest.raises(NodeHalted, match="taken away"):
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))


async def test_a_database_of_another_exchange_is_refused(tmp_path: Path) -> None:
    World(tmp_path).store.close()
    with pytest.raises(StoreError):
        Store(tmp_path, b"\x01" * 32)
