"""From results to what the owners of the orders are told."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from sequencer.adapters.feed.account import AccountFeed, Moment, OpenOrder
from sequencer.adapters.feed.market import MarketFeed
from sequencer.core.book import parse_order_id
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.errors import Code
from sequencer.core.orders import expiry_of
from sequencer.core.state import State
from sequencer.core.types import (
    Address,
    Batch,
    ExpireOrder,
    InboxEntry,
    Order,
    OrderId,
    PlaceOrder,
    ReplaceOrder,
    Result,
    Sequenceable,
    Transfer,
)
from sequencer.ports import Sequenced


def parts(x: Sequenced) -> Iterator[tuple[Sequenceable, Result]]:
    """What was carried out: the transaction, or each action of a batch."""
    if isinstance(x.transaction, Batch):
        pairs = zip(x.transaction.actions, x.result.items, strict=True)
        yield from (pair for pair in pairs if pair[1].code is Code.OK)
    elif x.result.code is Code.OK:
        yield x.transaction, x.result


def touched(state: State, x: Sequenced) -> set[Address]:
    """Accounts whose balances the transaction may have changed."""
    tx = x.transaction
    found: set[Address] = set()
    if isinstance(tx, InboxEntry):
        account = getattr(parse_inbox_entry(tx.data), "account", None)
        if account is not None:
            found.add(account)
    elif not isinstance(tx, ExpireOrder):
        found.add(tx.account)
        if isinstance(tx, Transfer):
            found.add(tx.to)
    for result in x.result.items or (x.result,):
        for fill in result.fills:
            found.add(fill.maker)
            found.add(state.markets[fill.market].fee_account)
        found.update(order.owner for order in result.removed)
        found.update(reduction.order.owner for reduction in result.reductions)
    return found


class OrderEvents:
    """Tells the accounts that have a feed; the others are passed over."""

    def __init__(self, accounts: Mapping[Address, AccountFeed], markets: Callable[[int], MarketFeed]) -> None:
        self._accounts = accounts
        self._markets = markets

    def tell(self, x: Sequenced) -> None:
        """Adds the events of a transaction."""
        trade = 0
        for action, result in parts(x):
            self._carried_out(action, result, Moment(x.seq, x.time), trade)
            trade += len(result.fills)

    def _carried_out(self, action: Sequenceable, result: Result, at: Moment, trade: int) -> None:
        match action:
            case PlaceOrder():
                self._placed(action, action.size, result, result.removed, at, trade)
            case ReplaceOrder():
                self._replaced(action, result, at, trade)
            case ExpireOrder():
                self._ended(result.removed, "expired", at, "expired")
            case InboxEntry():
                self._ended(result.removed, "cancelled", at, "forced")
            case _:
                self._ended(result.removed, "cancelled", at, "cancelled")

    def _replaced(self, action: ReplaceOrder, result: Result, at: Moment, trade: int) -> None:
        if result.order_id != action.order_id:
            old, *removed = result.removed
            new_id = f"0x{(result.order_id or b'').hex()}"
            self._ended((old,), "replaced", at, "replaced", replaced_by=new_id)
            size = action.size - (action.expected_size - old.remaining)
            self._placed(action, size, result, removed, at, trade)
        elif not result.resting:
            self._ended(result.removed, "cancelled", at, "cancelled")
        elif (owner := self._accounts.get(action.account)) is not None:
            owner.replaced(action, result.remaining, at)

    def _placed(
        self,
        action: PlaceOrder | ReplaceOrder,
        size: int,
        result: Result,
        removed: Iterable[Order],
        at: Moment,
        trade: int,
    ) -> None:
        """A new order of `size` lots, and those that it met."""
        order_id = result.order_id or b""
        taker = self._accounts.get(action.account)
        if taker is not None:
            replaces = action.order_id if isinstance(action, ReplaceOrder) else None
            taker.entered(self._order(order_id, action, size), at, replaces)
        for number, fill in enumerate(result.fills, trade):
            maker = self._accounts.get(fill.maker)
            if maker is not None:
                maker.traded(fill.maker_order_id, fill, number, at)
            if taker is not None:
                taker.traded(order_id, fill, number, at)
        self._met(removed, at)
        for reduction in result.reductions:
            owner = self._accounts.get(reduction.order.owner)
            if owner is not None:
                owner.reduced(reduction.order.id, reduction.size, at)
        if taker is not None:
            _rest(taker, order_id, result, at)

    def _order(self, order_id: OrderId, action: PlaceOrder | ReplaceOrder, size: int) -> OpenOrder:
        market, side, price, _ = parse_order_id(order_id)
        return OpenOrder(
            id=order_id,
            market=self._markets(market),
            side=side,
            price=price,
            time_in_force=action.time_in_force,
            expiry=expiry_of(action),
            client_order_id=action.client_order_id,
            filled=0,
            remaining=size,
        )

    def _met(self, removed: Iterable[Order], at: Moment) -> None:
        """Resting orders that a taker removed; of those that it filled their owners know."""
        for order in removed:
            if order.remaining and 0 < order.expiry < at.time:
                self._ended((order,), "expired", at, "expired")
            elif order.remaining:
                self._ended((order,), "cancelled", at, "self_trade")

    def _ended(self, removed: Iterable[Order], event: str, at: Moment, reason: str, **more: str) -> None:
        for order in removed:
            owner = self._accounts.get(order.owner)
            if owner is not None:
                owner.ended(order.id, event, at, reason, **more)


def _rest(taker: AccountFeed, order_id: OrderId, result: Result, at: Moment) -> None:
    """What became of what the new order did not trade."""
    order = taker.open.get(order_id)
    if order is None:
        return
    if not result.resting:
        reason = "immediate" if result.stop is None else result.stop.name.lower()
        taker.ended(order_id, "cancelled", at, reason)
    elif order.remaining > result.remaining:
        taker.reduced(order_id, order.remaining - result.remaining, at)
