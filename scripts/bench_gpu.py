"""How long a proof of the benchmark's block takes on a CUDA card.

    python -m scripts.bench_gpu        writes build/bench/gpu.json

Where there is no card (no nvidia-smi that finds one) it says so and measures nothing.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from scripts.bench_block import ORDERS, SCENARIOS, SEED, BenchError, Scenario
from scripts.devnet import CACHE, ELF, ROOT

PROVER: Final = CACHE / "target" / "release" / "zkclob-prove"
OUTPUT: Final = ROOT / "build" / "bench" / "gpu.json"


def cards() -> list[str]:
    """The CUDA cards of this machine, by name."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[:-1] if done.returncode == 0 else []


def prove(witness: bytes) -> dict[str, Any]:
    """What the prover says of the batch that it proved."""
    command: list[str | Path] = [PROVER, "prove", "--mode", "cuda", "--elf", ELF]
    done = subprocess.run(command, input=witness, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise BenchError(f"zkclob-prove ended with exit code {done.returncode}")
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcome


def main() -> int:
    found = cards()
    if not found:
        print("skipped: this machine has no CUDA card, so there is nothing to measure")
        return 0
    if not PROVER.exists():
        raise BenchError(f"build zkclob-prove first: {PROVER} is not there")
    prepared = Scenario(SCENARIOS["single"]).prepare()
    start = time.perf_counter()
    outcome = prove(prepared.witness)
    seconds = time.perf_counter() - start
    if bytes.fromhex(outcome["public_values"][2:]) != prepared.public_values or not outcome.get("proof"):
        raise BenchError("that is no proof of the block")
    report = {
        "mode": "proven",
        "machine": ", ".join(found),
        "guest_sha256": hashlib.sha256(ELF.read_bytes()).hexdigest(),
        "seed": SEED,
        "orders": ORDERS,
        "seconds": round(seconds, 1),
        "orders_per_second": round(ORDERS / seconds, 2),
        "cycles": outcome["cycles"],
        "prover_gas": outcome["prover_gas"],
        "runs": 1,
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
