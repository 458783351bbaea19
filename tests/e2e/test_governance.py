"""The governor closes a market on L1: the sequencer, the guest and the API follow."""

import subprocess
import sys
from decimal import Decimal

import pytest

from scripts.devnet import ROOT, Devnet
from sequencer.client import ApiError
from tests.e2e.conftest import Party, require_conserved, wait_until

pytestmark = pytest.mark.e2e


def govern(devnet: Devnet, *words: str) -> str:
    command = [sys.executable, "-m", "scripts.governance", *words]
    command += ["--network", f"ethereum:local:{devnet.rpc_url}", "--account", "TEST::0"]
    command += ["--deployment", str(devnet.folder / "deployment.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_market_is_closed_at_once_and_opened_after_the_timelock_only(devnet: Devnet) -> None:
    trader = Party(devnet, 0)
    trader.deposit("ETH", Decimal(10))
    resting = trader.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(2))

    govern(devnet, "restrict-market", "ETH/USDC", "cancel-only")
    wait_until(lambda: trader.client.markets()[0].status == "cancel_only")
    with pytest.raises(ApiError, match="MARKET_NOT_ACTIVE"):
        trader.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(1))
    trader.client.cancel(resting.order_id)

    govern(devnet, "set-market", "ETH/USDC", "--status", "active")
    assert "waits, from" in govern(devnet, "pending")
    wait_until(lambda: "action setMarket(market 1, status 1, " in devnet.log("sequencer").read_text())
    require_conserved(devnet)
    assert trader.client.markets()[0].status == "cancel_only"
