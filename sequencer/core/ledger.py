"""Accounts: balances with their locks, open orders, and nonce lanes (docs/protocol.md, sections 2 and 3)."""

from dataclasses import dataclass, field

from sequencer.core.constants import (
    FEE_UNIT,
    FIRST_AGENT_LANE,
    MAX_NONCE_JUMP,
    MAX_U128,
    NONCE_LANE_SHIFT,
    NONCE_SEQUENCE_MASK,
    NONCE_WINDOW,
)
from sequencer.core.errors import Code, Rejection
from sequencer.core.types import Address, Order, OrderId


@dataclass(slots=True)
class Balance:
    """A token of an account. `locked` is what its resting orders may still give; it is part of `total`."""

    total: int = 0
    locked: int = 0


@dataclass(slots=True)
class Lane:
    """Nonces used: `top` is one more than the highest; bit `i` of `window` stands for `top - 1 - i`."""

    top: int = 0
    window: int = 0

    def check(self, lane: int, sequence: int) -> None:
        """Raise `Rejection` unless `sequence` can be used; `lane` is only for the message."""
        top = self.top
        if sequence >= top:
            if sequence - top > MAX_NONCE_JUMP:
                raise _nonce_rejection(
                    Code.NONCE_TOO_HIGH, lane, top, f"at most {MAX_NONCE_JUMP} above the next nonce"
                )
        elif top - 1 - sequence >= NONCE_WINDOW:
            raise _nonce_rejection(
                Code.NONCE_TOO_LOW, lane, top, f"at most {NONCE_WINDOW} below the next nonce"
            )
        elif self.window >> (top - 1 - sequence) & 1:
            raise _nonce_rejection(Code.NONCE_USED, lane, top, "one that was not used before")

    def use(self, sequence: int) -> None:
        """Mark `sequence` as used; it passed `check`, and the lane may have been raised past it since."""
        shift = sequence + 1 - self.top
        if shift <= 0:
            if -shift < NONCE_WINDOW:
                self.window |= 1 << -shift
            return
        # A jump by the whole window leaves nothing of it; shifting by up to 2^20 bits would only waste
        # memory.
        self.window = 1 if shift >= NONCE_WINDOW else self.window << shift & MAX_U128 | 1
        self.top = sequence + 1

    def raise_to(self, floor: int) -> None:
        """Mark every sequence below `floor` as used."""
        if floor > self.top:
            self.top, self.window = floor, MAX_U128
        elif self.top and (first := self.top - floor) < NONCE_WINDOW:
            self.window |= MAX_U128 >> first << first


def _nonce_rejection(code: Code, lane: int, top: int, expected: str) -> Rejection:
    following = lane << NONCE_LANE_SHIFT | top
    message = f"nonce of lane {lane} must be {expected}; next is {following}"
    return Rejection(code, message, {"next": str(following), "lane": str(lane)})


def split_nonce(nonce: int) -> tuple[int, int]:
    """Lane and sequence of a nonce."""
    return nonce >> NONCE_LANE_SHIFT, nonce & NONCE_SEQUENCE_MASK


@dataclass(slots=True)
class Agent:
    """A key that may trade for an account. Bit `m` of `markets` is market `m`, bit 0 stands for all."""

    lane: int
    expiry: int
    markets: int


@dataclass(slots=True)
class Account:
    """What the exchange knows of an address.

    A balance or count that fell to zero stays here as zero and is left out of the encoded account.
    """

    lanes: dict[int, Lane] = field(default_factory=dict)
    next_agent_lane: int = FIRST_AGENT_LANE
    agents: dict[Address, Agent] = field(default_factory=dict)
    open_counts: dict[int, int] = field(default_factory=dict)
    balances: dict[int, Balance] = field(default_factory=dict)
    orders: dict[OrderId, Order] = field(default_factory=dict)

    def balance(self, token: int) -> Balance:
        """The account's balance of `token`, made if there is none."""
        balance = self.balances.get(token)
        if balance is None:
            balance = self.balances[token] = Balance()
        return balance

    def available(self, token: int) -> int:
        """What the account can still give of `token`."""
        balance = self.balances.get(token)
        return balance.total - balance.locked if balance else 0

    def require_available(self, token: int, needed: int, freed: int = 0) -> None:
        """Raise `Rejection` unless `needed` of `token` is available, with `freed` that is still locked."""
        available = self.available(token) + freed
        if available < needed:
            raise Rejection(
                Code.INSUFFICIENT_BALANCE,
                f"token {token}: {needed} needed, {available} available",
                {"token": str(token), "available": str(available), "needed": str(needed)},
            )

    def lane(self, number: int) -> Lane:
        """The lane `number`, made if there is none."""
        lane = self.lanes.get(number)
        if lane is None:
            lane = self.lanes[number] = Lane()
        return lane

    def add_order(self, order: Order) -> None:
        """Count a new resting order."""
        self.orders[order.id] = order
        self.open_counts[order.market] = self.open_counts.get(order.market, 0) + 1

    def remove_order(self, order: Order) -> None:
        """Forget an order that no longer rests."""
        del self.orders[order.id]
        self.open_counts[order.market] -= 1


def fee(amount: int, rate: int) -> int:
    """Fee on `amount` at `rate` millionths, rounded up against the payer."""
    return -(-amount * rate // FEE_UNIT)
