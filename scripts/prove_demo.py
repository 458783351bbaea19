"""Proves one batch of a small exchange on this machine's processor and settles it: `make prove-demo`.

Three wallets deposit, trade and withdraw on a devnet whose contract accepts nothing but Groth16 proofs. The worker
proves the batch, stage by stage; the batch is settled and the withdrawal claimed against the proved root. The keys of
the Groth16 circuit are made here, once per machine: whoever makes them can forge proofs, so only the development chain
accepts the verifier that goes with them.

Interrupted, it goes on at the stage where it was when it is started again: the devnet is kept in its folder, finished
stages in the cache. What each stage took is written to `build/bench/groth16.json`, the proof with
its verifier contract to `build/bench/groth16_guest`.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import click
import requests

from scripts.audit import AuditError, Auditor
from scripts.demo_wallets import DemoError
from scripts.devnet import CACHE, ELF, ROOT, Devnet, DevnetError, Pace, Prover, interruptible, tail
from scripts.prove_demo_flow import WITHDRAWAL, Flow
from sequencer.client.errors import ClientError
from sequencer.client.l1 import L1ActionError

PROGRAMS: Final = CACHE / "target" / "release"
PROVE: Final = PROGRAMS / "zkclob-prove"
KEYS: Final = CACHE / "groth16"
PROOFS: Final = CACHE / "proofs"
OUTPUT: Final = ROOT / "build" / "bench"
FIXTURE: Final = OUTPUT / "groth16_guest"
POLL_S: Final = 1.0
PACE: Final = Pace(batch_age_ms=30_000)
"""Long enough for everything that the wallets do to go into one batch: a second one would take as long to prove."""

GIB: Final = 1 << 30
PROOF_MEMORY: Final = 19 * GIB
"""What the stage that needs most takes at its peak: the set-up; a proof later takes 16. Swap counts, at a price."""
PROGRAMS_DISK: Final = 3 * GIB
KEYS_DISK: Final = 9 * GIB
PROOF_DISK: Final = GIB // 4
SHOWN: Final = ("zkclob-prove:", "zkclob-groth16:", "worker:")
"""How the lines of the log begin that say how far the proof is."""
FAILED: Final = ("failed: ", "no good")


class ProveDemoError(Exception):
    """The machine is too small, or the proof was not made or not accepted."""


# ------------------------------------------------------------------------------------------------- machine


@dataclass(frozen=True)
class Machine:
    """What there is of it."""

    processor: str
    cores: int
    memory: int
    swap: int
    disk_free: int


@dataclass(frozen=True)
class Needs:
    """What is left to do takes."""

    memory: int
    disk: int
    minutes: int
    work: str


def this_machine(meminfo: Path = Path("/proc/meminfo")) -> Machine:
    """Looks at this machine. Where the kernel does not tell, memory counts as unlimited."""
    sizes = {}
    if meminfo.exists():
        lines = (line.split() for line in meminfo.read_text().splitlines())
        sizes = {words[0].rstrip(":"): int(words[1]) << 10 for words in lines if len(words) > 1}
    CACHE.mkdir(parents=True, exist_ok=True)
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory=sizes.get("MemTotal", 1 << 60),
        swap=sizes.get("SwapTotal", 0),
        disk_free=shutil.disk_usage(CACHE).free,
    )


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def needs() -> Needs:
    """What is left to do on this machine, with times measured on 2 cores."""
    disk, minutes, work = PROOF_DISK, 40, ["prove a batch (40 min)"]
    if not keys_exist():
        disk, minutes = disk + KEYS_DISK, minutes + 45
        work.insert(0, "make the keys of the Groth16 circuit (45 min)")
    if not PROVE.exists():
        disk, minutes = disk + PROGRAMS_DISK, minutes + 12
        work.insert(0, "build the programs that make proofs (12 min)")
    return Needs(PROOF_MEMORY, disk, minutes, ", ".join(work))


def keys_exist() -> bool:
    """Whether the circuit's keys were made here before."""
    return all((KEYS / name).exists() for name in ("proving_key.bin", "Groth16Verifier.sol", "verifier.json"))


def shortfalls(machine: Machine, need: Needs) -> Iterator[str]:
    """What the machine lacks, and what helps."""
    have = machine.memory + machine.swap
    if have < need.memory:
        yield (
            f"{need.memory / GIB:.0f} GiB of memory are needed, memory and swap have {have / GIB:.1f} GiB: "
            "add swap or take a larger machine"
        )
    if machine.disk_free < need.disk:
        yield (
            f"{need.disk / GIB:.1f} GiB of disk are needed in {CACHE}, {machine.disk_free / GIB:.1f} GiB are free: "
            "make room or set ZKCLOB_CACHE to another disk"
        )


