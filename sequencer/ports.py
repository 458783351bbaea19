"""What the node and the pipeline need from the world, and what adapters may ask of them.

Each port has few methods, so that a simulation can play all of them from one seed. Everything here is called
from the one event loop; an adapter that blocks uses a thread of its own.

    Clock, Randomness            time and identifiers
    Journal                      where the node makes transactions durable
    BatchStore, Prover           what the pipeline stores, and who proves its batches
    Carrier                      what brings their data to L1
    ProofVerifier                who says whether a proof is one
    Listener, BatchListener      who hears of what is durable: live feeds, triggers
    InboxSink                    the node, as the L1 watcher sees it
    Watcher, Settler, Claims     L1, as the pipeline and the API see it
    AttemptStore                 where the poster keeps what it is about to send
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from sequencer.core.carriers import Carried
from sequencer.core.types import Block, Result, Sequenceable


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

    def after_failure(self, error: str, now_ms: int) -> "Health":
        """One more failure, at `now_ms`."""
        return Health(error, now_ms if self.since_ms is None else self.since_ms)


# ----------------------------------------------------------------------- inbox


@dataclass(frozen=True, slots=True)
class L1InboxEntry:
    """One entry of the contract's inbox, as L1 shows it."""

    index: int
    """Position, from 0."""
    entry: bytes
    """Protocol section 4.8."""
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

    async def submit_inbox(self, *entries: L1InboxEntry) -> None:
        """Sequences the next entries, together where they fit one block; returns when they are durable.

        An entry that is sequenced already, the same, is ignored. Waits while the node is busy, or while an
        entry's time lies ahead of the node's clock. Raises NodeHalted; halts the node for another entry at a
        sequenced index, a gap, or a `chain_hash` that is not the node's own.
        """
        ...

    def inbox_read(self, time: int, waiting: L1InboxEntry | None) -> None:
        """All entries that L1 had at `time`, in Unix seconds, are sequenced, but those from `waiting` on."""
        ...

    def halt(self, reason: str) -> None:
        """Stops sequencing until a person decided: L1 contradicts what was sequenced."""
        ...


class Watcher(Protocol):
    """Reads the contract's inbox and hands entries that are deep enough to an InboxSink, in order."""

    async def run(self) -> None:
        """Works until it is cancelled. An RPC node that is down is retried and shown in `health`."""
        ...

    def pending(self) -> Sequence[L1InboxEntry]:
        """Entries seen but not handed over yet, in order."""
        ...

    def health(self) -> Health: ...


# ------------------------------------------------------------------ settlement


@dataclass(frozen=True, slots=True)
class Settlement:
    """A batch with its proof. All but `number`, `data` and `proof` is from its public values."""

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
    data_carrier: int
    data: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """How a batch was settled. Without a transaction: it was found settled, by none of the stored attempts."""

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
    max_blob_fee: int = 0
    """For each unit of blob gas; 0: it carries no blobs."""


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


@dataclass(frozen=True, slots=True)
class UnpaidLeaf:
    """An outbox leaf of a settled batch that is not known to be paid."""

    seq: int
    item: int
    """Which of its transaction's withdrawals it is."""
    batch: int
    index: int
    """In the outbox of the batch."""
    recipient: bytes
    token: int
    amount: int
    max_relay_fee: int


class RelayStatus(StrEnum):
    """How far the relayer is with a leaf."""

    WAITING = "waiting"
    SENT = "sent"
    FAILING = "failing"
    """It was tried in vain, and is tried again."""
    FEE_TOO_LOW = "fee_too_low"
    """It is left to others."""


@dataclass(frozen=True, slots=True)
class RelayState:
    """How far the claim of a leaf is: the transaction that claims it, or why it failed."""

    status: RelayStatus
    tx_hash: bytes | None = None
    error: str | None = None


# --------------------------------------------------------------------- journal


@dataclass(frozen=True, slots=True)
class Sequenced:
    """A transaction that has its place in the order of all transactions."""

    seq: int
    block: int
    time: int
    """Of its block."""
    transaction: Sequenceable
    digest: bytes
    """Protocol sections 3 and 4.5."""
    public_key: bytes
    """Of the signer, 64 bytes; empty for what nobody signed."""
    signature: bytes
    """65 bytes; empty for what nobody signed."""
    result: Result
    inbox: L1InboxEntry | None = None
    """Where an inbox entry stands on L1."""


@dataclass(slots=True)
class JournalGroup:
    """What is made durable in one commit: all of it or nothing."""

    opened: list[tuple[int, int]] = field(default_factory=list)
    """Number and timestamp of each block that was opened."""
    sequenced: list[Sequenced] = field(default_factory=list)
    sealed: list[int] = field(default_factory=list)
    """Numbers of blocks that were sealed."""

    def __bool__(self) -> bool:
        return bool(self.opened or self.sequenced or self.sealed)


class Listener(Protocol):
    """Hears of what the node sequenced. It must not wait; what it raises is logged and harms nobody else."""

    def applied(self, group: Sequence[Sequenced]) -> None:
        """The transactions of one commit, in order, before they are durable: nothing of them may be shown yet.

        The node's state is the one after them, until this returns. Orders in results are those of the live book: they
        may have changed later in the group.
        """
        ...

    def sequenced(self, group: Sequence[Sequenced]) -> None:
        """The same group, once it is durable. The state and its orders may be one group further."""
        ...


@dataclass(frozen=True, slots=True)
class JournaledTransaction:
    """A transaction as the journal holds it. `code` is the result it had."""

    seq: int
    transaction: Sequenceable
    digest: bytes
    public_key: bytes
    signature: bytes
    code: int
    inbox: L1InboxEntry | None


