"""How many operations a second the engine carries out on one core, beside other Python order books.

    make bench-engine        writes build/bench/engine.json

Every engine gets the same flow (scripts/engine_flow.py) from a book of 1,000 and from one of 100,000 resting orders, in
rounds: one run of each on each book, so that a machine that slows down does so for all of them. The peers are run in
processes of their own. The clock runs from plain integers to the engine's answer.

This engine's figure includes the checks, balances, locks, fees and nonces of `apply`. It includes neither signatures,
nor decoding, nor the journal. The peers have a book and nothing else (docs/adr/0006-engine-benchmark.md).
"""

import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from scripts.devnet import CACHE, ROOT
from scripts.engine_flow import (
    ACCOUNTS,
    ADD,
    ADD_PERCENT,
    CANCEL,
    CANCEL_PERCENT,
    CROSS,
    CROSS_PERCENT,
    FlowGenerator,
    Operation,
)
from scripts.engine_peers import PEERS
from scripts.engine_timing import Run, warm_run
from sequencer.core.state import State
from sequencer.core.transition import apply, open_block
from sequencer.core.types import (
    CancelOrder,
    Market,
    MarketStatus,
    OrderId,
    PlaceOrder,
    Result,
    SelfTrade,
    Side,
    TimeInForce,
    Token,
)

SEED: Final = 1
OPERATIONS: Final = 20_000
ROUNDS: Final = 5
BOOKS: Final = (1_000, 100_000)

BASE, QUOTE, MARKET = 1, 2, 1
FEE_ACCOUNT: Final = b"\xfe" * 20
RICH: Final = 10**30
START: Final = 1_800_000_000
SIDES: Final = (Side.BID, Side.ASK)
TIMES_IN_FORCE: Final = {ADD: TimeInForce.GTC, CROSS: TimeInForce.IOC}
PEER_PYTHON: Final = CACHE / "bench-venv" / "bin" / "python"
OUTPUT: Final = ROOT / "build" / "bench"


OWN: Final = "zkclob"


class BenchError(Exception):
    """The engines cannot be measured as described."""


class OwnEngine:
    """This project's engine: the state and its transition."""

    def __init__(self) -> None:
        self._state = State()
        self._addresses = [number.to_bytes(20, "big") for number in range(1, ACCOUNTS + 1)]
        self._ids: dict[int, OrderId] = {}
        for token in (BASE, QUOTE):
            self._state.list_token(Token(token, bytes([token]) * 20, 18))
            for address in self._addresses:
                self._state.credit(address, token, RICH)
        self._state.list_market(
            Market(MARKET, BASE, QUOTE, 10**14, 1, 1, 200, 500, 0, MarketStatus.ACTIVE, 0, FEE_ACCOUNT)
        )
        open_block(self._state, START)

    def fill(self, resting: list[Operation]) -> None:
        self.run(resting)

    def run(self, operations: list[Operation]) -> list[Result]:
        state, addresses, ids, answers = self._state, self._addresses, self._ids, []
        for kind, account, nonce, number, side, price, size in operations:
            address = addresses[account]
            if kind == CANCEL:
                apply(state, CancelOrder(address, address, nonce, START, ids[number]))
                continue
            order = PlaceOrder(
                address,
                address,
                nonce,
                START,
                MARKET,
                SIDES[side],
                TIMES_IN_FORCE[kind],
                SelfTrade.CANCEL_TAKER,
                price,
                size,
                0,
            )
            result = apply(state, order)
            ids[number] = result.order_id or b""
            if kind == CROSS:
                answers.append(result)
        return answers

    def traded(self, answer: Result) -> int:
        return answer.filled


def run_peer(peer: str, flow_file: Path) -> Run:
    """A run of a peer, in the environment of the peers."""
    command: list[str | Path] = [PEER_PYTHON, "-m", "scripts.engine_peers", flow_file, peer]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{peer} failed:\n{done.stderr}")
    return Run(*json.loads(done.stdout))


def summary(runs: list[Run]) -> dict[str, float]:
    """Operations per second over the runs, and how many operations the slowest of them carried out."""
    rates = [run.operations / run.seconds for run in runs]
    figures = {"ops_per_s": statistics.median(rates), "min": min(rates), "max": max(rates)}
    return {name: round(rate, 1) for name, rate in figures.items()} | {
        "operations": min(run.operations for run in runs)
    }


def measure() -> dict[int, dict[str, list[Run]]]:
    """The runs of all engines: each round takes every book and every engine once, so that drift meets all alike."""
    runs: dict[int, dict[str, list[Run]]] = {book: {name: [] for name in (OWN, *PEERS)} for book in BOOKS}
    with TemporaryDirectory() as directory:
        flows = {book: FlowGenerator(SEED).flow(book, OPERATIONS) for book in BOOKS}
        files = {book: Path(directory) / f"{book}.json" for book in BOOKS}
        for book, file in files.items():
            file.write_text(json.dumps(flows[book]))
        for number in range(1, ROUNDS + 1):
            print(f"round {number} of {ROUNDS}", flush=True)
            for book in BOOKS:
                runs[book][OWN].append(warm_run(OwnEngine, flows[book]))
            for book in BOOKS:
                for peer in PEERS:
                    runs[book][peer].append(run_peer(peer, files[book]))
    return runs


def compare(book: int, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """The figures of one book, and this engine's beside the best of the peers'."""
    measured = {name: summary(own_runs) for name, own_runs in runs.items()}
    print(f"book of {book:,} resting orders")
    for name, figures in measured.items():
        print(f"  {name:20} {figures['ops_per_s']:>12,} /s  ({figures['min']:,} to {figures['max']:,})")
    own = measured.pop(OWN)
    best = max(figures["ops_per_s"] for figures in measured.values())
    return {"engine": own, "peers": measured, "ratio_to_best": round(own["ops_per_s"] / best, 3)}


def main() -> int:
    if not PEER_PYTHON.exists():
        raise BenchError("the peers are not installed: run `make bench-engine`")
    books = {book: compare(book, runs) for book, runs in measure().items()}
    small, large = (books[book] for book in BOOKS)
    report = {
        "ops_per_s": small["engine"]["ops_per_s"],
        "peers": {name: figures["ops_per_s"] for name, figures in small["peers"].items()},
        "ratio_to_best": small["ratio_to_best"],
        "ops_per_s_large_book": large["engine"]["ops_per_s"],
        "slowdown_percent": round(100 * (1 - large["engine"]["ops_per_s"] / small["engine"]["ops_per_s"]), 1),
        "book_sizes": BOOKS,
        "mix_percent": {"add": ADD_PERCENT, "cancel": CANCEL_PERCENT, "crossing": CROSS_PERCENT},
        "accounts": ACCOUNTS,
        "operations": OPERATIONS,
        "rounds": ROUNDS,
        "seed": SEED,
        "signatures": False,
        "python": platform.python_version(),
        "books": books,
    }
    OUTPUT.mkdir(parents=True, exist_ok=True)
    written = json.dumps(report, indent=2)
    (OUTPUT / "engine.json").write_text(written + "\n")
    print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
