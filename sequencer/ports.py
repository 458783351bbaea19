"""What the node and the pipeline need from the world, and what adapters may ask of them.

Each port has few methods, so that a simulation can play all of them from one seed. Everything here is called from
the one event loop; an adapter that blocks uses a thread of its own.

    Clock, Randomness            time and identifiers
    InboxSink                    the node, as the L1 watcher sees it
    Watcher, Settler, Claims     L1, as the node and the API see it
    AttemptStore                 where the poster keeps what it is about to send
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Time. Blocks take their timestamps from it, leases and back-offs their deadlines."""

    def now_ms(self) -> int:
        """Unix time in milliseconds."""
        ...

    async def sleep(self, duration_ms: int) -> None:
        """Returns after the time has passed."""
        ...


class Randomness(Protocol):
    """Identifiers that nobody can guess: request ids, leases."""

    def token(self) -> str:
        """128 random bits, as 32 hexadecimal digits."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """How an outside dependency is doing, for `/v1/health`."""

    last_error: str | None = None
    """The latest failure, None once it is over."""
    since_ms: int | None = None
    """Unix time in milliseconds of the first failure in a row."""


# ----------------------------------------------------------------------- inbox


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One entry of the contract's inbox, as L1 shows it."""

    index: int
    """Position, from 0."""
    entry: bytes
    """Protocol section 4.5."""
    chain_hash: bytes
    """Hash of the inbox up to and with this entry, as the contract gave it."""
    l1_block: int
    l1_block_hash: bytes


@dataclass(frozen=True, slots=True)
class InboxPosition:
    """How far the node has sequenced the inbox; where a watcher starts."""

    count: int
    """Entries sequenced."""
    chain_hash: bytes
    """Hash of these entries; 32 zero bytes for none."""
    l1_block: int
    """Block of the last one, 0 for none. Earlier blocks need not be read again."""
    l1_block_hash: bytes
    """Hash of that block, empty for none."""


class NodeHalted(Exception):  # noqa: N818 - a state, named as it is shown
    """The node stopped sequencing; the message says why."""


class InboxSink(Protocol):
    """The node, as the L1 watcher sees it."""

    def inbox_position(self) -> InboxPosition:
        """Entries that are durably sequenced."""
        ...

    async def submit_inbox(self, entry: InboxEntry) -> None:
        """Sequences the next entry; returns when it is durable.

        An entry that is sequenced already, the same, is ignored. Waits while the node is busy, or while the entry's
        time lies ahead of the node's clock. Raises NodeHalted; halts the node for another entry at a sequenced index,
        a gap, or a `chain_hash` that is not the node's own.
        """
        ...

    def halt(self, reason: str) -> None:
        """Stops sequencing until a person decided: L1 contradicts what was sequenced."""
        ...


class Watcher(Protocol):
    """Reads the contract's inbox and hands entries that are deep enough to an InboxSink, in order."""

    async def run(self) -> None:
        """Works until it is cancelled. An RPC node that is down is retried with back-off and shown in `health`."""
        ...

    def pending(self) -> Sequence[InboxEntry]:
        """Entries seen but not handed over yet, in order."""
        ...

    def health(self) -> Health: ...


# ------------------------------------------------------------------ settlement


@dataclass(frozen=True, slots=True)
class Settlement:
    """A batch with its proof. All but `number`, `data` and `proof` is from the public values (protocol section 8)."""

    number: int
    """Batch number, from 1, as the contract counts."""
    prev_state_root: bytes
    new_state_root: bytes
    inbox_cursor: int
    outbox_root: bytes
    outbox_count: int
    block_number: int
    timestamp: int
    first_seq: int
    end_seq: int
    digests_hash: bytes
    data: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """How a batch was settled. The transaction is None when it was found settled and no attempt of ours is in the
    chain (the attempts were lost)."""

    number: int
    tx_hash: bytes | None
    gas_used: int | None
    l1_block: int


class SettlementRefused(Exception):  # noqa: N818 - a state, named as it is shown
    """L1 can never accept this batch (another root is settled, the proof is wrong); the message says why."""


class Settler(Protocol):
    """Puts proven batches on L1."""

    async def settle(self, settlement: Settlement) -> Settled:
        """Returns when the batch is settled and deep enough; a batch that is settled already is fine.

        Retries whatever may pass (RPC down, stuck transaction, reorganisation) and shows it in `health`.
        Called for one batch at a time, in order. Raises SettlementRefused.
        """
        ...

    def health(self) -> Health: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """A settlement transaction that may have been sent."""

    batch: int
    nonce: int
    tx_hash: bytes
    raw: bytes
    max_fee: int
    priority_fee: int


class AttemptStore(Protocol):
    """Where the poster keeps what it is about to send."""

    async def record_attempt(self, attempt: Attempt) -> None:
        """Durable when it returns: an attempt is stored before it is sent."""
        ...

    async def attempts(self, batch: int) -> list[Attempt]:
        """All attempts for a batch, oldest first."""
        ...


class Claims(Protocol):
    """What was paid on L1."""

    async def is_claimed(self, batch: int, index: int) -> bool | None:
        """Whether an outbox leaf was paid; None when L1 does not answer."""
        ...
