"""Reads of the history find their rows by an index, in order, and stop: none can take the exchange's time."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sequencer.adapters import history as history_module
from sequencer.adapters.history import MAX_PLACE, History, LedgerRow, Position
from sequencer.adapters.history_rows import End
from tests.adapters.recorder import Recorder, recorded
from tests.properties.flow import Flow
from tests.world import ALICE, ETH, World

ACCOUNTS = [bytes([number]) * 20 for number in range(1, 5)]
END = (MAX_PLACE, MAX_PLACE, MAX_PLACE)
SMALL = ("json_each", "fee_accounts", "(subquery")
"""What may be read from end to end: what the query gave itself, and one row for each decision of the governor."""


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    found = recorded(tmp_path, Flow(3, ACCOUNTS), 300)
    yield found
    found.store.close()


async def test_no_read_scans_a_table_or_sorts(recorder: Recorder) -> None:
    history, queries = History(recorder.store.path), set[str]()
    history._connection.set_trace_callback(queries.add)
    account, order_id = ACCOUNTS[0], next(iter(recorder.state.orders))
    await history.trades(1, 10, MAX_PLACE)
    await history.candles(1, 60, 300, 10, range(MAX_PLACE))
    await history.days([1, 2], range(0, 3_600, 60), range(3_600, MAX_PLACE, 3_600))
    await history.order(order_id)
    await history.client_order(account, 7, 64)
    await history.open_orders(account, [64, 128], 5)
    await history.orders(account, 1, frozenset((End.FILLED,)), 10, MAX_PLACE)
    await history.fills(account, 1, 10, MAX_PLACE)
    await history.deposits(account, 10, MAX_PLACE)
    await history.transfers(account, 10, MAX_PLACE)
    await history.withdrawals(account, 10, (MAX_PLACE, MAX_PLACE))
    await history.outbox_proofs([(1, 0)])
    await history.ledger(b"\xfe" * 20, lambda row: [((row.seq, row.item, 0), None)], 10, END)
    await history.principals(account, 10, MAX_PLACE)
    await history.transaction(bytes(32))
    await history.placed(5)
    await history.blocks(10, MAX_PLACE)
    await history.block(1)
    await history.batches(10, MAX_PLACE)
    await history.batch(1)
    history.close()
    selects = [query for query in queries if query.startswith("SELECT")]
    assert len(selects) > 25
    with sqlite3.connect(recorder.store.path) as database:
        for query in selects:
            for *_, step in database.execute(f"EXPLAIN QUERY PLAN {query}"):
                assert not step.startswith("SCAN") or step.removeprefix("SCAN ").startswith(SMALL), query
                assert "TEMP B-TREE" not in step or "outbox" in query or "leaf_hash" in query, query


async def test_a_filter_gives_up_with_a_short_page_that_goes_on(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(recorder.store.path)
    account, reasons = ACCOUNTS[0], frozenset((End.FILLED,))
    whole = await history.orders(account, None, reasons, 1_000, MAX_PLACE)
    assert whole.last is None
    assert len(whole.rows) > 3
    monkeypatch.setattr(history_module, "SCAN_MAX", 2)
    found, before, lengths = [], MAX_PLACE, set()
    while True:
        page = await history.orders(account, None, reasons, 1, before)
        found += [row["place"] for row in page.rows]
        lengths.add(len(page.rows))
        if page.last is None:
            break
        before = page.last["place"]
    history.close()
    assert found == [row["place"] for row in whole.rows]
    assert lengths == {0, 1}


async def test_a_long_read_keeps_nobody_from_writing_and_sees_none_of_it(tmp_path: Path) -> None:
    reading, release = threading.Event(), threading.Event()

    def slowly(row: LedgerRow) -> list[tuple[Position, int]]:
        reading.set()
        assert release.wait(10)
        return [((row.seq, row.item, 0), row.seq)]

    async with World(tmp_path).running() as world:
        history = History(world.store.path)
        await world.list_and_fund()
        ledger = asyncio.create_task(history.ledger(ALICE.address, slowly, 10, END))
        await asyncio.to_thread(reading.wait, 10)
        paid = await world.submit(ALICE, world.withdrawal(ALICE, ETH, 1))
        release.set()
        changes, _ = await ledger
        assert [seq for _, seq in changes] == [5, 4]
        changes, _ = await history.ledger(ALICE.address, slowly, 1, END)
        assert [seq for _, seq in changes] == [paid.result.seq]
        history.close()
