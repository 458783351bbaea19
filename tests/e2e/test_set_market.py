"""The operator closes a market on L1: the sequencer, the guest and the API follow."""

import subprocess
import sys
from decimal import Decimal

import pytest
from web3 import HTTPProvider, Web3

from scripts.devnet import ROOT, Devnet
from sequencer.abi import EXCHANGE
from sequencer.client import ApiError
from tests.e2e.conftest import Party, require_conserved, wait_until

pytestmark = pytest.mark.e2e


def set_market(devnet: Devnet, *options: str) -> str:
    command = [sys.executable, "-m", "scripts.set_market", "--network", f"ethereum:local:{devnet.rpc_url}"]
    command += ["--account", "TEST::0", "--deployment", str(devnet.folder / "deployment.json")]
    done = subprocess.run(
        [*command, "--market", "ETH/USDC", *options], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def inbox_length(devnet: Devnet) -> int:
    web3 = Web3(HTTPProvider(devnet.rpc_url))
    address = Web3.to_checksum_address(devnet.deployment["exchange"])
    return int(web3.eth.contract(address, abi=EXCHANGE).functions.inboxLength().call())


def test_a_market_is_closed_at_once_and_opened_behind_the_timelock(devnet: Devnet) -> None:
    trader = Party(devnet, 0)
    trader.deposit("ETH", Decimal(10))
    resting = trader.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(2))

    set_market(devnet, "--status", "cancel-only")
    wait_until(lambda: trader.client.markets()[0].status == "cancel_only")
    with pytest.raises(ApiError, match="MARKET_NOT_ACTIVE"):
        trader.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(1))
    trader.client.cancel(resting.order_id)

    before = inbox_length(devnet)
    assert "it can be executed from" in set_market(devnet, "--status", "active")
    assert inbox_length(devnet) == before
    require_conserved(devnet)
