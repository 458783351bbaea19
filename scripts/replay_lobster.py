"""Replays a recorded order book in this engine and compares each execution: price-time priority against a real market.

    python -m scripts.replay_lobster AAPL_2012-06-21_34200000_57600000_message_10.csv

The file has the messages of LOBSTER: `time,type,order id,size,price,direction` in each line, with the price in
1/10000 dollar and the direction of the resting order (1 buy, -1 sell). Each order is placed by an account that has no
other; what was executed is taken by an immediate order of the same size and price, and has to hit the order that the
file names, with its price and size. A partial cancel has to leave the order its place. Orders from before the first
line are not known: what happens to them is counted and skipped, as are hidden executions, cross trades and halts.

A file of N levels says nothing of orders while they are deeper. One that was deleted there stays in the engine's book
and is a deviation when the price comes back: take the deepest file that there is.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from sequencer.core.codec import encode_inbox_deposit, encode_inbox_list_market, encode_inbox_list_token
from sequencer.core.constants import MAX_U64
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_inbox, open_block
from sequencer.core.types import (
    Address,
    CancelOrder,
    Deposit,
    Fill,
    ListMarket,
    ListToken,
    Order,
    PlaceOrder,
    ReplaceOrder,
    Result,
    SelfTrade,
    Side,
    TimeInForce,
)

SHARES, DOLLARS, MARKET = 1, 2, 1
"""A lot is a share, a tick 1/10000 dollar: the file's numbers are the engine's."""
FUNDS: Final = 1 << 110
"""Of each account in each token: no order of a file needs as much."""
COLUMNS: Final = (6, 7)
"""Newer files have the participant as the last."""


class Kind(IntEnum):
    """Types of LOBSTER's messages."""

    SUBMISSION = 1
    PARTIAL_CANCEL = 2
    DELETION = 3
    EXECUTION = 4
    HIDDEN_EXECUTION = 5
    CROSS_TRADE = 6
    HALT = 7


IGNORED: Final = frozenset((Kind.HIDDEN_EXECUTION, Kind.CROSS_TRADE, Kind.HALT))


class Message(NamedTuple):
    """One line. `second`: whole seconds after midnight. `side`: of the resting order, also of what is executed."""

    line: int
    second: int
    kind: Kind
    order: int
    size: int
    price: int
    side: Side


class MalformedLineError(Exception):
    """A line is none of the format."""


class DeviationError(Exception):
    """The engine does not do what the file says."""


def read(lines: Iterable[str]) -> Iterator[Message]:
    """The messages of a file. Raises MalformedLineError."""
    for number, line in enumerate(lines, start=1):
        try:
            yield _message(number, line.strip().split(","))
        except ValueError as error:
            raise MalformedLineError(
                f"line {number} is no message (time,type,order id,size,price,direction): {error}"
            ) from error


def _message(line: int, columns: list[str]) -> Message:
    if len(columns) not in COLUMNS:
        raise ValueError(f"it has {len(columns)} columns")
    time, *numbers = columns[:6]
    kind, order, size, price, direction = (int(number) for number in numbers)
    message = Message(
        line,
        int(time.partition(".")[0]),
        Kind(kind),
        order,
        size,
        price,
        Side.BID if direction == 1 else Side.ASK,
    )
    if message.kind not in IGNORED and not (size >= 1 and 1 <= price <= MAX_U64 and direction in (1, -1)):
        raise ValueError("size and price are at least 1, the direction is 1 or -1")
    return message


@dataclass
class Summary:
    """What was replayed. `unknown`: messages of orders from before the file."""

    events: Counter[Kind] = field(default_factory=Counter)
    unknown: int = 0
    fills: int = 0
    shares: int = 0
    most_orders: int = 0
    most_levels: int = 0

    def lines(self) -> Iterator[str]:
        """For people."""
        for kind in Kind:
            yield f"{kind.name.lower().replace('_', ' '):<18} {self.events[kind]:>9,}"
        yield f"{'of unknown orders':<18} {self.unknown:>9,}"
        yield f"{'fills':<18} {self.fills:>9,}  ({self.shares:,} shares, each of the order that the file names)"
        yield f"{'deepest book':<18} {self.most_orders:>9,}  orders; {self.most_levels:,} prices on one side"


