"""What one block costs to prove: cycles and prover gas of the real guest, and the time to make and run a witness.

    python -m scripts.bench_proof        writes build/bench/proof.json

The block: 1,000 signed orders of 100 accounts, drawn from a seed: 60 % new resting orders, 35 % cancels, 5 % orders
that cross and fill. No transaction of it is a no-op. The state before it: 100,000 accounts, two markets, 10,000 resting
orders. Prover gas is SP1's own figure for the cost of a proof and the same on every machine; the times are this
machine's.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from zkclob_native import Prepared, StateTree, keccak256, prepare, recover

from scripts.devnet import ELF, ROOT, WORKER
from sequencer.client.wallet import Wallet
from sequencer.core.codec import encode_data
from sequencer.core.errors import Code
from sequencer.core.signing import digest, domain_separator
from sequencer.core.state import State
from sequencer.core.transition import apply, open_block
from sequencer.core.types import (
    Block,
    CancelOrder,
    Market,
    MarketStatus,
    Order,
    PlaceOrder,
    Result,
    SelfTrade,
    Side,
    TimeInForce,
    Token,
    Transaction,
)

SEED: Final = 1
ACCOUNTS: Final = 100_000
TRADERS: Final = 100
RESTING: Final = 10_000
ORDERS: Final = 1_000
CANCELS: Final = 350
CROSSING: Final = 50
RUNS: Final = 5

BASE, QUOTE, OTHER_BASE = 1, 2, 3
FEE_ACCOUNT: Final = b"\xfe" * 20
RICH: Final = 10**30
START: Final = 1_800_000_000
DEADLINE: Final = START + 600
PRICE: Final = 250_000
SPREAD: Final = 2_000
"""How far resting orders lie from the price, in ticks."""
DOMAIN: Final = domain_separator(31337, b"\x11" * 20)
OUTPUT: Final = ROOT / "build" / "bench"


class BenchError(Exception):
    """The block cannot be built or proven as described."""


@dataclass
class Trader:
    """An account that signs."""

    wallet: Wallet
    next_nonce: int = 0

    def head(self) -> tuple[bytes, bytes, int, int]:
        """Account, signer, a fresh nonce, deadline."""
        self.next_nonce += 1
        return self.wallet.address, self.wallet.address, self.next_nonce - 1, DEADLINE


class Scenario:
    """The state before the block, then the block itself, through the functions that the sequencer uses."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.state = State()
        self.traders = [Trader(Wallet(keccak256(b"trader %d" % i))) for i in range(TRADERS)]
        self._list()
        self._fund()
        open_block(self.state, START)
        for _ in range(RESTING):
            self._sequence(self._resting_order())
        self.tree = StateTree()
        self.tree.apply(self.state.take_writes(), self.state.meta_bytes())

    def block(self) -> list[Transaction]:
        """The transactions of one block, in random order."""
        kinds: list[Callable[[], Transaction]] = [self._cancel] * CANCELS + [self._crossing_order] * CROSSING
        kinds += [self._resting_order] * (ORDERS - len(kinds))
        self.random.shuffle(kinds)
        open_block(self.state, START + 1)
        transactions: list[Transaction] = []
        for kind in kinds:
            transaction = kind()
            result = self._sequence(transaction)
            if kind == self._crossing_order and not result.filled:
                raise BenchError("an order that was to cross did not fill")
            transactions.append(transaction)
        return transactions

    def _sequence(self, transaction: Transaction) -> Result:
        result = apply(self.state, transaction)
        if result.code is not Code.OK:
            raise BenchError(f"{transaction} is a no-op: {result.code.name}")
        return result

    def _list(self) -> None:
        for number in (BASE, QUOTE, OTHER_BASE):
            self.state.list_token(Token(number, bytes([number]) * 20, 18))
        for number, base in ((1, BASE), (2, OTHER_BASE)):
            self.state.list_market(
                Market(number, base, QUOTE, 10**14, 1, 1, 200, 500, 0, MarketStatus.ACTIVE, 0, FEE_ACCOUNT)
            )

    def _fund(self) -> None:
        for trader in self.traders:
            for token in (BASE, QUOTE, OTHER_BASE):
                self.state.credit(trader.wallet.address, token, RICH)
        for i in range(ACCOUNTS - TRADERS - 1):
            self.state.credit(keccak256(b"account %d" % i)[:20], QUOTE, 1 + i)
        self.state.credit(FEE_ACCOUNT, QUOTE, 1)

    # ----------------------------------------------------------- transactions

    def _resting_order(self) -> PlaceOrder:
        market, side = self.random.choice((1, 2)), self.random.choice((Side.BID, Side.ASK))
        best = self.state.books[market].sides[1 - side].best
        price = best.price if best is not None else PRICE
        away = self.random.randint(1, SPREAD)
        price += away if side is Side.ASK else -away
        return self._order(
            self.random.choice(self.traders),
            market,
            side,
            price,
            self.random.randint(100, 10_000),
            TimeInForce.GTC,
        )

    def _crossing_order(self) -> PlaceOrder:
        """Takes the whole best order, or a part of it and more."""
        market, side = self.random.choice((1, 2)), self.random.choice((Side.BID, Side.ASK))
        level = self.state.books[market].sides[1 - side].best
        if level is None:
            raise BenchError("the book ran empty")
        maker = level.first()
        takers = [trader for trader in self.traders if trader.wallet.address != maker.owner]
        size = max(1, maker.remaining * self.random.randint(50, 150) // 100)
        return self._order(self.random.choice(takers), market, side, level.price, size, TimeInForce.IOC)

    def _order(
        self, trader: Trader, market: int, side: Side, price: int, size: int, time_in_force: TimeInForce
    ) -> PlaceOrder:
        return PlaceOrder(
            *trader.head(),
            market,
            side,
            time_in_force,
            SelfTrade.CANCEL_TAKER,
            price,
            size,
            client_order_id=0,
        )

    def _cancel(self) -> CancelOrder:
        owner = self.random.choice([t for t in self.traders if self.state.accounts[t.wallet.address].orders])
        orders: list[Order] = self.state.open_orders(owner.wallet.address)
        return CancelOrder(*owner.head(), order_id=self.random.choice(orders).id)


def sign(scenario: Scenario, transactions: list[Transaction]) -> list[tuple[bytes, bytes]]:
    """Public key and signature of each transaction."""
    keys = {trader.wallet.address: trader.wallet for trader in scenario.traders}
    pairs = []
    for transaction in transactions:
        signed = digest(DOMAIN, transaction)
        signature = keys[transaction.account].sign(signed)
        pairs.append((recover(signed, signature)[1], signature))
    return pairs


def execute(witness: Path) -> dict[str, Any]:
    """The real guest in the SP1 executor, in a process of its own."""
    command: list[str | Path] = [WORKER, "execute", "--elf", ELF, "--witness", witness]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"the guest failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def spread(values: list[int]) -> dict[str, int]:
    """Median, smallest and largest."""
    return {"median": int(statistics.median(values)), "min": min(values), "max": max(values)}


def timed(scenario: Scenario, data: bytes, signatures: list[tuple[bytes, bytes]]) -> tuple[Prepared, int]:
    """A prepared batch, and the milliseconds it took."""
    start = time.perf_counter()
    prepared = prepare(scenario.tree, DOMAIN, data, [], signatures, [])
    return prepared, round((time.perf_counter() - start) * 1000)


def scenario_facts(scenario: Scenario) -> dict[str, Any]:
    """What was proven."""
    return {
        "mode": "executed",
        "orders": ORDERS,
        "mix_percent": {
            "new": 100 * (ORDERS - CANCELS - CROSSING) // ORDERS,
            "cancel": 100 * CANCELS // ORDERS,
            "crossing": 100 * CROSSING // ORDERS,
        },
        "signers": TRADERS,
        "accounts": len(scenario.tree.items(0)),
        "resting_orders": RESTING,
        "markets": 2,
        "seed": SEED,
    }


def cost_facts(prepared: Prepared, data: bytes, executions: list[dict[str, Any]]) -> dict[str, Any]:
    """What it cost, the same on every machine."""
    return {
        "cycles": executions[0]["cycles"],
        "prover_gas": executions[0]["prover_gas"],
        "prover_gas_per_order": executions[0]["prover_gas"] // ORDERS,
        "witness_bytes": len(prepared.witness),
        "data_bytes": len(data),
    }


def main() -> int:
    print("building the state and the block", flush=True)
    scenario = Scenario(SEED)
    first_seq = scenario.state.meta.next_seq
    transactions = scenario.block()
    block = Block(scenario.state.meta.block_number, START + 1, [*transactions])
    data, signatures = encode_data(first_seq, [block]), sign(scenario, transactions)
    prepared_runs = [timed(scenario, data, signatures) for _ in range(RUNS)]
    prepared = prepared_runs[0][0]

    OUTPUT.mkdir(parents=True, exist_ok=True)
    witness = OUTPUT / "witness.bin"
    witness.write_bytes(prepared.witness)
    print(f"running the guest {RUNS} times on {len(prepared.witness):,} bytes", flush=True)
    executions = [execute(witness) for _ in range(RUNS)]
    if any(bytes.fromhex(x["public_values"][2:]) != prepared.public_values for x in executions):
        raise BenchError("the guest's public values are not the native ones")

    report = {
        **scenario_facts(scenario),
        **cost_facts(prepared, data, executions),
        "witness_ms": spread([elapsed for _, elapsed in prepared_runs]),
        "execute_ms": spread([x["execute_ms"] for x in executions]),
        "peak_rss_mb": spread([x["peak_rss_mb"] for x in executions]),
        "runs": RUNS,
    }
    written = json.dumps(report, indent=2)
    (OUTPUT / "proof.json").write_text(written + "\n")
    print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
