"""Composition root: builds the parts, connects them, runs them until a signal ends them."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import click
from aiohttp import web

from sequencer import config as configuration
from sequencer.adapters import local_worker
from sequencer.adapters.history import History
from sequencer.adapters.http.app import make_app
from sequencer.adapters.http.context import Context
from sequencer.adapters.l1 import ExchangeContract, L1Claims, L1Error, Signer
from sequencer.adapters.l1_watcher import L1Watcher
from sequencer.adapters.poster import Poster
from sequencer.adapters.prover_queue import ProverQueue
from sequencer.adapters.store import Store, StoreError
from sequencer.adapters.system import SystemClock, SystemRandomness
from sequencer.config import Config, ConfigError, Deployment
from sequencer.core.signing import domain_separator
from sequencer.node import Node, ReplayError
from sequencer.pipeline import Pipeline, replay

log = logging.getLogger(__name__)

SHUTDOWN_S = 5.0
HEADER_BYTES_MAX = 8 * 1024


class Sequencer:
    """All parts of one sequencer, connected."""

    def __init__(self, config: Config) -> None:
        """Opens the database and replays the journal. Raises ConfigError, StoreError, ReplayError."""
        deployment = configuration.load_deployment(config.deployment)
        configuration.require_safe(config, deployment)
        key = configuration.read_poster_key(config.poster_key_file, deployment.chain_id)
        token = configuration.read_token(config.prover_token_file)
        separator = domain_separator(deployment.chain_id, deployment.contract)
        self.config = config
        self.deployment = deployment
        self.clock = SystemClock()
        randomness = SystemRandomness()
        self.store = Store(config.data_dir, separator)
        self.history = History(self.store.path)
        self.contract = ExchangeContract(config.rpc_url, deployment.exchange)
        self.queue = ProverQueue(
            self.clock, randomness, config.proof_mode, deployment.program_vkey, lease_ms=config.lease_ms
        )
        self.poster = Poster(
            self.contract,
            Signer(key, deployment.chain_id, deployment.exchange),
            self.store,
            self.clock,
            confirmations=config.settle_confirmations,
            poll_ms=config.l1_poll_ms,
        )
        self.pipeline = Pipeline(
            self.store,
            self.queue,
            self.poster,
            self.clock,
            self._halt,
            separator,
            max_age_ms=config.batch.max_age_ms,
            max_transactions=config.batch.max_transactions,
        )
        self.node = Node(
            self.store,
            self.clock,
            self.pipeline.sealed,
            seal_interval_ms=config.seal.interval_ms,
            max_block_transactions=config.seal.max_transactions,
            max_waiting=config.admission_queue,
        )
        replay(self.store, self.node, self.pipeline)
        self.pipeline.resume(self.store.unsettled())
        self.watcher = L1Watcher(
            self.contract,
            self.node,
            self.clock,
            first_block=deployment.block,
            confirmations=config.inbox_confirmations,
            poll_ms=config.l1_poll_ms,
        )
        self.app = make_app(
            Context(
                node=self.node,
                store=self.store,
                history=self.history,
                queue=self.queue,
                watcher=self.watcher,
                settler=self.poster,
                claims=L1Claims(self.contract),
                clock=self.clock,
                randomness=randomness,
                deployment=deployment,
                domain_separator=separator,
                prover_token=token,
            )
        )

    def _halt(self, reason: str) -> None:
        self.node.halt(reason)

    async def serve(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set. What was accepted is durable; nothing else is waited for."""
        async with AsyncExitStack() as stack:
            stack.callback(self.store.close)
            stack.callback(self.history.close)
            await self._start(stack, "node", self.node.run)
            await self._start(stack, "pipeline", self.pipeline.run)
            runner = web.AppRunner(
                self.app,
                handle_signals=False,
                access_log=None,
                shutdown_timeout=SHUTDOWN_S,
                max_line_size=HEADER_BYTES_MAX,
                max_field_size=HEADER_BYTES_MAX,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, self.config.host, self.config.port).start()
            port = runner.addresses[0][1]
            log.info("listening on http://%s:%d", self.config.host, port)
            await self._start(stack, "L1 check", self._check_chain)
            await self._start(stack, "L1 watcher", self.watcher.run)
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
        """Halts the node if the RPC node shows another chain or contract than the deployment file."""
        found = None
        while found is None:
            try:
                found = await asyncio.to_thread(_chain_facts, self.contract)
            except L1Error:
                await self.clock.sleep(self.config.l1_poll_ms)
        for name, expected in _expected_facts(self.deployment).items():
            if found[name] != expected:
                self.node.halt(f"{name} on L1 is {found[name]}, the deployment file has {expected}")


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _chain_facts(contract: ExchangeContract) -> dict[str, str]:
    return {
        "chain id": str(contract.chain_id()),
        "domain separator": contract.domain_separator().hex(),
        "program key": contract.program_vkey().hex(),
    }


def _expected_facts(deployment: Deployment) -> dict[str, str]:
    return {
        "chain id": str(deployment.chain_id),
        "domain separator": domain_separator(deployment.chain_id, deployment.contract).hex(),
        "program key": deployment.program_vkey.hex(),
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
    try:
        asyncio.run(_serve(configuration.load(path)))
    except (ConfigError, StoreError, ReplayError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
