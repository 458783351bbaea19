"""Placing and cancelling orders: the checks in the protocol's order, then the change that must now succeed."""

from typing import Final

from sequencer.core.book import PLACES_PER_SEQ, crosses, order_id
from sequencer.core.constants import FEE_UNIT, MAX_AMOUNT, MAX_OPEN_ORDERS
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account
from sequencer.core.matching import match
from sequencer.core.state import State
from sequencer.core.types import (
    CancelClientOrder,
    CancelOrder,
    Market,
    MarketStatus,
    Order,
    PlaceOrder,
    Result,
    SelfTrade,
    TimeInForce,
)

# Read once: an enumeration looks a member up by name, which is slow on the path of every order.
_ACTIVE: Final = MarketStatus.ACTIVE
_CANCEL_TAKER: Final = SelfTrade.CANCEL_TAKER
_IOC: Final = TimeInForce.IOC
_OK: Final = Code.OK
_POST_ONLY: Final = TimeInForce.POST_ONLY

_IMPLEMENTED_TIMES_IN_FORCE: Final = frozenset((TimeInForce.GTC, _IOC, _POST_ONLY))


def _check_place(state: State, account: Account, tx: PlaceOrder) -> Market:
    """The market of `tx`; raises `Rejection` if the order would be a no-op."""
    market = _check_market(state, tx)
    base, quote = _check_amounts(market, tx)
    _check_band(market, tx)
    if tx.time_in_force != _IOC and len(account.orders) >= MAX_OPEN_ORDERS:
        raise Rejection(
            Code.TOO_MANY_ORDERS,
            f"an account has at most {MAX_OPEN_ORDERS} open orders",
            {"maximum": str(MAX_OPEN_ORDERS), "open": str(len(account.orders))},
        )
    if tx.client_order_id and (tx.account, tx.client_order_id) in state.clients:
        raise Rejection(
            Code.CLIENT_ORDER_ID_IN_USE,
            f"client order id {tx.client_order_id} must not name an order that still rests",
            {"order_id": f"0x{state.clients[tx.account, tx.client_order_id].hex()}"},
        )
    if tx.side:
        account.require_available(market.base, base)
    else:
        account.require_available(market.quote, quote)
    if tx.time_in_force == _POST_ONLY:
        _check_post_only(state, tx)
    return market


def _check_market(state: State, tx: PlaceOrder) -> Market:
    market = state.markets.get(tx.market)
    if market is None:
        raise Rejection(Code.UNKNOWN_MARKET, f"market {tx.market} is not listed", {"market": str(tx.market)})
    if market.status != _ACTIVE:
        raise Rejection(
            Code.MARKET_NOT_ACTIVE,
            f"market {tx.market} must be ACTIVE to take orders; it is {market.status.name}",
            {"status": market.status.name},
        )
    if tx.time_in_force not in _IMPLEMENTED_TIMES_IN_FORCE:
        raise Rejection(
            Code.UNSUPPORTED_TIME_IN_FORCE,
            f"time in force must be GTC, IOC or POST_ONLY, not {tx.time_in_force.name}",
            {"given": tx.time_in_force.name},
        )
    if tx.self_trade != _CANCEL_TAKER:
        raise Rejection(
            Code.UNSUPPORTED_SELF_TRADE,
            f"self-trade prevention must be CANCEL_TAKER, not {tx.self_trade.name}",
            {"given": tx.self_trade.name},
        )
    return market


def _check_amounts(market: Market, tx: PlaceOrder) -> tuple[int, int]:
    """Base and quote amount of the order at its own price."""
    if not tx.price:
        raise Rejection(Code.ZERO_PRICE, "price must be at least 1 tick")
    if not tx.size:
        raise Rejection(Code.ZERO_SIZE, "size must be at least 1 lot")
    base = tx.size * market.lot_size
    quote = tx.price * tx.size * market.tick_size
    if base > MAX_AMOUNT or quote > MAX_AMOUNT:
        raise Rejection(
            Code.AMOUNT_TOO_LARGE,
            f"base and quote amounts must be at most {MAX_AMOUNT}",
            {"maximum": str(MAX_AMOUNT), "base": str(base), "quote": str(quote)},
        )
    if quote < market.min_notional:
        raise Rejection(
            Code.BELOW_MINIMUM,
            f"notional must be at least {market.min_notional}, not {quote}",
            {"minimum": str(market.min_notional), "given": str(quote)},
        )
    return base, quote


