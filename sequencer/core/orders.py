"""Placing orders: the checks in the protocol's order, then the change that must now succeed (section 4.2)."""

from typing import Final

from sequencer.core import resting
from sequencer.core.book import crosses, order_id
from sequencer.core.constants import FEE_UNIT, MAX_AMOUNT, MAX_OPEN_ORDERS
from sequencer.core.context import OWNER_SCOPE, Context, in_scope
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account
from sequencer.core.matching import can_fill, match
from sequencer.core.state import State
from sequencer.core.types import Market, MarketStatus, Order, PlaceOrder, ReplaceOrder, Result, TimeInForce

# Read once: an enumeration looks a member up by name, which is slow on the path of every order.
_ACTIVE: Final = MarketStatus.ACTIVE
_FOK: Final = TimeInForce.FOK
_OK: Final = Code.OK

IMMEDIATE: Final = frozenset((TimeInForce.IOC, _FOK))
"""Orders that never rest."""
_POST_ONLY: Final = frozenset((TimeInForce.POST_ONLY, TimeInForce.POST_ONLY_GTT))
_UNTIL_DEADLINE: Final = frozenset((TimeInForce.GTT, TimeInForce.POST_ONLY_GTT))


def place(state: State, account: Account, tx: PlaceOrder, context: Context) -> Result:
    """Match an order and let the rest of it rest; raises `Rejection`, with nothing changed, for a no-op."""
    if context.scope != OWNER_SCOPE:
        require_scope(context, tx.market)
    market = state.markets.get(tx.market)
    if market is None:
        raise Rejection(Code.UNKNOWN_MARKET, f"market {tx.market} is not listed", {"market": str(tx.market)})
    check(state, account, market, tx, context)
    return enter(state, account, market, tx, context)


def require_scope(context: Context, market: int) -> None:
    """Raise `Rejection` unless the signer may trade in `market`; 0: in all."""
    if not in_scope(context.scope, market):
        which = f"market {market}" if market else "all markets"
        raise Rejection(
            Code.MARKET_NOT_ALLOWED, f"the agent may not trade in {which}", {"market": str(market)}
        )


def check(
    state: State, account: Account, market: Market, tx: PlaceOrder, context: Context, old: Order | None = None
) -> None:
    """Raise `Rejection` if the order would be a no-op. `old` is the order that it replaces."""
    if market.status != _ACTIVE:
        raise Rejection(
            Code.MARKET_NOT_ACTIVE,
            f"market {tx.market} must be ACTIVE to take orders; it is {market.status.name}",
            {"status": market.status.name},
        )
    base, quote = _check_amounts(market, tx)
    _check_band(market, tx)
    _check_standing(state, account, tx, old)
    token, needed = (market.base, base) if tx.side else (market.quote, quote)
    freed = resting.locked_by(market, old, old.remaining)[1] if old else 0
    account.require_available(token, needed, freed)
    if tx.time_in_force in _POST_ONLY:
        _check_post_only(state, tx)
    if tx.time_in_force == _FOK and not can_fill(state, tx, context):
        raise Rejection(
            Code.FOK_NOT_FILLABLE,
            f"a fill-or-kill order of {tx.size} must be filled at once; the book cannot",
            {"size": str(tx.size)},
        )


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


def _check_standing(state: State, account: Account, tx: PlaceOrder, old: Order | None) -> None:
    """May the account have one more order, under this client order id?"""
    if tx.time_in_force not in IMMEDIATE and len(account.orders) - (old is not None) >= MAX_OPEN_ORDERS:
        raise Rejection(
            Code.TOO_MANY_ORDERS,
            f"an account has at most {MAX_OPEN_ORDERS} open orders",
            {"maximum": str(MAX_OPEN_ORDERS), "open": str(len(account.orders))},
        )
    if tx.client_order_id:
        require_free(state, tx, old)


def require_free(state: State, tx: PlaceOrder, old: Order | None) -> None:
    """Raise `Rejection` if the client order id names another order than `old`."""
    named = state.clients.get((tx.account, tx.client_order_id))
    if named is not None and (old is None or named != old.id):
        raise Rejection(
            Code.CLIENT_ORDER_ID_IN_USE,
            f"client order id {tx.client_order_id} must not name an order that still rests",
            {"order_id": f"0x{named.hex()}"},
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


def enter(state: State, account: Account, market: Market, tx: PlaceOrder, context: Context) -> Result:
    """Match an order that passed its checks, and let the rest of it rest."""
    outcome = match(state, market, account, tx, context)
    rests = bool(outcome.rest) and outcome.stop is None and tx.time_in_force not in IMMEDIATE
    place = context.place
    key = order_id(tx.market, tx.side, tx.price, place)
    rested = None
    if rests:
        rested = Order(
            id=key,
            market=tx.market,
            side=tx.side,
            price=tx.price,
            place=place,
            owner=tx.account,
            remaining=outcome.rest,
            expiry=expiry_of(tx),
            time_in_force=tx.time_in_force,
            client_order_id=tx.client_order_id,
        )
        resting.rest(state, market, rested)
    return Result(
        seq=context.seq,
        code=_OK,
        order_id=key,
        filled=outcome.filled,
        remaining=outcome.rest if rests else tx.size - outcome.filled,
        resting=rests,
        stop=outcome.stop,
        rested=rested,
        fills=tuple(outcome.fills),
        reductions=tuple(outcome.reductions),
        removed=tuple(outcome.removed),
    )


def expiry_of(tx: PlaceOrder | ReplaceOrder) -> int:
    """Until when the order rests; 0: until it is cancelled."""
    return tx.deadline if tx.time_in_force in _UNTIL_DEADLINE else 0
