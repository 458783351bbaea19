"""What happened, read from the database for the API: always committed, never in the way of the writer.

A read-only connection of its own, in a thread of its own. Rows are as stored (integers, bytes, decimal text; see
`history_rows`). Pages are newest first and at most `limit` long, and every read looks at a bounded number of rows: each
is found by an index, and a filter without one gives up after `SCAN_MAX` rows with a page that may be short.
"""

import asyncio
import heapq
import json
import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from sequencer.adapters.candles import Candle, start_of
from sequencer.adapters.deferred_rows import Deferred, parse
from sequencer.adapters.history_rows import TRADES_PER_SEQ, End
from sequencer.adapters.store import SEQ_OF_DIGEST
from sequencer.core.book import PLACES_PER_SEQ, parse_order_id
from sequencer.core.constants import ZERO_HASH
from sequencer.core.outbox import OutboxTree
from sequencer.core.types import Address, OrderId, Receipt
from sequencer.ports import UnpaidLeaf

T = TypeVar("T")
Row = sqlite3.Row

MAX_PLACE: Final = (1 << 63) - 1
"""What the database can compare with; no place, trade or sequence number is above it."""
SCAN_MAX: Final = 5_000
"""Rows that a read without an index looks at."""
OUTBOXES_MAX: Final = 32
"""Batches whose outbox is remembered, those asked for last: each may have thousands of leaves."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a list, newest first. `last`: the last one that was looked at, None if there is nothing after it."""

    rows: Sequence[Row]
    last: Row | None


@dataclass(frozen=True, slots=True)
class Day:
    """Trades of the last 24 hours in a market; None if there were none."""

    market: int
    candle: Candle | None


Position = tuple[int, int, int]
"""Sequence number, item in it and line in that: where a change of a balance stands in the ledger."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What changed balances of an account: `source` says how to read `row`."""

    source: str
    seq: int
    item: int
    row: Row


