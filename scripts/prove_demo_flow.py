"""What the exchange does in the batch that `make prove-demo` proves: small, and some of everything."""

from decimal import Decimal
from typing import Final

from scripts.demo_wallets import DemoError, all_credited, claim, deposit, wait_until
from scripts.devnet import Devnet
from sequencer.client import Client
from sequencer.client.l1 import L1Account

TRADERS: Final = 3
MARKET: Final = "ETH/USDC"
DEPOSITS: Final = {"ETH": Decimal(10), "USDC": Decimal(50_000)}
WITHDRAWAL: Final = ("USDC", Decimal("1234.5"))


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
            deposit(client, l1, DEPOSITS)
        wait_until("the deposits to be credited", lambda: all_credited(self.clients, DEPOSITS))

    def trade(self) -> int:
        """Two makers at one price, a taker who fills the first and half of the second, a cancel; gives the fills."""
        first, second, taker = self.clients
        price, size = Decimal(2500), Decimal(1)
        first.place_order(MARKET, "buy", price, size)
        second.place_order(MARKET, "buy", price, size)
        resting = first.place_order(MARKET, "buy", price - 100, size, client_order_id=1)
        taken = taker.place_order(MARKET, "sell", price, size * 3 / 2)
        if len(taken.fills) != len(self.clients) - 1:
            raise DemoError(f"{len(taken.fills)} fills instead of {len(self.clients) - 1}")
        first.cancel_client_order(1)
        if resting.fills:
            raise DemoError("an order below the best price was filled")
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
        return claim(self.clients[0], self.l1[0], *WITHDRAWAL)