class _Trader:
    """An account with its next nonce."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._nonce = 0

    def head(self) -> dict[str, Any]:
        """The first four fields of its next transaction."""
        self._nonce += 1
        return {
            "account": self.address,
            "signer": self.address,
            "nonce": self._nonce - 1,
            "deadline": MAX_U64,
        }


class Replay:
    """The engine with one market, and which of its orders are those of the file."""

    def __init__(self) -> None:
        self.summary = Summary()
        self._state = State()
        open_block(self._state, 0)
        self._enter(encode_inbox_list_token(ListToken(0, SHARES, bytes(20), 0)))
        self._enter(encode_inbox_list_token(ListToken(0, DOLLARS, b"\x01" * 20, 4)))
        self._enter(
            encode_inbox_list_market(
                ListMarket(0, MARKET, SHARES, DOLLARS, 1, 1, 0, 0, 0, 0, fee_account=b"\xfe" * 20)
            )
        )
        self._accounts = 0
        self._idle: list[_Trader] = []
        self._taker = self._new_trader()
        self._orders: dict[int, tuple[_Trader, Order]] = {}
        self._names: dict[bytes, int] = {}
        self._levels: tuple[Counter[int], Counter[int]] = (Counter(), Counter())

    def replay(self, messages: Iterable[Message]) -> None:
        """Carry out messages; raises DeviationError at the first that the engine does not follow."""
        for message in messages:
            self._advance(message)
            self._carry_out(message)
            self.summary.events[message.kind] += 1

    def _advance(self, message: Message) -> None:
        """Blocks are a second long."""
        if message.second < self._state.meta.timestamp:
            raise DeviationError(f"line {message.line}: time goes back")
        if message.second > self._state.meta.timestamp:
            self._state.take_writes()
            open_block(self._state, message.second)

    def _carry_out(self, message: Message) -> None:
        if message.kind in IGNORED:
            return
        if message.kind is Kind.SUBMISSION:
            self._submit(message)
        elif message.order not in self._orders:
            self.summary.unknown += 1
        elif message.kind is Kind.PARTIAL_CANCEL:
            self._reduce(message)
        elif message.kind is Kind.DELETION:
            self._delete(message)
        else:
            self._execute(message)

    def _submit(self, message: Message) -> None:
        if message.order in self._orders:
            raise DeviationError(f"line {message.line}: order {message.order} rests already")
        trader = self._idle.pop() if self._idle else self._new_trader()
        # what an order took at once is in messages of its own, so that this one may not take
        result = self._place(trader, message, message.side, TimeInForce.POST_ONLY)
        if result.rested is None:
            raise DeviationError(f"line {message.line}: order {message.order} is refused: {result.code.name}")
        self._orders[message.order] = trader, result.rested
        self._names[result.rested.id] = message.order
        levels = self._levels[message.side]
        levels[message.price] += 1
        self.summary.most_levels = max(self.summary.most_levels, len(levels))
        self.summary.most_orders = max(self.summary.most_orders, len(self._orders))

    def _reduce(self, message: Message) -> None:
        trader, order = self._orders[message.order]
        before, left = order.remaining, order.remaining - message.size
        if left <= 0:
            raise DeviationError(f"line {message.line}: order {message.order} has {before} left only")
        result = apply(
            self._state,
            ReplaceOrder(
                **trader.head(),
                order_id=order.id,
                time_in_force=TimeInForce.POST_ONLY,
                self_trade=SelfTrade.CANCEL_TAKER,
                price=order.price,
                size=left,
                expected_size=before,
                client_order_id=0,
            ),
        )
        if (result.order_id, order.remaining, order.id in self._state.orders) != (order.id, left, True):
            raise DeviationError(f"line {message.line}: order {message.order} does not keep its place")

    def _delete(self, message: Message) -> None:
        trader, order = self._orders[message.order]
        if order.remaining != message.size:
            raise DeviationError(
                f"line {message.line}: order {message.order} has {order.remaining} left, not {message.size}"
            )
        result = apply(self._state, CancelOrder(**trader.head(), order_id=order.id))
        if result.code is not Code.OK:
            raise DeviationError(f"line {message.line}: order {message.order} stays: {result.code.name}")
        self._forget(message.order)

    def _execute(self, message: Message) -> None:
        """Someone takes what was executed: the engine must give it from the order that the file names."""
        _, order = self._orders[message.order]
        result = self._place(self._taker, message, Side(1 - message.side), TimeInForce.IOC)
        expected = [(order.id, message.price, message.size)]
        if [(fill.maker_order_id, fill.price, fill.size) for fill in result.fills] != expected:
            happened = ", ".join(map(self._described, result.fills)) or f"nothing: {result.code.name}"
            raise DeviationError(
                f"line {message.line}: {message.size} of order {message.order} at {_dollars(message.price)} were "
                f"executed, the engine executes {happened}"
            )
        self.summary.fills += 1
        self.summary.shares += message.size
        if not order.remaining:
            self._forget(message.order)

    def _described(self, fill: Fill) -> str:
        return f"{fill.size} of order {self._names[fill.maker_order_id]} at {_dollars(fill.price)}"

    def _place(self, trader: _Trader, message: Message, side: Side, time_in_force: TimeInForce) -> Result:
        return apply(
            self._state,
            PlaceOrder(
                **trader.head(),
                market=MARKET,
                side=side,
                time_in_force=time_in_force,
                self_trade=SelfTrade.CANCEL_TAKER,
                price=message.price,
                size=message.size,
                client_order_id=0,
            ),
        )

    def _forget(self, name: int) -> None:
        """The order is gone; its account may have another."""
        trader, order = self._orders.pop(name)
        del self._names[order.id]
        levels = self._levels[order.side]
        levels[order.price] -= 1
        if not levels[order.price]:
            del levels[order.price]
        self._idle.append(trader)

    def _new_trader(self) -> _Trader:
        self._accounts += 1
        trader = _Trader(self._accounts.to_bytes(20, "big"))
        for token in (SHARES, DOLLARS):
            self._enter(encode_inbox_deposit(Deposit(0, token, trader.address, FUNDS)))
        return trader

    def _enter(self, entry: bytes) -> None:
        assert apply_inbox(self._state, entry).code is Code.OK


def _dollars(price: int) -> str:
    return f"{price // 10_000}.{price % 10_000:04}"


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(file: Path) -> None:
    """Replay the LOBSTER messages in FILE and require that each execution hits the order that the file names.

    FILE has time, type, order id, size, price and direction in each line, as LOBSTER's message files do. Ends with 1 at
    the first execution that differs, with 2 at a line that is no message, and names the line. Take the file with the
    most levels: an order that was deleted below the deepest is a deviation when the price comes back to it.
    """
    replay = Replay()
    try:
        with file.open() as lines:
            replay.replay(read(lines))
    except DeviationError as error:
        click.echo(f"{file}: {error}", err=True)
        sys.exit(1)
    except (MalformedLineError, UnicodeDecodeError) as error:
        click.echo(f"{file}: {error}", err=True)
        sys.exit(2)
    for line in replay.summary.lines():
        click.echo(line)


if __name__ == "__main__":
    main()
