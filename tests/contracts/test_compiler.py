"""py-solc-x and forge make the same code from the same settings, by the same pinned compiler."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import solcx

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "contracts/node_modules/.bin"
SOLC_VERSION = "0.8.37"
DEPLOYED = (
    "Exchange",
    "ProofReader",
    "verifiers/SP1Verifier",
    "verifiers/MockVerifier",
    "devnet/LocalSP1Verifier",
    "devnet/TestToken",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What py-solc-x makes of the deployed contracts with the settings in foundry.toml, by source file."""
    folder = tmp_path_factory.mktemp("solcx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(BIN), prepend=os.pathsep)
        patch.setenv("SOLCX_BINARY_PATH", str(folder))
        patch.chdir(ROOT)
        solcx.import_installed_solc()
        # contracts/node_modules is a link out of the checkout
        packages = (ROOT / "contracts/node_modules").resolve()
        output = solcx.compile_standard(
            standard_input(), solc_version=SOLC_VERSION, base_path=ROOT, allow_paths=packages
        )
    contracts: dict[str, Any] = output["contracts"]
    return contracts


def standard_input() -> dict[str, Any]:
    profile = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    paths = [f"contracts/src/{name}.sol" for name in DEPLOYED]
    return {
        "language": "Solidity",
        "sources": {path: {"content": (ROOT / path).read_text()} for path in paths},
        "settings": {
            "remappings": profile["remappings"],
            "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
            "evmVersion": profile["evm_version"],
            "metadata": {"bytecodeHash": profile["bytecode_hash"], "appendCBOR": profile["cbor_metadata"]},
            "outputSelection": {"*": {"*": ["evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }


def forge_artifact(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / f"contracts/out/{name}.sol/{name}.json").read_text())
    return loaded


@pytest.mark.usefixtures("_forge_build")
@pytest.mark.parametrize("source", DEPLOYED)
def test_bytecode_is_that_of_forge(compiled: dict[str, Any], source: str) -> None:
    name = source.rpartition("/")[2]
    by_solcx = compiled[f"contracts/src/{source}.sol"][name]["evm"]
    by_forge = forge_artifact(name)
    assert "0x" + by_solcx["bytecode"]["object"] == by_forge["bytecode"]["object"]
    assert "0x" + by_solcx["deployedBytecode"]["object"] == by_forge["deployedBytecode"]["object"]


@pytest.mark.parametrize("source", DEPLOYED)
def test_runtime_code_is_below_the_limit_of_the_chain(compiled: dict[str, Any], source: str) -> None:
    contract = compiled[f"contracts/src/{source}.sol"][source.rpartition("/")[2]]
    assert 0 < len(contract["evm"]["deployedBytecode"]["object"]) // 2 < 24_576
