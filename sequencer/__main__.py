"""Composition root: builds the parts, connects them, runs them until a signal ends them."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import click
import msgspec
import uvloop

from sequencer import config as configuration
from sequencer.adapters import local_worker
from sequencer.adapters.blob_prover import BlobProver
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
from sequencer.adapters.l1 import ExchangeContract, L1Claims, L1Error, Signer
from sequencer.adapters.l1_watcher import L1Watcher
from sequencer.adapters.poster import Poster
from sequencer.adapters.proof_verifier import L1ProofVerifier
from sequencer.adapters.prover_queue import ProverQueue
from sequencer.adapters.rebuilt import FolderInUse, rebuild_folder
from sequencer.adapters.receipts import ReceiptSigner
from sequencer.adapters.recovery import SignatureRecovery
from sequencer.adapters.relayer import Relayer, RelayPolicy
from sequencer.adapters.store import Store, StoreError
from sequencer.adapters.system import SystemClock, SystemRandomness
from sequencer.config import Config, ConfigError, DataCarrier, Deployment, RelayMode
from sequencer.core.signing import domain_separator
from sequencer.node import Node, ReplayError
from sequencer.pipeline import Pipeline, replay
from sequencer.rebuild.errors import RebuildError
from sequencer.rebuild.opening import Place, open_follower

log = logging.getLogger(__name__)

GARBAGE_THRESHOLD: Final = 100_000
"""New objects between two runs of the garbage collector."""
CONTRACT_POLLS: Final = 5
"""Polls of L1 between two looks at what the contract says of itself."""
INBOX_PATIENCE_PART: Final = 2
"""Of the time for inclusion: for so long trading goes on without L1."""
SWITCH_INTERVAL_S: Final = 0.0002
"""How long the thread that writes the journal waits at most for the interpreter; answers wait for it."""


class Sequencer:
    """All parts of one sequencer, connected."""

    def __init__(self, config: Config) -> None:
        """Opens the database and replays the journal. Raises ConfigError, StoreError, ReplayError."""
        self.config = config
        self.deployment = configuration.load_deployment(config.deployment)
        configuration.require_safe(config, self.deployment)
        key = configuration.read_key(config.poster_key_file, self.deployment.chain_id)
        receipt_key = configuration.read_key(config.receipt_key_file, self.deployment.chain_id)
        token = configuration.read_token(config.prover_token_file)
        self.domain_separator = domain_separator(self.deployment.chain_id, self.deployment.contract)
        self.receipts = ReceiptSigner(receipt_key, self.domain_separator)
        self.clock = SystemClock()
        self.randomness = SystemRandomness()
        self.store = Store(config.data_dir, self.domain_separator)
        self.history = History(self.store.path)
        self.recovery = SignatureRecovery()
        self.contract = ExchangeContract(config.rpc_url, self.deployment.exchange)
        self.queue = ProverQueue(
            self.clock,
            self.randomness,
            config.proof_mode,
            self.deployment.program_vkey,
            lease_ms=config.lease_ms,
            job_limit_ms=config.job_limit_ms,
        )
        self.verifier = L1ProofVerifier(
            self.contract, self.deployment.program_vkey, self.clock, poll_ms=config.l1_poll_ms
        )
        self.poster_signer = Signer(key, self.deployment.chain_id, self.deployment.exchange)
        self.blobs = BlobProver()
        self.poster = self._make_poster()
        self.pipeline = self._make_pipeline()
        self.node = self._make_node()
        replay(self.store, self.node, self.pipeline)
        self.pipeline.resume(self.store.unsettled())
        past = self.store.past(self.clock.now_ms() // 1000 - PAST_S, self.node.latest.orders)
        self.feed = Feed(self.node, past)
        self.deferred = DeferredTransactions(self.node, self.store, self.clock, self.randomness)
        self.deferred.recover()
        self.node.listen(self.deferred)
        self.node.listen(self.feed)
        self.block_feed = BlockFeed(PROOF_MODES[self.deployment.verifier_kind])
        self.pipeline.listen(self.block_feed)
        self.watcher = self._make_watcher()
        self.contract_watch = self._make_contract_watch()
        self.relayer = self._make_relayer()
        self.app = make_app(self._context(token))

    def _make_poster(self) -> Poster:
        return Poster(
            self.contract,
            self.poster_signer,
            self.blobs,
            self.store,
            self.clock,
            program_vkey=self.deployment.program_vkey,
            confirmations=self.config.settle_confirmations,
            poll_ms=self.config.l1_poll_ms,
        )

    def _make_pipeline(self) -> Pipeline:
        return Pipeline(
            self.store,
            self.queue,
            self.verifier,
            self.poster,
            self.clock,
            self._halt,
            self.domain_separator,
            carrier=self.blobs if self.config.data_carrier is DataCarrier.BLOBS else Calldata(),
            max_age_ms=self.config.batch.max_age_ms,
            max_transactions=self.config.batch.max_transactions,
            max_prover_gas=self.config.batch.max_prover_gas,
        )

    def _make_node(self) -> Node:
        return Node(
            self.store,
            self.clock,
            self.pipeline.sealed,
            seal_interval_ms=self.config.seal.interval_ms,
            max_block_transactions=self.config.seal.max_transactions,
            max_waiting=self.config.admission_queue,
            inbox_patience_s=self.deployment.delays.inclusion // INBOX_PATIENCE_PART,
        )

    def _make_watcher(self) -> L1Watcher:
        return L1Watcher(
            self.contract,
            self.node,
            self.clock,
            first_block=self.deployment.block,
            confirmations=self.config.inbox_confirmations,
            poll_ms=self.config.l1_poll_ms,
        )

    def _make_contract_watch(self) -> ContractWatch:
        return ContractWatch(
            self.contract,
            self.node,
            self.clock,
            verifier=self.deployment.verifier,
            program_vkey=self.deployment.program_vkey,
            delays=self.deployment.delays,
            poll_ms=CONTRACT_POLLS * self.config.l1_poll_ms,
        )

    def _make_relayer(self) -> Relayer | None:
        """None if nothing is relayed. Raises ConfigError."""
        relay = self.config.relay
        if relay.mode is RelayMode.OFF or relay.key_file is None:
            return None
        key = configuration.read_key(relay.key_file, self.deployment.chain_id)
        signer = Signer(key, self.deployment.chain_id, self.deployment.exchange)
        if signer.address == self.poster_signer.address:
            raise ConfigError(f"{relay.key_file}: the relayer needs another key than the poster")
        policy = RelayPolicy.free(relay.claims_max)
        if relay.mode is RelayMode.FEE:
            policy = RelayPolicy(relay.fee_recipient or signer.address, relay.min_fees, relay.claims_max)
        return Relayer(
            self.contract,
            signer,
            self.history,
            self.store,
            self.clock,
            policy,
            confirmations=self.config.settle_confirmations,
            poll_ms=self.config.l1_poll_ms,
        )

    def _context(self, prover_token: str) -> Context:
        return Context(
            node=self.node,
            feed=self.feed,
            block_feed=self.block_feed,
            store=self.store,
            history=self.history,
            queue=self.queue,
            watcher=self.watcher,
            verifier=self.verifier,
            settler=self.poster,
            claims=L1Claims(self.contract),
            relayer=self.relayer,
            contract_watch=self.contract_watch,
            clock=self.clock,
            randomness=self.randomness,
            deployment=self.deployment,
            data_carrier=self.config.data_carrier,
            domain_separator=self.domain_separator,
            prover_token=prover_token,
            recovery=self.recovery,
            receipts=self.receipts,
            limiter=Limiter(self.config.limits, self.clock),
            deferred=self.deferred,
        )

    def _halt(self, reason: str) -> None:
        self.node.halt(reason)

    async def serve(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set. What was accepted is durable; nothing else is waited for."""
        async with AsyncExitStack() as stack:
            stack.callback(self.store.close)
            stack.callback(self.history.close)
            stack.callback(self.recovery.close)
            stack.callback(self.blobs.close)
            await self._start(stack, "node", self.node.run)
            await self._start(stack, "pipeline", self.pipeline.run)
            await self._start(stack, "deferred transactions", self.deferred.run)
            port = await stack.enter_async_context(listening(self.app, self.config.host, self.config.port))
            log.info("listening on http://%s:%d", self.config.host, port)
            await self._start(stack, "L1 check", self._check_chain)
            await self._start(stack, "L1 watcher", self.watcher.run)
            await self._start(stack, "contract watch", self.contract_watch.run)
            if self.relayer is not None:
                await self._start(stack, "relayer", self.relayer.run)
            if self.config.worker is not None:
                await self._start(stack, "prover worker", lambda: self._run_worker(port))
            await stop.wait()
            log.info("shutting down")

    async def _start(self, stack: AsyncExitStack, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Starts a part that ends when the stack does; one that fails halts the node."""

        async def supervised() -> None:
            try:
                await work()
            except Exception as error:
                log.exception("the %s failed", name)
                self.node.halt(f"the {name} failed: {error!r}")

        task = asyncio.create_task(supervised(), name=name)
        stack.push_async_callback(_cancel, task)

    async def _run_worker(self, port: int) -> None:
        worker = self.config.worker
        if worker is None:
            return
        host = "127.0.0.1" if self.config.host in ("0.0.0.0", "::") else self.config.host  # noqa: S104
        arguments = local_worker.command(
            worker, f"http://{host}:{port}", self.config.prover_token_file, self.config.proof_mode
        )
        await local_worker.supervise(arguments, self.clock)

    async def _check_chain(self) -> None:
        """Halts the node if the RPC node shows another chain or contract than the deployment file, or a contract that
        has more than the database.
        """
        built = self.store.batch_count()
        found: tuple[dict[str, str], int] | None = None
        while found is None:
            try:
                found = await asyncio.to_thread(_chain_facts, self.contract)
            except L1Error:
                await self.clock.sleep(self.config.l1_poll_ms)
        facts, settled = found
        for name, expected in _expected_facts(self.deployment).items():
            if facts[name] != expected:
                self.node.halt(f"{name} on L1 is {facts[name]}, the deployment file has {expected}")
        if settled > built:
            self.node.halt(f"L1 has {settled} batches, the database {built}: it is not the newest")


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _chain_facts(contract: ExchangeContract) -> tuple[dict[str, str], int]:
    """What must be as in the deployment file, and the number of batches settled."""
    facts = {
        "chain id": str(contract.chain_id()),
        "domain separator": contract.domain_separator().hex(),
        "program key": contract.program_vkey().hex(),
        "verifier": contract.verifier().lower(),
        "delays": str(contract.delays()),
    }
    return facts, contract.head().batch_number


def _expected_facts(deployment: Deployment) -> dict[str, str]:
    return {
        "chain id": str(deployment.chain_id),
        "domain separator": domain_separator(deployment.chain_id, deployment.contract).hex(),
        "program key": deployment.program_vkey.hex(),
        "verifier": deployment.verifier.lower(),
        "delays": str(msgspec.structs.astuple(deployment.delays)),
    }


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Sequencer(config).serve(stop)


@click.group()
def main() -> None:
    """The sequencer of the exchange."""


@main.command()
@click.option(
    "--config",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="TOML file with the settings of sequencer/config.py.",
)
@click.option("--verbose", is_flag=True, help="Log more.")
def serve(path: Path, verbose: bool) -> None:
    """Replay the journal, then serve the API until SIGTERM."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # The state is millions of objects that hold no cycles; by default the collector would walk them again and again.
    gc.set_threshold(GARBAGE_THRESHOLD)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(configuration.load(path)))
    except (ConfigError, StoreError, ReplayError, OSError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option(
    "--config",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="As for serve; its data folder is made.",
)
@click.option(
    "--archive",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of batches' data, for blobs that L1 has dropped.",
)
@click.option("--beacon", "beacon_url", help="Beacon node, for blobs that it still has.")
def rebuild(path: Path, archive: Path | None, beacon_url: str | None) -> None:
    """Make the data folder from L1 alone, so that serve goes on after the last settled batch.

    Transactions that were acknowledged and never settled are gone: nobody but the former operator had them.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        count = _rebuild(configuration.load(path), archive, beacon_url)
    except (ConfigError, StoreError, RebuildError, FolderInUse, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"rebuilt {count} batches; what was acknowledged after them is gone. Next: serve")


def _rebuild(config: Config, archive: Path | None, beacon_url: str | None) -> int:
    deployment = configuration.load_deployment(config.deployment)
    place = Place(
        config.rpc_url, deployment.contract, None, archive, beacon_url, first_block=deployment.block
    )
    return rebuild_folder(config.data_dir, open_follower(place))


if __name__ == "__main__":
    main()
