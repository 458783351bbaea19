"""Other order-book packages, each through the interface that its documentation shows.

    python -m scripts.engine_peers FLOW PEER        prints a run as JSON

Runs in the environment of scripts/requirements-bench.txt. What an engine does not know is left out: none of these
has accounts with balances.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from scripts.engine_flow import BID, CANCEL, CROSS, Flow, Operation
from scripts.engine_timing import Engine, warm_run

NOW: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - the package compares with datetime.max, which has no zone
SYMBOL: Final = "X"


class OrderMatching:
    """`order-matching`. A batch of orders is placed, then matched; here one by one, for each wants its answer."""

    def __init__(self) -> None:
        from loguru import logger  # type: ignore[import-not-found]
        from order_matching.enums import Side  # type: ignore[import-not-found]
        from order_matching.matching_engine import MatchingEngine  # type: ignore[import-not-found]
        from order_matching.order import LimitOrder  # type: ignore[import-not-found]
        from order_matching.orders import Orders  # type: ignore[import-not-found]

        logger.remove()
        self._engine = MatchingEngine(seed=1)
        self._order_class, self._orders_class = LimitOrder, Orders
        self._sides = (Side.BUY, Side.SELL)

    def fill(self, resting: list[Operation]) -> None:
        """Straight into its book's lists: `place` would sort all orders again for each of them."""
        orders = [self._order(operation) for operation in resting]
        book = self._engine.unprocessed_orders
        for order, operation in zip(orders, resting, strict=True):
            (book.bids if operation.side == BID else book.offers)[order.price].orders.append(order)
        book.orders_by_expiration[orders[0].expiration] = self._orders_class(orders)

    def _order(self, operation: Operation) -> Any:
        _, account, _, order, side, price, size = operation
        return self._order_class(
            side=self._sides[side],
            price=price,
            size=size,
            timestamp=NOW,
            order_id=str(order),
            trader_id=str(account),
        )

    def run(self, operations: list[Operation]) -> list[Any]:
        engine, orders_class, make_order, answers = self._engine, self._orders_class, self._order, []
        for operation in operations:
            if operation.kind == CANCEL:
                engine.cancel_order(str(operation.order))
                continue
            engine.place(orders_class([make_order(operation)]))
            trades = engine.match(NOW)
            if operation.kind == CROSS:
                answers.append(trades)
        return answers

    def traded(self, answer: Any) -> int:
        return sum(int(trade.size) for trade in answer.trades)


class PyOrderBook:
    """`pyorderbook`."""

    def __init__(self) -> None:
        from pyorderbook import Book, ask, bid  # type: ignore[import-not-found]

        self._book = Book()
        self._makers = (bid, ask)
        self._orders: dict[int, Any] = {}

    def fill(self, resting: list[Operation]) -> None:
        self.run(resting)

    def run(self, operations: list[Operation]) -> list[Any]:
        match, cancel, makers = self._book.match, self._book.cancel, self._makers
        orders, answers = self._orders, []
        for kind, _, _, number, side, price, size in operations:
            if kind == CANCEL:
                cancel(orders[number])
                continue
            order = orders[number] = makers[side](SYMBOL, price, size)
            blotter = match(order)
            if kind == CROSS:
                answers.append(blotter)
        return answers

    def traded(self, answer: Any) -> int:
        return sum(trade.fill_quantity for trade in answer.trades)


class LightMatchingEngine:
    """`lightmatchingengine`."""

    def __init__(self) -> None:
        from lightmatchingengine.lightmatchingengine import LightMatchingEngine as Peer  # type: ignore[import-not-found]
        from lightmatchingengine.lightmatchingengine import Side

        self._engine = Peer()
        self._sides = (Side.BUY, Side.SELL)
        self._ids: dict[int, int] = {}

    def fill(self, resting: list[Operation]) -> None:
        self.run(resting)

    def run(self, operations: list[Operation]) -> list[Any]:
        add, cancel, sides = self._engine.add_order, self._engine.cancel_order, self._sides
        ids, answers = self._ids, []
        for kind, _, _, number, side, price, size in operations:
            if kind == CANCEL:
                cancel(ids[number], SYMBOL)
                continue
            answer = add(SYMBOL, price, size, sides[side])
            ids[number] = answer[0].order_id
            if kind == CROSS:
                answers.append(answer)
        return answers

    def traded(self, answer: Any) -> int:
        order, _ = answer
        return int(order.cum_qty)


class Akhil4nOrderBook:
    """`akhil4n-orderbook`."""

    def __init__(self) -> None:
        from decimal import Decimal

        from orderbook import Order, OrderBook, OrderSide  # type: ignore[import-not-found]

        self._book = OrderBook()
        self._order_class, self._decimal = Order, Decimal
        self._sides = (OrderSide.BID, OrderSide.ASK)
        self._ids: dict[int, str] = {}

    def fill(self, resting: list[Operation]) -> None:
        self.run(resting)

    def run(self, operations: list[Operation]) -> list[Any]:
        add, cancel, sides = self._book.add_limit_order, self._book.cancel_order, self._sides
        order_class, decimal = self._order_class, self._decimal
        ids, answers = self._ids, []
        for kind, _, _, number, side, price, size in operations:
            if kind == CANCEL:
                cancel(ids[number])
                continue
            order = order_class(sides[side], decimal(price), size)
            ids[number] = order.order_id
            add(order)
            if kind == CROSS:
                answers.append(order)
        return answers

    def traded(self, answer: Any) -> int:
        return int(answer.original_quantity - answer.remaining_quantity)


PEERS: Final[dict[str, type[Engine]]] = {
    "order-matching": OrderMatching,
    "pyorderbook": PyOrderBook,
    "lightmatchingengine": LightMatchingEngine,
    "akhil4n-orderbook": Akhil4nOrderBook,
}


def main() -> int:
    flow_file, peer = sys.argv[1:]
    resting, operations = json.loads(Path(flow_file).read_bytes())
    flow = Flow([Operation(*x) for x in resting], [Operation(*x) for x in operations])
    print(json.dumps(warm_run(PEERS[peer], flow)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
