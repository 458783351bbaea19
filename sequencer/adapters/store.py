"""SQLite: the journal, the batches, and the history that the API reads.

One thread writes, so that the event loop never waits for the disk; `synchronous=FULL` makes every commit a durable
one. History (see `history_rows`) is written in the commit of the transactions it comes from, so it can neither be lost
nor doubled. Numbers that may pass 63 bits are kept as decimal text.

Witnesses are files next to the database: they are megabytes, and a commit of theirs would hold up the journal.
"""

import asyncio
import fcntl
import json
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Final, TypeVar

from msgspec.structs import astuple

from sequencer.adapters.candles import MINUTE, Candle, kept
from sequencer.adapters.deferred_rows import SCHEMA as DEFERRED
from sequencer.adapters.deferred_rows import Deferred, parse, row_of, write
from sequencer.adapters.feed.feed import Past
from sequencer.adapters.history_rows import TRADES_PER_SEQ, Row, Rows, place_of
from sequencer.core.book import order_id
from sequencer.core.codec import decode_transaction, encode_transaction
from sequencer.core.types import InboxEntry, OrderId, Sequenceable
from sequencer.pipeline import settlement
from sequencer.ports import (
    Attempt,
    JournaledBlock,
    JournaledTransaction,
    JournalGroup,
    L1InboxEntry,
    Proof,
    Sequenced,
    Settled,
    StoredBatch,
)

T = TypeVar("T")

FORMAT: Final = "6"
DATABASE: Final = "sequencer.sqlite3"
LOCK: Final = "lock"

