"""What a group of transactions adds to the history: rows for the tables of `store`, from transactions and results.

An order is named by its place, which grows from one order to the next: its rows are appended to their table, and what
is changed later lies close to its end. Its id follows from market, side, price and place. A trade is named by its
transaction's sequence number × 256 + its number in it, items of a batch together.

Orders are written as they are after the group, each once, however often it changed.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Final

from msgspec import Struct

from sequencer.adapters.candles import MINUTE, Candle, start_of
from sequencer.core.book import PLACES_PER_SEQ
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.constants import MAX_MAKERS
from sequencer.core.errors import Code
from sequencer.core.orders import expiry_of
from sequencer.core.types import (
    Action,
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    Deposit,
    ExpireOrder,
    Fill,
    ForceApproveAgent,
    ForceExit,
    ForceRevokeAgents,
    InboxEntry,
    ListMarket,
    Order,
    OrderId,
    PlaceOrder,
    ReplaceOrder,
    Result,
    RevokeAgent,
    SetMarket,
    Stop,
    Transfer,
    Withdraw,
)
from sequencer.ports import Sequenced

TRADES_PER_SEQ: Final = MAX_MAKERS
"""Numbers of trades that belong to one transaction: it meets no more orders."""


class End(IntEnum):
    """Why an order is over."""

    FILLED = 1
    CANCELLED = 2
    REPLACED = 3
    EXPIRED = 4
    IMMEDIATE = 5
    """Its time in force does not let the rest of it stay."""
    SELF_TRADE = 6
    MAKER_LIMIT = 7
    """It met as many orders as one transaction may."""
    FORCED = 8
    """Its owner had it removed on L1."""


class LeafKind(IntEnum):
    """Why a leaf is in the outbox."""

    WITHDRAWAL = 0
    REFUND = 1
    FORCED_EXIT = 2


Row = tuple[object, ...]


class OrderRow(Struct):
    """An order after the group that placed it; its fields are the columns of its table, numbers as they are.

    `taken`, `turnover`: lots that it traded when it came, and the sum of price × size of these trades; all later ones
    are at its own price. `lost`: lots taken from it while it rested without a trade. `ended`: the place of what ended
    it; where that is a replacement, of the new order.
    """

    place: int
    account: bytes
    market: int
    side: int
    price: int
    size: int
    remaining: int
    taken: int
    turnover: int
    lost: int
    time_in_force: int
    self_trade: int
    expiry: int
    client_order_id: int
    created: int
    updated_seq: int
    updated: int
    ended: int | None = None
    reason: int | None = None

    def row(self) -> Row:
        """What is stored: numbers that may pass 63 bits as text, no client order id as NULL."""
        return (
            self.place,
            self.account,
            self.market,
            self.side,
            str(self.price),
            str(self.size),
            str(self.remaining),
            str(self.taken),
            str(self.turnover),
            str(self.lost),
            self.time_in_force,
            self.self_trade,
            str(self.expiry),
            client_order_id(self.client_order_id),
            self.created,
            self.updated_seq,
            self.updated,
            self.ended,
            self.reason,
        )


def client_order_id(number: int) -> str | None:
    """A client order id as it is stored."""
    return str(number) if number else None


def place_of(order_id: OrderId) -> int:
    """The place in an order's id."""
    return int.from_bytes(order_id[16:], "big")


