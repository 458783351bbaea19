"""What is written beside the journal is what the transactions did, whatever the groups they were committed in."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from sequencer.adapters.candles import DAY, HOUR, MINUTE
from sequencer.adapters.history_rows import End
from sequencer.core.book import order_id
from sequencer.core.errors import Code
from sequencer.core.state import State
from tests.adapters.recorder import Recorder, recorded
from tests.properties.flow import Flow

ACCOUNTS = [bytes([number]) * 20 for number in range(1, 13)]


class Database:
    """A recorder's database, to be asked."""

    def __init__(self, recorder: Recorder) -> None:
        self.state: State = recorder.state
        self._connection = sqlite3.connect(recorder.store.path)
        self._connection.row_factory = sqlite3.Row

    def rows(self, query: str, *values: object) -> list[Any]:
        return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    recorder = recorded(tmp_path_factory.mktemp("flow"), Flow(7, ACCOUNTS), 6_000)
    found = Database(recorder)
    yield found
    found.close()
    recorder.store.close()


def test_resting_orders_are_those_of_the_state(database: Database) -> None:
    rows = database.rows("SELECT * FROM orders WHERE ended IS NULL")
    stored = {
        order_id(row["market"], row["side"], int(row["price"]), row["place"]): (
            row["account"],
            int(row["remaining"]),
            row["time_in_force"],
            int(row["expiry"]),
            int(row["client_order_id"] or 0),
        )
        for row in rows
    }
    assert stored == {
        key: (order.owner, order.remaining, order.time_in_force, order.expiry, order.client_order_id)
        for key, order in database.state.orders.items()
    }
    assert len(stored) > 50


def test_every_lot_of_an_order_was_filled_or_lost_or_is_left(database: Database) -> None:
    filled: Counter[int] = Counter()
    for trade in database.rows("SELECT maker_place, taker_place, size FROM trades"):
        filled[trade["maker_place"]] += int(trade["size"])
        filled[trade["taker_place"]] += int(trade["size"])
    for row in database.rows("SELECT * FROM orders"):
        left = int(row["remaining"]) + int(row["lost"])
        assert int(row["size"]) == left + filled[row["place"]]
        if row["reason"] == End.FILLED:
            assert row["remaining"] == "0"
    assert len(filled) > 500
    assert database.rows("SELECT 1 FROM orders WHERE lost <> '0'")


def test_every_end_has_its_reason(database: Database) -> None:
    ended = database.rows("SELECT * FROM orders WHERE ended IS NOT NULL")
    assert {row["reason"] for row in ended} >= set(End) - {End.MAKER_LIMIT}
    for row in ended:
        assert row["updated_seq"] == row["ended"] // 64
    assert not database.rows("SELECT 1 FROM orders WHERE (ended IS NULL) <> (reason IS NULL)")


def test_a_replaced_order_leads_to_the_new_one(database: Database) -> None:
    rows = database.rows(
        "SELECT o.*, n.account AS next, n.market AS next_market, n.side AS next_side FROM orders o "
        "LEFT JOIN orders n ON n.place = o.ended WHERE o.reason = ?",
        End.REPLACED,
    )
    assert len(rows) > 20
    for row in rows:
        assert (row["next"], row["next_market"], row["next_side"]) == (
            row["account"],
            row["market"],
            row["side"],
        )


def test_trades_of_a_transaction_are_numbered_without_gaps(database: Database) -> None:
    numbers: dict[int, list[int]] = defaultdict(list)
    for row in database.rows("SELECT id FROM trades ORDER BY id"):
        numbers[row["id"] // 256].append(row["id"] % 256)
    assert all(found == list(range(len(found))) for found in numbers.values())
    assert max(map(len, numbers.values())) > 5


@pytest.mark.parametrize("length", [MINUTE, HOUR, DAY])
def test_candles_add_up_to_the_trades(database: Database, length: int) -> None:
    expected: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for row in database.rows("SELECT market, time, price, size FROM trades ORDER BY id"):
        start = row["time"] // length * length
        expected[row["market"], start].append((int(row["price"]), int(row["size"])))
    stored = database.rows("SELECT * FROM candles WHERE length = ?", length)
    assert len(stored) == len(expected)
    for row in stored:
        trades = expected[row["market"], row["start"]]
        prices = [price for price, _ in trades]
        assert [int(row[name]) for name in ("open", "high", "low", "close")] == [
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
        ]
        assert int(row["lots"]) == sum(size for _, size in trades)
        assert int(row["turnover"]) == sum(price * size for price, size in trades)
        assert int(row["trades"]) == len(trades)


def test_agents_are_those_of_the_state(database: Database) -> None:
    stored = {(row["account"], row["agent"]) for row in database.rows("SELECT * FROM agents")}
    assert stored == {
        (address, agent) for address, account in database.state.accounts.items() for agent in account.agents
    }
    assert stored


def test_the_latest_fee_account_is_that_of_the_market(database: Database) -> None:
    for market in database.state.markets.values():
        (row,) = database.rows(
            "SELECT account FROM fee_accounts WHERE market = ? ORDER BY seq DESC LIMIT 1", market.id
        )
        assert row["account"] == market.fee_account


def test_items_of_a_batch_have_their_codes(database: Database) -> None:
    rows = database.rows("SELECT code, item_codes FROM journal WHERE item_codes IS NOT NULL")
    assert len(rows) > 50
    assert {row["code"] for row in rows} == {Code.OK}
    codes = {Code(code) for row in rows for code in row["item_codes"]}
    assert {Code.OK, Code.UNKNOWN_ORDER, Code.FOK_NOT_FILLABLE} <= codes
