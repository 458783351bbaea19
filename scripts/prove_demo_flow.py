"""What the exchange does in the batch that `make prove-demo` proves: small, and some of everything."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from scripts.devnet import Devnet
from sequencer.client import ApiError, Client
from sequencer.client.decimals import to_units
from sequencer.client.l1 import L1Account

TRADERS: Final = 3
MARKET: Final = "ETH/USDC"
DEPOSITS: Final = {"ETH": Decimal(10), "USDC": Decimal(50_000)}
WITHDRAWAL: Final = ("USDC", Decimal("1234.5"))
WAIT_S: Final = 60.0
POLL_S: Final = 0.05


class FlowError(Exception):
    """The exchange did not do what it promises."""


class Flow:
    """Three wallets that deposit, trade and withdraw."""

    def __init__(self, devnet: Devnet) -> None:
        wallets = devnet.traders()[:TRADERS]
        exchange = devnet.deployment["exchange"]
        self.clients = [Client(devnet.url, wallet) for wallet in wallets]
        self.l1 = [L1Account(devnet.rpc_url, exchange, wallet) for wallet in wallets]

    def deposit(self) -> None:
        """Every wallet deposits every token, and waits until all of it is credited."""
        for client, l1 in zip(self.clients, self.l1, strict=True):
            for symbol, amount in DEPOSITS.items():
                token = client.token(symbol)
                l1.deposit(token.id, to_units(amount, token.decimals))
        wait_until("the deposits to be credited", self._all_credited)

    def _all_credited(self) -> bool:
        try:
            return all(
                {client.token(b.token).symbol: b.total for b in client.account().balances} == DEPOSITS
                for client in self.clients
            )
        except ApiError as error:
            if error.code == "UNKNOWN_ACCOUNT":
                return False
            raise

    def trade(self) -> int:
        """Two makers at one price, a taker who fills the first and half of the second, a cancel; gives the fills."""
        first, second, taker = self.clients
        price, size = Decimal(2500), Decimal(1)
        first.place_order(MARKET, "buy", price, size)
        second.place_order(MARKET, "buy", price, size)
        resting = first.place_order(MARKET, "buy", price - 100, size, client_order_id=1)
        taken = taker.place_order(MARKET, "sell", price, size * 3 / 2)
        if len(taken.fills) != len(self.clients) - 1:
            raise FlowError(f"{len(taken.fills)} fills instead of {len(self.clients) - 1}")
        first.cancel_client_order(1)
        if resting.fills:
            raise FlowError("an order below the best price was filled")
        return len(taken.fills)

    def withdraw(self) -> None:
        """The first wallet asks for money."""
        symbol, amount = WITHDRAWAL
        self.clients[0].withdraw(symbol, amount)

    def is_settled(self) -> bool:
        """Whether L1 has the batch with the withdrawal."""
        (withdrawal,) = self.clients[0].all_withdrawals()
        return withdrawal.status == "settled"

    def claim(self) -> int:
        """Has the withdrawal paid on L1; gives what arrived, in base units."""
        symbol, amount = WITHDRAWAL
        token, l1 = self.clients[0].token(symbol), self.l1[0]
        (withdrawal,) = self.clients[0].all_withdrawals()
        before = l1.balance(token.id)
        l1.claim(withdrawal, token.decimals)
        paid = l1.balance(token.id) - before
        if paid != to_units(amount, token.decimals):
            raise FlowError(f"the claim paid {paid} base units of {symbol}, expected {amount} {symbol}")
        return paid


def wait_until(what: str, condition: Callable[[], bool]) -> None:
    """Returns when the condition holds. Raises FlowError after WAIT_S."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise FlowError(f"waited {WAIT_S:.0f} s for {what}")
        time.sleep(POLL_S)
