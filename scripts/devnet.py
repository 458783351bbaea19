"""A whole exchange on this machine: Anvil, the contracts, the sequencer and its prover worker.

    python -m scripts.devnet            runs until it is interrupted

`Devnet` is the same for the demo and the tests, which also kill the sequencer and put faults between it and L1.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self

import click
import requests
from eth_account import Account
from web3 import HTTPProvider, Web3

from sequencer.client import Client, Wallet
from sequencer.config import DEVELOPMENT_CHAIN_ID
from sequencer.core.constants import NATIVE_TOKEN

ROOT: Final = Path(__file__).resolve().parent.parent
CACHE: Final = Path(os.environ.get("ZKCLOB_CACHE", Path.home() / ".cache" / "zkclob"))
ANVIL: Final = ROOT / "contracts" / "node_modules" / ".bin" / "anvil"
APE: Final = Path(sys.executable).parent / "ape"
WORKER: Final = CACHE / "target" / "release" / "zkclob-prover"
ELF: Final = ROOT / "sp1_program" / "elf" / "zkclob-program"

HARDFORK: Final = "osaka"
MNEMONIC: Final = "test test test test test test test test test test test junk"
GOVERNOR, POSTER, FEES = 0, 1, 2
RELAYER = FEES
FIRST_TRADER: Final = 3
TRADERS: Final = 6
RECEIPTS: Final = FIRST_TRADER + TRADERS
TOKENS_MINTED: Final = 1_000_000
FREE_PORTS: Final = range(20_000, 32_000)
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
CHAIN_SAVED_EVERY_S: Final = 2

MINT_ABI: Final[Any] = [
    {
        "type": "function",
        "name": "mint",
        "inputs": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}],
        "outputs": [],
        "stateMutability": "nonpayable",
    }
]


@dataclass(frozen=True)
class Prover:
    """What makes real proofs, under keys that were made on this machine (`zkclob-prove setup`)."""

    mode: str
    """As the worker knows it: `cpu`, `cuda` or `network`."""
    program: Path
    keys: Path
    """The folder with the verifier contract and its description."""


class DevnetError(Exception):
    """A part of the devnet does not start or stopped; the message says which and shows the end of its log."""


@dataclass(frozen=True)
class Pace:
    """How fast the sequencer seals blocks and closes batches, and how often it looks at L1."""

    seal_interval_ms: int = 500
    block_transactions: int = 1_000
    batch_age_ms: int = 2_000
    batch_transactions: int = 2_000
    l1_poll_ms: int = 250


class Devnet:
    """All processes of a devnet, as a context manager. Its folder is emptied first, unless it goes on with one."""

    def __init__(
        self,
        folder: Path,
        *,
        anvil_port: int | None = None,
        http_port: int | None = None,
        pace: Pace | None = None,
        sequencer_rpc_url: str | None = None,
        worker: bool = True,
        limits: bool = True,
        prover: Prover | None = None,
        data_carrier: str = "calldata",
        resume: bool = False,
        deploy_options: Sequence[str] = (),
        relay: str = "",
    ) -> None:
        """Ports: free ones unless given. `sequencer_rpc_url`: L1 as the sequencer is to reach it, if not directly.
        `worker`: whether the sequencer starts a prover worker. `limits`: whether it limits clients' rates. `prover`:
        for real proofs; the chain is then kept on disk. `resume`: goes on with the folder as such a devnet left it,
        with the ports that it had. `deploy_options`: more of `scripts/deploy.py`. `relay`: the settings of its relayer,
        which has the account `RELAYER`. `data_carrier`: what brings the data of batches to L1, calldata or blobs.
        """
        self.folder = folder.resolve()
        self.anvil_port = anvil_port or free_port()
        self.http_port = http_port or free_port()
        self.rpc_url = f"http://127.0.0.1:{self.anvil_port}"
        self.url = f"http://127.0.0.1:{self.http_port}"
        self._pace = pace or Pace()
        self._sequencer_rpc_url = sequencer_rpc_url or self.rpc_url
        self._worker = worker
        self._limits = limits
        self._prover = prover
        self._data_carrier = data_carrier
        self._resume = resume
        self._deploy_options = deploy_options
        self._relay = relay
        self._anvil: subprocess.Popen[bytes] | None = None
        self._sequencer: subprocess.Popen[bytes] | None = None
        self.deployment: dict[str, Any] = {}

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.start_chain()
            if self._resume:
                self.deployment = json.loads((self.folder / "deployment.json").read_text())
            else:
                self.deploy()
                self.mint_test_tokens()
                self.write_config()
            self.start_sequencer()
            self.wait_for_markets()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------ parts

    def start_chain(self) -> None:
        """Empties the folder, unless this goes on with it, and starts Anvil."""
        if not self._resume:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
        command: list[Any] = [
            ANVIL,
            "--port",
            self.anvil_port,
            "--chain-id",
            DEVELOPMENT_CHAIN_ID,
            "--hardfork",
            HARDFORK,
        ]
        if self._prover is not None:
            command += ["--state", self.folder / "chain.json", "--state-interval", CHAIN_SAVED_EVERY_S]
        self._anvil = self._spawn("anvil", [*command, "--mnemonic", MNEMONIC])
        self._wait_for("anvil", self._anvil, self._chain_answers)

    def deploy(self) -> None:
        """Deploys the contracts and the test tokens with ape."""
        output = self.folder / "deployment.json"
        command: list[str | Path] = [
            APE,
            "run",
            "deploy",
            "--network",
            f"ethereum:local:{self.rpc_url}",
            "--account",
            "TEST::0",
        ]
        command += [
            "--poster",
            trader_wallet(POSTER).l1.address,
            "--fee-account",
            trader_wallet(FEES).l1.address,
        ]
        command += ["--test-tokens", "--output", str(output), *self._deploy_options]
        if self._prover is not None:
            command += ["--verifier", "local", "--local-verifier", self._prover.keys]
        log = self.folder / "deploy.log"
        with log.open("wb") as file:
            done = subprocess.run(
                command,
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        if done.returncode != 0:
            raise DevnetError(f"the deployment failed:\n{tail(log)}")
        self.deployment = json.loads(output.read_text())

    def mint_test_tokens(self) -> None:
        """Gives every trader a million of each test token."""
        web3 = Web3(HTTPProvider(self.rpc_url))
        governor = Web3.to_checksum_address(trader_wallet(GOVERNOR).l1.address)
        for token in self.deployment["tokens"]:
            if token["id"] == NATIVE_TOKEN:
                continue
            contract = web3.eth.contract(address=token["address"], abi=MINT_ABI)
            for trader in self.traders():
                mint = contract.functions.mint(trader.l1.address, TOKENS_MINTED * 10 ** token["decimals"])
                mint.transact({"from": governor})

    def write_config(self) -> None:
        """Writes the sequencer's configuration, its keys and the prover token."""
        self._write_secret("poster.key", f"0x{trader_wallet(POSTER).l1.key.hex()}")
        self._write_secret("receipt.key", f"0x{trader_wallet(RECEIPTS).l1.key.hex()}")
        self._write_secret("prover.token", secrets.token_hex(16))
        pace = self._pace
        (self.folder / "config.toml").write_text(
            f"""\
data_dir = "data"
deployment = "deployment.json"
rpc_url = "{self._sequencer_rpc_url}"
poster_key_file = "poster.key"
receipt_key_file = "receipt.key"
prover_token_file = "prover.token"
proof_mode = "{self._prover.mode if self._prover else "execute"}"
data_carrier = "{self._data_carrier}"
port = {self.http_port}
inbox_confirmations = 0
settle_confirmations = 0
l1_poll_ms = {pace.l1_poll_ms}

[seal]
interval_ms = {pace.seal_interval_ms}
max_transactions = {pace.block_transactions}

[batch]
max_age_ms = {pace.batch_age_ms}
max_transactions = {pace.batch_transactions}
"""
            + self._optional_sections()
        )

    def _optional_sections(self) -> str:
        sections = ""
        if self._worker:
            sections += f'\n[worker]\nprogram = "{WORKER}"\nelf = "{ELF}"\n'
            if self._prover is not None:
                sections += f'prover = "{self._prover.program}"\n'
        if self._relay:
            self._write_secret("relayer.key", f"0x{trader_wallet(RELAYER).l1.key.hex()}")
            sections += f'\n[relay]\nkey_file = "relayer.key"\n{self._relay}\n'
        if not self._limits:
            sections += "\n[limits]\nenabled = false\n"
        return sections

    def start_sequencer(self, *, wait: bool = True) -> None:
        """Starts the sequencer, which starts its worker; waits until it takes transactions, or halts."""
        command = [sys.executable, "-m", "sequencer", "serve", "--config", str(self.folder / "config.toml")]
        self._sequencer = self._spawn("sequencer", command)
        if wait:
            self._wait_for("sequencer", self._sequencer, self._sequencer_is_ready)

    def wait_for_markets(self) -> None:
        """Returns when the sequencer has taken what the deployment put into the inbox."""
        if self._sequencer is not None:
            self._wait_for("sequencer", self._sequencer, self._markets_are_listed)

    def kill_sequencer(self) -> None:
        """SIGKILL to the sequencer and its worker, as when the machine dies."""
        if self._sequencer is not None:
            kill_group(self._sequencer, signal.SIGKILL)
            self._sequencer.wait()
            self._sequencer = None

    def stop(self) -> None:
        """Ends every process."""
        for process in (self._sequencer, self._anvil):
            if process is not None:
                end_group(process)
        self._sequencer = self._anvil = None

    def require_running(self) -> None:
        """Raises DevnetError if a process ended by itself."""
        for name, process in (("anvil", self._anvil), ("sequencer", self._sequencer)):
            if process is not None and process.poll() is not None:
                raise DevnetError(f"{name} ended with {process.returncode}:\n{tail(self.log(name))}")

    # ---------------------------------------------------------------- accounts

    def traders(self) -> list[Wallet]:
        """The funded test accounts."""
        return [trader_wallet(FIRST_TRADER + i) for i in range(TRADERS)]

    def log(self, name: str) -> Path:
        """Output of `anvil`, `sequencer` (its worker's too) or `deploy`."""
        return self.folder / f"{name}.log"

    # --------------------------------------------------------------- processes

    def _spawn(self, name: str, command: list[Any]) -> subprocess.Popen[bytes]:
        """A process group of its own, so that children end with it and an interrupt reaches only us."""
        with self.log(name).open("ab") as file:
            return subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_for(self, name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready():
            if process.poll() is not None:
                raise DevnetError(f"{name} ended with {process.returncode}:\n{tail(self.log(name))}")
            if time.monotonic() > deadline:
                raise DevnetError(
                    f"{name} does not answer after {START_TIMEOUT_S} s:\n{tail(self.log(name))}"
                )
            time.sleep(0.05)

    def _chain_answers(self) -> bool:
        call = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        try:
            return bool(
                requests.post(self.rpc_url, json=call, timeout=1).json()["result"]
                == hex(DEVELOPMENT_CHAIN_ID)
            )
        except (requests.RequestException, ValueError, KeyError):
            return False

    def sequencer_answers(self) -> bool:
        """Whether it serves its API."""
        return self._health() is not None

    def _sequencer_is_ready(self) -> bool:
        health = self._health()
        return health is not None and (
            health["l1Watcher"]["lastError"] is None or health["status"] == "halted"
        )

    def _health(self) -> dict[str, Any] | None:
        """What it says of itself, None if it does not answer."""
        try:
            answer = requests.get(f"{self.url}/v1/health", timeout=1)
        except requests.RequestException:
            return None
        return answer.json() if answer.ok else None

    def _markets_are_listed(self) -> bool:
        return len(Client(self.url).markets()) == len(self.deployment["markets"])

    def _write_secret(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text + "\n")


def trader_wallet(index: int) -> Wallet:
    """The account `index` of Anvil's well-known mnemonic."""
    Account.enable_unaudited_hdwallet_features()
    return Wallet(bytes(Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}").key))


def free_port() -> int:
    """A TCP port that nobody listens on now, below those that systems hand out by themselves."""
    while True:
        port = FREE_PORTS.start + secrets.randbelow(len(FREE_PORTS))
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def kill_group(process: subprocess.Popen[bytes], signal_number: signal.Signals) -> None:
    """Signals a process and its children; fine if they are gone."""
    try:
        os.killpg(process.pid, signal_number)
    except ProcessLookupError:
        return


def end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, time to end, then SIGKILL for whatever is left of the group."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    kill_group(process, signal.SIGKILL)


def tail(path: Path, lines: int = 20) -> str:
    """The end of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


@contextlib.contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def describe(devnet: Devnet) -> Iterator[str]:
    """What a person needs to use it."""
    yield f"sequencer  {devnet.url}"
    yield f"L1 (Anvil) {devnet.rpc_url}, chain {DEVELOPMENT_CHAIN_ID}"
    yield f"exchange   {devnet.deployment['exchange']}"
    yield f"markets    {', '.join(market['symbol'] for market in devnet.deployment['markets'])}"
    yield f"logs       {devnet.folder}"
    yield ""
    tokens = ", ".join(
        token["symbol"] for token in devnet.deployment["tokens"] if token["id"] != NATIVE_TOKEN
    )
    yield f"test accounts, each with 10,000 ETH and {TOKENS_MINTED:,} of {tokens} on L1 (everybody knows their keys):"
    for trader in devnet.traders():
        yield f"  {trader.l1.address}  key 0x{trader.l1.key.hex()}"
    yield ""
    yield "try, in another terminal:"
    yield f"  export ZKCLOB_URL={devnet.url} ZKCLOB_RPC_URL={devnet.rpc_url} \\"
    yield f"         ZKCLOB_KEY=0x{devnet.traders()[0].l1.key.hex()}"
    yield "  .venv/bin/zkclob deposit ETH 1"
    yield "  .venv/bin/zkclob balances"


@click.command()
@click.option("--anvil-port", type=int, default=8545, show_default=True)
@click.option("--port", "http_port", type=int, default=8080, show_default=True, help="Port of the sequencer.")
@click.option(
    "--data-carrier",
    type=click.Choice(["calldata", "blobs"]),
    default="calldata",
    show_default=True,
    help="What brings the data of batches to L1.",
)
@click.option(
    "--folder", type=click.Path(path_type=Path), default=ROOT / "build" / "devnet", help="Emptied first."
)
def main(anvil_port: int, http_port: int, data_carrier: str, folder: Path) -> None:
    """Run a devnet until it is interrupted."""
    with interruptible() as stop:
        try:
            with Devnet(
                folder, anvil_port=anvil_port, http_port=http_port, data_carrier=data_carrier
            ) as devnet:
                click.echo("\n".join(describe(devnet)))
                while not stop.wait(1.0):
                    devnet.require_running()
        except DevnetError as error:
            raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
