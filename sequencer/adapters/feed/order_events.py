"""From results to what the owners of the orders are told."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from sequencer.adapters.feed.account import AccountFeed, OpenOrder, Place
from sequencer.adapters.feed.market import MarketFeed
from sequencer.core.book import parse_order_id
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.errors import Code
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


def parts(x: Sequenced) -> Iterator[tuple[int, Sequenceable, Result]]:
    """What was carried out: the transaction, or each action of a batch, with its place in it."""
    if isinstance(x.transaction, Batch):
        pairs = zip(x.transaction.actions, x.result.items, strict=True)
        for item, (action, result) in enumerate(pairs):
            if result.code is Code.OK:
                yield item, action, result
    elif x.result.code is Code.OK:
        yield 0, x.transaction, x.result


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
        for item, action, result in parts(x):
            self._carried_out(action, result, Place(x.seq, item, x.time), trade)
            trade += len(result.fills)

    def _carried_out(self, action: Sequenceable, result: Result, place: Place, trade: int) -> None:
        match action:
            case PlaceOrder():
                self._placed(action, action.size, result, result.removed, place, trade)
            case ReplaceOrder():
                self._replaced(action, result, place, trade)
            case ExpireOrder():
                self._ended(result.removed, "expired", place)
            case InboxEntry():
                self._ended(result.removed, "cancelled", place, reason="forced")
            case _:
                self._ended(result.removed, "cancelled", place, reason="requested")

    def _replaced(self, action: ReplaceOrder, result: Result, place: Place, trade: int) -> None:
        if result.order_id != action.order_id:
            old, *removed = result.removed
            self._ended((old,), "replaced", place, replaced_by=f"0x{(result.order_id or b'').hex()}")
            size = action.size - (action.expected_size - old.remaining)
            self._placed(action, size, result, removed, place, trade)
        elif not result.resting:
            self._ended(result.removed, "cancelled", place, reason="requested")
        elif (owner := self._accounts.get(action.account)) is not None:
            owner.replaced(action, result.remaining, place)

    def _placed(
        self,
        action: PlaceOrder | ReplaceOrder,
        size: int,
        result: Result,
        removed: Iterable[Order],
        place: Place,
        trade: int,
    ) -> None:
        """A new order of `size` lots, and those that it met."""
        order_id = result.order_id or b""
        taker = self._accounts.get(action.account)
        if taker is not None:
            replaces = action.order_id if isinstance(action, ReplaceOrder) else None
            taker.entered(self._order(order_id, action, size), place, replaces)
        for number, fill in enumerate(result.fills, trade):
            maker = self._accounts.get(fill.maker)
            if maker is not None:
                maker.traded(fill.maker_order_id, fill, number, place)
            if taker is not None:
                taker.traded(order_id, fill, number, place)
        self._met(removed, place)
        for reduction in result.reductions:
            owner = self._accounts.get(reduction.order.owner)
            if owner is not None:
                owner.reduced(reduction.order.id, reduction.size, place)
        if taker is not None:
            _rest(taker, order_id, result, place)

    def _order(self, order_id: OrderId, action: PlaceOrder | ReplaceOrder, size: int) -> OpenOrder:
        market, side, price, _ = parse_order_id(order_id)
        return OpenOrder(
            id=order_id,
            market=self._markets(market),
            side=side,
            price=price,
            time_in_force=action.time_in_force,
            client_order_id=action.client_order_id,
            filled=0,
            remaining=size,
        )

    def _met(self, removed: Iterable[Order], place: Place) -> None:
        """Resting orders that a taker removed; of those that it filled their owners know."""
        for order in removed:
            if order.remaining and 0 < order.expiry < place.time:
                self._ended((order,), "expired", place)
            elif order.remaining:
                self._ended((order,), "cancelled", place, reason="self_trade")

    def _ended(self, removed: Iterable[Order], event: str, place: Place, **more: str) -> None:
        for order in removed:
            owner = self._accounts.get(order.owner)
            if owner is not None:
                owner.ended(order.id, event, place, **more)


def _rest(taker: AccountFeed, order_id: OrderId, result: Result, place: Place) -> None:
    """What became of what the new order did not trade."""
    order = taker.open.get(order_id)
    if order is None:
        return
    if not result.resting:
        reason = "immediate" if result.stop is None else result.stop.name.lower()
        taker.ended(order_id, "cancelled", place, reason=reason)
    elif order.remaining > result.remaining:
        taker.reduced(order_id, order.remaining - result.remaining, place)