_SCHEMA: Final = """
CREATE TABLE identity (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (
  number INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, sealed INTEGER NOT NULL DEFAULT 0,
  state_root BLOB, batch INTEGER);
CREATE INDEX blocks_batch ON blocks (batch);
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY, block INTEGER NOT NULL, digest BLOB NOT NULL, code INTEGER NOT NULL,
  payload BLOB NOT NULL, public_key BLOB, signature BLOB, inbox_index INTEGER, item_codes BLOB);
CREATE INDEX journal_block ON journal (block);
CREATE TABLE digests (prefix BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (prefix, seq)) WITHOUT ROWID;
CREATE TABLE inbox (
  idx INTEGER PRIMARY KEY, seq INTEGER NOT NULL, chain_hash BLOB NOT NULL, l1_block INTEGER NOT NULL,
  l1_block_hash BLOB NOT NULL);
CREATE TABLE orders (
  place INTEGER PRIMARY KEY, account BLOB NOT NULL, market INTEGER NOT NULL, side INTEGER NOT NULL,
  price TEXT NOT NULL, size TEXT NOT NULL, remaining TEXT NOT NULL, taken TEXT NOT NULL,
  turnover TEXT NOT NULL, lost TEXT NOT NULL, time_in_force INTEGER NOT NULL, self_trade INTEGER NOT NULL,
  expiry TEXT NOT NULL, client_order_id TEXT,
  created INTEGER NOT NULL, updated_seq INTEGER NOT NULL, updated INTEGER NOT NULL, ended INTEGER, reason INTEGER);
CREATE INDEX orders_account ON orders (account);
CREATE INDEX orders_client ON orders (account, client_order_id) WHERE client_order_id IS NOT NULL;
CREATE TABLE trades (
  id INTEGER PRIMARY KEY, market INTEGER NOT NULL, price TEXT NOT NULL, size TEXT NOT NULL,
  taker_side INTEGER NOT NULL, maker BLOB NOT NULL, taker BLOB NOT NULL, maker_place INTEGER NOT NULL,
  taker_place INTEGER NOT NULL, maker_fee TEXT NOT NULL, taker_fee TEXT NOT NULL, time INTEGER NOT NULL);
CREATE INDEX trades_market ON trades (market);
CREATE INDEX trades_maker ON trades (maker);
CREATE INDEX trades_taker ON trades (taker);
CREATE TABLE candles (
  market INTEGER NOT NULL, length INTEGER NOT NULL, start INTEGER NOT NULL, open TEXT NOT NULL, high TEXT NOT NULL,
  low TEXT NOT NULL, close TEXT NOT NULL, lots TEXT NOT NULL, turnover TEXT NOT NULL, trades TEXT NOT NULL,
  PRIMARY KEY (market, length, start)) WITHOUT ROWID;
CREATE TABLE fee_accounts (
  market INTEGER NOT NULL, seq INTEGER NOT NULL, account BLOB NOT NULL, PRIMARY KEY (market, seq)) WITHOUT ROWID;
CREATE TABLE agents (id INTEGER PRIMARY KEY, account BLOB NOT NULL, agent BLOB NOT NULL, UNIQUE (account, agent));
CREATE INDEX agents_agent ON agents (agent);
CREATE TABLE deposits (
  seq INTEGER PRIMARY KEY, idx INTEGER NOT NULL, account BLOB NOT NULL, token INTEGER NOT NULL, amount TEXT NOT NULL,
  refunded INTEGER NOT NULL, time INTEGER NOT NULL);
CREATE INDEX deposits_account ON deposits (account);
CREATE TABLE transfers (
  seq INTEGER PRIMARY KEY, account BLOB NOT NULL, recipient BLOB NOT NULL, token INTEGER NOT NULL,
  amount TEXT NOT NULL, time INTEGER NOT NULL);
CREATE INDEX transfers_account ON transfers (account);
CREATE INDEX transfers_recipient ON transfers (recipient);
CREATE TABLE withdrawals (
  seq INTEGER NOT NULL, item INTEGER NOT NULL, account BLOB NOT NULL, kind INTEGER NOT NULL, recipient BLOB NOT NULL,
  token INTEGER NOT NULL, amount TEXT NOT NULL, max_relay_fee TEXT NOT NULL, time INTEGER NOT NULL,
  leaf INTEGER, leaf_hash BLOB, claimed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (seq, item)) WITHOUT ROWID;
CREATE INDEX withdrawals_account ON withdrawals (account);
CREATE TABLE batches (
  number INTEGER PRIMARY KEY, first_block INTEGER NOT NULL, last_block INTEGER NOT NULL, first_seq INTEGER NOT NULL,
  end_seq INTEGER NOT NULL, public_values BLOB NOT NULL, data BLOB NOT NULL, created_ms INTEGER NOT NULL,
  prover_gas_estimate INTEGER NOT NULL,
  proof BLOB, worker TEXT, cycles TEXT, prover_gas TEXT, execute_ms TEXT, peak_rss_mb TEXT,
  verified INTEGER NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0,
  l1_tx BLOB, l1_gas INTEGER, l1_block INTEGER);
CREATE TABLE attempts (
  id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, nonce INTEGER NOT NULL, tx_hash BLOB NOT NULL UNIQUE,
  raw BLOB NOT NULL, max_fee TEXT NOT NULL, priority_fee TEXT NOT NULL, max_blob_fee TEXT NOT NULL);
CREATE INDEX attempts_batch ON attempts (batch, id);
CREATE VIEW batch_list AS
  SELECT number, first_block, last_block, first_seq, end_seq, created_ms, worker, cycles, prover_gas,
    prover_gas_estimate, execute_ms, peak_rss_mb, l1_tx, l1_gas, l1_block, length(data) AS data_bytes, public_values,
    CASE WHEN settled = 1 THEN 'settled' WHEN verified = 1 THEN 'proven' ELSE 'sealed' END AS status
  FROM batches;
CREATE VIEW block_list AS
  SELECT b.number, b.timestamp, b.state_root, b.batch,
    (SELECT min(seq) FROM journal WHERE block = b.number) AS first_seq,
    (SELECT max(seq) + 1 FROM journal WHERE block = b.number) AS end_seq
  FROM blocks b WHERE b.state_root IS NOT NULL;
CREATE VIEW order_list AS
  SELECT o.*, (SELECT n.price FROM orders n WHERE n.place = o.ended AND n.place <> o.place) AS replacement_price
  FROM orders o;
CREATE VIEW trade_list AS
  SELECT t.*, o.price AS taker_price, o.client_order_id AS taker_client, m.client_order_id AS maker_client
  FROM trades t JOIN orders o ON o.place = t.taker_place JOIN orders m ON m.place = t.maker_place;
CREATE VIEW transaction_list AS
  SELECT j.seq, j.digest, j.code, j.item_codes, j.payload, j.inbox_index, j.block, b.timestamp AS time, b.batch,
    CASE WHEN t.status IS NOT NULL THEN t.status WHEN b.sealed = 1 THEN 'sealed' ELSE 'accepted' END AS status
  FROM journal j JOIN blocks b ON b.number = j.block LEFT JOIN batch_list t ON t.number = b.batch;
"""


ROWS_AT_ONCE: Final = tuple(1 << n for n in range(9, -1, -1))
"""Rows that one statement writes. The thread gives the interpreter away for each statement and may have to wait until
the event loop lets go of it again: with a statement for each row that would be most of a commit.
"""

