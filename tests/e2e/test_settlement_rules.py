"""What the contract lets a sequencer do that is not the poster, is halted, or is frozen."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from scripts.devnet import GOVERNOR, Devnet, free_port, trader_wallet
from sequencer.abi import EXCHANGE
from sequencer.client.errors import TryLater
from sequencer.core.constants import NATIVE_TOKEN
from tests.e2e.conftest import PACE, Party, require_conserved, wait_until
from tests.e2e.fault_injector import TcpFaultInjector

pytestmark = pytest.mark.e2e

DELAYS: Final = {"inclusion": 4, "deadline": 3_600, "exit": 1, "timelock": 3_602, "poster": 0, "halt": 1_800}


@pytest.fixture
def devnet(tmp_path: Path) -> Iterator[Devnet]:
    with Devnet(tmp_path, pace=PACE, deploy_options=options(DELAYS)) as running:
        yield running


def options(delays: dict[str, int]) -> list[str]:
    """The delays as the deployment takes them."""
    return [word for name, value in delays.items() for word in (f"--{name}-delay", str(value))]


class Governor:
    """Calls the contract as its governor and guardian."""

    def __init__(self, devnet: Devnet) -> None:
        self.web3 = Web3(HTTPProvider(devnet.rpc_url))
        self._sender = Web3.to_checksum_address(trader_wallet(GOVERNOR).l1.address)
        self._contract: Any = self.web3.eth.contract(
            address=Web3.to_checksum_address(devnet.deployment["exchange"]), abi=EXCHANGE
        )

    def call(self, name: str, *arguments: object) -> None:
        self._contract.functions[name](*arguments).transact({"from": self._sender})


def is_settled(trader: Party, batches: int) -> bool:
    settled = [batch for batch in trader.client.batches().batches if batch.status == "settled"]
    return len(settled) >= batches


def is_all_settled(trader: Party) -> bool:
    return all(batch.status == "settled" for batch in trader.client.batches().batches)


def test_a_sequencer_that_is_not_the_poster_settles_what_is_overdue(devnet: Devnet) -> None:
    trader, governor = Party(devnet, 0), Governor(devnet)
    wait_until(lambda: is_settled(trader, 1))
    governor.call("setPoster", Web3.to_checksum_address("0x" + "99" * 20))
    trader.deposit("ETH", Decimal(1))
    wait_until(lambda: "NotPoster" in (trader.client.health().l1_poster.last_error or ""))
    wait_until(lambda: is_settled(trader, 2))
    wait_until(lambda: trader.client.health().status == "ok")


def test_a_halt_is_waited_for(devnet: Devnet) -> None:
    trader, governor = Party(devnet, 0), Governor(devnet)
    wait_until(lambda: is_settled(trader, 1))
    governor.call("halt")
    trader.deposit("ETH", Decimal(1))
    wait_until(lambda: "SettlementHalted" in (trader.client.health().l1_poster.last_error or ""))
    wait_until(lambda: "governance: Halted: until " in devnet.log("sequencer").read_text())
    governor.call("resume")
    wait_until(lambda: is_settled(trader, 2))


def test_what_waited_for_longer_than_its_time_comes_first_after_a_downtime(tmp_path: Path) -> None:
    anvil_port = free_port()
    with (
        TcpFaultInjector(anvil_port) as network,
        Devnet(
            tmp_path,
            pace=PACE,
            anvil_port=anvil_port,
            sequencer_rpc_url=network.url,
            deploy_options=options(DELAYS | {"inclusion": 8}),
        ) as devnet,
    ):
        trader = Party(devnet, 0)
        trader.deposit("ETH", Decimal(5))
        ending = int(time.time()) + 6
        trader.client.place_order(1, "sell", Decimal(2500), Decimal(1), time_in_force="GTT", deadline=ending)
        wait_until(lambda: trader.client.health().status == "ok" and is_all_settled(trader))
        devnet.kill_sequencer()
        trader.pay_in("ETH", Decimal(1))
        overdue = time.time() + 10
        network.cut()
        wait_until(lambda: time.time() > overdue)
        devnet.start_sequencer(wait=False)
        wait_until(devnet.sequencer_answers)
        with pytest.raises(TryLater, match="until all that L1 has"):
            trader.client.place_order(1, "sell", Decimal(2500), Decimal(1))
        network.heal()
        wait_until(lambda: trader.client.health().l1_watcher.last_error is None)
        assert trader.total("ETH") == Decimal(6)
        trader.client.place_order(1, "sell", Decimal(2500), Decimal(1))
        require_conserved(devnet)
        wait_until(lambda: trader.client.health().status == "ok")


def test_a_frozen_exchange_takes_nothing_and_says_so(devnet: Devnet) -> None:
    trader, governor = Party(devnet, 0), Governor(devnet)
    wait_until(lambda: is_settled(trader, 1))
    devnet.kill_sequencer()
    trader.l1.deposit(NATIVE_TOKEN, 10**18)
    governor.web3.provider.make_request(RPCEndpoint("evm_increaseTime"), [DELAYS["deadline"]])
    governor.web3.provider.make_request(RPCEndpoint("evm_mine"), [])
    governor.call("freeze")
    devnet.start_sequencer()
    wait_until(lambda: trader.client.health().status == "halted")
    assert "frozen on L1" in (trader.client.health().halt_reason or "")
    assert trader.client.health().l1_contract.frozen
