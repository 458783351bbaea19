"""The command-line compiler refuses what it does not understand instead of compiling something else."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOLC = ROOT / "contracts/node_modules/.bin/solc"
SOURCE = (
    "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n{imports}\n"
    "contract C {{ uint256 public x; }}\n"
)


def run(*arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([SOLC, *arguments], cwd=cwd, input=stdin, capture_output=True, text=True)


def test_version_is_the_pinned_one(tmp_path: Path) -> None:
    assert "Version: 0.8.37+commit." in run("--version", cwd=tmp_path).stdout


@pytest.mark.slow
def test_combined_json_gives_the_interface_and_the_code(tmp_path: Path) -> None:
    (tmp_path / "C.sol").write_text(SOURCE.format(imports=""))
    output = json.loads(run("--combined-json", "abi,bin", "C.sol", cwd=tmp_path).stdout)
    contract = output["contracts"]["C.sol:C"]
    assert [item["name"] for item in contract["abi"]] == ["x"]
    assert bytes.fromhex(contract["bin"])


@pytest.mark.slow
def test_compiler_errors_fail(tmp_path: Path) -> None:
    (tmp_path / "C.sol").write_text("contract C {")
    failed = run("--combined-json", "bin", "C.sol", cwd=tmp_path)
    assert failed.returncode == 1
    assert "ParserError" in failed.stderr


@pytest.mark.slow
@pytest.mark.parametrize("link", [False, True])
def test_imports_stay_inside_the_allowed_directories(tmp_path: Path, link: bool) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "Secret.sol").write_text(SOURCE.format(imports=""))
    (inside / "Link.sol").symlink_to(tmp_path / "Secret.sol")
    target = "Link.sol" if link else "../Secret.sol"
    (inside / "C.sol").write_text(SOURCE.format(imports=f'import "{target}";'))
    failed = run("--base-path", ".", "--combined-json", "bin", "C.sol", cwd=inside)
    assert failed.returncode == 1
    assert "C.sol" in failed.stderr


@pytest.mark.parametrize("arguments", [["--gas"], ["--combined-json", "nothing", "C.sol"], ["C.sol"], []])
def test_unknown_calls_fail(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "C.sol").write_text(SOURCE.format(imports=""))
    failed = run(*arguments, cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith("solc: ")
