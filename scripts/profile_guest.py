"""Where the guest spends its cycles and its prover gas on a block of the benchmark.

    python -m scripts.profile_guest                      one line per section
    python -m scripts.profile_guest --top 15             and the functions that cost most in each
    python -m scripts.profile_guest --scenario batched   of another block (scripts/bench_block.py has them)

The guest that is profiled is the committed program with line tables, and nothing else is different: it is built into
the cache, and runs the same number of cycles. The call stacks are left in build/bench/profile.folded, which flame graph
tools read.
"""

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scripts.bench_block import SCENARIOS, Scenario
from scripts.devnet import CACHE, ROOT

ELF: Final = CACHE / "guest-profile" / "zkclob-program"
PROFILER: Final = CACHE / "target" / "release" / "examples" / "profile"
OUTPUT: Final = ROOT / "build" / "bench"

SECTIONS: Final = {
    "read the witness": ("sp1-lib-6.10.0/io::read_vec", "witness::", "hints::decode"),
    "tries before": ("partial::read",),
    "decode the data": ("codec/data::",),
    "hash the orders": ("signing::",),
    "match": ("transition::",),
    "tries after": ("state::root",),
    "public values": ("batch::", "sp1-lib-6.10.0/io::commit", "sp1-zkvm-6.10.0/syscalls/halt::"),
    "signatures": ("hints::check", "secp256k1"),
}
"""The functions (the starts of their names) that each section is made of. What they call belongs to it, unless it is
itself named here."""
REST: Final = "elsewhere"
OF_THE_CORE: Final = re.compile(r"(codec/|hash/|secp256k1/)?[^/]+::")


@dataclass
class Cost:
    """Cycles, and prover gas by what it is for."""

    cycles: int = 0
    instructions: float = 0
    memory: float = 0
    precompiles: float = 0

    @property
    def gas(self) -> float:
        return self.instructions + self.memory + self.precompiles

    def add(self, other: "Cost") -> None:
        self.cycles += other.cycles
        self.instructions += other.instructions
        self.memory += other.memory
        self.precompiles += other.precompiles


Stacks = list[tuple[list[str], Cost]]


def section_of(stack: list[str]) -> str:
    """The section that the innermost function which any section names belongs to."""
    for function in reversed(stack):
        for section, names in SECTIONS.items():
            if function.startswith(names):
                return section
    return REST


def owner_of(stack: list[str]) -> str:
    """The innermost function of the core, without paths of types: what that calls of other crates is its own cost."""
    own = (function for function in reversed(stack) if OF_THE_CORE.match(function))
    return re.sub(r"\w+::(?=\w+[>,])", "", next(own, stack[-1]))


def parse(lines: list[str]) -> Stacks:
    stacks = []
    for line in lines:
        stack, cycles, *gas = line.rstrip("\n").split("\t")
        stacks.append((stack.split(";"), Cost(int(cycles), *map(float, gas))))
    return stacks


def total(costs: Iterator[Cost]) -> Cost:
    result = Cost()
    for cost in costs:
        result.add(cost)
    return result


def row(name: str, cost: Cost, whole: Cost) -> str:
    share = 100 * cost.gas / whole.gas
    columns = (cost.cycles, cost.gas, cost.instructions, cost.memory, cost.precompiles)
    return f"{name:<42}" + "".join(f"{column:>13,.0f}" for column in columns) + f"{share:>7.1f} %"


def report(stacks: Stacks, top: int) -> None:
    whole = total(cost for _, cost in stacks)
    titles = ("cycles", "gas", "instructions", "memory", "precompiles")
    print(f"{'':<42}" + "".join(f"{title:>13}" for title in titles))
    for section in (*SECTIONS, REST):
        within = [(stack, cost) for stack, cost in stacks if section_of(stack) == section]
        print(row(section, total(cost for _, cost in within), whole))
        functions: dict[str, Cost] = defaultdict(Cost)
        for stack, cost in within:
            functions[owner_of(stack)].add(cost)
        for name, cost in sorted(functions.items(), key=lambda item: -item[1].gas)[:top]:
            print(row("    " + name[:37], cost, whole))
    print(row("sum", whole, whole))


def profile(scenario: Scenario) -> Stacks:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    witness = OUTPUT / "profiled-witness.bin"
    witness.write_bytes(scenario.prepare().witness)
    done = subprocess.run([PROFILER, ELF, witness], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the profiler failed:\n{done.stderr}")
    stacks = parse(done.stdout.splitlines())
    folded = "".join(f"{';'.join(stack)} {cost.gas:.0f}\n" for stack, cost in stacks)
    (OUTPUT / "profile.folded").write_text(folded)
    return stacks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scenario", choices=SCENARIOS, default="single", help="which block")
    parser.add_argument("--top", type=int, default=0, help="functions to list for each section")
    arguments = parser.parse_args()
    report(profile(Scenario(SCENARIOS[arguments.scenario])), arguments.top)
    return 0


if __name__ == "__main__":
    sys.exit(main())
