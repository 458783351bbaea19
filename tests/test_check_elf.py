"""The check of the committed guest says what it found, and fails when the guest is not what its sources make.

The script is real; the compiler is a stand-in whose output each test chooses.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMITTED = b"a guest"
COMPILER = "rustc 1.2.3 (of a test)"

BUILD = """#!/bin/sh
here="$(dirname "$0")"
case "$1" in
    --sources) echo sources ;;
    --compiler) cat "$COMPILER" ;;
    --only)
        echo built >>"$BUILDS"
        [ -e "$here/../sp1_program/elf/manifest.json" ] || exit 1
        cp "$MAKES" "$2/zkclob-program" ;;
esac
"""


@dataclass
class Checkout:
    """A checkout with the script and stand-ins for everything that it calls."""

    root: Path

    def compiler(self, version: str | None, makes: bytes) -> None:
        """What there is to build with, if anything, and what it makes."""
        (self.root / "makes").write_bytes(makes)
        if version is not None:
            (self.root / "compiler").write_text(version)

    def program(self, name: str, script: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def check(self) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "ZKCLOB_CACHE": str(self.root / "cache"),
            "COMPILER": str(self.root / "compiler"),
            "MAKES": str(self.root / "makes"),
            "BUILDS": str(self.root / "builds"),
            "CALLS": str(self.root / "calls"),
        }
        script = self.root / "scripts" / "check_elf.sh"
        return subprocess.run([script], capture_output=True, text=True, env=environment)

    def calls(self) -> str:
        """The tests that were run."""
        path = self.root / "calls"
        return path.read_text() if path.exists() else ""

    def verdict(self) -> str:
        return (self.root / "build" / "check-elf.txt").read_text()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path)
    checkout.program("scripts/build_elf.sh", BUILD.removeprefix("#!/bin/sh\n"))
    shutil.copy(ROOT / "scripts" / "check_elf.sh", tmp_path / "scripts")
    elf = tmp_path / "sp1_program" / "elf"
    elf.mkdir(parents=True)
    (elf / "zkclob-program").write_bytes(COMMITTED)
    manifest = {"elf_sha256": "0x" + sha256(COMMITTED).hexdigest(), "rustc_version": COMPILER}
    (elf / "manifest.json").write_text(json.dumps(manifest, indent=2))
    checkout.program("bin/apt-get", "exit 1")
    checkout.program("bin/ld.lld", "echo a linker")
    checkout.program("bin/cargo", 'echo "cargo $*" >>"$CALLS"')
    checkout.program(".venv/bin/python", 'echo "python $* of $ZKCLOB_GUEST" >>"$CALLS"')
    return checkout


def test_the_same_bytes_pass_and_are_made_once(checkout: Checkout) -> None:
    checkout.compiler(COMPILER, COMMITTED)
    for _ in range(2):
        done = checkout.check()
        assert (done.returncode, done.stderr) == (0, "")
    assert "byte for byte" in checkout.verdict()
    assert (checkout.root / "builds").read_text() == "built\n"


def test_other_bytes_of_the_same_compiler_fail(checkout: Checkout) -> None:
    checkout.compiler(COMPILER, b"another guest")
    assert checkout.check().returncode == 1
    assert "FAILED" in checkout.verdict()
    assert "Run 'make elf'" in checkout.verdict()
    assert checkout.calls() == ""


def test_what_another_compiler_makes_is_tested(checkout: Checkout) -> None:
    checkout.compiler("rustc 9.9.9", b"another guest")
    assert checkout.check().returncode == 0
    assert "NOT COMPARED: rustc 9.9.9 makes 0x" in checkout.verdict()
    [cargo, python] = checkout.calls().splitlines()
    assert cargo.startswith("cargo test ")
    assert cargo.endswith(" -p zkclob-prover")
    [program] = (checkout.root / "cache" / "check-elf").glob("*/zkclob-program")
    assert python.endswith(f"tests/guest of {program}")
    assert program.read_bytes() == b"another guest"


@pytest.mark.parametrize("program", ["bin/cargo", ".venv/bin/python"])
def test_failing_tests_of_what_another_compiler_makes_fail(checkout: Checkout, program: str) -> None:
    checkout.compiler("rustc 9.9.9", b"another guest")
    checkout.program(program, "exit 1")
    assert checkout.check().returncode == 1
    assert "does not pass the guest's tests" in checkout.verdict()


def test_a_failed_build_fails(checkout: Checkout) -> None:
    checkout.compiler(COMPILER, COMMITTED)
    (checkout.root / "makes").unlink()
    for _ in range(2):
        assert checkout.check().returncode == 1
        assert "does not build the guest" in checkout.verdict()


def test_without_a_compiler_it_says_that_it_checked_nothing(checkout: Checkout) -> None:
    checkout.compiler(None, COMMITTED)
    assert checkout.check().returncode == 0
    assert checkout.verdict().startswith("check_elf: NOT CHECKED")
    assert "byte for byte" not in checkout.verdict()


def test_without_a_compiler_it_installs_one_where_it_may(checkout: Checkout) -> None:
    checkout.compiler(None, COMMITTED)
    checkout.program("bin/id", "echo 0")
    checkout.program("bin/apt-get", f'case "$1" in install) echo "{COMPILER}" >"$COMPILER" ;; esac')
    assert checkout.check().returncode == 0
    assert "byte for byte" in checkout.verdict()
