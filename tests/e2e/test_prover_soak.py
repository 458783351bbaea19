"""Three prover workers that are killed, and whose results are spoiled, again and again: every batch settles once.

Real are the sequencer, Anvil, the workers and the guest. What happens comes from `--soak-seed`, by default another one
each time; it is printed.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from decimal import Decimal
from pathlib import Path
from random import Random
from signal import SIGKILL
from time import monotonic
from typing import Final

import pytest
from web3 import HTTPProvider, Web3

from scripts.devnet import ELF, WORKER, Devnet, end_group, kill_group
from sequencer.abi import EXCHANGE
from sequencer.client import ClientError
from tests.e2e.conftest import PACE, Party, require_conserved, wait_until
from tests.e2e.prover_fault_injector import SPOILED, Fault, FaultDeck, ProverFaultInjector

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WORKERS: Final = 3
LEASE_S: Final = 2
CHAOS_S: Final = 300.0
"""At most: it ends when all that is to happen did, which takes about a minute."""
KILLS: Final = 6
BATCHES: Final = 12
LIFE_S: Final = 6.0
PAUSE_S: Final = 1.0
"""How long a worker lives until it is killed, and how long it stays dead, on average. A result takes well under a
second, and a lease of a worker that was killed two: enough results come through, however fast the machine trades."""


class Worker:
    """A real prover worker behind a fault injector. It dies and comes back as the test says."""

    def __init__(self, devnet: Devnet, name: str, injector: ProverFaultInjector) -> None:
        self.kills = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = devnet.folder / f"{name}.log"
        self._command: list[str | Path] = [WORKER, "worker", "--url", injector.url, "--elf", ELF]
        self._command += ["--name", name, "--mode", "execute"]
        self._command += ["--token-file", devnet.folder / "prover.token"]

    @property
    def alive(self) -> bool:
        """Whether it runs; it must not end by itself."""
        if self._process is not None:
            assert self._process.poll() is None, self._log.read_text()
        return self._process is not None

    def start(self) -> None:
        """Starts it, unless it runs."""
        if not self.alive:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, stdout=log, stderr=log, start_new_session=True
                )

    def kill(self) -> None:
        """SIGKILL, to the guest that it runs too."""
        if self._process is not None:
            kill_group(self._process, SIGKILL)
            self._process.wait()
            self._process = None
            self.kills += 1

    def stop(self) -> None:
        """Ends it for good."""
        if self._process is not None:
            end_group(self._process)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where all that is random comes from."""
    given: int | None = request.config.getoption("--soak-seed")
    chosen = Random().getrandbits(32) if given is None else given
    print(f"--soak-seed {chosen}")
    return chosen


@pytest.fixture
def soaked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Devnet]:
    """A devnet without a worker, whose leases are short."""
    monkeypatch.setenv("ZKCLOB_LEASE_MS", str(1000 * LEASE_S))
    with Devnet(tmp_path / "devnet", pace=PACE, worker=False) as devnet:
        yield devnet


def test_every_batch_settles_once_whatever_the_workers_do(soaked: Devnet, seed: int) -> None:
    random, deck = Random(seed), FaultDeck(seed)
    seller, buyer = Party(soaked, 0), Party(soaked, 1)
    with ExitStack() as undo:
        workers = [started_worker(soaked, f"soak-{number}", deck, undo) for number in range(WORKERS)]
        seller.deposit("ETH", Decimal(1_000))
        buyer.deposit("USDC", Decimal(100_000))
        make_trouble(soaked, workers, deck, random, lambda: trade(seller, buyer, random))
        deck.heal()
        for worker in workers:
            worker.start()
        wait_until(lambda: all(batch.status == "settled" for batch in seller.client.batches(1_000).batches))
        require_conserved(soaked)
    assert set(deck.drawn) == set(Fault), deck.drawn
    assert not set(deck.taken) & SPOILED, deck.taken
    assert deck.taken[Fault.NONE] >= BATCHES // 2
    assert sum(worker.kills for worker in workers) >= KILLS
    numbers = settled_on_l1(soaked)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == seller.client.batches(1).batches[0].number >= BATCHES
    assert seller.client.health().prover.last_error is None


def started_worker(devnet: Devnet, name: str, deck: FaultDeck, undo: ExitStack) -> Worker:
    injector = undo.enter_context(ProverFaultInjector(devnet.url, deck, LEASE_S))
    worker = Worker(devnet, name, injector)
    undo.callback(worker.stop)
    worker.start()
    return worker


def make_trouble(
    devnet: Devnet, workers: list[Worker], deck: FaultDeck, random: Random, trade_once: Callable[[], None]
) -> None:
    """Trades while workers die and return and results are spoiled, and the sequencer dies once in the middle."""
    start, has_died = monotonic(), False
    changes = [start + random.expovariate(1 / LIFE_S) for _ in workers]
    while monotonic() < start + CHAOS_S and not (has_died and is_enough(devnet, workers, deck)):
        with suppress(ClientError):
            trade_once()
        for number, worker in enumerate(workers):
            if monotonic() < changes[number]:
                continue
            if worker.alive:
                worker.kill()
            else:
                worker.start()
            changes[number] = monotonic() + random.expovariate(1 / (LIFE_S if worker.alive else PAUSE_S))
        if not has_died and len(deck.drawn) > len(Fault) // 2:
            devnet.kill_sequencer()
            devnet.start_sequencer()
            has_died = True


def is_enough(devnet: Devnet, workers: list[Worker], deck: FaultDeck) -> bool:
    """Whether all that is to happen did."""
    kills = sum(worker.kills for worker in workers)
    return set(deck.drawn) == set(Fault) and kills >= KILLS and len(settled_on_l1(devnet)) >= BATCHES


def trade(seller: Party, buyer: Party, random: Random) -> None:
    """An order that rests, and one of: a fill, a cancel, a withdrawal."""
    price = Decimal(2_000 + random.randrange(100))
    resting = seller.client.place_order(1, "sell", price, Decimal("0.1"))
    match random.randrange(3):
        case 0:
            buyer.client.place_order(1, "buy", price, Decimal("0.1"), time_in_force="IOC")
        case 1:
            seller.client.cancel(resting.order_id)
        case _:
            seller.client.withdraw("ETH", Decimal("0.01"))


def settled_on_l1(devnet: Devnet) -> list[int]:
    """Numbers of the batches in the order in which L1 settled them."""
    web3 = Web3(HTTPProvider(devnet.rpc_url))
    events = web3.eth.contract(address=devnet.deployment["exchange"], abi=EXCHANGE).events
    return [log["args"]["batchNumber"] for log in events.Settled.get_logs(from_block=0)]
