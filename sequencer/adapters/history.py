"""What happened, read from the database for the API: always committed, never in the way of the writer.

A read-only connection of its own, in a thread of its own. Rows are as stored (integers, bytes, decimal text); pages
are newest first and at most `limit` long, one row more tells whether there is more.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sequencer.core.book import parse_order_id

MAX_PLACE: Final = (1 << 63) - 1
"""What the database can compare with; no order ever has a place above it."""

Row = sqlite3.Row


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a list, newest first."""

    rows: Sequence[Row]
    has_more: bool


class History:
    """Reads of one database file."""

    def __init__(self, database: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._connection = sqlite3.connect(
            f"{database.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row

    def close(self) -> None:
        """Waits for the reads under way."""
        self._thread.shutdown()
        self._connection.close()

    async def _rows(self, query: str, *values: object) -> list[Row]:
        def read() -> list[Any]:
            return self._connection.execute(query, values).fetchall()

        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    async def _row(self, query: str, *values: object) -> Row | None:
        rows = await self._rows(query, *values)
        return rows[0] if rows else None

    async def _page(self, limit: int, query: str, *values: object) -> Page:
        rows = await self._rows(f"{query} LIMIT ?", *values, limit + 1)
        return Page(rows[:limit], len(rows) > limit)

    async def trades(self, market: int, limit: int, before: int) -> Page:
        """Trades of a market below a trade's number."""
        return await self._page(
            limit, "SELECT * FROM trade_list WHERE market = ? AND id < ? ORDER BY id DESC", market, before
        )

    async def order(self, order_id: bytes) -> Row | None:
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

    async def transaction(self, digest: bytes) -> Row | None:
        """A sequenced transaction or inbox entry."""
        return await self._row("SELECT * FROM transaction_list WHERE digest = ?", digest)

    async def deposits(self, account: bytes, limit: int) -> list[Row]:
        """Sequenced deposits for an account."""
        return await self._rows(
            "SELECT * FROM deposits WHERE account = ? ORDER BY idx DESC LIMIT ?",
            account,
            limit,
        )

    async def withdrawals(self, account: bytes, limit: int) -> list[Row]:
        """Withdrawals and refunds of an account."""
        return await self._rows(
            "SELECT x.*, t.block, t.batch, t.status FROM withdrawals x JOIN transaction_list t ON t.seq = x.seq "
            "WHERE x.account = ? ORDER BY x.seq DESC, x.item DESC LIMIT ?",
            account,
            limit,
        )

    async def outbox(self, batch: int) -> list[bytes]:
        """Hashes of a batch's outbox leaves, in order."""
        rows = await self._rows(
            "SELECT w.leaf_hash FROM batches t JOIN withdrawals w ON w.seq >= t.first_seq AND w.seq < t.end_seq "
            "WHERE t.number = ? ORDER BY w.leaf",
            batch,
        )
        return [row["leaf_hash"] for row in rows]

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
