"""A naive exchange: one list of resting orders, searched from end to end each time. Correct by being obvious."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from sequencer.core.types import Address, Market, PlaceOrder, Side, TimeInForce


@dataclass
class NaiveOrder:
    """A resting order; `seq` is its age."""

    seq: int
    owner: Address
    side: Side
    price: int
    remaining: int


class NaiveExchange:
    """One market. Amounts locked are not kept but summed over the resting orders."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.totals: dict[tuple[Address, int], int] = {}
        self.orders: list[NaiveOrder] = []

    def add(self, owner: Address, token: int, amount: int) -> None:
        """Change a total by a signed amount."""
        self.totals[owner, token] = self.totals.get((owner, token), 0) + amount

    def locked(self, owner: Address, token: int) -> int:
        """What the owner's resting orders may still give of a token."""
        return sum(self._gives(order)[1] for order in self.orders if (owner, token) == self._key(order))

    def available(self, owner: Address, token: int) -> int:
        """What the owner can still give of a token."""
        return self.totals.get((owner, token), 0) - self.locked(owner, token)

    def _key(self, order: NaiveOrder) -> tuple[Address, int]:
        return order.owner, self._gives(order)[0]

    def _gives(self, order: NaiveOrder) -> tuple[int, int]:
        if order.side is Side.BID:
            return self.market.quote, order.price * order.remaining * self.market.tick_size
        return self.market.base, order.remaining * self.market.lot_size

    def crossing(self, side: Side, price: int) -> list[NaiveOrder]:
        """Resting orders that a taker would trade with, first the best price, then the oldest."""
        if side is Side.BID:
            asks = [order for order in self.orders if order.side is Side.ASK and order.price <= price]
            return sorted(asks, key=lambda order: (order.price, order.seq))
        bids = [order for order in self.orders if order.side is Side.BID and order.price >= price]
        return sorted(bids, key=lambda order: (-order.price, order.seq))

    def place(self, seq: int, tx: PlaceOrder) -> list[tuple[int, int, int]] | None:
        """Place an order. Gives its fills as (age of the maker, price, size), None if it cannot be placed."""
        probe = NaiveOrder(seq, tx.account, tx.side, tx.price, tx.size)
        token, amount = self._gives(probe)
        crossing = self.crossing(tx.side, tx.price)
        too_small = tx.price * tx.size * self.market.tick_size < self.market.min_notional
        if too_small or self.available(tx.account, token) < amount:
            return None
        if tx.time_in_force is TimeInForce.POST_ONLY and crossing:
            return None
        fills = []
        for maker in crossing:
            if not probe.remaining or maker.owner == tx.account:
                break
            size = min(probe.remaining, maker.remaining)
            self._trade(probe, maker, size)
            fills.append((maker.seq, maker.price, size))
        stopped = any(order.owner == tx.account for order in self.crossing(tx.side, tx.price))
        if probe.remaining and tx.time_in_force is not TimeInForce.IOC and not stopped:
            self.orders.append(probe)
        return fills

    def _trade(self, taker: NaiveOrder, maker: NaiveOrder, size: int) -> None:
        market = self.market
        base, quote = size * market.lot_size, size * maker.price * market.tick_size
        buyer, seller = (taker, maker) if taker.side is Side.BID else (maker, taker)
        base_fee = self._fee(base, buyer is maker)
        quote_fee = self._fee(quote, seller is maker)
        self.add(buyer.owner, market.base, base - base_fee)
        self.add(buyer.owner, market.quote, -quote)
        self.add(seller.owner, market.base, -base)
        self.add(seller.owner, market.quote, quote - quote_fee)
        self.add(market.fee_account, market.base, base_fee)
        self.add(market.fee_account, market.quote, quote_fee)
        taker.remaining -= size
        maker.remaining -= size
        self.orders = [order for order in self.orders if order.remaining]

    def _fee(self, amount: int, is_maker: bool) -> int:
        rate = self.market.maker_fee if is_maker else self.market.taker_fee
        return ceil(Fraction(amount * rate, 1_000_000))

    def cancel(self, seq: int) -> None:
        """Remove a resting order by its age."""
        self.orders = [order for order in self.orders if order.seq != seq]

    def levels(self, side: Side) -> list[tuple[int, int, int]]:
        """Price, lots and number of orders of each level, best first."""
        orders = [order for order in self.orders if order.side is side]
        prices = sorted({order.price for order in orders}, reverse=side is Side.BID)
        at = {price: [order.remaining for order in orders if order.price == price] for price in prices}
        return [(price, sum(sizes), len(sizes)) for price, sizes in at.items()]
