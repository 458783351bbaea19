"""The client in TypeScript signs like the vectors, and trades with a real sequencer."""

import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from sequencer.client import Client
from tests.client.conftest import ALICE, Exchange

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLE: Final = ROOT / "docs" / "examples" / "typescript"
MODULES: Final = ROOT / "contracts" / "node_modules"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, checked for its types and compiled, with the packages of `scripts/setup_node.sh`."""
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "tsconfig.json", "zkclob.ts"):
        shutil.copy(EXAMPLE / name, folder)
    (folder / "node_modules").symlink_to(MODULES.resolve())
    compiled = subprocess.run([MODULES / ".bin" / "tsc"], cwd=folder, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stdout
    return folder / "build" / "zkclob.js"


def run(program: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", program, *arguments], env=os.environ | environment, capture_output=True, text=True
    )


def test_its_packages_are_those_that_are_installed_here() -> None:
    """So that what is tested is what a reader gets."""
    installed = packages(ROOT / "contracts" / "package.json")
    own = packages(EXAMPLE / "package.json")
    assert own == {name: installed[name] for name in own}


def packages(path: Path) -> dict[str, Any]:
    manifest = json.loads(path.read_text())
    return {**manifest.get("dependencies", {}), **manifest["devDependencies"]}


@pytest.mark.slow
def test_it_signs_every_message_of_the_vectors(program: Path) -> None:
    done = run(program, "check", str(ROOT / "docs" / "signing-vectors.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "22 messages signed, 7 of them built here" in done.stdout


@pytest.mark.slow
def test_it_notices_a_message_that_is_not_as_it_was_signed(program: Path, tmp_path: Path) -> None:
    vectors = json.loads((ROOT / "docs" / "signing-vectors.json").read_text())
    vectors["cases"][0]["typed_data"]["message"]["price"] = "250051"
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(vectors))
    done = run(program, "check", str(changed))
    assert done.returncode == 1
    assert "digest of a limit order is 0x" in done.stderr


@pytest.mark.slow
def test_it_places_an_order(program: Path, exchange: Exchange, alice: Client) -> None:
    key = f"0x{ALICE.l1.key.hex()}"
    for price in ("2500.5", "2400"):
        done = run(program, "order", exchange.url, "1", "buy", "0.25", price, ZKCLOB_KEY=key)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["status"] == "resting"
    assert [(order.side, order.price, order.remaining) for order in alice.orders()] == [
        ("buy", Decimal("2500.5"), Decimal("0.25")),
        ("buy", Decimal(2400), Decimal("0.25")),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("1", "buy", "0.25", "2500.501"), "2500.501 is no multiple of 0.01"),
        (("9", "buy", "0.25", "2500.5"), "lists no market 9"),
        (("1", "bid", "0.25", "2500.5"), "bid is none of buy, sell"),
        (("1", "buy", "0.001", "2500.5"), "422 BELOW_MINIMUM: notional must be at least"),
        ((), "usage:"),
    ],
)
def test_it_says_what_is_wrong(
    program: Path, exchange: Exchange, arguments: tuple[str, ...], advice: str
) -> None:
    done = run(program, "order", exchange.url, *arguments, ZKCLOB_KEY=f"0x{ALICE.l1.key.hex()}")
    assert (done.returncode, done.stdout) == (1, "")
    assert advice in done.stderr
