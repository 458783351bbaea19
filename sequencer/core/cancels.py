"""Taking resting orders out: by their owner, and by time (docs/protocol.md, sections 4.3 and 4.9)."""

from sequencer.core import resting
from sequencer.core.context import Context
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account
from sequencer.core.matching import is_expired
from sequencer.core.orders import require_scope
from sequencer.core.state import State
from sequencer.core.types import (
    Address,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    ExpireOrder,
    Order,
    OrderId,
    Result,
)


def cancel(state: State, tx: CancelOrder, context: Context) -> Result:
    """Remove an order; raises `Rejection`, with nothing changed, for a no-op."""
    return _cancel(state, own_order(state, tx.account, tx.order_id, context), context)


def cancel_client(state: State, tx: CancelClientOrder, context: Context) -> Result:
    """Like `cancel`, for an order named by its client order id."""
    key = state.clients.get((tx.account, tx.client_order_id))
    if key is None:
        raise Rejection(
            Code.UNKNOWN_ORDER,
            f"client order id {tx.client_order_id} must name an order that rests in the book",
            {"client_order_id": str(tx.client_order_id)},
        )
    return _cancel(state, own_order(state, tx.account, key, context), context)


def cancel_all(state: State, account: Account, tx: CancelAll, context: Context) -> Result:
    """Remove the account's orders in a market or in all; raises `Rejection` if the signer may not."""
    require_scope(context, tx.market)
    return Result(context.seq, Code.OK, removed=remove_all(state, account, tx.market))


def expire(state: State, tx: ExpireOrder, seq: int) -> Result:
    """Remove an order whose time is over; raises `Rejection`, with nothing changed, if it is not."""
    order = state.orders.get(tx.order_id)
    if order is None or not is_expired(state, order):
        raise Rejection(
            Code.NOT_EXPIRED,
            "only an order that rests beyond its expiry expires",
            {"order_id": f"0x{tx.order_id.hex()}"},
        )
    return _cancel(state, order, Context(seq))


def own_order(state: State, account: Address, key: OrderId, context: Context) -> Order:
    """The resting order `key`, if the signer may cancel it; else raises `Rejection`."""
    order = state.orders.get(key)
    if order is None:
        raise Rejection(
            Code.UNKNOWN_ORDER,
            "the order must rest in the book; it was filled or cancelled, or never rested",
            {"order_id": f"0x{key.hex()}"},
        )
    if order.owner != account:
        raise Rejection(
            Code.NOT_ORDER_OWNER,
            "only the account that placed an order may cancel it",
            {"order_id": f"0x{key.hex()}"},
        )
    require_scope(context, order.market)
    return order


def remove_all(state: State, account: Account, market: int) -> tuple[Order, ...]:
    """Remove an account's orders in `market` (0: in all); gives them in the order of their ids."""
    orders = (order for order in account.orders.values() if market in (0, order.market))
    removed = tuple(sorted(orders, key=lambda order: order.id))
    for order in removed:
        resting.remove(state, order)
    return removed


def _cancel(state: State, order: Order, context: Context) -> Result:
    resting.remove(state, order)
    return Result(context.seq, Code.OK, order_id=order.id, remaining=order.remaining, removed=(order,))
