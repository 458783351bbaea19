"""A devnet of its own for each file: Anvil, contracts, sequencer and the worker with the real guest."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

import pytest

from scripts.audit import Auditor
from scripts.devnet import Devnet, Pace, tail
from sequencer.client import ApiError, Client
from sequencer.client.decimals import to_units
from sequencer.client.l1 import L1Account

PACE: Final = Pace(seal_interval_ms=200, batch_age_ms=400, l1_poll_ms=100)
WAIT_S: Final = 60.0


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with Devnet(tmp_path_factory.mktemp("devnet"), pace=PACE) as running:
        yield running


@pytest.fixture(autouse=True)
def _shown_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """The end of the sequencer's log is shown with a test that fails."""
    devnet = request.getfixturevalue("devnet") if "devnet" in request.fixturenames else None
    yield
    if devnet is not None:
        print(tail(devnet.log("sequencer")))


class Party:
    """A trader with a client and access to L1."""

    def __init__(self, devnet: Devnet, index: int) -> None:
        self.wallet = devnet.traders()[index]
        self.client = Client(devnet.url, self.wallet)
        self.l1 = L1Account(devnet.rpc_url, devnet.deployment["exchange"], self.wallet)

    def pay_in(self, symbol: str, amount: Decimal) -> None:
        """Deposits on L1 without waiting for the sequencer."""
        token = self.client.token(symbol)
        self.l1.deposit(token.id, to_units(amount, token.decimals))

    def deposit(self, symbol: str, amount: Decimal) -> None:
        """Deposits and waits until it is credited."""
        before = self.total(symbol)
        self.pay_in(symbol, amount)
        wait_until(lambda: self.total(symbol) == before + amount)

    def total(self, symbol: str) -> Decimal:
        """The balance in the exchange."""
        try:
            balances = self.client.account().balances
        except ApiError as error:
            if error.code == "UNKNOWN_ACCOUNT":
                return Decimal(0)
            raise
        token = self.client.token(symbol).id
        return next((b.total for b in balances if b.token == token), Decimal(0))


def wait_until(condition: Callable[[], bool]) -> None:
    """Polls until the condition holds; fails after WAIT_S."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.05)


def require_conserved(devnet: Devnet) -> None:
    """Waits until everything is settled and audits it from the outside."""
    auditor = Auditor(devnet.rpc_url, devnet.deployment["exchange"], Client(devnet.url))
    wait_until(auditor.is_settled)
    audited = auditor.audit()
    assert audited.l1_root == audited.l2_root
    assert [token for token in audited.tokens if not token.conserved] == []