class Rows:
    """The rows of one group.

    `changes`, `terms`, `lost` are of orders that earlier groups placed. `agents`: account, agent or None for all of
    them, and whether it was approved; in order.
    """

    def __init__(self, group: Iterable[Sequenced]) -> None:
        self.placed: dict[int, OrderRow] = {}
        self.changes: dict[int, Row] = {}
        self.terms: dict[int, Row] = {}
        self.lost: dict[int, int] = {}
        self.trades: list[Row] = []
        self.minutes: dict[tuple[int, int], Candle] = {}
        self.deposits: list[Row] = []
        self.withdrawals: list[Row] = []
        self.transfers: list[Row] = []
        self.fee_accounts: list[Row] = []
        self.agents: list[tuple[bytes, bytes | None, bool]] = []
        self._seq = self._time = self._trade = 0
        for x in group:
            self._add(x)

    def orders(self) -> Iterator[Row]:
        """New orders."""
        return (order.row() for order in self.placed.values())

    def appended(self) -> Iterator[tuple[str, list[Row]]]:
        """Tables to which rows are only added, and what is added."""
        yield "trades", self.trades
        yield "deposits", self.deposits
        yield "transfers", self.transfers
        yield "fee_accounts", self.fee_accounts

    def _add(self, x: Sequenced) -> None:
        self._seq, self._time = x.seq, x.time
        self._trade = x.seq * TRADES_PER_SEQ
        match x.transaction:
            case Batch() as batch:
                for item, (action, result) in enumerate(zip(batch.actions, x.result.items, strict=True)):
                    self._add_action(item, action, result)
            case InboxEntry():
                self._add_entry(x, x.transaction)
            case ExpireOrder():
                self._end_all(0, x.result.removed, End.EXPIRED)
            case Withdraw() as tx:
                self._add_leaves(tx.account, LeafKind.WITHDRAWAL, x.result)
            case Transfer() as tx if x.result.code is Code.OK:
                self.transfers.append((x.seq, tx.account, tx.to, tx.token, str(tx.amount), x.time))
            case ApproveAgent() as tx if x.result.code is Code.OK:
                self.agents.append((tx.account, tx.agent, True))
            case RevokeAgent() as tx if x.result.code is Code.OK:
                self.agents.append((tx.account, tx.agent, False))
            case PlaceOrder() | ReplaceOrder() | CancelOrder() | CancelClientOrder() | CancelAll() as action:
                self._add_action(0, action, x.result)
            case _:
                pass

    # ---------------------------------------------------------------- orders

    def _add_action(self, item: int, action: Action, result: Result) -> None:
        """One action, `item` of its transaction."""
        if result.code is not Code.OK:
            return
        match action:
            case PlaceOrder():
                self._enter(item, action, action.market, action.side, action.size, result)
                self._meet(item, result.removed, result)
            case ReplaceOrder():
                self._replace(item, action, result)
            case _:
                self._end_all(item, result.removed, End.CANCELLED)

    def _replace(self, item: int, action: ReplaceOrder, result: Result) -> None:
        if result.order_id != action.order_id:
            old = result.removed[0]
            size = action.size - (action.expected_size - old.remaining)
            self._end(item, old, End.REPLACED)
            self._enter(item, action, old.market, old.side, size, result)
            self._meet(item, result.removed[1:], result)
        elif result.resting:
            self._change_terms(place_of(action.order_id), action)
            self._change(place_of(action.order_id), result.remaining)
            self._meet(item, (), result)
        else:
            self._end_all(item, result.removed, End.CANCELLED)

    def _enter(
        self, item: int, action: PlaceOrder | ReplaceOrder, market: int, side: int, size: int, result: Result
    ) -> None:
        """A new order of `size` lots, whether it rests or not."""
        place = self._seq * PLACES_PER_SEQ + item
        order = OrderRow(
            place=place,
            account=action.account,
            market=market,
            side=int(side),
            price=action.price,
            size=size,
            remaining=result.remaining,
            taken=result.filled,
            turnover=sum(fill.price * fill.size for fill in result.fills),
            lost=size - result.filled - result.remaining,
            time_in_force=int(action.time_in_force),
            self_trade=int(action.self_trade),
            expiry=expiry_of(action),
            client_order_id=action.client_order_id,
            created=self._time,
            updated_seq=self._seq,
            updated=self._time,
        )
        if not result.resting:
            order.ended, order.reason = place, _end_of_taker(result)
        self.placed[place] = order

    def _meet(self, item: int, removed: Iterable[Order], result: Result) -> None:
        """What a new order did to those in the book, and to itself where it lost lots in its place."""
        taker = self._seq * PLACES_PER_SEQ + item
        for fill in result.fills:
            self._add_trade(fill, taker)
        for reduction in result.reductions:
            self._lose(reduction.order, reduction.size)
        for order in removed:
            self._end(item, order, self._end_of_maker(order))

    def _add_trade(self, fill: Fill, taker: int) -> None:
        maker = place_of(fill.maker_order_id)
        self.trades.append(
            (
                self._trade,
                fill.market,
                str(fill.price),
                str(fill.size),
                int(fill.taker_side),
                fill.maker,
                fill.taker,
                maker,
                taker,
                str(fill.maker_fee),
                str(fill.taker_fee),
                self._time,
            )
        )
        self._trade += 1
        if fill.maker_remaining:
            self._change(maker, fill.maker_remaining)
        minute = (fill.market, start_of(self._time, MINUTE))
        candle = self.minutes.get(minute)
        if candle is None:
            candle = self.minutes[minute] = Candle(fill.price, fill.price, fill.price, fill.price)
        candle.add(fill.price, fill.size)

    def _change(self, place: int, remaining: int) -> None:
        """An order that still rests has `remaining` lots."""
        order = self.placed.get(place)
        if order is None:
            self.changes[place] = (str(remaining), self._seq, self._time, None, None, place)
        else:
            order.remaining, order.updated_seq, order.updated = remaining, self._seq, self._time

    def _lose(self, order: Order, lots: int) -> None:
        """A resting order lost lots without a trade. What it has now it has after the group."""
        placed = self.placed.get(order.place)
        if placed is None:
            self.lost[order.place] = self.lost.get(order.place, 0) + lots
        else:
            placed.lost += lots
        self._change(order.place, order.remaining)

    def _change_terms(self, place: int, action: ReplaceOrder) -> None:
        terms = (int(action.time_in_force), int(action.self_trade), expiry_of(action), action.client_order_id)
        order = self.placed.get(place)
        if order is None:
            self.terms[place] = (*terms[:2], str(terms[2]), client_order_id(terms[3]), place)
        else:
            order.time_in_force, order.self_trade, order.expiry, order.client_order_id = terms

    def _end_all(self, item: int, removed: Iterable[Order], reason: End) -> None:
        for order in removed:
            self._end(item, order, reason)

    def _end(self, item: int, order: Order, reason: End) -> None:
        """A resting order left the book."""
        ended = self._seq * PLACES_PER_SEQ + item
        placed = self.placed.get(order.place)
        if placed is None:
            values = (str(order.remaining), self._seq, self._time, ended, int(reason), order.place)
            self.changes[order.place] = values
        else:
            placed.remaining, placed.updated_seq, placed.updated = order.remaining, self._seq, self._time
            placed.ended, placed.reason = ended, int(reason)

    def _end_of_maker(self, order: Order) -> End:
        """Why a new order removed a resting one."""
        if not order.remaining:
            return End.FILLED
        return End.EXPIRED if 0 < order.expiry < self._time else End.SELF_TRADE

    # ----------------------------------------------------------------- inbox

    def _add_entry(self, x: Sequenced, entry: InboxEntry) -> None:
        parsed, done = parse_inbox_entry(entry.data), x.result.code is Code.OK
        match parsed:
            case Deposit() if x.inbox is not None:
                refunded, amount = bool(x.result.withdrawals), str(parsed.amount)
                self.deposits.append(
                    (x.seq, x.inbox.index, parsed.account, parsed.token, amount, refunded, x.time)
                )
                self._add_leaves(parsed.account, LeafKind.REFUND, x.result)
            case ForceExit():
                self._add_leaves(parsed.account, LeafKind.FORCED_EXIT, x.result)
            case ForceApproveAgent() if done:
                self.agents.append((parsed.account, parsed.agent, True))
            case ForceRevokeAgents() if done:
                self.agents.append((parsed.account, None, False))
            case ListMarket() | SetMarket() if done:
                self.fee_accounts.append((parsed.market, x.seq, parsed.fee_account))
            case _:
                pass
        self._end_all(0, x.result.removed, End.FORCED)

    def _add_leaves(self, account: bytes, kind: LeafKind, result: Result) -> None:
        for item, leaf in enumerate(result.withdrawals):
            amounts = (str(leaf.amount), str(leaf.max_relay_fee))
            self.withdrawals.append(
                (self._seq, item, account, int(kind), leaf.recipient, leaf.token, *amounts, self._time)
            )


def _end_of_taker(result: Result) -> End:
    """Why an order did not rest."""
    if not result.remaining:
        return End.FILLED
    if result.stop is None:
        return End.IMMEDIATE
    return End.MAKER_LIMIT if result.stop is Stop.MAKER_LIMIT else End.SELF_TRADE
