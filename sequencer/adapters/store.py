"""SQLite: the journal, the batches, and the history that the API reads.

One thread writes, so that the event loop never waits for the disk; `synchronous=FULL` makes every commit a durable
one. History (orders, trades, deposits, withdrawals) is written in the commit of the transactions it comes from, so it
can neither be lost nor doubled. Numbers that may pass 63 bits are kept as decimal text.

Witnesses are files next to the database: they are megabytes, and a commit of theirs would hold up the journal.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sequencer.core.codec import decode_transaction, encode_transaction, parse_inbox_entry
from sequencer.core.errors import Code
from sequencer.core.types import Deposit, InboxEntry, PlaceOrder, Sequenceable, Withdraw
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

FORMAT: Final = "1"
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
  payload BLOB NOT NULL, public_key BLOB, signature BLOB, inbox_index INTEGER);
CREATE INDEX journal_block ON journal (block);
CREATE UNIQUE INDEX journal_digest ON journal (digest);
CREATE TABLE inbox (
  idx INTEGER PRIMARY KEY, seq INTEGER NOT NULL, chain_hash BLOB NOT NULL, l1_block INTEGER NOT NULL,
  l1_block_hash BLOB NOT NULL);
CREATE TABLE orders (
  id BLOB PRIMARY KEY, seq INTEGER NOT NULL, account BLOB NOT NULL, market INTEGER NOT NULL, side INTEGER NOT NULL,
  time_in_force INTEGER NOT NULL, price TEXT NOT NULL, size TEXT NOT NULL, client_order_id TEXT NOT NULL,
  remaining TEXT, ended INTEGER) WITHOUT ROWID;
CREATE TABLE trades (
  seq INTEGER NOT NULL, item INTEGER NOT NULL, market INTEGER NOT NULL, price TEXT NOT NULL, size TEXT NOT NULL,
  quote TEXT NOT NULL, taker_side INTEGER NOT NULL, maker BLOB NOT NULL, taker BLOB NOT NULL,
  maker_order BLOB NOT NULL, taker_order BLOB NOT NULL, maker_fee TEXT NOT NULL, taker_fee TEXT NOT NULL,
  PRIMARY KEY (seq, item)) WITHOUT ROWID;
CREATE INDEX trades_market ON trades (market, seq, item);
CREATE TABLE deposits (
  idx INTEGER PRIMARY KEY, seq INTEGER NOT NULL, account BLOB NOT NULL, token INTEGER NOT NULL, amount TEXT NOT NULL,
  code INTEGER NOT NULL, refunded INTEGER NOT NULL);
CREATE INDEX deposits_account ON deposits (account, idx);
CREATE TABLE withdrawals (
  seq INTEGER NOT NULL, item INTEGER NOT NULL, account BLOB NOT NULL, refund INTEGER NOT NULL, recipient BLOB NOT NULL,
  token INTEGER NOT NULL, amount TEXT NOT NULL, max_relay_fee TEXT NOT NULL,
  leaf INTEGER, leaf_hash BLOB, claimed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (seq, item)) WITHOUT ROWID;
CREATE INDEX withdrawals_account ON withdrawals (account, seq);
CREATE TABLE batches (
  number INTEGER PRIMARY KEY, first_block INTEGER NOT NULL, last_block INTEGER NOT NULL, first_seq INTEGER NOT NULL,
  end_seq INTEGER NOT NULL, public_values BLOB NOT NULL, data BLOB NOT NULL, created_ms INTEGER NOT NULL,
  proof BLOB, worker TEXT, cycles TEXT, prover_gas TEXT, execute_ms TEXT, peak_rss_mb TEXT,
  settled INTEGER NOT NULL DEFAULT 0, l1_tx BLOB, l1_gas INTEGER, l1_block INTEGER);
CREATE TABLE attempts (
  id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, nonce INTEGER NOT NULL, tx_hash BLOB NOT NULL UNIQUE,
  raw BLOB NOT NULL, max_fee TEXT NOT NULL, priority_fee TEXT NOT NULL);
CREATE INDEX attempts_batch ON attempts (batch, id);
CREATE VIEW batch_list AS
  SELECT number, first_block, last_block, first_seq, end_seq, created_ms, worker, cycles, prover_gas, execute_ms,
    peak_rss_mb, l1_tx, l1_gas, l1_block, length(data) AS data_bytes, public_values,
    CASE WHEN settled = 1 THEN 'settled' WHEN proof IS NOT NULL THEN 'proven' ELSE 'sealed' END AS status
  FROM batches;
CREATE VIEW block_list AS
  SELECT b.number, b.timestamp, b.state_root, b.batch,
    (SELECT min(seq) FROM journal WHERE block = b.number) AS first_seq,
    (SELECT max(seq) + 1 FROM journal WHERE block = b.number) AS end_seq
  FROM blocks b WHERE b.state_root IS NOT NULL;
CREATE VIEW transaction_list AS
  SELECT j.seq, j.digest, j.code, j.block, b.timestamp AS time, b.batch,
    CASE WHEN t.status IS NOT NULL THEN t.status WHEN b.sealed = 1 THEN 'sealed' ELSE 'accepted' END AS status
  FROM journal j JOIN blocks b ON b.number = j.block LEFT JOIN batch_list t ON t.number = b.batch;
"""


