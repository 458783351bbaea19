"""The sequencer dies by SIGKILL again and again; what it acknowledged stays."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal

import pytest

from scripts.devnet import Devnet
from sequencer.client import Unreachable
from sequencer.client.answers import Placed
from tests.e2e.conftest import Party, require_conserved, wait_until

pytestmark = pytest.mark.e2e

DEATHS = 3
ORDERS_BEFORE_DEATH = 25


def test_nothing_acknowledged_is_lost(devnet: Devnet) -> None:
    trader = Party(devnet, 0)
    trader.deposit("ETH", Decimal(100))
    acknowledged: list[Placed] = []

    def place_until_dead() -> None:
        with suppress(Unreachable):
            for price in range(3000, 3500):
                placed = trader.client.place_order(1, "sell", Decimal(price), Decimal("0.01"))
                acknowledged.append(placed)

    for _ in range(DEATHS):
        known = len(acknowledged)
        with ThreadPoolExecutor() as threads:
            trading = threads.submit(place_until_dead)
            wait_until(lambda: trading.done() or len(acknowledged) >= known + ORDERS_BEFORE_DEATH)  # noqa: B023
            devnet.kill_sequencer()
            trading.result()
        assert len(acknowledged) >= known + ORDERS_BEFORE_DEATH
        devnet.start_sequencer()

    for placed in acknowledged:
        found = trader.client.transaction(bytes.fromhex(placed.digest[2:]))
        assert (found.seq, found.code) == (placed.seq, "OK")
        assert trader.client.order(bytes.fromhex(placed.order_id[2:])).status == "resting"
    assert len({placed.seq for placed in acknowledged}) == len(acknowledged)
    require_conserved(devnet)


def test_deaths_while_batches_are_settled_settle_nothing_twice(devnet: Devnet) -> None:
    trader = Party(devnet, 1)
    for amount in (1, 2, 3):
        trader.deposit("ETH", Decimal(amount))
        devnet.kill_sequencer()
        devnet.start_sequencer()
    require_conserved(devnet)
    wait_until(lambda: all(batch.status == "settled" for batch in trader.client.batches().batches))
    numbers = [batch.number for batch in trader.client.batches().batches]
    assert numbers == sorted(set(numbers), reverse=True)
