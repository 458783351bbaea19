"""Withdrawals are paid without asking, on a real chain, for the fee that was signed and across a crash."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import pytest
from web3 import HTTPProvider, Web3

from scripts.devnet import RELAYER, Devnet, trader_wallet
from tests.e2e.conftest import PACE, Party, require_conserved, wait_until

pytestmark = pytest.mark.e2e

ETHER: Final = 10**18
FEE: Final = Decimal("0.001")
RECIPIENT: Final = "0x" + "c0ffee" * 6 + "0123"
REFUSING_CODE: Final = "0x60006000fd"
"""Reverts whatever it is sent."""


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    relay = f'mode = "fee"\nmin_fees = {{ 1 = "{int(FEE * ETHER)}" }}'
    with Devnet(tmp_path_factory.mktemp("devnet"), pace=PACE, relay=relay) as running:
        yield running


def withdraw(trader: Party, amount: str, recipient: str, fee: Decimal = FEE) -> None:
    trader.client.withdraw("ETH", Decimal(amount), recipient=recipient, max_relay_fee=fee)


def statuses(trader: Party) -> list[str]:
    """Of the withdrawals, the oldest first."""
    return [w.status for w in trader.client.withdrawals().withdrawals[::-1]]


def test_a_withdrawal_is_paid_for_its_fee(devnet: Devnet) -> None:
    web3, trader = Web3(HTTPProvider(devnet.rpc_url)), Party(devnet, 0)
    relayer = Web3.to_checksum_address(trader_wallet(RELAYER).l1.address)
    trader.deposit("ETH", Decimal(5))
    before = web3.eth.get_balance(relayer)
    withdraw(trader, "1", RECIPIENT)
    withdraw(trader, "2", RECIPIENT, fee=Decimal(0))
    wait_until(lambda: statuses(trader) == ["claimed", "settled"])
    assert web3.eth.get_balance(Web3.to_checksum_address(RECIPIENT)) == int((1 - FEE) * ETHER)
    assert web3.eth.get_balance(relayer) > before - ETHER // 1000
    left = trader.client.withdrawals().withdrawals[0].relay
    assert left is not None
    assert left.status == "fee_too_low"
    require_conserved(devnet)


def test_one_that_is_refused_is_left_out_and_others_are_paid_after_a_crash(devnet: Devnet) -> None:
    web3, trader = Web3(HTTPProvider(devnet.rpc_url)), Party(devnet, 1)
    refusing = "0x" + "bad0" * 10
    web3.provider.make_request("anvil_setCode", [refusing, REFUSING_CODE])  # type: ignore[arg-type]
    trader.deposit("ETH", Decimal(5))
    withdraw(trader, "1", refusing)
    withdraw(trader, "1", "0x" + "d00d" * 10)
    devnet.kill_sequencer()
    devnet.start_sequencer()
    wait_until(lambda: statuses(trader) == ["settled", "claimed"])
    failing = trader.client.withdrawals().withdrawals[1].relay
    assert failing is not None
    assert (failing.status, "refuses" in (failing.last_error or "")) == ("failing", True)
    assert trader.client.health().l1_relayer.last_error is None
    require_conserved(devnet)
