"""A seeded stream of orders and cancels, shaped like trading: a price that wanders, makers around it, takers across it.

Everything is an integer number of ticks and lots until it leaves as an exact decimal, so a seed gives the same stream
on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

CANCEL_SHARE: Final = 20
"""Per cent of the actions that cancel an earlier order."""
TAKER_SHARE: Final = 25
"""Per cent of the orders that cross the price."""
POST_ONLY_SHARE: Final = 15
"""Per cent of the makers that insist on being makers."""


@dataclass(frozen=True)
class MarketShape:
    """How a market trades: steps of the API, and ranges in ticks and lots."""

    symbol: str
    tick: Decimal
    lot: Decimal
    start: int
    """First price, in ticks."""
    drift: int
    """Largest change of the price between two actions, in ticks."""
    spread: int
    """How far makers stay from the price, in ticks."""
    lots: tuple[int, int]
    """Smallest and largest order."""


MARKETS: Final = (
    MarketShape("ETH/USDC", Decimal("0.01"), Decimal("0.0001"), 250_000, 40, 400, (1_000, 20_000)),
    MarketShape("WBTC/USDC", Decimal("0.1"), Decimal("0.00001"), 600_000, 80, 900, (500, 10_000)),
)


@dataclass(frozen=True)
class Place:
    """Trader `trader` places an order."""

    trader: int
    market: str
    side: str
    price: Decimal
    size: Decimal
    time_in_force: str
    client_order_id: int


@dataclass(frozen=True)
class Cancel:
    """Trader `trader` cancels the order with this id of its own; it may be gone already."""

    trader: int
    client_order_id: int


Action = Place | Cancel


def flow(seed: int, traders: int, orders: int) -> Iterator[Action]:
    """Actions until `orders` orders were placed, the cancels between them not counted."""
    random = Random(seed)
    prices = {market.symbol: market.start for market in MARKETS}
    open_orders: list[Cancel] = []
    placed = 0
    while placed < orders:
        market = random.choice(MARKETS)
        prices[market.symbol] += random.randint(-market.drift, market.drift)
        if open_orders and random.randrange(100) < CANCEL_SHARE:
            yield open_orders.pop(random.randrange(len(open_orders)))
            continue
        placed += 1
        order = _order(random, market, prices[market.symbol], random.randrange(traders), placed)
        if order.time_in_force != "IOC":
            open_orders.append(Cancel(order.trader, order.client_order_id))
        yield order


def _order(random: Random, market: MarketShape, price: int, trader: int, client_order_id: int) -> Place:
    side = random.choice(("buy", "sell"))
    away = -1 if side == "buy" else 1
    if random.randrange(100) < TAKER_SHARE:
        time_in_force = "IOC"
        limit = price - away * 2 * market.spread
    else:
        time_in_force = "POST_ONLY" if random.randrange(100) < POST_ONLY_SHARE else "GTC"
        limit = price + away * random.randint(0, market.spread)
    size = random.randint(*market.lots)
    return Place(
        trader, market.symbol, side, limit * market.tick, size * market.lot, time_in_force, client_order_id
    )


def queue_at_one_price(makers: int) -> tuple[list[Place], Place]:
    """Bids of several makers at one price, and a sale that fills the first and half of the second.

    They are the only orders in the book, so who is filled shows who was first.
    """
    market = MARKETS[0]
    price, size = market.start * market.tick, 10_000 * market.lot
    bids = [Place(i, market.symbol, "buy", price, size, "GTC", 1_000_000 + i) for i in range(makers)]
    sale = Place(makers, market.symbol, "sell", price, size * 3 / 2, "IOC", 0)
    return bids, sale
