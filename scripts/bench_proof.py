"""What a block costs to prove: cycles and prover gas of the real guest, and the time to make and run a witness.

    python -m scripts.bench_proof        writes build/bench/proof.json

The blocks and the states before them are those of scripts/bench_block.py. Prover gas is SP1's own figure for the cost
of a proof and, like the cycles, the same on every machine; the times are this machine's.
"""

import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from zkclob_native import Prepared

from scripts.bench_block import (
    CANCELS,
    CROSSING,
    ORDERS,
    SCENARIOS,
    SEED,
    BenchError,
    Scenario,
    Setup,
)
from scripts.devnet import ELF, ROOT, WORKER

RUNS: Final = 5
OUTPUT: Final = ROOT / "build" / "bench"

Figures = dict[str, Any]


def execute(witness: Path) -> Figures:
    """The real guest in the SP1 executor, in a process of its own."""
    command: list[str | Path] = [WORKER, "execute", "--elf", ELF, "--witness", witness]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"the guest failed:\n{done.stderr}")
    result: Figures = json.loads(done.stdout)
    return result


def spread(values: list[int]) -> dict[str, int]:
    """Median, smallest and largest."""
    return {"median": int(statistics.median(values)), "min": min(values), "max": max(values)}


def ms_since(start: float) -> int:
    return round((time.perf_counter() - start) * 1000)


def prepare(scenario: Scenario) -> tuple[Prepared, int]:
    """The witness, and the milliseconds that it took."""
    start = time.perf_counter()
    return scenario.prepare(), ms_since(start)


def measure(setup: Setup) -> Figures:
    """One block: prepared and executed `RUNS` times. The guest must say what the native code says."""
    start = time.perf_counter()
    scenario = Scenario(setup)
    build_ms = ms_since(start)
    runs = [prepare(scenario) for _ in range(RUNS)]
    prepared = runs[0][0]
    file = OUTPUT / "witness.bin"
    file.write_bytes(prepared.witness)
    executions = [execute(file) for _ in range(RUNS)]
    if any(bytes.fromhex(run["public_values"][2:]) != prepared.public_values for run in executions):
        raise BenchError("the guest's public values are not the native ones")
    (cost,) = {(run["cycles"], run["prover_gas"]) for run in executions}
    return {
        "accounts": len(scenario.tree.items(0)),
        "resting_orders": len(scenario.tree.items(1)),
        "signatures": len(scenario.signatures),
        "signers": len({key for key, _ in scenario.signatures}),
        "cycles": cost[0],
        "cycles_per_order": cost[0] // ORDERS,
        "prover_gas": cost[1],
        "prover_gas_per_order": cost[1] // ORDERS,
        "witness_bytes": len(prepared.witness),
        "data_bytes": len(scenario.data),
        "build_state_ms": build_ms,
        "witness_ms": spread([elapsed for _, elapsed in runs]),
        "execute_ms": spread([run["execute_ms"] for run in executions]),
        "peak_rss_mb": spread([run["peak_rss_mb"] for run in executions]),
    }


def growth_percent(scenarios: dict[str, Figures]) -> float:
    """How much more 100,000 resting orders cost than 1,000."""
    small, large = (scenarios[f"single, {book} resting"]["prover_gas"] for book in ("1,000", "100,000"))
    return float(round(100 * (large - small) / small, 1))


def goals(scenarios: dict[str, Figures]) -> list[Figures]:
    """Each goal with the figure that it is compared with."""
    gas = {name: figures["prover_gas_per_order"] for name, figures in scenarios.items()}
    per_order = "prover gas per order"
    rows = [
        ("signed one by one", per_order, gas["single"], 10_000),
        ("signed one by one, 100,000 accounts", per_order, gas["single, 100,000 accounts"], 10_000),
        ("in signed batches of 50", per_order, gas["batched"], 4_000),
        ("in signed batches of 50, 100,000 accounts", per_order, gas["batched, 100,000 accounts"], 4_000),
        ("more gas for 100 times the resting orders", "%", growth_percent(scenarios), 30),
    ]
    return [
        {"name": name, "unit": unit, "figure": figure, "at_most": goal, "met": figure <= goal}
        for name, unit, figure, goal in rows
    ]


def facts() -> Figures:
    """What was measured, and on what."""
    return {
        "mode": "executed",
        "guest_sha256": hashlib.sha256(ELF.read_bytes()).hexdigest(),
        "orders": ORDERS,
        "mix_percent": {
            "new": 100 * (ORDERS - CANCELS - CROSSING) // ORDERS,
            "cancel": 100 * CANCELS // ORDERS,
            "crossing": 100 * CROSSING // ORDERS,
        },
        "markets": 2,
        "seed": SEED,
        "runs": RUNS,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def summary(scenarios: dict[str, Figures]) -> Figures:
    """The figures that are compared from version to version."""
    return {
        "prover_gas_per_order": scenarios["single"]["prover_gas_per_order"],
        "cycles_per_order": scenarios["single"]["cycles_per_order"],
        "prover_gas_per_order_batched": scenarios["batched"]["prover_gas_per_order"],
        "cycles_per_order_batched": scenarios["batched"]["cycles_per_order"],
        "growth_percent": growth_percent(scenarios),
    }


def print_table(report: Figures) -> None:
    print(f"\n{'block':<28}{'gas/order':>11}{'cycles/order':>14}{'witness, bytes':>16}")
    for name, figures in report["scenarios"].items():
        columns = (figures["prover_gas_per_order"], figures["cycles_per_order"], figures["witness_bytes"])
        print(f"{name:<28}{columns[0]:>11,}{columns[1]:>14,}{columns[2]:>16,}")
    print(f"\n{'':<44}{'measured':>10}{'goal':>12}")
    for row in report["goals"]:
        verdict = "met" if row["met"] else "not met"
        print(f"{row['name']:<44}{row['figure']:>10,}{'<= ' + format(row['at_most'], ','):>12}  {verdict}")


def main() -> int:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    scenarios = {}
    for name, setup in SCENARIOS.items():
        print(f"measuring: {name}", flush=True)
        scenarios[name] = measure(setup)
    report = {**facts(), **summary(scenarios), "scenarios": scenarios, "goals": goals(scenarios)}
    (OUTPUT / "proof.json").write_text(json.dumps(report, indent=2) + "\n")
    print_table(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
