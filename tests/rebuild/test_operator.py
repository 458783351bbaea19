"""A new operator that goes on from what L1 has."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.devnet import Devnet
from sequencer.client import Client
from tests.e2e.conftest import wait_until
from tests.rebuild.conftest import Operator

pytestmark = pytest.mark.e2e


def rebuild(config: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sequencer", "rebuild", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_new_operator_goes_on_after_the_last_settled_batch(chain: Devnet, settled: Operator) -> None:
    chain.write_config()
    config = chain.folder / "config.toml"
    batches, state = settled.batches(), settled.replica.state
    done = rebuild(config)
    assert done.returncode == 0, done.stderr
    assert f"rebuilt {batches} batches" in done.stdout
    assert rebuild(config).returncode == 1  # it never writes over what is there

    settled.l1(0).deposit(1, 10**18)  # waits in the inbox
    chain.start_sequencer()
    client = Client(chain.url, settled.traders[0])
    before = settled.replica.state.balance(settled.signers[0].address, 1)[0]
    wait_until(lambda: units(client, 1) == before + 10**18)
    for signer in settled.signers:
        shown = {order.order_id for order in client.orders(signer.address)}
        orders = state.open_orders(signer.address)  # those with an end may be over by now
        assert {f"0x{order.id.hex()}" for order in orders if not order.expiry} <= shown
        assert shown <= {f"0x{order.id.hex()}" for order in orders}
    assert client.block(state.meta.block_number).state_root == f"0x{settled.replica.tree.root.hex()}"

    placed = client.place_order("ETH/USDC", "sell", Decimal(11), Decimal(2))
    assert placed.status == "resting"
    client.withdraw("ETH", Decimal("0.5"))
    wait_until(lambda: client.withdrawals().withdrawals[0].status == "settled")
    assert settled.batches() > batches
    follower = settled.follower()
    follower.step()
    assert follower.replayer.batch == settled.batches()
    assert client.batches().batches[-1].number == 1


def units(client: Client, token: int) -> int:
    balances = client.account().balances
    return next((int(balance.total * 10**18) for balance in balances if balance.token == token), 0)
