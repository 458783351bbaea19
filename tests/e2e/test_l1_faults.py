"""L1 goes away, comes back, and takes blocks back."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from scripts.devnet import Devnet, free_port
from sequencer.adapters.l1 import ExchangeContract
from tests.e2e.conftest import PACE, Party, require_conserved, wait_until
from tests.e2e.fault_injector import TcpFaultInjector

pytestmark = pytest.mark.e2e


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[tuple[Devnet, TcpFaultInjector]]:
    """A devnet whose sequencer starts while its way to L1 is cut."""
    anvil_port = free_port()
    with TcpFaultInjector(anvil_port) as network:
        devnet = Devnet(tmp_path, anvil_port=anvil_port, pace=PACE, sequencer_rpc_url=network.url)
        try:
            devnet.start_chain()
            devnet.deploy()
            devnet.mint_test_tokens()
            devnet.write_config()
            network.cut()
            devnet.start_sequencer(wait=False)
            wait_until(devnet.sequencer_answers)
            yield devnet, network
        finally:
            devnet.stop()


def test_rpc_is_down_at_the_start_and_in_the_middle(cut_off: tuple[Devnet, TcpFaultInjector]) -> None:
    devnet, network = cut_off
    trader = Party(devnet, 0)
    wait_until(lambda: trader.client.health().l1_watcher.last_error is not None)
    assert trader.client.health().status == "degraded"
    network.heal()
    devnet.wait_for_markets()
    trader.deposit("ETH", Decimal(5))
    require_conserved(devnet)

    network.cut()
    trader.pay_in("ETH", Decimal(1))
    placed = trader.client.place_order(1, "sell", Decimal(2500), Decimal(1))
    wait_until(lambda: trader.client.health().l1_verifier.last_error is not None)
    assert trader.client.transaction(bytes.fromhex(placed.digest[2:])).status != "settled"
    assert trader.total("ETH") == Decimal(5)
    network.heal()
    wait_until(lambda: trader.total("ETH") == Decimal(6))
    require_conserved(devnet)
    assert trader.client.health().status == "ok"


def test_settlement_that_a_reorganisation_removed_is_posted_again(devnet: Devnet) -> None:
    trader = Party(devnet, 0)
    trader.deposit("ETH", Decimal(5))
    require_conserved(devnet)
    wait_until(lambda: trader.client.batches().batches[0].status == "settled")
    exchange = ExchangeContract(devnet.rpc_url, devnet.deployment["exchange"])
    lost = exchange.head().batch_number
    Web3(HTTPProvider(devnet.rpc_url)).provider.make_request(RPCEndpoint("anvil_rollback"), [1])
    assert exchange.head().batch_number == lost - 1

    trader.client.place_order(1, "sell", Decimal(2500), Decimal(1))
    wait_until(lambda: exchange.head().batch_number > lost)
    require_conserved(devnet)


def test_deposit_that_a_reorganisation_removed_stops_the_sequencer_loudly(devnet: Devnet) -> None:
    trader, other = Party(devnet, 0), Party(devnet, 1)
    require_conserved(devnet)
    devnet.kill_sequencer()
    devnet.start_sequencer()
    web3 = Web3(HTTPProvider(devnet.rpc_url))
    before = trader.total("USDC")
    trader.pay_in("USDC", Decimal(7))
    wait_until(lambda: trader.total("USDC") == before + 7)
    depth = web3.eth.block_number - block_of_last_entry(devnet) + 1
    web3.provider.make_request(RPCEndpoint("anvil_rollback"), [depth])
    other.pay_in("USDC", Decimal(9))
    wait_until(lambda: other.client.health().status == "halted")
    assert "inbox" in (other.client.health().halt_reason or "")


def block_of_last_entry(devnet: Devnet) -> int:
    """L1 block of the newest inbox entry."""
    contract = ExchangeContract(devnet.rpc_url, devnet.deployment["exchange"])
    number = contract.latest_block().number
    while contract.inbox_length(number - 1) == contract.inbox_length():
        number -= 1
    return number