def check_machine() -> Machine:
    """Says what will be done and what it needs. Raises ProveDemoError if the machine does not have it."""
    machine, need = this_machine(), needs()
    print(f"to do: {need.work}")
    print(
        f"needs {need.memory / GIB:.0f} GiB of memory, {need.disk / GIB:.1f} GiB of disk and about {need.minutes} min "
        f"on 2 cores; here are {machine.cores} cores, {machine.memory / GIB:.1f} GiB of memory and "
        f"{machine.swap / GIB:.1f} GiB of swap, {machine.disk_free / GIB:.0f} GiB of disk",
        flush=True,
    )
    lacking = list(shortfalls(machine, need))
    if lacking:
        raise ProveDemoError("; ".join(lacking))
    return machine


# ----------------------------------------------------------------------------------------------- resumption


@dataclass(frozen=True)
class Kept:
    """A devnet that waits for its proof, as its folder describes it. It is gone on with under the same keys only."""

    anvil_port: int
    http_port: int
    elf_sha256: str
    verifier_sha256: str

    @classmethod
    def now(cls, devnet: Devnet) -> "Kept":
        """This devnet, with the guest and the keys of now."""
        return cls(devnet.anvil_port, devnet.http_port, digest(ELF), digest(KEYS / "verifier.json"))

    def fits(self) -> bool:
        """Whether guest and keys are still the same."""
        return (self.elf_sha256, self.verifier_sha256) == (digest(ELF), digest(KEYS / "verifier.json"))


