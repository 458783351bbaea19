"""The flow of orders that the engines are measured with: drawn from a seed, the same for each of them.

Of the operations 60 % are new orders that rest, 35 % cancels and 5 % orders that cross. A crossing order takes five
resting orders on average, so that the book keeps its size: 60 come, 35 + 5 × 5 go. It is filled completely, and never
meets an order of its own account, so that an engine without rules for these cases does the same as one with them.
"""

from heapq import heappop, heappush
from random import Random
from typing import Final, NamedTuple

ADD_PERCENT: Final = 60
CANCEL_PERCENT: Final = 35
CROSS_PERCENT: Final = 5
TAKEN: Final = 5
"""Resting orders that a crossing order takes, on average."""
ACCOUNTS: Final = 1_000
PRICE: Final = 250_000
SPREAD: Final = 1_000
"""Orders rest up to this many ticks from PRICE, on either side."""
LOTS: Final = (100, 10_000)

BID: Final = 0
ASK: Final = 1

ADD: Final = 0
CANCEL: Final = 1
CROSS: Final = 2


class Operation(NamedTuple):
    """Plain integers, of which an engine makes what its own interface takes.

    `kind`: ADD, CANCEL or CROSS. `order`: number of the new order, or of the one to cancel. `nonce` counts the
    account's operations.
    """

    kind: int
    account: int
    nonce: int
    order: int
    side: int
    price: int
    size: int


class Flow(NamedTuple):
    """`resting` fills the book, then `operations` are measured."""

    resting: list[Operation]
    operations: list[Operation]


class FlowGenerator:
    """Draws operations and follows what they leave in the book."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._nonces = [0] * ACCOUNTS
        self._next_order = 0
        self._resting: dict[int, Operation] = {}
        self._numbers: list[int] = []
        """The resting orders, to draw from. Those that were taken stay until they are drawn."""
        self._priorities: tuple[list[tuple[int, int]], ...] = ([], [])
        """A heap for each side, best first. Those that were cancelled stay until they are first."""

    @property
    def resting(self) -> int:
        """Number of orders in the book."""
        return len(self._resting)

    def flow(self, resting: int, operations: int) -> Flow:
        """A book of `resting` orders, then `operations` in exactly the stated mix."""
        before = [self._add() for _ in range(resting)]
        adds, cancels = operations * ADD_PERCENT // 100, operations * CANCEL_PERCENT // 100
        draws = [self._add] * adds + [self._cancel] * cancels
        draws += [self._cross] * (operations - len(draws))
        self._random.shuffle(draws)
        return Flow(before, [draw() for draw in draws])

    def _add(self) -> Operation:
        side = self._random.choice((BID, ASK))
        away = self._random.randint(1, SPREAD)
        price = PRICE + away if side == ASK else PRICE - away
        account = self._random.randrange(ACCOUNTS)
        order = self._place(ADD, account, side, price, self._random.randint(*LOTS))
        self._resting[order.order] = order
        self._numbers.append(order.order)
        heappush(self._priorities[side], _priority(order))
        return order

    def _cancel(self) -> Operation:
        order = self._resting.pop(self._draw_number())
        return order._replace(kind=CANCEL, nonce=self._take_nonce(order.account))

    def _cross(self) -> Operation:
        """Takes 0 to 2 × TAKEN orders whole and a part of the next."""
        side = self._random.choice((BID, ASK))
        makers = [self._pop_best(1 - side) for _ in range(self._random.randint(0, 2 * TAKEN) + 1)]
        last = makers[-1]
        part = self._random.randint(1, last.size)
        if part < last.size:
            self._resting[last.order] = last._replace(size=last.size - part)
            heappush(self._priorities[last.side], _priority(last))
            self._numbers.append(last.order)
        size = sum(maker.size for maker in makers[:-1]) + part
        taker = self._stranger_to({maker.account for maker in makers})
        return self._place(CROSS, taker, side, last.price, size)

    def _place(self, kind: int, account: int, side: int, price: int, size: int) -> Operation:
        self._next_order += 1
        return Operation(kind, account, self._take_nonce(account), self._next_order, side, price, size)

    def _take_nonce(self, account: int) -> int:
        self._nonces[account] += 1
        return self._nonces[account] - 1

    def _stranger_to(self, accounts: set[int]) -> int:
        while (account := self._random.randrange(ACCOUNTS)) in accounts:
            pass
        return account

    def _draw_number(self) -> int:
        """A resting order, each with the same chance; it leaves the list."""
        numbers = self._numbers
        while True:
            i = self._random.randrange(len(numbers))
            numbers[i], numbers[-1] = numbers[-1], numbers[i]
            number = numbers.pop()
            if number in self._resting:
                return number

    def _pop_best(self, side: int) -> Operation:
        """Takes the order that trades next out of the book."""
        while True:
            _, number = heappop(self._priorities[side])
            if number in self._resting:
                return self._resting.pop(number)


def _priority(order: Operation) -> tuple[int, int]:
    return (order.price if order.side == ASK else -order.price), order.order
