"""Replacing a resting order in one step (docs/protocol.md, section 4.4)."""

from sequencer.core import resting
from sequencer.core.cancels import own_order
from sequencer.core.context import Context
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account
from sequencer.core.orders import IMMEDIATE, check, enter, expiry_of, require_free
from sequencer.core.state import State
from sequencer.core.types import Order, PlaceOrder, Reduction, ReplaceOrder, Result


def replace(state: State, account: Account, tx: ReplaceOrder, context: Context) -> Result:
    """Put a new order in the place of a resting one; raises `Rejection`, with nothing changed, for a no-op."""
    old = own_order(state, tx.account, tx.order_id, context)
    if old.remaining > tx.expected_size:
        raise Rejection(
            Code.EXPECTED_SIZE_TOO_LOW,
            f"expected size must be at least the {old.remaining} that remain, not {tx.expected_size}",
            {"remaining": str(old.remaining), "given": str(tx.expected_size)},
        )
    left = tx.size - (tx.expected_size - old.remaining)
    if left <= 0:
        resting.remove(state, old)
        return Result(context.seq, Code.OK, order_id=old.id, remaining=old.remaining, removed=(old,))
    new = _order(tx, old, left)
    if tx.price == old.price and left <= old.remaining and tx.time_in_force not in IMMEDIATE:
        return _replace_in_place(state, old, new, context)
    return _move(state, account, old, new, context)


def _order(tx: ReplaceOrder, old: Order, size: int) -> PlaceOrder:
    """The new order as if it were placed."""
    return PlaceOrder(
        account=tx.account,
        signer=tx.signer,
        nonce=tx.nonce,
        deadline=tx.deadline,
        market=old.market,
        side=old.side,
        time_in_force=tx.time_in_force,
        self_trade=tx.self_trade,
        price=tx.price,
        size=size,
        client_order_id=tx.client_order_id,
    )


def _replace_in_place(state: State, old: Order, new: PlaceOrder, context: Context) -> Result:
    if new.client_order_id:
        require_free(state, new, old)
    lots = old.remaining - new.size
    if lots:
        resting.reduce(state, old, lots)
    state.change_terms(old, new.time_in_force, expiry_of(new), new.client_order_id)
    return Result(
        seq=context.seq,
        code=Code.OK,
        order_id=old.id,
        remaining=new.size,
        resting=True,
        reductions=(Reduction(old, lots),) if lots else (),
    )


def _move(state: State, account: Account, old: Order, new: PlaceOrder, context: Context) -> Result:
    market = state.markets[old.market]
    check(state, account, market, new, context, old)
    resting.remove(state, old)
    result = enter(state, account, market, new, context)
    result.removed = (old, *result.removed)
    return result
