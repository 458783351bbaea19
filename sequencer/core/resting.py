"""Resting orders: what they lock, and how they enter a book and leave it (docs/protocol.md, section 4.2)."""

from sequencer.core.state import State
from sequencer.core.types import Market, Order


def locked_by(market: Market, order: Order, size: int) -> tuple[int, int]:
    """Token and amount that `size` lots of a resting order lock."""
    if order.side:
        return market.base, size * market.lot_size
    return market.quote, order.price * size * market.tick_size


def rest(state: State, market: Market, order: Order) -> None:
    """Enter an order into its book and lock what it offers, which is available."""
    token, amount = locked_by(market, order, order.remaining)
    state.accounts[order.owner].balances[token].locked += amount
    state.add_order(order)


def remove(state: State, order: Order) -> None:
    """Take a resting order out of its book and unlock what it still locks."""
    _unlock(state, order, order.remaining)
    state.remove_order(order)


def reduce(state: State, order: Order, size: int) -> None:
    """Take `size` lots from a resting order without a trade; with none left it is removed."""
    _unlock(state, order, size)
    state.reduce_order(order, size)
    state.touch(order.owner)


def _unlock(state: State, order: Order, size: int) -> None:
    token, amount = locked_by(state.markets[order.market], order, size)
    state.accounts[order.owner].balances[token].locked -= amount
