"""The operator closes a market on L1: the sequencer, the guest and the API follow."""

import subprocess
import sys
from decimal import Decimal

import pytest

from scripts.devnet import ROOT, Devnet
from sequencer.client import ApiError
from tests.e2e.conftest import Party, require_conserved, wait_until

pytestmark = pytest.mark.e2e


def set_market(devnet: Devnet, *options: str) -> None:
    command = [sys.executable, "-m", "scripts.set_market", "--network", f"ethereum:local:{devnet.rpc_url}"]
    command += ["--account", "TEST::0", "--deployment", str(devnet.folder / "deployment.json")]
    done = subprocess.run(
        [*command, "--market", "ETH/USDC", *options], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_market_is_closed_and_opened(devnet: Devnet) -> None:
    trader = Party(devnet, 0)
    trader.deposit("ETH", Decimal(10))
    resting = trader.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(2))

    set_market(devnet, "--status", "cancel-only", "--maker-fee", "0")
    wait_until(lambda: trader.client.markets()[0].status == "cancel_only")
    with pytest.raises(ApiError, match="MARKET_NOT_ACTIVE"):
        trader.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(1))
    trader.client.cancel(resting.order_id)

    set_market(devnet, "--status", "active")
    wait_until(lambda: trader.client.markets()[0].status == "active")
    assert trader.client.place_order("ETH/USDC", "sell", Decimal(2500), Decimal(1)).status == "resting"
    assert trader.client.markets()[0].maker_fee == 0
    require_conserved(devnet)