class StoreError(Exception):
    """The database cannot be used; the message says why."""


class Store:
    """The database in one folder: Journal, BatchStore and AttemptStore."""

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
        self._prepare(domain_separator)
        self._files = self._identities()
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
            self._connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
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

    # ------------------------------------------------------------- the journal

    async def commit(self, group: JournalGroup) -> None:
        """See Journal."""
        await self._write(partial(_write_group, group))

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
            "WHERE number = ? AND proof IS NULL"
        )
        figures = (str(x) for x in (proof.cycles, proof.prover_gas, proof.execute_ms, proof.peak_rss_mb))
        values = (proof.proof, proof.worker, *figures, batch)
        await self._write(lambda db: db.execute(statement, values))

    async def store_settled(self, settled: Settled) -> None:
        """See BatchStore. The witness has served its purpose."""
        statement = "UPDATE batches SET settled = 1, l1_tx = ?, l1_gas = ?, l1_block = ? WHERE number = ?"
        values = (settled.tx_hash, settled.gas_used, settled.l1_block, settled.number)
        await self._write(lambda db: db.execute(statement, values))
        self.witness_path(settled.number).unlink(missing_ok=True)

    def unsettled(self) -> list[StoredBatch]:
        """See BatchStore."""
        rows = self._connection.execute(
            "SELECT number, first_block, public_values, data, created_ms, proof FROM batches "
            "WHERE settled = 0 ORDER BY number"
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

    # ------------------------------------------------------------- L1

    async def record_attempt(self, attempt: Attempt) -> None:
        """See AttemptStore."""
        statement = (
            "INSERT OR IGNORE INTO attempts (batch, nonce, tx_hash, raw, max_fee, priority_fee) "
            "VALUES (?, ?, ?, ?, ?, ?)"
        )
        fees = (str(attempt.max_fee), str(attempt.priority_fee))
        values = (attempt.batch, attempt.nonce, attempt.tx_hash, attempt.raw, *fees)
        await self._write(lambda db: db.execute(statement, values))

    async def attempts(self, batch: int) -> list[Attempt]:
        """See AttemptStore."""
        query = "SELECT batch, nonce, tx_hash, raw, max_fee, priority_fee FROM attempts WHERE batch = ? ORDER BY id"
        rows = await self._write(lambda db: db.execute(query, (batch,)).fetchall())
        return [
            Attempt(number, nonce, tx_hash, raw, int(max_fee), int(priority_fee))
            for number, nonce, tx_hash, raw, max_fee, priority_fee in rows
        ]

    async def mark_claimed(self, seq: int, item: int) -> None:
        """The withdrawal or refund `item` of transaction `seq` was paid on L1."""
        statement = "UPDATE withdrawals SET claimed = 1 WHERE seq = ? AND item = ?"
        await self._write(lambda db: db.execute(statement, (seq, item)))


# ------------------------------------------------------------------ writing


def _write_group(group: JournalGroup, db: sqlite3.Connection) -> None:
    db.executemany("INSERT INTO blocks (number, timestamp) VALUES (?, ?)", group.opened)
    db.executemany(
        "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [_journal_row(x) for x in group.sequenced]
    )
    db.executemany(
        "INSERT INTO inbox VALUES (?, ?, ?, ?, ?)",
        [
            (x.inbox.index, x.seq, x.inbox.chain_hash, x.inbox.l1_block, x.inbox.l1_block_hash)
            for x in group.sequenced
            if x.inbox is not None
        ],
    )
    for sequenced in group.sequenced:
        _write_history(sequenced, db)
    db.executemany("UPDATE blocks SET sealed = 1 WHERE number = ?", [(number,) for number in group.sealed])


def _journal_row(x: Sequenced) -> tuple[object, ...]:
    tx = x.transaction
    payload = tx.data if isinstance(tx, InboxEntry) else encode_transaction(tx)
    index = None if x.inbox is None else x.inbox.index
    return (x.seq, x.block, x.digest, int(x.result.code), payload, x.public_key, x.signature, index)


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


def _write_history(x: Sequenced, db: sqlite3.Connection) -> None:
    """Rows that the API reads; `result` says all that a transaction did."""
    result, tx = x.result, x.transaction
    if isinstance(tx, PlaceOrder) and result.code is Code.OK and result.order_id is not None:
        _write_order(x.seq, tx, result.order_id, None if result.resting else result.remaining, db)
        db.executemany("INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _trade_rows(x))
    if result.removed:
        db.executemany(
            "UPDATE orders SET remaining = ?, ended = ? WHERE id = ?",
            [(str(order.remaining), x.seq, order.id) for order in result.removed],
        )
    if isinstance(tx, InboxEntry):
        _write_deposit(x, tx, db)
    db.executemany(
        "INSERT INTO withdrawals (seq, item, account, refund, recipient, token, amount, max_relay_fee) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        _withdrawal_rows(x),
    )


def _withdrawal_rows(x: Sequenced) -> Iterable[tuple[object, ...]]:
    refund = isinstance(x.transaction, InboxEntry)
    for item, leaf in enumerate(x.result.withdrawals):
        account = x.transaction.account if isinstance(x.transaction, Withdraw) else leaf.recipient
        amounts = (str(leaf.amount), str(leaf.max_relay_fee))
        yield (x.seq, item, account, refund, leaf.recipient, leaf.token, *amounts)


def _write_order(
    seq: int, tx: PlaceOrder, order_id: bytes, remaining: int | None, db: sqlite3.Connection
) -> None:
    ended = None if remaining is None else seq
    db.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            order_id,
            seq,
            tx.account,
            tx.market,
            int(tx.side),
            int(tx.time_in_force),
            str(tx.price),
            str(tx.size),
            str(tx.client_order_id),
            None if remaining is None else str(remaining),
            ended,
        ),
    )


