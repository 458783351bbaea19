"""A sequencer that breaks its word, by a fault that is injected here, loses its bond."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from web3 import HTTPProvider, Web3

from scripts.devnet import ROOT, Devnet, free_port
from sequencer.abi import RECEIPT_BOND
from sequencer.client import Client
from tests.e2e.conftest import PACE, Party, require_conserved, wait_until
from tests.e2e.fault_injector import TcpFaultInjector

pytestmark = pytest.mark.e2e


@pytest.fixture
def network(tmp_path: Path) -> Iterator[tuple[Devnet, TcpFaultInjector]]:
    """A devnet, and the way of its sequencer to L1."""
    anvil_port = free_port()
    with (
        TcpFaultInjector(anvil_port) as injector,
        Devnet(
            tmp_path / "devnet", anvil_port=anvil_port, pace=PACE, sequencer_rpc_url=injector.url
        ) as devnet,
    ):
        yield devnet, injector


def put_back_an_old_journal(devnet: Devnet, old: Path) -> None:
    """The fault: what was acknowledged since the copy was made is forgotten, and its numbers are given again."""
    shutil.rmtree(devnet.folder / "data")
    shutil.copytree(old, devnet.folder / "data")
    devnet.start_sequencer()


def deploy_bond(devnet: Devnet, signer: str) -> str:
    """The operator's bond of 2 ETH; gives its address."""
    command = [sys.executable, "-m", "scripts.deploy_bond", "--network", f"ethereum:local:{devnet.rpc_url}"]
    command += ["--account", "TEST::0", "--deployment", str(devnet.folder / "deployment.json")]
    command += ["--signer", signer, "--deposit", "2", "--output", str(devnet.folder / "bond.json")]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return str(json.loads((devnet.folder / "bond.json").read_text())["bond"])


def test_an_order_that_was_acknowledged_and_replaced_costs_the_bond(
    network: tuple[Devnet, TcpFaultInjector], tmp_path: Path
) -> None:
    devnet, way_to_l1 = network
    trader, receipts = Party(devnet, 0), tmp_path / "receipts.jsonl"
    bond = deploy_bond(devnet, trader.client.info().receipt_signer)
    trader.deposit("ETH", Decimal(5))
    with Client(devnet.url, trader.wallet, receipts=receipts) as client:
        kept = client.place_order("ETH/USDC", "sell", Decimal(2600), Decimal(1))
    require_conserved(devnet)
    devnet.kill_sequencer()
    shutil.copytree(devnet.folder / "data", tmp_path / "old")
    devnet.start_sequencer()

    way_to_l1.cut()
    with Client(devnet.url, trader.wallet, receipts=receipts) as client:
        promised = client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(1))
    devnet.kill_sequencer()
    way_to_l1.heal()
    put_back_an_old_journal(devnet, tmp_path / "old")
    with Client(devnet.url, trader.wallet) as client:
        settled = client.place_order("ETH/USDC", "sell", Decimal(2700), Decimal(1))
        assert (settled.seq, settled.digest == promised.digest) == (promised.seq, False)
        wait_until(lambda: client.transaction(settled.digest).status == "settled")

    command = [Path(sys.executable).with_name("zkclob"), "--rpc", devnet.rpc_url, "--receipts", receipts]
    command += ["receipts", "check", "--contract", devnet.deployment["exchange"], "--bond", bond]
    done = subprocess.run(
        [*map(str, command), "--challenge"],
        env={"ZKCLOB_KEY": f"0x{trader.wallet.l1.key.hex()}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[0].startswith(f"{kept.seq}  settled as promised in batch ")
    assert done.stdout.splitlines()[1].startswith(f"{promised.seq}  CONTRADICTED in batch ")
    contract = Web3(HTTPProvider(devnet.rpc_url)).eth.contract(
        address=Web3.to_checksum_address(bond), abi=RECEIPT_BOND
    )
    assert contract.functions.isSlashed().call()
    assert contract.functions.finder().call() == trader.wallet.l1.address
    assert contract.functions.reward().call() == 10**18
