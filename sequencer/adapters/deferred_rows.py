"""Deferred transactions as they are stored: what was signed, when it is to be sent, and what became of it."""

import sqlite3
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from sequencer.core.codec import decode_transaction, encode_transaction
from sequencer.core.errors import Code
from sequencer.core.types import Address, Batch, CancelAll, OrderId, PlaceOrder

ENDED_MAX: Final = 256
"""Of an account that are kept after their end, the latest."""

SCHEMA: Final = """
CREATE TABLE deferred (
  id TEXT PRIMARY KEY, account BLOB NOT NULL, payload BLOB NOT NULL, digest BLOB NOT NULL, public_key BLOB NOT NULL,
  signature BLOB NOT NULL, armed_ms INTEGER NOT NULL, armed_seq INTEGER NOT NULL, timeout_s INTEGER, due_ms INTEGER,
  market INTEGER, price TEXT, rising INTEGER, status TEXT NOT NULL, ended_ms INTEGER, seq INTEGER, order_id BLOB,
  code INTEGER, message TEXT) WITHOUT ROWID;
CREATE INDEX deferred_account ON deferred (account, ended_ms);
CREATE INDEX deferred_armed ON deferred (status) WHERE status = 'armed';
"""


Deferrable = CancelAll | PlaceOrder | Batch


class Status(StrEnum):
    """How far a deferred transaction is. All but the first are final."""

    ARMED = "armed"
    FIRED = "fired"
    """Its transaction is sequenced."""
    REFUSED = "refused"
    """Its transaction was sent and broke a rule."""
    DISARMED = "disarmed"
    EXPIRED = "expired"
    """Its transaction's deadline passed."""


class Switch(Struct):
    """Is sent at `due_ms`, which each renewal moves to `timeout_s` from then."""

    timeout_s: int
    due_ms: int


class Trigger(Struct, frozen=True):
    """Is sent when a trade in `market` is at `price` ticks or above (`rising`), or below."""

    market: int
    price: int
    rising: bool

    def reached(self, price: int) -> bool:
        """Whether a trade at `price` sets it off."""
        return price >= self.price if self.rising else price <= self.price


class Deferred(Struct):
    """A signed transaction that is sent later. `armed_seq`: the first sequence number whose trades count."""

    id: str
    transaction: Deferrable
    digest: bytes
    public_key: bytes
    signature: bytes
    armed_ms: int
    armed_seq: int
    terms: Switch | Trigger
    status: Status = Status.ARMED
    ended_ms: int | None = None
    seq: int | None = None
    order_id: OrderId | None = None
    code: Code | None = None
    message: str | None = None

    @property
    def account(self) -> Address:
        """Whose it is."""
        return self.transaction.account


Row = tuple[object, ...]


def write(rows: Sequence[Row], db: sqlite3.Connection) -> None:
    """Puts rows in the place of older ones, and forgets what ended long ago."""
    db.executemany(
        "INSERT OR REPLACE INTO deferred VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    db.executemany(
        "DELETE FROM deferred WHERE id IN (SELECT id FROM deferred WHERE account = ? AND ended_ms IS NOT NULL "
        "ORDER BY ended_ms DESC, id LIMIT -1 OFFSET ?)",
        [(account, ENDED_MAX) for account in {row[1] for row in rows}],
    )


def row_of(entry: Deferred) -> Row:
    """The entry as it is now."""
    terms = entry.terms
    return (
        entry.id,
        entry.account,
        encode_transaction(entry.transaction),
        entry.digest,
        entry.public_key,
        entry.signature,
        entry.armed_ms,
        entry.armed_seq,
        *((terms.timeout_s, terms.due_ms) if isinstance(terms, Switch) else (None, None)),
        *(
            (terms.market, str(terms.price), terms.rising)
            if isinstance(terms, Trigger)
            else (None, None, None)
        ),
        str(entry.status),
        entry.ended_ms,
        entry.seq,
        entry.order_id,
        None if entry.code is None else int(entry.code),
        entry.message,
    )


def parse(row: sqlite3.Row) -> Deferred:
    """What a row says."""
    transaction = decode_transaction(row["payload"])
    if not isinstance(transaction, Deferrable):
        raise ValueError(f"{type(transaction).__name__} cannot be deferred")
    return Deferred(
        id=row["id"],
        transaction=transaction,
        digest=row["digest"],
        public_key=row["public_key"],
        signature=row["signature"],
        armed_ms=row["armed_ms"],
        armed_seq=row["armed_seq"],
        terms=_terms(row),
        status=Status(row["status"]),
        ended_ms=row["ended_ms"],
        seq=row["seq"],
        order_id=row["order_id"],
        code=None if row["code"] is None else Code(row["code"]),
        message=row["message"],
    )


def _terms(row: sqlite3.Row) -> Switch | Trigger:
    if row["timeout_s"] is not None:
        return Switch(row["timeout_s"], row["due_ms"])
    return Trigger(row["market"], int(row["price"]), bool(row["rising"]))