def _check_band(market: Market, tx: PlaceOrder) -> None:
    last = market.last_price
    if market.price_band and last and abs(tx.price - last) * FEE_UNIT > last * market.price_band:
        raise Rejection(
            Code.PRICE_BAND,
            f"price must be within {market.price_band} millionths of the last price {last}",
            {"last_price": str(last), "price_band": str(market.price_band), "given": str(tx.price)},
        )


def _check_post_only(state: State, tx: PlaceOrder) -> None:
    best = state.books[tx.market].sides[1 - tx.side].best
    if best is not None and crosses(tx.side, tx.price, best.price):
        bound = "above the best bid" if tx.side else "below the best ask"
        raise Rejection(
            Code.POST_ONLY_WOULD_CROSS,
            f"price of a post-only order must be {bound} {best.price}",
            {"best": str(best.price), "given": str(tx.price)},
        )


def place(state: State, account: Account, tx: PlaceOrder, seq: int) -> Result:
    """Match an order and let the rest of it rest; raises `Rejection`, with nothing changed, for a no-op."""
    market = _check_place(state, account, tx)
    outcome = match(state, market, account, tx)
    rests = bool(outcome.rest) and not outcome.cancelled and tx.time_in_force != _IOC
    key = order_id(tx.market, tx.side, tx.price, seq * PLACES_PER_SEQ)
    if rests:
        order = Order(
            id=key,
            market=tx.market,
            side=tx.side,
            price=tx.price,
            place=seq * PLACES_PER_SEQ,
            owner=tx.account,
            remaining=outcome.rest,
            expiry=0,
            time_in_force=tx.time_in_force,
            client_order_id=tx.client_order_id,
        )
        token, amount = locked_by(market, order)
        account.balances[token].locked += amount
        state.add_order(order)
    return Result(
        seq=seq,
        code=_OK,
        order_id=key,
        filled=tx.size - outcome.rest,
        remaining=outcome.rest,
        resting=rests,
        fills=tuple(outcome.fills),
        removed=tuple(outcome.removed),
    )


def locked_by(market: Market, order: Order) -> tuple[int, int]:
    """Token and amount that a resting order locks."""
    if order.side:
        return market.base, order.remaining * market.lot_size
    return market.quote, order.price * order.remaining * market.tick_size


def _check_cancel(state: State, tx: CancelOrder) -> Order:
    """The order that `tx` cancels; raises `Rejection` if it would be a no-op."""
    order = state.orders.get(tx.order_id)
    if order is None:
        raise Rejection(
            Code.UNKNOWN_ORDER,
            "the order must rest in the book; it was filled or cancelled, or never rested",
            {"order_id": f"0x{tx.order_id.hex()}"},
        )
    if order.owner != tx.account:
        raise Rejection(
            Code.NOT_ORDER_OWNER,
            "only the account that placed an order may cancel it",
            {"order_id": f"0x{tx.order_id.hex()}"},
        )
    return order


def _check_cancel_client(state: State, tx: CancelClientOrder) -> Order:
    """Like `_check_cancel`, for an order named by its client order id."""
    key = state.clients.get((tx.account, tx.client_order_id))
    if key is None:
        raise Rejection(
            Code.UNKNOWN_ORDER,
            f"client order id {tx.client_order_id} must name an order that rests in the book",
            {"client_order_id": str(tx.client_order_id)},
        )
    return state.orders[key]


def cancel(state: State, account: Account, tx: CancelOrder, seq: int) -> Result:
    """Remove an order; raises `Rejection`, with nothing changed, for a no-op."""
    return _cancel(state, account, _check_cancel(state, tx), seq)


def cancel_client(state: State, account: Account, tx: CancelClientOrder, seq: int) -> Result:
    """Like `cancel`, for an order named by its client order id."""
    return _cancel(state, account, _check_cancel_client(state, tx), seq)


def _cancel(state: State, account: Account, order: Order, seq: int) -> Result:
    token, amount = locked_by(state.markets[order.market], order)
    account.balances[token].locked -= amount
    state.remove_order(order)
    return Result(seq, _OK, order_id=order.id, remaining=order.remaining, removed=(order,))