SEQ_OF_DIGEST: Final = """\
SELECT seq FROM journal WHERE seq IN (SELECT seq FROM digests WHERE prefix = substr(?1, 1, 6)) AND digest = ?1
UNION ALL
SELECT seq FROM journal
WHERE digest = ?1
  AND seq >= coalesce((SELECT end_seq FROM batches WHERE number = (SELECT max(number) FROM batches)), 0)
LIMIT 1"""
"""Digests lie anywhere in an index, so that each of them would cost a commit a page of its own. They are indexed when
their batch is made, all at once; the transactions since are few enough to look through.
"""


_ATTEMPT: Final = "batch, nonce, tx_hash, raw, max_fee, priority_fee, max_blob_fee"


class StoreError(Exception):
    """The database cannot be used; the message says why."""


class Store:
    """The database in one folder: Journal, BatchStore, AttemptStore and DeferredStore."""

    def __init__(self, folder: Path, domain_separator: bytes) -> None:
        """Opens or makes the database. Raises StoreError if another process has it open, or if it is of another
        deployment or format.
        """
        self._folder = folder
        (folder / "witnesses").mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder / LOCK)
        self._connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA busy_timeout=10000")
        self._connection.create_function("add_lots", 2, _add_lots, deterministic=True)
        self._prepare(domain_separator)
        self._files = self._identities()
        self._lost = False
        """A group was not made durable: what comes after it would leave a gap in the journal."""
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")

    @property
    def path(self) -> Path:
        """The database file, for readers."""
        return self._folder / DATABASE

    def close(self) -> None:
        """Waits for what is being written."""
        self._writer.shutdown()
        self._connection.close()
        os.close(self._lock)

    def _prepare(self, domain_separator: bytes) -> None:
        expected = {"format": FORMAT.encode(), "domain_separator": domain_separator}
        if self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'identity'").fetchone() is None:
            self._connection.executescript(f"BEGIN; {_SCHEMA} {DEFERRED} COMMIT;")
        found = dict(self._connection.execute("SELECT name, value FROM identity").fetchall())
        if not found:
            self._connection.executemany("INSERT INTO identity VALUES (?, ?)", expected.items())
        elif found != expected:
            raise StoreError(f"{self.path} belongs to another exchange or to another version")

    async def _write(self, write: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._transaction, write)

    def _transaction(self, write: Callable[[sqlite3.Connection], T]) -> T:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = write(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        if self._identities() != self._files:
            raise StoreError(f"{self._folder} was taken away or replaced: what was written is lost")
        return result

    def _identities(self) -> list[int | None]:
        """Which files are at the database's paths. SQLite goes on writing into files that were deleted."""
        return [_inode(self.path.with_name(DATABASE + suffix)) for suffix in ("", "-wal")]

    def batch_count(self) -> int:
        """Batches that were built."""
        return int(self._connection.execute("SELECT count(*) FROM batches").fetchone()[0])

    def past(self, since: int, resting: Iterable[OrderId]) -> Past:
        """What the feed begins with: candles from `since` on (Unix seconds), and of the resting orders."""
        minutes: dict[int, dict[int, Candle]] = {}
        rows = self._connection.execute(
            "SELECT market, start, open, high, low, close, lots, turnover, trades FROM candles "
            "WHERE length = ? AND start >= ? ORDER BY market, start",
            (MINUTE, since),
        )
        for market, start, *values in rows:
            minutes.setdefault(market, {})[start] = Candle(*map(int, values))
        return Past(self._filled(resting), minutes)

    def _filled(self, resting: Iterable[OrderId]) -> dict[OrderId, int]:
        rows = self._connection.execute(
            "SELECT market, side, price, place, size, remaining, lost FROM orders "
            "WHERE place IN (SELECT value FROM json_each(?))",
            (json.dumps([place_of(order) for order in resting]),),
        )
        traded = {
            order_id(market, side, int(price), place): int(size) - int(remaining) - int(lost)
            for market, side, price, place, size, remaining, lost in rows
        }
        return {key: lots for key, lots in traded.items() if lots}

    # ------------------------------------------------------------- the journal

    def commit(self, group: JournalGroup) -> Awaitable[None]:
        """See Journal."""
        # Made here, while nothing changes the orders that results refer to.
        rows = Rows(group.sequenced)
        return asyncio.get_running_loop().run_in_executor(self._writer, self._commit, group, rows)

    def _commit(self, group: JournalGroup, rows: Rows) -> None:
        if self._lost:
            raise StoreError("an earlier group was lost")
        try:
            self._transaction(partial(_write_group, group, rows))
        except BaseException:
            self._lost = True
            raise

    def blocks(self) -> Iterator[JournaledBlock]:
        """See Journal."""
        rows = self._connection.execute(
            "SELECT number, timestamp, sealed, state_root, batch FROM blocks ORDER BY number"
        )
        for number, timestamp, sealed, state_root, batch in rows:
            transactions = self._block_transactions(number)
            yield JournaledBlock(number, timestamp, bool(sealed), state_root, batch, transactions)

    def _block_transactions(self, block: int) -> list[JournaledTransaction]:
        rows = self._connection.execute(
            "SELECT j.seq, j.payload, j.digest, j.public_key, j.signature, j.code, j.inbox_index, "
            "i.chain_hash, i.l1_block, i.l1_block_hash "
            "FROM journal j LEFT JOIN inbox i ON i.idx = j.inbox_index WHERE j.block = ? ORDER BY j.seq",
            (block,),
        )
        return [_journaled(*row) for row in rows]

    # ------------------------------------------------------------- the batches

    async def store_root(self, block: int, state_root: bytes) -> None:
        """See BatchStore."""
        statement = "UPDATE blocks SET state_root = ? WHERE number = ?"
        await self._write(lambda db: db.execute(statement, (state_root, block)))

    async def store_batch(
        self, batch: StoredBatch, witness: bytes, outbox: list[tuple[int, int, bytes]]
    ) -> None:
        """See BatchStore."""
        number = batch.settlement.number
        await asyncio.to_thread(_write_file, self.witness_path(number), witness)
        await self._write(partial(_write_batch, batch, outbox))

    async def store_proof(self, batch: int, proof: Proof) -> None:
        """See BatchStore."""
        statement = (
            "UPDATE batches SET proof = ?, worker = ?, cycles = ?, prover_gas = ?, execute_ms = ?, peak_rss_mb = ? "
            "WHERE number = ? AND verified = 0"
        )
        figures = (str(x) for x in (proof.cycles, proof.prover_gas, proof.execute_ms, proof.peak_rss_mb))
        values = (proof.proof, proof.worker, *figures, batch)
        await self._write(lambda db: db.execute(statement, values))

    async def store_verified(self, batch: int) -> None:
        """See BatchStore."""
        await self._write(lambda db: db.execute("UPDATE batches SET verified = 1 WHERE number = ?", (batch,)))

    async def discard_proof(self, batch: int) -> None:
        """See BatchStore."""
        statement = (
            "UPDATE batches SET proof = NULL, worker = NULL, cycles = NULL, prover_gas = NULL, execute_ms = NULL, "
            "peak_rss_mb = NULL, verified = 0 WHERE number = ?"
        )
        await self._write(lambda db: db.execute(statement, (batch,)))

    async def store_settled(self, settled: Settled) -> None:
        """See BatchStore. The witness has served its purpose."""
        statement = "UPDATE batches SET settled = 1, l1_tx = ?, l1_gas = ?, l1_block = ? WHERE number = ?"
        values = (settled.tx_hash, settled.gas_used, settled.l1_block, settled.number)
        await self._write(lambda db: db.execute(statement, values))
        self.witness_path(settled.number).unlink(missing_ok=True)

    def unsettled(self) -> list[StoredBatch]:
        """See BatchStore."""
        rows = self._connection.execute(
            "SELECT number, first_block, public_values, data, created_ms, prover_gas_estimate, proof, worker, cycles, "
            "prover_gas, execute_ms, peak_rss_mb FROM batches WHERE settled = 0 ORDER BY number"
        )
        return [_stored_batch(*row) for row in rows]

    def witness_path(self, batch: int) -> Path:
        """File of a batch's witness; it is there from `store_batch` to `store_settled`."""
        return self._folder / "witnesses" / f"{batch}.bin"

    def keep_evidence(self, name: str, files: dict[str, bytes]) -> str:
        """See BatchStore."""
        folder = self._folder / "evidence" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            _write_file(folder / file, content)
        return str(folder)

    # ------------------------------------------------------------- deferred transactions

    def armed(self) -> list[Deferred]:
        """See DeferredStore."""
        cursor = self._connection.execute(
            "SELECT * FROM deferred WHERE status = 'armed' ORDER BY armed_ms, id"
        )
        cursor.row_factory = sqlite3.Row
        return [parse(row) for row in cursor]

    async def save(self, entries: Iterable[Deferred]) -> None:
        """See DeferredStore."""
        await self._write(partial(write, [row_of(entry) for entry in entries]))

    def sequenced_as(self, digest: bytes) -> int | None:
        """See DeferredStore."""
        row = self._connection.execute(SEQ_OF_DIGEST, (digest,)).fetchone()
        return None if row is None else int(row[0])

    def prices_since(self, market: int, seq: int) -> Iterator[tuple[int, int]]:
        """See DeferredStore."""
        rows = self._connection.execute(
            "SELECT id, price FROM trades WHERE market = ? AND id >= ? ORDER BY id DESC",
            (market, seq * TRADES_PER_SEQ),
        )
        return ((number // TRADES_PER_SEQ, int(price)) for number, price in rows)

    # ------------------------------------------------------------- L1

    async def record_attempt(self, attempt: Attempt) -> None:
        """See AttemptStore."""
        statement = f"INSERT OR IGNORE INTO attempts ({_ATTEMPT}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - names only
        fees = (str(attempt.max_fee), str(attempt.priority_fee), str(attempt.max_blob_fee))
        values = (attempt.batch, attempt.nonce, attempt.tx_hash, attempt.raw, *fees)
        await self._write(lambda db: db.execute(statement, values))

    async def attempts(self, batch: int) -> list[Attempt]:
        """See AttemptStore."""
        query = f"SELECT {_ATTEMPT} FROM attempts WHERE batch = ? ORDER BY id"  # noqa: S608 - names only
        rows = await self._write(lambda db: db.execute(query, (batch,)).fetchall())
        return [
            Attempt(number, nonce, tx_hash, raw, *map(int, fees))
            for number, nonce, tx_hash, raw, *fees in rows
        ]

    async def mark_claimed(self, seq: int, item: int) -> None:
        """The withdrawal or refund `item` of transaction `seq` was paid on L1."""
        statement = "UPDATE withdrawals SET claimed = 1 WHERE seq = ? AND item = ?"
        await self._write(lambda db: db.execute(statement, (seq, item)))


# ------------------------------------------------------------------ writing


def _write_group(group: JournalGroup, rows: Rows, db: sqlite3.Connection) -> None:
    db.executemany("INSERT INTO blocks (number, timestamp) VALUES (?, ?)", group.opened)
    _insert("journal", [_journal_row(x) for x in group.sequenced], db)
    _insert(
        "inbox",
        [
            (x.inbox.index, x.seq, x.inbox.chain_hash, x.inbox.l1_block, x.inbox.l1_block_hash)
            for x in group.sequenced
            if x.inbox is not None
        ],
        db,
    )
    _write_orders(rows, db)
    _write_candles(rows, db)
    for table, values in rows.appended():
        _insert(table, values, db)
    db.executemany(
        "INSERT INTO withdrawals (seq, item, account, kind, recipient, token, amount, max_relay_fee, time) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows.withdrawals,
    )
    for account, agent, approved in rows.agents:
        _write_agent(account, agent, approved, db)
    db.executemany("UPDATE blocks SET sealed = 1 WHERE number = ?", [(number,) for number in group.sealed])


def _insert(table: str, rows: Sequence[Row], db: sqlite3.Connection) -> None:
    """Adds rows of all columns."""
    _write_rows(f"INSERT INTO {table} {{values}}", rows, db)


def _write_rows(statement: str, rows: Sequence[Row], db: sqlite3.Connection) -> None:
    """Runs a statement on `{values}`, as many rows at once as one takes."""
    at = 0
    for count in ROWS_AT_ONCE:
        while len(rows) - at >= count:
            values = list(chain.from_iterable(rows[at : at + count]))
            db.execute(_with_values(statement, len(rows[at]), count), values)
            at += count


@lru_cache
def _with_values(statement: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return statement.format(values=f"VALUES {', '.join([row] * rows)}")


def _write_orders(rows: Rows, db: sqlite3.Connection) -> None:
    _insert("orders", list(rows.orders()), db)
    db.executemany(
        "UPDATE orders SET time_in_force = ?, self_trade = ?, expiry = ?, client_order_id = ? WHERE place = ?",
        rows.terms.values(),
    )
    db.executemany(
        "UPDATE orders SET lost = add_lots(lost, ?) WHERE place = ?",
        [(str(lots), place) for place, lots in rows.lost.items()],
    )
    _write_rows(
        "UPDATE orders SET remaining = column1, updated_seq = column2, updated = column3, ended = column4, "
        "reason = column5 FROM ({values}) WHERE place = column6",
        list(rows.changes.values()),
        db,
    )


def _add_lots(stored: str, more: str) -> str:
    """The SQL function of this name."""
    return str(int(stored) + int(more))


def _write_candles(rows: Rows, db: sqlite3.Connection) -> None:
    """Adds the group's trades to the candles that are there; block times grow, so each candle is the latest."""
    found = kept(rows.minutes)
    for key, candle in found.items():
        row = db.execute(
            "SELECT open, high, low, close, lots, turnover, trades FROM candles "
            "WHERE market = ? AND length = ? AND start = ?",
            key,
        ).fetchone()
        if row is not None:
            earlier = Candle(*map(int, row))
            earlier.extend(candle)
            found[key] = earlier
    db.executemany(
        "INSERT OR REPLACE INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*key, *map(str, astuple(candle))) for key, candle in found.items()],
    )


def _write_agent(account: bytes, agent: bytes | None, approved: bool, db: sqlite3.Connection) -> None:
    if approved:
        db.execute("INSERT OR IGNORE INTO agents (account, agent) VALUES (?, ?)", (account, agent))
    elif agent is None:
        db.execute("DELETE FROM agents WHERE account = ?", (account,))
    else:
        db.execute("DELETE FROM agents WHERE account = ? AND agent = ?", (account, agent))


def _journal_row(x: Sequenced) -> tuple[object, ...]:
    tx = x.transaction
    payload = tx.data if isinstance(tx, InboxEntry) else encode_transaction(tx)
    index = None if x.inbox is None else x.inbox.index
    items = bytes(item.code for item in x.result.items) or None
    return (x.seq, x.block, x.digest, int(x.result.code), payload, x.public_key, x.signature, index, items)


def _journaled(
    seq: int,
    payload: bytes,
    digest: bytes,
    public_key: bytes,
    signature: bytes,
    code: int,
    index: int | None,
    chain_hash: bytes,
    l1_block: int,
    l1_block_hash: bytes,
) -> JournaledTransaction:
    if index is None:
        transaction: Sequenceable = decode_transaction(payload)
        inbox = None
    else:
        transaction = InboxEntry(payload)
        inbox = L1InboxEntry(index, payload, chain_hash, l1_block, l1_block_hash)
    return JournaledTransaction(seq, transaction, digest, public_key, signature, code, inbox)


def _write_batch(batch: StoredBatch, outbox: list[tuple[int, int, bytes]], db: sqlite3.Connection) -> None:
    claim = batch.settlement
    db.execute(
        "INSERT INTO batches (number, first_block, last_block, first_seq, end_seq, public_values, data, created_ms, "
        "prover_gas_estimate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            claim.number,
            batch.first_block,
            claim.block_number,
            claim.first_seq,
            claim.end_seq,
            batch.public_values,
            claim.data,
            batch.created_ms,
            batch.prover_gas_estimate,
        ),
    )
    db.execute(
        "INSERT INTO digests SELECT substr(digest, 1, 6), seq FROM journal WHERE seq >= ? AND seq < ? ORDER BY 1",
        (claim.first_seq, claim.end_seq),
    )
    db.execute(
        "UPDATE blocks SET batch = ? WHERE number BETWEEN ? AND ?",
        (claim.number, batch.first_block, claim.block_number),
    )
    db.executemany(
        "UPDATE withdrawals SET leaf = ?, leaf_hash = ? WHERE seq = ? AND item = ?",
        [(index, leaf, seq, item) for index, (seq, item, leaf) in enumerate(outbox)],
    )


def _stored_batch(
    number: int,
    first_block: int,
    public_values: bytes,
    data: bytes,
    created_ms: int,
    gas_estimate: int,
    proof: bytes | None,
    worker: str,
    *figures: str,
) -> StoredBatch:
    claim = settlement(number, public_values, data)
    found = None if proof is None else Proof(proof, worker, *map(int, figures))
    return StoredBatch(claim, public_values, first_block, created_ms, gas_estimate, found)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _locked(path: Path) -> int:
    """An open file that one process can have; the system frees it when the process ends, however it does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"another sequencer runs on {path.parent}: stop it first") from error
    return descriptor


def _write_file(path: Path, content: bytes) -> None:
    """Durable, and whole if it is there at all."""
    partial_path = path.with_suffix(".partial")
    with partial_path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial_path.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
