"""What the wallets of every demo do: deposit, wait, and claim what they withdrew."""

import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final

from sequencer.client import ApiError, Client
from sequencer.client.decimals import to_units
from sequencer.client.l1 import L1Account

WAIT_S: Final = 60.0
POLL_S: Final = 0.05


class DemoError(Exception):
    """The exchange did not do what it promises."""


def wait_until(what: str, condition: Callable[[], bool]) -> None:
    """Returns when the condition holds. Raises DemoError after WAIT_S."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise DemoError(f"waited {WAIT_S:.0f} s for {what}")
        time.sleep(POLL_S)


def deposit(client: Client, l1: L1Account, amounts: Mapping[str, Decimal]) -> None:
    """Deposits an amount of each token, by symbol."""
    for symbol, amount in amounts.items():
        token = client.token(symbol)
        l1.deposit(token.id, to_units(amount, token.decimals))


def all_credited(clients: Iterable[Client], amounts: Mapping[str, Decimal]) -> bool:
    """Whether each client's account holds exactly these amounts."""
    try:
        return all(
            {client.token(b.token).symbol: b.total for b in client.account().balances} == amounts
            for client in clients
        )
    except ApiError as error:
        if error.code == "UNKNOWN_ACCOUNT":
            return False
        raise


def claim(client: Client, l1: L1Account, symbol: str, amount: Decimal) -> int:
    """Has the client's one withdrawal paid on L1; gives what arrived, in base units.

    Raises DemoError for another amount.
    """
    token = client.token(symbol)
    (withdrawal,) = client.all_withdrawals()
    before = l1.balance(token.id)
    l1.claim(withdrawal, token.decimals)
    paid = l1.balance(token.id) - before
    if paid != to_units(amount, token.decimals):
        raise DemoError(f"the claim paid {paid} base units of {symbol}, expected {amount} {symbol}")
    return paid
