"""One sequencer for tests: real node, pipeline, SQLite and HTTP; time and L1 are played by the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace
from zkclob_native import keccak256

from sequencer.adapters.calldata import Calldata
from sequencer.adapters.contract_watch import ContractWatch
from sequencer.adapters.deferred import DeferredTransactions
from sequencer.adapters.feed.blocks import BlockFeed
from sequencer.adapters.feed.feed import PAST_S, Feed
from sequencer.adapters.history import History
from sequencer.adapters.http.app import make_app
from sequencer.adapters.http.context import PROOF_MODES, Context
from sequencer.adapters.http.limits import Limiter
from sequencer.adapters.http.server import listening
from sequencer.adapters.l1 import BlockHeader, ContractFacts, L1Unavailable
from sequencer.adapters.prover_queue import ProverQueue
from sequencer.adapters.receipts import ReceiptSigner
from sequencer.adapters.recovery import SignatureRecovery
from sequencer.adapters.relayer import Relayer
from sequencer.adapters.store import Store
from sequencer.adapters.system import SystemRandomness
from sequencer.config import (
    DataCarrier,
    Delays,
    DeployedMarket,
    DeployedToken,
    Deployment,
    Limits,
    ProofMode,
    VerifierKind,
)
from sequencer.core.codec import encode_inbox_deposit, encode_inbox_list_market, encode_inbox_list_token
from sequencer.core.constants import MAX_U64
from sequencer.core.signing import digest
from sequencer.core.state import State
from sequencer.core.types import (
    CancelOrder,
    Deposit,
    ListMarket,
    ListToken,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Withdraw,
)
from sequencer.node import Accepted, Node
from sequencer.pipeline import Pipeline, replay
from sequencer.ports import (
    Carrier,
    Health,
    JournalGroup,
    L1InboxEntry,
    Proof,
    ProofRefused,
    SealedBlock,
    Settled,
    Settlement,
)
from tests.properties.replica import CHAIN_ID, CONTRACT, SEPARATOR, Signer

START_MS = 1_700_000_000_000
VKEY = b"\x07" * 32
TOKEN = "prover-token-of-the-tests"
ALICE, BOB, STRANGER = Signer(0xA11CE), Signer(0xB0B), Signer(0x57)
FEES = b"\xfe" * 20
RECEIPT_KEY = b"\x4e" * 32
ETH, USDC, MARKET = 1, 2, 1
SEAL_MS, BATCH_MS, LEASE_MS, JOB_LIMIT_MS = 1_000, 5_000, 30_000, 600_000
DEPLOYMENT = Deployment(
    chain_id=CHAIN_ID,
    exchange=f"0x{CONTRACT.hex()}",
    vkey=f"0x{VKEY.hex()}",
    genesis_root="0x" + "00" * 32,
    block=1,
    poster="0x" + "11" * 20,
    verifier="0x" + "33" * 20,
    verifier_kind=VerifierKind.MOCK,
    delays=Delays(86_400, 7 * 86_400, 7 * 86_400, 15 * 86_400, 21_600, 2 * 86_400),
    tokens=[DeployedToken(ETH, "ETH"), DeployedToken(USDC, "USDC")],
    markets=[DeployedMarket(MARKET, "ETH/USDC")],
)


class ManualClock:
    """The port Clock; time passes only in `advance`."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep(self, duration_ms: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now_ms + duration_ms, future))
        await future

    def sleepers(self) -> int:
        """How many sleep now."""
        return len(self._sleepers)

    def advance(self, duration_ms: int) -> None:
        """Lets time pass and wakes whoever slept until now."""
        self._now_ms += duration_ms
        for due_ms, future in self._sleepers:
            if due_ms <= self._now_ms and not future.done():
                future.set_result(None)
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]


class CountedRandomness:
    """The port Randomness with tokens that tell themselves apart."""

    def __init__(self) -> None:
        self._count = 0

    def token(self) -> str:
        self._count += 1
        return f"{self._count:032x}"


class FakeSettler:
    """The ports Settler and Claims: settles what it is given, while `answering` and unless `refusal` is set."""

    def __init__(self) -> None:
        self.settlements: list[Settlement] = []
        self.claimed: set[tuple[int, int]] = set()
        self.refusal: Exception | None = None
        self.answering = asyncio.Event()
        self.answering.set()

    async def settle(self, settlement: Settlement) -> Settled:
        await self.answering.wait()
        if self.refusal is not None:
            raise self.refusal
        self.settlements.append(settlement)
        return Settled(settlement.number, keccak256(settlement.data), 300_000, 40 + settlement.number)

    async def is_claimed(self, batch: int, index: int) -> bool | None:
        return (batch, index) in self.claimed

    def health(self) -> Health:
        return Health()