def _trade_rows(x: Sequenced) -> Iterable[tuple[object, ...]]:
    for item, fill in enumerate(x.result.fills):
        yield (
            x.seq,
            item,
            fill.market,
            str(fill.price),
            str(fill.size),
            str(fill.quote_amount),
            int(fill.taker_side),
            fill.maker,
            fill.taker,
            fill.maker_order_id,
            x.result.order_id,
            str(fill.maker_fee),
            str(fill.taker_fee),
        )


def _write_deposit(x: Sequenced, tx: InboxEntry, db: sqlite3.Connection) -> None:
    entry = parse_inbox_entry(tx.data)
    if x.inbox is None or not isinstance(entry, Deposit):
        return
    refunded = bool(x.result.withdrawals)
    db.execute(
        "INSERT INTO deposits VALUES (?, ?, ?, ?, ?, ?, ?)",
        (x.inbox.index, x.seq, entry.account, entry.token, str(entry.amount), int(x.result.code), refunded),
    )


def _write_batch(batch: StoredBatch, outbox: list[tuple[int, int, bytes]], db: sqlite3.Connection) -> None:
    claim = batch.settlement
    db.execute(
        "INSERT INTO batches (number, first_block, last_block, first_seq, end_seq, public_values, data, created_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            claim.number,
            batch.first_block,
            claim.block_number,
            claim.first_seq,
            claim.end_seq,
            batch.public_values,
            claim.data,
            batch.created_ms,
        ),
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
    number: int, first_block: int, public_values: bytes, data: bytes, created_ms: int, proof: bytes | None
) -> StoredBatch:
    claim = settlement(number, public_values, data, proof or b"")
    return StoredBatch(claim, public_values, first_block, created_ms, proof is not None)


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