@dataclass(frozen=True, slots=True)
class JournaledBlock:
    """A block as the journal holds it. Only the last one may be open."""

    number: int
    timestamp: int
    sealed: bool
    state_root: bytes | None
    """None while the pipeline has not computed it."""
    batch: int | None
    """Number of its batch, None while it has none."""
    transactions: list[JournaledTransaction]


class Journal(Protocol):
    """The truth: the state is a fold over it."""

    def commit(self, group: JournalGroup) -> Awaitable[None]:
        """Makes a group durable, after those of earlier calls; what it needs of live objects it takes at once.

        Whatever the result raises means that the group may be lost. Then none of a later call is made durable.
        """
        ...

    def blocks(self) -> Iterable[JournaledBlock]:
        """Every block from the first, for replay; blocks the caller."""
        ...


# -------------------------------------------------------------------- pipeline


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A block that nothing is added to any more, with what it did to the state."""

    block: Block
    meta: bytes
    """The state's meta record after the block."""
    writes: list[tuple[int, bytes, bytes | None]]
    """What it wrote to the maps, for `StateTree.apply`."""
    next_seq: int
    """One past its last sequence number."""
    entries: list[bytes]
    """The inbox entries it consumed."""
    removed: list[bytes]
    """The orders that were removed without being named, for its witness."""
    digests: list[bytes]
    signatures: list[tuple[bytes, bytes]]
    """Public key and signature of each signed transaction."""
    results: list[Result]
    steps: int
    """What it costs to prove, see `node.steps`."""
    data_bound: int
    """Bytes of data that it adds to a batch at most."""

    @property
    def first_seq(self) -> int:
        return self.next_seq - len(self.digests)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a prover worker brought for a batch."""

    proof: bytes
    """What the verifier on L1 takes."""
    worker: str
    cycles: int
    prover_gas: int
    execute_ms: int
    peak_rss_mb: int


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch that both implementations agree on, and how far it is."""

    settlement: Settlement
    """Its proof is empty; it is filled in when the batch is posted."""
    public_values: bytes
    first_block: int
    created_ms: int
    prover_gas_estimate: int
    """See `prover_gas`."""
    proof: Proof | None
    """What a worker brought, perhaps not verified yet."""


class BatchStore(Protocol):
    """What the pipeline makes durable."""

    async def store_root(self, block: int, state_root: bytes) -> None:
        """State root after a sealed block."""
        ...

    async def store_batch(
        self, batch: StoredBatch, witness: bytes, outbox: list[tuple[int, int, bytes]]
    ) -> None:
        """A new batch; `outbox`: the sequence number, the index in its transaction and the hash of each leaf."""
        ...

    async def store_proof(self, batch: int, proof: Proof) -> None:
        """What a worker brought; the batch is not called proven before `store_verified`."""
        ...

    async def store_verified(self, batch: int) -> None:
        """The stored proof is one."""
        ...

    async def discard_proof(self, batch: int) -> None:
        """The stored proof is none."""
        ...

    async def store_settled(self, settled: Settled) -> None: ...

    def unsettled(self) -> list[StoredBatch]:
        """Batches that are not settled, by number; blocks the caller."""
        ...

    def keep_evidence(self, name: str, files: dict[str, bytes]) -> str:
        """Writes files for a person to look at; gives their folder."""
        ...


class BatchListener(Protocol):
    """Hears of what the pipeline made durable, under the same rules as a Listener."""

    def block_rooted(self, block: SealedBlock, state_root: bytes) -> None:
        """A sealed block whose state root is stored."""
        ...

    def batch_built(self, batch: StoredBatch) -> None: ...

    def batch_proven(self, batch: int, proof: Proof) -> None: ...

    def batch_settled(self, settled: Settled) -> None: ...


@dataclass(frozen=True, slots=True)
class ProverJob:
    """A batch to prove, named by its number. The queue gives its stored witness to the worker."""

    batch: int
    public_values: bytes
    """The only ones that are accepted."""
    delivered_by: str | None = None
    """The worker whose proof is durable already and waits for `verified` or `refused`."""


class Carrier(Protocol):
    """What brings the data of batches to L1."""

    @property
    def max_data(self) -> int:
        """Most bytes of a batch's data."""
        ...

    @property
    def prover_gas_per_byte(self) -> int:
        """What a byte of data costs to prove, besides its hash."""
        ...

    async def carry(self, data: bytes) -> Carried:
        """What the proof will say of `data`, and of what carries it."""
        ...


class Prover(Protocol):
    """Has batches proven."""

    def add(self, job: ProverJob, accept: Callable[[Proof], Awaitable[None]]) -> None:
        """`accept` is called with what claims to be a proof of the right public values; when it returns, that is
        durable. The job then waits for `verified`, or for `refused`, after which `accept` is called again.
        """
        ...

    def verified(self, batch: int) -> None:
        """The verifier accepts the proof: the job is done."""
        ...

    def refused(self, batch: int, reason: str) -> None:
        """The verifier refuses the proof: the job is free again, and its worker has failed."""
        ...

    def health(self) -> Health: ...


class ProofRefused(Exception):  # noqa: N818 - an answer, not a fault of the program
    """The verifier does not accept a proof; the message says why."""


class ProofVerifier(Protocol):
    """The verifier that the contract asks in `settle`, asked before."""

    async def verify(self, public_values: bytes, proof: bytes) -> None:
        """Returns when it accepts the proof; asks until it answers and shows in `health` that it does not.

        Raises ProofRefused.
        """
        ...

    def health(self) -> Health: ...
