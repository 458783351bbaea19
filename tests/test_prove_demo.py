"""What `make prove-demo` checks before it starts, and whether it goes on with a devnet. No proof is made here."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from scripts import prove_demo
from scripts.devnet import ELF
from scripts.prove_demo import (
    GIB,
    KEYS_DISK,
    PROGRAMS_DISK,
    PROOF_DISK,
    PROOF_MEMORY,
    Kept,
    Machine,
    Needs,
    ProveDemoError,
    check_machine,
    digest,
    needs,
    read_kept,
    results,
    shortfalls,
    this_machine,
)

LARGE = Machine(processor="any", cores=2, memory=24 * GIB, swap=0, disk_free=40 * GIB)
NEED = Needs(memory=PROOF_MEMORY, disk=KEYS_DISK, minutes=75, work="everything")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which nothing was made yet."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(prove_demo, "CACHE", folder)
    monkeypatch.setattr(prove_demo, "PROVE", folder / "zkclob-prove")
    monkeypatch.setattr(prove_demo, "KEYS", folder / "groth16")
    monkeypatch.setattr(prove_demo, "PROOFS", folder / "proofs")
    return folder


def make_keys(cache: Path) -> None:
    """Stand-ins for the files that a set-up leaves."""
    (cache / "groth16").mkdir(parents=True)
    for name in ("proving_key.bin", "Groth16Verifier.sol", "verifier.json"):
        (cache / "groth16" / name).write_text("made for a test")


def test_a_machine_that_has_all_is_not_refused() -> None:
    assert list(shortfalls(LARGE, NEED)) == []


def test_swap_counts_as_memory() -> None:
    small = replace(LARGE, memory=16 * GIB)
    (lacking,) = shortfalls(small, NEED)
    assert "19 GiB of memory are needed" in lacking
    assert "add swap" in lacking
    assert list(shortfalls(replace(small, swap=8 * GIB), NEED)) == []


def test_a_full_disk_is_named_with_what_helps() -> None:
    (lacking,) = shortfalls(replace(LARGE, disk_free=GIB), NEED)
    assert "9.0 GiB of disk are needed" in lacking
    assert "ZKCLOB_CACHE" in lacking


def test_needs_shrink_with_what_is_done(cache: Path) -> None:
    first = needs()
    assert (first.memory, first.disk) == (PROOF_MEMORY, PROGRAMS_DISK + KEYS_DISK + PROOF_DISK)
    make_keys(cache)
    (cache / "zkclob-prove").touch()
    later = needs()
    assert (later.memory, later.disk) == (PROOF_MEMORY, PROOF_DISK)
    assert later.minutes < first.minutes


def test_memory_and_swap_are_read_from_the_kernel(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(
        "MemTotal:       24684544 kB\nMemFree: 1 kB\nSwapTotal:      16777212 kB\nHugePages_Total: 0\n"
    )
    machine = this_machine(meminfo)
    assert (machine.memory >> 20, machine.swap >> 20) == (24106, 16383)
    assert this_machine(tmp_path / "missing").memory > PROOF_MEMORY


def test_refuses_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prove_demo, "this_machine", lambda: replace(LARGE, memory=GIB))
    with pytest.raises(ProveDemoError, match="memory are needed"):
        check_machine()
    assert "to do: build the programs that make proofs" in capsys.readouterr().out


def test_goes_on_only_under_the_same_guest_and_keys(cache: Path, tmp_path: Path) -> None:
    make_keys(cache)
    assert read_kept(tmp_path) is None
    kept = Kept(1, 2, digest(ELF), digest(cache / "groth16" / "verifier.json"))
    (tmp_path / "kept.json").write_text(json.dumps(asdict(kept)))
    assert read_kept(tmp_path) == kept
    (cache / "groth16" / "verifier.json").write_text("other keys")
    assert read_kept(tmp_path) is None


def test_finds_the_proof_of_the_settled_batch(cache: Path) -> None:
    for name, public_values in (("a", "0x01"), ("b", "0x02")):
        (cache / "proofs" / name).mkdir(parents=True)
        found = {"public_values": public_values, "proof": name}
        (cache / "proofs" / name / "result.json").write_text(json.dumps(found))
    assert results("0x01")["proof"] == "a"
    with pytest.raises(ProveDemoError):
        results("0x03")