class History:
    """Reads of one database file."""

    def __init__(self, database: Path) -> None:
        self._outboxes: dict[int, OutboxTree] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._connection = sqlite3.connect(
            f"{database.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row

    def close(self) -> None:
        """Waits for the reads under way."""
        self._thread.shutdown()
        self._connection.close()

    async def _read(self, read: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def _select(self, query: str, *values: object) -> Iterator[Row]:
        return iter(self._connection.execute(query, values))

    async def _rows(self, query: str, *values: object) -> list[Row]:
        return await self._read(lambda: list(self._select(query, *values)))

    async def _row(self, query: str, *values: object) -> Row | None:
        rows = await self._rows(query, *values)
        return rows[0] if rows else None

    async def _page(
        self, limit: int, query: str, *values: object, accepts: Callable[[Row], bool] | None = None
    ) -> Page:
        """Rows of a query that are accepted; a query without a limit of its own is read as far as is needed."""
        return await self._read(lambda: _page(limit, self._select(query, *values), accepts))

    # ---------------------------------------------------------------- markets

    async def trades(self, market: int, limit: int, before: int) -> Page:
        """Trades of a market below a trade's number."""
        return await self._page(
            limit, "SELECT * FROM trade_list WHERE market = ? AND id < ? ORDER BY id DESC", market, before
        )

    async def candles(
        self, market: int, kept: int, length: int, limit: int, span: range
    ) -> list[tuple[int, Candle]]:
        """The last `limit` candles that begin in `span`, newest first, with their first seconds.

        They are `length` seconds long, put together from the `kept` ones, of which `length` has a whole number.
        """
        return await self._read(lambda: self._candles(market, kept, length, limit, span))

    def _candles(
        self, market: int, kept: int, length: int, limit: int, span: range
    ) -> list[tuple[int, Candle]]:
        rows = self._select(
            "SELECT * FROM candles WHERE market = ? AND length = ? AND start >= ? AND start < ? ORDER BY start DESC",
            market,
            kept,
            span.start,
            span.stop,
        )
        found: list[tuple[int, Candle]] = []
        for row in rows:
            start, candle = start_of(row["start"], length), candle_of(row)
            if found and found[-1][0] == start:
                candle.extend(found.pop()[1])
            elif len(found) == limit:
                break
            found.append((start, candle))
        return found

    async def days(self, markets: Iterable[int], minutes: range, hours: range) -> list[Day]:
        """For each market its candles of `minutes` and of `hours`, which follow them, as one."""
        return await self._read(lambda: [self._day(market, minutes, hours) for market in markets])

    def _day(self, market: int, minutes: range, hours: range) -> Day:
        query = "SELECT * FROM candles WHERE market = ? AND length = ? AND start >= ? AND start < ? ORDER BY start"
        whole: Candle | None = None
        for span in (minutes, hours):
            for row in self._select(query, market, span.step, span.start, span.stop):
                candle = candle_of(row)
                if whole is None:
                    whole = candle
                else:
                    whole.extend(candle)
        return Day(market, whole)

    # ----------------------------------------------------------------- orders

    async def order(self, order_id: OrderId) -> Row | None:
        """An order by its id."""
        market, side, price, place = parse_order_id(order_id)
        if place > MAX_PLACE:
            return None
        return await self._row(
            "SELECT * FROM order_list WHERE place = ? AND market = ? AND side = ? AND price = ?",
            place,
            market,
            int(side),
            str(price),
        )

    async def client_order(self, account: Address, number: int, resting: int | None) -> Row | None:
        """The order with a client order id that rests, else the latest. `resting`: place of the one that may rest."""
        text = str(number)
        query = "SELECT * FROM order_list WHERE account = ? AND client_order_id = ? AND "
        if resting is not None:
            row = await self._row(f"{query} place = ? AND ended IS NULL", account, text, resting)
            if row is not None:
                return row
        return await self._row(
            f"{query} client_order_id IS NOT NULL ORDER BY place DESC LIMIT 1", account, text
        )

    async def open_orders(self, account: Address, places: Sequence[int], seq: int) -> list[Row]:
        """The resting orders of an account, oldest first. `places`: those that rested after transaction `seq`."""
        return await self._rows(
            "SELECT * FROM order_list WHERE place IN (SELECT value FROM json_each(?)) AND ended IS NULL "
            "UNION ALL SELECT * FROM order_list WHERE account = ? AND place >= ? AND ended IS NULL ORDER BY place",
            json.dumps(list(places)),
            account,
            (seq + 1) * PLACES_PER_SEQ,
        )

    async def orders(
        self,
        account: Address,
        market: int | None,
        reasons: frozenset[End | None] | None,
        limit: int,
        before: int,
    ) -> Page:
        """Orders of an account below a place: in one market, or ended for one of the reasons (None: resting)."""
        return await self._page(
            limit,
            "SELECT * FROM order_list WHERE account = ? AND place < ? ORDER BY place DESC",
            account,
            before,
            accepts=lambda row: (
                (market is None or row["market"] == market) and (reasons is None or row["reason"] in reasons)
            ),
        )

    async def fills(self, account: Address, market: int | None, limit: int, before: int) -> Page:
        """Trades of an account, as maker or taker, below a trade's number."""
        return await self._page(
            limit,
            "SELECT * FROM trade_list WHERE maker = ? AND id < ? UNION ALL "
            "SELECT * FROM trade_list WHERE taker = ? AND id < ? ORDER BY id DESC",
            account,
            before,
            account,
            before,
            accepts=None if market is None else lambda row: row["market"] == market,
        )

    # --------------------------------------------------------------- deferred transactions

    async def deferred(self, number: str) -> Row | None:
        """A deferred transaction by its id."""
        return await self._row("SELECT * FROM deferred WHERE id = ?", number)

    async def deferred_of(self, account: Address, limit: int) -> list[Deferred]:
        """Deferred transactions of an account, those that are armed and the latest first."""
        query = (
            "SELECT * FROM deferred WHERE account = ? ORDER BY ended_ms IS NOT NULL, ended_ms DESC, armed_ms DESC, id "
            "LIMIT ?"
        )
        # Parsed in the thread: each may be a batch of many actions.
        return await self._read(lambda: list(map(parse, self._select(query, account, limit))))

    # --------------------------------------------------------------- payments

    async def deposits(self, account: Address, limit: int, before: int) -> Page:
        """Sequenced deposits for an account below a sequence number."""
        return await self._page(
            limit,
            "SELECT * FROM deposits WHERE account = ? AND seq < ? ORDER BY seq DESC",
            account,
            before,
        )

    async def transfers(self, account: Address, limit: int, before: int) -> Page:
        """Transfers from and to an account below a sequence number."""
        return await self._page(
            limit,
            "SELECT * FROM transfers WHERE account = ? AND seq < ? UNION ALL "
            "SELECT * FROM transfers WHERE recipient = ? AND seq < ? ORDER BY seq DESC",
            account,
            before,
            account,
            before,
        )

    async def withdrawals(self, account: Address, limit: int, before: tuple[int, int]) -> Page:
        """Withdrawals, forced ones and refunds of an account before (sequence number, item)."""
        return await self._page(
            limit,
            "SELECT x.*, t.block, t.batch, t.status FROM withdrawals x JOIN transaction_list t ON t.seq = x.seq "
            "WHERE x.account = ? AND (x.seq, x.item) < (?, ?) ORDER BY x.seq DESC, x.item DESC",
            account,
            *before,
        )

    async def unpaid(self, after: tuple[int, int], limit: int) -> list[UnpaidLeaf]:
        """Settled leaves that are not known to be paid, after (sequence number, item), oldest first."""
        rows = await self._rows(
            "SELECT x.seq, x.item, t.batch, x.leaf, x.recipient, x.token, x.amount, x.max_relay_fee "
            "FROM withdrawals x JOIN transaction_list t ON t.seq = x.seq "
            "WHERE (x.seq, x.item) > (?, ?) AND x.claimed = 0 AND t.status = 'settled' "
            "ORDER BY x.seq, x.item LIMIT ?",
            *after,
            limit,
        )
        return [_unpaid_leaf(row) for row in rows]

    async def outbox_proofs(self, leaves: Sequence[tuple[int, int]]) -> list[list[bytes]]:
        """Merkle proof of each leaf, given by its batch and its number in it."""
        return await self._read(lambda: [self._outbox(batch).proof(leaf) for batch, leaf in leaves])

    def _outbox(self, batch: int) -> OutboxTree:
        tree = self._outboxes.pop(batch, None)
        if tree is None:
            rows = self._select(
                "SELECT w.leaf_hash FROM batches t JOIN withdrawals w ON w.seq >= t.first_seq AND w.seq < t.end_seq "
                "WHERE t.number = ? ORDER BY w.leaf",
                batch,
            )
            tree = OutboxTree([row["leaf_hash"] for row in rows])
        self._outboxes[batch] = tree
        if len(self._outboxes) > OUTBOXES_MAX:
            del self._outboxes[next(iter(self._outboxes))]
        return tree

    async def ledger(
        self,
        account: Address,
        expand: Callable[[LedgerRow], list[tuple[Position, T]]],
        limit: int,
        before: Position,
    ) -> tuple[list[tuple[Position, T]], bool]:
        """Changes of an account's balances before a position, newest first, and whether there are more.

        `expand` makes them of a row, newest first.
        """
        return await self._read(lambda: self._ledger(account, expand, limit, before))

    def _ledger(
        self,
        account: Address,
        expand: Callable[[LedgerRow], list[tuple[Position, T]]],
        limit: int,
        before: Position,
    ) -> tuple[list[tuple[Position, T]], bool]:
        self._connection.execute("BEGIN")
        try:
            rows = heapq.merge(
                *self._ledger_sources(account, before[:2]), key=lambda row: (row.seq, row.item), reverse=True
            )
            changes = (change for row in rows for change in expand(row) if change[0] < before)
            found = list(islice(changes, limit + 1))
        finally:
            self._connection.execute("COMMIT")
        return found[:limit], len(found) > limit

    def _ledger_sources(self, account: Address, end: tuple[int, int]) -> Iterator[Iterator[LedgerRow]]:
        """Every table that has changes of an account's balances, up to and with a place, each newest first.

        Where two have the same transaction and item, the first one's changes come after the other's.
        """
        seq, item = end
        trade = min(seq * TRADES_PER_SEQ + item + 1, MAX_PLACE)
        yield from self._fee_sources(account, trade)
        for source, query in _TRADE_QUERIES.items():
            yield _trade_rows(source, self._select(query, account, trade))
        for source, query in _PAYMENT_QUERIES.items():
            yield _payment_rows(source, self._select(query, account, seq))

    def _fee_sources(self, account: Address, trade: int) -> Iterator[Iterator[LedgerRow]]:
        """The trades of each market while its fees went to the account."""
        periods = self._select(
            "SELECT * FROM (SELECT market, seq, account, lead(seq) OVER (PARTITION BY market ORDER BY seq) AS next_seq "
            "FROM fee_accounts) WHERE account = ?",
            account,
        )
        for period in list(periods):
            next_seq = period["next_seq"]
            end = trade if next_seq is None else min(trade, next_seq * TRADES_PER_SEQ)
            query = "SELECT * FROM trade_list WHERE market = ? AND id >= ? AND id < ? ORDER BY id DESC"
            first = period["seq"] * TRADES_PER_SEQ
            yield _trade_rows("fees", self._select(query, period["market"], first, end))

    async def principals(self, agent: Address, limit: int, before: int) -> Page:
        """Accounts that approved an agent, below an approval's number."""
        return await self._page(
            limit, "SELECT * FROM agents WHERE agent = ? AND id < ? ORDER BY id DESC", agent, before
        )

    # ------------------------------------------------------------------ chain

    async def transaction(self, digest: bytes) -> Row | None:
        """A sequenced transaction or inbox entry."""
        query = f"SELECT * FROM transaction_list WHERE seq = ({SEQ_OF_DIGEST})"  # noqa: S608 - a constant
        return await self._row(query, digest)

    async def receipt(self, seq: int) -> Receipt | None:
        """What was promised about a signed transaction."""
        return await self._read(lambda: self._receipt(seq))

    def _receipt(self, seq: int) -> Receipt | None:
        row = next(
            self._select(
                "SELECT j.digest, b.timestamp FROM journal j JOIN blocks b ON b.number = j.block "
                "WHERE j.seq = ? AND length(j.signature) > 0",
                seq,
            ),
            None,
        )
        return None if row is None else Receipt(seq, row["digest"], self._inbox_hash(seq), row["timestamp"])

    def _inbox_hash(self, seq: int) -> bytes:
        """Of the inbox entries that were sequenced before a transaction; their order is the inbox's."""

        def entry(index: int) -> Row:
            return next(self._select("SELECT seq, chain_hash FROM inbox WHERE idx = ?", index))

        last = next(self._select("SELECT max(idx) AS idx FROM inbox"))["idx"]
        count = bisect_left(
            range(0 if last is None else last + 1), seq, key=lambda index: entry(index)["seq"]
        )
        return bytes(entry(count - 1)["chain_hash"]) if count else ZERO_HASH

    async def placed(self, seq: int) -> list[Row]:
        """The orders that a transaction placed."""
        first = seq * PLACES_PER_SEQ
        return await self._rows(
            "SELECT * FROM orders WHERE place >= ? AND place < ?", first, first + PLACES_PER_SEQ
        )

    async def blocks(self, limit: int, before: int) -> Page:
        """Sealed blocks whose state root is known, below a number."""
        return await self._page(
            limit, "SELECT * FROM block_list WHERE number < ? ORDER BY number DESC", before
        )

    async def block(self, number: int) -> Row | None:
        """A sealed block whose state root is known."""
        return await self._row("SELECT * FROM block_list WHERE number = ?", number)

    async def batches(self, limit: int, before: int) -> Page:
        """Batches below a number."""
        return await self._page(
            limit, "SELECT * FROM batch_list WHERE number < ? ORDER BY number DESC", before
        )

    async def batch(self, number: int) -> Row | None:
        """A batch."""
        return await self._row("SELECT * FROM batch_list WHERE number = ?", number)


_TRADE_QUERIES: Final = {
    "maker": "SELECT * FROM trade_list WHERE maker = ? AND id < ? ORDER BY id DESC",
    "taker": "SELECT * FROM trade_list WHERE taker = ? AND id < ? ORDER BY id DESC",
}
# A refund (kind 1) is of what was never credited.
_PAYMENT_QUERIES: Final = {
    "deposit": (
        "SELECT *, 0 AS item FROM deposits WHERE account = ? AND seq <= ? AND refunded = 0 ORDER BY seq DESC"
    ),
    "withdrawal": (
        "SELECT * FROM withdrawals WHERE account = ? AND seq <= ? AND kind <> 1 ORDER BY seq DESC, item DESC"
    ),
    "transfer_out": "SELECT *, 0 AS item FROM transfers WHERE account = ? AND seq <= ? ORDER BY seq DESC",
    "transfer_in": "SELECT *, 0 AS item FROM transfers WHERE recipient = ? AND seq <= ? ORDER BY seq DESC",
}


def _page(limit: int, rows: Iterator[Row], accepts: Callable[[Row], bool] | None) -> Page:
    found: list[Row] = []
    row = None
    for row in islice(rows, SCAN_MAX + limit):
        if accepts is not None and not accepts(row):
            continue
        if len(found) == limit:
            return Page(found, found[-1])
        found.append(row)
    return Page(found, None if next(rows, None) is None else row)


def _trade_rows(source: str, rows: Iterator[Row]) -> Iterator[LedgerRow]:
    for row in rows:
        seq, item = divmod(row["id"], TRADES_PER_SEQ)
        yield LedgerRow(source, seq, item, row)


def _payment_rows(source: str, rows: Iterator[Row]) -> Iterator[LedgerRow]:
    return (LedgerRow(source, row["seq"], row["item"], row) for row in rows)


def _unpaid_leaf(row: Row) -> UnpaidLeaf:
    amounts = (int(row["amount"]), int(row["max_relay_fee"]))
    return UnpaidLeaf(
        row["seq"], row["item"], row["batch"], row["leaf"], row["recipient"], row["token"], *amounts
    )


def candle_of(row: Row) -> Candle:
    """A stored candle."""
    return Candle(*(int(row[name]) for name in Candle.__struct_fields__))
