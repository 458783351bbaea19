"""What was read from L1, in SQLite: the state is a fold over it, and a stopped rebuild goes on where it was.

Everything from a block that leaves the chain can be dropped again. Numbers that may pass 63 bits are decimal text.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from sequencer.core.types import Withdrawal
from sequencer.rebuild.chain import Block
from sequencer.rebuild.errors import RecordsError
from sequencer.rebuild.events import Event, SettledBatch

FORMAT: Final = "1"
FILE: Final = "l1.sqlite3"
BLOCKS_KEPT: Final = 1_024
"""Blocks that are remembered to find where a reorganisation begins."""
SNAPSHOTS_KEPT: Final = 3

_SCHEMA: Final = """
CREATE TABLE identity (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (number INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE TABLE events (
  l1_block INTEGER NOT NULL, idx INTEGER NOT NULL, tx_hash BLOB NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL,
  PRIMARY KEY (l1_block, idx)) WITHOUT ROWID;
CREATE TABLE inbox (
  idx INTEGER PRIMARY KEY, l1_block INTEGER NOT NULL, l1_block_hash BLOB NOT NULL, entry BLOB NOT NULL,
  chain_hash BLOB NOT NULL);
CREATE TABLE batches (number INTEGER PRIMARY KEY, l1_block INTEGER NOT NULL, record BLOB NOT NULL, data BLOB);
CREATE TABLE leaves (
  batch INTEGER NOT NULL, idx INTEGER NOT NULL, recipient BLOB NOT NULL, token INTEGER NOT NULL, amount TEXT NOT NULL,
  max_relay_fee TEXT NOT NULL, PRIMARY KEY (batch, idx)) WITHOUT ROWID;
CREATE INDEX leaves_recipient ON leaves (recipient);
CREATE TABLE claims (
  batch INTEGER NOT NULL, idx INTEGER NOT NULL, l1_block INTEGER NOT NULL, PRIMARY KEY (batch, idx)) WITHOUT ROWID;
CREATE TABLE snapshots (batch INTEGER PRIMARY KEY, content BLOB NOT NULL);
"""
_LEAF_COLUMNS: Final = "batch, idx, recipient, token, amount, max_relay_fee"


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """An entry of the inbox and where it is on L1."""

    index: int
    entry: bytes
    chain_hash: bytes
    l1_block: int
    l1_block_hash: bytes


@dataclass(frozen=True, slots=True)
class Leaf:
    """An outbox leaf."""

    batch: int
    index: int
    withdrawal: Withdrawal


class Snapshot(msgspec.Struct, frozen=True):
    """The state after a batch: pairs of accounts, books, clients and registry, and the meta record."""

    batch: int
    maps: list[list[tuple[bytes, bytes]]]
    meta: bytes


class Records:
    """The database in one folder, or in memory."""

    def __init__(self, folder: Path | None, identity: dict[str, bytes]) -> None:
        """`identity`: which exchange this is. Raises RecordsError if the folder is of another."""
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            path = ":memory:" if folder is None else folder / FILE
            # The HTTP server reads from threads of its own; whoever uses this holds one lock.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._prepare({"format": FORMAT.encode()} | identity)
        except (sqlite3.Error, OSError) as error:
            raise RecordsError(f"{folder}: {error}") from error

    def _prepare(self, expected: dict[str, bytes]) -> None:
        if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'identity'").fetchone() is None:
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            self._db.executemany("INSERT INTO identity VALUES (?, ?)", expected.items())
        elif dict(self._db.execute("SELECT name, value FROM identity")) != expected:
            raise RecordsError(
                "the folder has the records of another exchange or version: give another --data"
            )

    def close(self) -> None:
        """Ends the use of the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside, or nothing of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # ------------------------------------------------------------------ blocks

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Number and hash of the blocks up to which logs were read, newest first."""
        yield from self._db.execute("SELECT number, hash FROM blocks ORDER BY number DESC").fetchall()

    def add_block(self, block: Block) -> None:
        """Notes that all logs up to `block` are here."""
        self._db.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?)", (block.number, block.hash))
        self._db.execute(
            "DELETE FROM blocks WHERE number <= (SELECT number FROM blocks ORDER BY number DESC LIMIT 1 OFFSET ?)",
            (BLOCKS_KEPT,),
        )

    def drop_after(self, block: int) -> None:
        """Forgets whatever came after a block; -1: everything."""
        with self.transaction():
            self._db.execute("DELETE FROM blocks WHERE number > ?", (block,))
            for table in ("events", "inbox", "batches", "claims"):
                self._db.execute(f"DELETE FROM {table} WHERE l1_block > ?", (block,))  # noqa: S608
            last = self.batch_count()
            self._db.execute("DELETE FROM leaves WHERE batch > ?", (last,))
            self._db.execute("DELETE FROM snapshots WHERE batch > ?", (last,))

    # ------------------------------------------------------------------ events

    def add_event(self, event: Event) -> None:
        """An event that is for people only."""
        log = event.log
        arguments = json.dumps(event.arguments, default=_shown)
        self._db.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
            (log.block, log.index, log.tx_hash, event.name, arguments),
        )

    def events(self, after_block: int = -1) -> Iterator[tuple[int, bytes, str, dict[str, Any]]]:
        """L1 block, transaction, name and arguments of each, oldest first."""
        rows = self._db.execute(
            "SELECT l1_block, tx_hash, name, arguments FROM events WHERE l1_block > ? ORDER BY l1_block, idx",
            (after_block,),
        ).fetchall()
        for block, tx_hash, name, arguments in rows:
            yield block, tx_hash, name, json.loads(arguments)

    def has_event(self, name: str) -> bool:
        """Whether there was an event of this name."""
        return self._db.execute("SELECT 1 FROM events WHERE name = ?", (name,)).fetchone() is not None

    # ------------------------------------------------------------------- inbox

    def add_entry(self, record: InboxRecord) -> None:
        """The next entry."""
        self._db.execute(
            "INSERT INTO inbox VALUES (?, ?, ?, ?, ?)",
            (record.index, record.l1_block, record.l1_block_hash, record.entry, record.chain_hash),
        )

    def inbox_count(self) -> int:
        """Entries that are here."""
        return int(self._db.execute("SELECT coalesce(max(idx) + 1, 0) FROM inbox").fetchone()[0])

    def inbox(self, first: int, end: int | None = None) -> list[InboxRecord]:
        """The entries from `first` to before `end`."""
        rows = self._db.execute(
            "SELECT idx, entry, chain_hash, l1_block, l1_block_hash FROM inbox WHERE idx >= ? AND idx < ? ORDER BY idx",
            (first, (1 << 62) if end is None else end),
        ).fetchall()
        return [InboxRecord(*row) for row in rows]

    def inbox_index(self, chain_hash: bytes) -> int | None:
        """The entry up to and with which the inbox has this hash."""
        row = self._db.execute("SELECT idx FROM inbox WHERE chain_hash = ?", (chain_hash,)).fetchone()
        return None if row is None else int(row[0])

    # ----------------------------------------------------------------- batches

    def add_batch(self, batch: SettledBatch) -> None:
        """The next batch, without its data."""
        self._db.execute(
            "INSERT INTO batches VALUES (?, ?, ?, NULL)",
            (batch.number, batch.l1_block, msgspec.msgpack.encode(batch)),
        )

    def batch_count(self) -> int:
        """Batches that are here."""
        return int(self._db.execute("SELECT coalesce(max(number), 0) FROM batches").fetchone()[0])

    def batch(self, number: int) -> SettledBatch | None:
        """A settled batch."""
        row = self._db.execute("SELECT record FROM batches WHERE number = ?", (number,)).fetchone()
        return None if row is None else msgspec.msgpack.decode(row[0], type=SettledBatch)

    def data(self, number: int) -> bytes | None:
        """A batch's data, if it was found."""
        row = self._db.execute("SELECT data FROM batches WHERE number = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def add_data(self, number: int, data: bytes) -> None:
        """What was found for a batch, and was checked."""
        self._db.execute("UPDATE batches SET data = ? WHERE number = ?", (data, number))

    # ------------------------------------------------------------------ outbox

    def add_leaves(self, batch: int, withdrawals: Sequence[Withdrawal]) -> None:
        """The outbox of a batch; a second time changes nothing."""
        self._db.executemany(
            "INSERT OR REPLACE INTO leaves VALUES (?, ?, ?, ?, ?, ?)",
            [
                (batch, index, x.recipient, x.token, str(x.amount), str(x.max_relay_fee))
                for index, x in enumerate(withdrawals)
            ],
        )

    def leaves(self, batch: int) -> list[Withdrawal]:
        """The outbox of a batch."""
        return [leaf.withdrawal for leaf in self._leaves("batch = ?", (batch,))]

    def unclaimed(self, recipient: bytes) -> list[Leaf]:
        """What was not paid to an address yet."""
        unpaid = "NOT EXISTS (SELECT 1 FROM claims c WHERE c.batch = leaves.batch AND c.idx = leaves.idx)"
        return self._leaves(f"recipient = ? AND {unpaid}", (recipient,))

    def _leaves(self, condition: str, values: tuple[object, ...]) -> list[Leaf]:
        query = f"SELECT {_LEAF_COLUMNS} FROM leaves WHERE {condition} ORDER BY batch, idx"  # noqa: S608
        rows = self._db.execute(query, values).fetchall()
        return [
            Leaf(batch, index, Withdrawal(recipient, token, int(amount), int(fee)))
            for batch, index, recipient, token, amount, fee in rows
        ]

    def add_claim(self, batch: int, index: int, l1_block: int) -> None:
        """A leaf was paid."""
        self._db.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (batch, index, l1_block))

    # --------------------------------------------------------------- snapshots

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Keeps the state after a batch."""
        content = zlib.compress(msgspec.msgpack.encode(snapshot), 1)
        self._db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?)", (snapshot.batch, content))
        self._db.execute(
            "DELETE FROM snapshots WHERE batch <= (SELECT batch FROM snapshots ORDER BY batch DESC LIMIT 1 OFFSET ?)",
            (SNAPSHOTS_KEPT,),
        )

    def snapshot(self) -> Snapshot | None:
        """The newest state that is kept."""
        row = self._db.execute("SELECT content FROM snapshots ORDER BY batch DESC LIMIT 1").fetchone()
        return None if row is None else msgspec.msgpack.decode(zlib.decompress(row[0]), type=Snapshot)


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    raise TypeError(type(value).__name__)
