"""A development chain, and what forge built on it."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from web3 import HTTPProvider, Web3

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "contracts/node_modules/.bin"


def artifact(name: str) -> dict[str, Any]:
    """Forge's output for the contract `name`."""
    loaded: dict[str, Any] = json.loads((ROOT / f"contracts/out/{name}.sol/{name}.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def _forge_build() -> None:
    subprocess.run([BIN / "forge", "build", "contracts/src"], cwd=ROOT, check=True, capture_output=True)


@pytest.fixture(scope="module")
def chain() -> Iterator[Web3]:
    """A development chain that enforces mainnet's limits of transaction gas and code size."""
    command = [str(BIN / "anvil"), "--port", "0", "--hardfork", "osaka", "--enable-tx-gas-limit"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as anvil:
        try:
            assert anvil.stdout is not None
            lines = (re.search(r"Listening on (\S+)", line) for line in anvil.stdout)
            address = next(match.group(1) for match in lines if match)
            # it names every request: unread, a full pipe would stop it
            Thread(target=anvil.stdout.read, daemon=True).start()
            web3 = Web3(HTTPProvider(f"http://{address}"))
            web3.eth.default_account = web3.eth.accounts[0]
            yield web3
        finally:
            anvil.terminate()


@pytest.fixture(scope="module")
def deploy(chain: Web3, _forge_build: None) -> Callable[..., Any]:
    """Deploys a contract: forge's of that name, or an artifact in the form of forge's."""

    def deploy(named: str | dict[str, Any], *arguments: Any) -> Any:
        built = artifact(named) if isinstance(named, str) else named
        factory = chain.eth.contract(abi=built["abi"], bytecode=built["bytecode"]["object"])
        receipt = chain.eth.wait_for_transaction_receipt(factory.constructor(*arguments).transact())
        return chain.eth.contract(address=receipt["contractAddress"], abi=built["abi"])

    return deploy