class FakeVerifier:
    """The port ProofVerifier: refuses as often as there are `refusals`, and answers only while `answering`."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.seen: list[tuple[bytes, bytes]] = []

    async def verify(self, public_values: bytes, proof: bytes) -> None:
        await self.answering.wait()
        self.seen.append((public_values, proof))
        if self.refusals:
            raise ProofRefused(self.refusals.pop(0))

    def health(self) -> Health:
        return Health()


class FakeWatcher:
    """The port Watcher with what is pending set by the test."""

    def __init__(self) -> None:
        self.waiting: list[L1InboxEntry] = []

    async def run(self) -> None:
        return None

    def pending(self) -> list[L1InboxEntry]:
        return self.waiting

    def health(self) -> Health:
        return Health()


class FakeContract:
    """What a contract says of itself, set by the test."""

    def __init__(self) -> None:
        self.now = ContractFacts(False, 0, DEPLOYMENT.verifier, VKEY, 0, 0, None)
        self.block = BlockHeader(1, bytes(32), bytes(32), START_MS // 1000, bytes(256))
        self.events: list[str] = []
        self.down = False

    def latest_block(self) -> BlockHeader:
        if self.down:
            raise L1Unavailable("connection refused")
        return self.block

    def facts(self) -> ContractFacts:
        return self.now

    def governance_events(self, first_block: int, last_block: int) -> list[str]:
        return self.events[first_block - 2 : last_block - 1]


class World:
    """A sequencer over the database in `folder`. Made again over the same folder, it is a restart."""

    def __init__(
        self,
        folder: Path,
        clock: ManualClock | None = None,
        store: Store | None = None,
        max_batch_transactions: int = 1_000,
        max_prover_gas: int = 10**9,
        limits: Limits | None = None,
        proof_mode: ProofMode = ProofMode.EXECUTE,
        verifier_kind: VerifierKind = VerifierKind.MOCK,
        carrier: Carrier = Calldata(),
        **node_settings: int,
    ) -> None:
        self.clock = clock or ManualClock()
        self.store = store or Store(folder, SEPARATOR)
        self.limits = limits or Limits(enabled=False)
        self.settler = FakeSettler()
        self.relayer: Relayer | None = None
        self.contract = FakeContract()
        self.contract_watch = ContractWatch(
            self.contract,
            self,
            self.clock,
            verifier=DEPLOYMENT.verifier,
            program_vkey=VKEY,
            delays=DEPLOYMENT.delays,
            poll_ms=1_000,
        )
        self.watcher = FakeWatcher()
        self.deployment = replace(DEPLOYMENT, verifier_kind=verifier_kind)
        self.verifier = FakeVerifier()
        self.queue = ProverQueue(
            self.clock,
            CountedRandomness(),
            proof_mode,
            VKEY,
            lease_ms=LEASE_MS,
            job_limit_ms=JOB_LIMIT_MS,
        )
        self.sealed: list[SealedBlock] = []
        self.pipeline = Pipeline(
            self.store,
            self.queue,
            self.verifier,
            self.settler,
            self.clock,
            lambda reason: self.node.halt(reason),
            SEPARATOR,
            carrier=carrier,
            max_age_ms=BATCH_MS,
            max_transactions=max_batch_transactions,
            max_prover_gas=max_prover_gas,
        )
        settings = {
            "seal_interval_ms": SEAL_MS,
            "max_block_transactions": 1_000,
            "max_waiting": 64,
        } | node_settings
        self.node = Node(self.store, self.clock, self._on_sealed, **settings)
        replay(self.store, self.node, self.pipeline)
        self.pipeline.resume(self.store.unsettled())
        past = self.store.past(self.clock.now_ms() // 1000 - PAST_S, self.node.latest.orders)
        self.feed = Feed(self.node, past)
        self.deferred = DeferredTransactions(self.node, self.store, self.clock, SystemRandomness())
        self.deferred.recover()
        self.node.listen(self.deferred)
        self.node.listen(self.feed)
        self.block_feed = BlockFeed(PROOF_MODES[verifier_kind])
        self.pipeline.listen(self.block_feed)
        self._sequences: dict[bytes, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def halt(self, reason: str) -> None:
        """Halts the node, which is made after those who may."""
        self.node.halt(reason)

    def _on_sealed(self, block: SealedBlock) -> None:
        self.sealed.append(block)
        self.pipeline.sealed(block)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        """Node and pipeline work inside the block; after it the process is as good as killed."""
        works = (self.node.run(), self.pipeline.run(), self.deferred.run())
        self._tasks = [asyncio.create_task(work) for work in works]
        try:
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            self.store.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Api"]:
        """`running`, with the API on a port of the loopback interface."""
        history = History(self.store.path)
        recovery = SignatureRecovery()
        context = Context(
            node=self.node,
            feed=self.feed,
            block_feed=self.block_feed,
            store=self.store,
            history=history,
            queue=self.queue,
            watcher=self.watcher,
            verifier=self.verifier,
            settler=self.settler,
            claims=self.settler,
            relayer=self.relayer,
            contract_watch=self.contract_watch,
            clock=self.clock,
            randomness=CountedRandomness(),
            deployment=self.deployment,
            data_carrier=DataCarrier.CALLDATA,
            domain_separator=SEPARATOR,
            prover_token=TOKEN,
            recovery=recovery,
            receipts=ReceiptSigner(RECEIPT_KEY, SEPARATOR),
            limiter=Limiter(self.limits, self.clock),
            deferred=self.deferred,
        )
        async with self.running():
            try:
                async with (
                    listening(make_app(context), "127.0.0.1", 0) as port,
                    aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
                ):
                    yield Api(session, self)
            finally:
                history.close()
                recovery.close()

    # ------------------------------------------------------------------ inbox

    def entry(self, data: bytes) -> L1InboxEntry:
        """The next inbox entry as L1 would show it."""
        position = self.node.inbox_position()
        chain_hash = keccak256(position.chain_hash + data)
        return L1InboxEntry(position.count, data, chain_hash, 10 + position.count, b"\x0b" * 32)

    async def submit_inbox(self, *entries: bytes) -> None:
        """Has entries sequenced, one after the other."""
        for data in entries:
            await self.node.submit_inbox(self.entry(data))

    async def list_and_fund(self) -> None:
        """ETH with lots of 0.0001, USDC, a market with ticks of 0.01 USDC, and funds for Alice and Bob."""
        time = self.clock.now_ms() // 1000
        await self.submit_inbox(
            encode_inbox_list_token(ListToken(time, ETH, bytes(20), 18)),
            encode_inbox_list_token(ListToken(time, USDC, b"\x22" * 20, 6)),
            encode_inbox_list_market(
                ListMarket(time, MARKET, ETH, USDC, 10**14, 1, 10 * 10**6, 200, 500, 0, FEES)
            ),
            *(
                encode_inbox_deposit(Deposit(time, token, signer.address, amount))
                for signer in (ALICE, BOB)
                for token, amount in ((ETH, 100 * 10**18), (USDC, 1_000_000 * 10**6))
            ),
        )

    # ----------------------------------------------------------- transactions

    def head(self, signer: Signer) -> dict[str, Any]:
        """Account, signer, a fresh nonce and a far deadline."""
        sequence = self._sequences.get(signer.address, 0)
        self._sequences[signer.address] = sequence + 1
        return {
            "account": signer.address,
            "signer": signer.address,
            "nonce": sequence,
            "deadline": MAX_U64,
        }

    def order(self, signer: Signer, side: Side, price: int, size: int, **changes: Any) -> PlaceOrder:
        """A GTC order; price in ticks, size in lots."""
        fields = {
            "market": MARKET,
            "side": side,
            "time_in_force": TimeInForce.GTC,
            "self_trade": SelfTrade.CANCEL_TAKER,
            "price": price,
            "size": size,
            "client_order_id": 0,
        }
        return PlaceOrder(**self.head(signer) | fields | changes)

    def cancel(self, signer: Signer, order_id: bytes) -> CancelOrder:
        """A cancel by order id."""
        return CancelOrder(**self.head(signer), order_id=order_id)

    def withdrawal(self, signer: Signer, token: int, amount: int, fee: int = 0) -> Withdraw:
        """A withdrawal to the signer's own address."""
        return Withdraw(
            **self.head(signer), token=token, amount=amount, recipient=signer.address, max_relay_fee=fee
        )

    async def submit(self, signer: Signer, tx: Transaction) -> Accepted:
        """Signs a transaction and has it sequenced."""
        signed = digest(SEPARATOR, tx)
        return await self.node.submit(tx, signed, signer.public_key, signer.sign(signed))

    def hold_commits(self, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
        """Lets no group into the journal; the events are set when one waits, and by the test to let all in."""
        held, release = asyncio.Event(), asyncio.Event()
        commit = self.store.commit

        async def held_commit(group: JournalGroup) -> None:
            held.set()
            await release.wait()
            await commit(group)

        monkeypatch.setattr(self.store, "commit", held_commit)
        return held, release

    # ---------------------------------------------------------------- progress

    async def seal(self) -> SealedBlock:
        """Lets the open block grow old; gives it sealed."""
        count = len(self.sealed)
        self.clock.advance(SEAL_MS)
        await eventually(lambda: len(self.sealed) > count)
        return self.sealed[-1]

    async def close_batch(self) -> None:
        """Seals the open block and lets its batch grow old."""
        waiting = self.queue.waiting()
        await self.seal()
        await eventually(self.pipeline_idle)
        await asyncio.sleep(0)  # the batch's timer starts
        self.clock.advance(BATCH_MS)
        await eventually(lambda: self.queue.waiting() > waiting or self.node.halt_reason is not None)

    def pipeline_idle(self) -> bool:
        """Whether every sealed block has its root stored."""
        return not self.pipeline._sealed and self.pipeline._filling is not None

    async def prove(self, proof: Proof | None = None) -> int:
        """Plays a worker for one job; gives its batch."""
        lease = self.queue.lease("test", [self.queue.mode], VKEY)
        assert lease is not None
        values = self.store.unsettled()[0].public_values
        await self.queue.result(lease.batch, lease.token, values, proof or PROOF)
        return lease.batch

    async def fingerprint(self) -> tuple[object, ...]:
        """Everything that the state holds."""
        async with self.node.reading() as state:
            return state_fingerprint(state)


PROOF = Proof(b"", "test", cycles=1_000, prover_gas=2_000, execute_ms=3, peak_rss_mb=4)


def state_fingerprint(state: State) -> tuple[object, ...]:
    """A comparable picture of a state."""
    return (
        replace(state.meta),
        {
            address: (
                {number: (lane.top, lane.window) for number, lane in account.lanes.items()},
                {token: (x.total, x.locked) for token, x in account.balances.items() if x.total},
                sorted(account.orders),
            )
            for address, account in state.accounts.items()
        },
        {order_id: order.remaining for order_id, order in state.orders.items()},
        dict(state.clients),
        sorted(state.tokens),
        {number: market.last_price for number, market in state.markets.items()},
    )


async def eventually(condition: Any, timeout_s: float = 10) -> None:
    """Lets other tasks and threads work until the condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - threads are waited for too
            await asyncio.sleep(0.001)


class Api:
    """The API over HTTP, with the decoded answers."""

    def __init__(self, session: aiohttp.ClientSession, world: World) -> None:
        self.session = session
        self.world = world

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Status and answer."""
        async with self.session.get(path, headers=headers) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """Status and answer; a body of bytes is sent as it is."""
        raw = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.session.post(path, **raw, headers=headers) as response:
            return response.status, await response.json() if response.status != 204 else None


def signed_body(tx: Any, signer: Signer, **fields: Any) -> dict[str, Any]:
    """The body of a signed transaction: the fields that every one has, and `fields`."""
    return {
        "account": f"0x{tx.account.hex()}",
        "signer": f"0x{tx.signer.hex()}",
        "nonce": str(tx.nonce),
        "deadline": str(tx.deadline),
        "signature": f"0x{signer.sign(digest(SEPARATOR, tx)).hex()}",
    } | fields


def order_body(tx: PlaceOrder, signer: Signer, price: str, size: str, **changes: Any) -> dict[str, Any]:
    """The body of POST /v1/orders for a signed order."""
    fields = {
        "market": tx.market,
        "side": "sell" if tx.side else "buy",
        "timeInForce": tx.time_in_force.name,
        "selfTrade": tx.self_trade.name.lower(),
        "price": price,
        "size": size,
    }
    return signed_body(tx, signer, **fields) | changes