def read_kept(folder: Path) -> Kept | None:
    """The devnet to go on with, if there is one."""
    try:
        kept = Kept(**json.loads((folder / "kept.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return kept if kept.fits() else None


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return "0x" + sha256(path.read_bytes()).hexdigest()


# ------------------------------------------------------------------------------------------------- the demo


def prepare() -> None:
    """Builds the programs and makes the keys, as far as they are missing."""
    run([ROOT / "scripts" / "setup_prover.sh"])
    run([PROVE, "setup", "--cache", CACHE])


def run(command: list[Any]) -> None:
    """Runs a program that says itself what it does. Raises ProveDemoError if it fails."""
    if subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise ProveDemoError(
            f"{Path(command[0]).name} failed (its messages are above); what it finished is kept"
        )


def open_devnet(folder: Path, kept: Kept | None) -> Devnet:
    """The devnet that was kept, or a new one."""
    prover = Prover("cpu", PROVE, KEYS)
    if kept is None:
        return Devnet(folder, pace=PACE, prover=prover)
    print(f"going on with the devnet in {folder} (--fresh starts over)", flush=True)
    return Devnet(
        folder,
        anvil_port=kept.anvil_port,
        http_port=kept.http_port,
        pace=PACE,
        prover=prover,
        resume=True,
    )


def trade(devnet: Devnet, flow: Flow) -> None:
    """Everything that goes into the batch."""
    flow.deposit()
    fills = flow.trade()
    flow.withdraw()
    if flow.clients[0].batches().batches:
        raise ProveDemoError("this machine was too slow to put everything into one batch; run it again")
    print(f"three wallets deposited and traded ({fills} fills), one withdrew {WITHDRAWAL[1]} {WITHDRAWAL[0]}")
    (devnet.folder / "kept.json").write_text(json.dumps(asdict(Kept.now(devnet))) + "\n")


def wait_for_proof(devnet: Devnet, flow: Flow, stop: threading.Event) -> None:
    """Shows how far the proof is until the batch is settled. Raises ProveDemoError when a stage fails."""
    started = time.monotonic()
    with devnet.log("sequencer").open() as log:
        log.seek(0, os.SEEK_END)
        while not flow.is_settled():
            devnet.require_running()
            if stop.is_set():
                raise ProveDemoError("interrupted; run it again to go on where it was")
            for line in log:
                if line.startswith(SHOWN):
                    print(f"{time.monotonic() - started:6.0f} s  {line.rstrip()}", flush=True)
                if line.startswith("worker:") and any(word in line for word in FAILED):
                    raise ProveDemoError(f"the batch was not proven:\n{tail(devnet.log('sequencer'))}")
            time.sleep(POLL_S)


def results(public_values: str) -> dict[str, Any]:
    """What the prover kept of the proof for these public values."""
    for file in sorted(PROOFS.glob("*/result.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        result: dict[str, Any] = json.loads(file.read_text())
        if result["public_values"] == public_values:
            return result
    raise ProveDemoError(f"no proof with the settled public values is in {PROOFS}")


def summary(devnet: Devnet, flow: Flow, machine: Machine, paid: int) -> dict[str, Any]:
    """What `groth16.json` says."""
    audit = Auditor(devnet.rpc_url, devnet.deployment["exchange"], flow.clients[0]).audit()
    if audit.l1_root != audit.l2_root or not all(token.conserved for token in audit.tokens):
        raise ProveDemoError(f"L1 and the exchange do not agree: {audit}")
    (batch,) = requests.get(f"{devnet.url}/v1/batches", timeout=10).json()["batches"]
    result = results(batch["publicValues"])
    manifest = json.loads(ELF.with_name("manifest.json").read_text())
    keys = json.loads((KEYS / "measurements.json").read_text())
    return {
        "machine": {
            "processor": machine.processor,
            "cores": machine.cores,
            "memory_mb": machine.memory >> 20,
            "swap_mb": machine.swap >> 20,
            "system": f"{platform.system()} {platform.machine()}",
        },
        "guest": {"elf_sha256": manifest["elf_sha256"], "vkey": manifest["vkey"]},
        "verifier": json.loads((KEYS / "verifier.json").read_text()),
        "batch": {
            "transactions": int(batch["endSeq"]) - int(batch["firstSeq"]),
            "cycles": result["cycles"],
            "prover_gas": result["prover_gas"],
            "settlement_l1_gas": int(batch["l1Gas"]),
            "withdrawal_paid": str(paid),
            "root": audit.l1_root,
        },
        "once_per_machine": keys,
        "per_proof": result["stages"],
        "within_compress": result["core"],
        "seconds_per_proof": round(sum(stage["seconds"] for stage in result["stages"]), 1),
        "peak_mb": max(stage["peak_mb"] for stage in [*keys, *result["stages"]]),
        "proof": result["proof"],
        "public_values": result["public_values"],
    }


def write(found: dict[str, Any]) -> None:
    """Writes the measurements, and the proof in the form of the fixtures in `tests/vectors`; shows the former."""
    fixture = {
        "verifier_kind": "local",
        "program": "sp1_program/elf/zkclob-program",
        "guest_sha256": found["guest"]["elf_sha256"],
        "vkey": found["guest"]["vkey"],
        "public_values": found.pop("public_values"),
        "proof": found.pop("proof"),
    }
    FIXTURE.mkdir(parents=True, exist_ok=True)
    (FIXTURE / "fixture.json").write_text(json.dumps(fixture, indent=2) + "\n")
    (FIXTURE / "verifier.json").write_text(json.dumps(found["verifier"], indent=2) + "\n")
    shutil.copyfile(KEYS / "Groth16Verifier.sol", FIXTURE / "Groth16Verifier.sol")
    (OUTPUT / "groth16.json").write_text(json.dumps(found, indent=2) + "\n")
    print(f"\n  {'stage':16} {'seconds':>8} {'CPU s':>8} {'peak MB':>8}")
    for stage in [*found["once_per_machine"], *found["per_proof"]]:
        figures = (stage["seconds"], stage["cpu_seconds"], stage["peak_mb"])
        print("  {:16} {:8.1f} {:8.1f} {:8}".format(stage["stage"], *figures))
    print(f"\nwritten to {OUTPUT / 'groth16.json'} and {FIXTURE}")


def demonstrate(folder: Path, fresh: bool, machine: Machine, stop: threading.Event) -> None:
    """Runs the exchange until the withdrawal is paid."""
    print("starting Anvil, the contracts with the local verifier, the sequencer and its worker", flush=True)
    kept = None if fresh else read_kept(folder)
    with open_devnet(folder, kept) as devnet:
        flow = Flow(devnet)
        if kept is None:
            trade(devnet, flow)
        wait_for_proof(devnet, flow, stop)
        print("the batch is settled: the contract accepted the proof", flush=True)
        paid = flow.claim()
        print(f"the withdrawal is paid: {paid} base units of {WITHDRAWAL[0]}")
        write(summary(devnet, flow, machine, paid))
        (folder / "kept.json").unlink()


@click.command(help=__doc__)
@click.option("--check", is_flag=True, help="Only say what it needs and whether this machine has it.")
@click.option("--fresh", is_flag=True, help="Start with a new devnet even if one waits for its proof.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=ROOT / "build" / "prove-demo",
    help="The devnet's folder.",
)
def main(check: bool, fresh: bool, folder: Path) -> None:
    """See the head of this file."""
    with interruptible() as stop:
        try:
            machine = check_machine()
            if not check:
                prepare()
                demonstrate(folder, fresh, machine, stop)
        except (ProveDemoError, DevnetError, DemoError, AuditError, ClientError, L1ActionError) as error:
            print(f"prove-demo: FAILED: {error}", file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main()
