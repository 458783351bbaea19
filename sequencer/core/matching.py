"""Matching of a taker with resting orders in price-time priority (docs/protocol.md, section 4.2)."""

from typing import Final

from msgspec import Struct, field

from sequencer.core import resting
from sequencer.core.book import crosses
from sequencer.core.constants import MAX_MAKERS
from sequencer.core.context import Context
from sequencer.core.ledger import Account, fee
from sequencer.core.state import State
from sequencer.core.types import Fill, Market, Order, PlaceOrder, Reduction, SelfTrade, Stop

# Read once: an enumeration looks a member up by name, which is slow on the path of every order.
_CANCEL_TAKER: Final = SelfTrade.CANCEL_TAKER
_CANCEL_MAKER: Final = SelfTrade.CANCEL_MAKER
_CANCEL_BOTH: Final = SelfTrade.CANCEL_BOTH
_SELF_TRADE: Final = Stop.SELF_TRADE
_MAKER_LIMIT: Final = Stop.MAKER_LIMIT


class Match(Struct):
    """What a taker met. `rest`: lots left. `stop`: why it may not enter the book. `filled`: lots it traded."""

    rest: int
    stop: Stop | None = None
    filled: int = 0
    fills: list[Fill] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    removed: list[Order] = field(default_factory=list)


def match(state: State, market: Market, taker: Account, tx: PlaceOrder, context: Context) -> Match:
    """Trade `tx`, which passed its checks, with the opposite side of the book."""
    outcome = Match(tx.size)
    opposite = state.books[market.id].sides[1 - tx.side]
    while outcome.rest and outcome.stop is None:
        level = opposite.best
        if level is None or not crosses(tx.side, tx.price, level.price):
            break
        if context.met == MAX_MAKERS:
            outcome.stop = _MAKER_LIMIT
            break
        context.met += 1
        maker = level.first()
        if maker.expiry and is_expired(state, maker):
            _remove(state, outcome, maker)
        elif maker.owner == tx.account:
            _meet_own(state, tx, outcome, maker)
        else:
            _meet(state, market, taker, tx, outcome, maker)
    if outcome.fills:
        state.set_last_price(market, outcome.fills[-1].price)
    return outcome


def is_expired(state: State, order: Order) -> bool:
    """Whether the order's time is over at the time of the block."""
    return 0 < order.expiry < state.meta.timestamp


def _remove(state: State, outcome: Match, maker: Order) -> None:
    resting.remove(state, maker)
    outcome.removed.append(maker)


def _meet_own(state: State, tx: PlaceOrder, outcome: Match, maker: Order) -> None:
    """A taker and an order of its own account never trade."""
    if tx.self_trade == _CANCEL_TAKER:
        outcome.stop = _SELF_TRADE
    elif tx.self_trade == _CANCEL_MAKER:
        _remove(state, outcome, maker)
    elif tx.self_trade == _CANCEL_BOTH:
        _remove(state, outcome, maker)
        outcome.stop = _SELF_TRADE
    else:
        _decrement_both(state, outcome, maker)


def _decrement_both(state: State, outcome: Match, maker: Order) -> None:
    if outcome.rest >= maker.remaining:
        outcome.rest -= maker.remaining
        _remove(state, outcome, maker)
    else:
        resting.reduce(state, maker, outcome.rest)
        outcome.reductions.append(Reduction(maker, outcome.rest))
        outcome.rest = 0
    if not outcome.rest:
        outcome.stop = _SELF_TRADE


def _meet(state: State, market: Market, taker: Account, tx: PlaceOrder, outcome: Match, maker: Order) -> None:
    size = min(outcome.rest, maker.remaining)
    outcome.fills.append(_trade(state, market, taker, tx, maker, size))
    outcome.filled += size
    outcome.rest -= size
    if not maker.remaining:
        outcome.removed.append(maker)


def _trade(state: State, market: Market, taker: Account, tx: PlaceOrder, maker: Order, size: int) -> Fill:
    """Move `size` lots between taker and maker at the maker's price, and the fees to the fee account."""
    base_amount = size * market.lot_size
    quote_amount = maker.price * size * market.tick_size
    maker_account = state.accounts[maker.owner]
    if tx.side:
        maker_token, maker_gives, taker_token, taker_gives = (
            market.quote,
            quote_amount,
            market.base,
            base_amount,
        )
    else:
        maker_token, maker_gives, taker_token, taker_gives = (
            market.base,
            base_amount,
            market.quote,
            quote_amount,
        )
    # What one side gives the other receives, less the fee on it.
    maker_fee = fee(taker_gives, market.maker_fee)
    taker_fee = fee(maker_gives, market.taker_fee)
    given = maker_account.balances[maker_token]
    given.total -= maker_gives
    given.locked -= maker_gives
    taker.balances[taker_token].total -= taker_gives
    maker_account.balance(taker_token).total += taker_gives - maker_fee
    taker.balance(maker_token).total += maker_gives - taker_fee
    state.touch(maker.owner)
    state.credit(market.fee_account, taker_token, maker_fee)
    state.credit(market.fee_account, maker_token, taker_fee)
    state.reduce_order(maker, size)
    return Fill(
        market=market.id,
        maker_order_id=maker.id,
        maker=maker.owner,
        taker=tx.account,
        taker_side=tx.side,
        price=maker.price,
        size=size,
        base_amount=base_amount,
        quote_amount=quote_amount,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        maker_remaining=maker.remaining,
    )


def can_fill(state: State, tx: PlaceOrder, context: Context) -> bool:
    """Whether the book can fill the whole of `tx` now. If not, the orders that were looked at count as met."""
    met, rest = context.met, tx.size
    for maker in state.books[tx.market].sides[1 - tx.side].orders():
        if not crosses(tx.side, tx.price, maker.price) or met == MAX_MAKERS:
            break
        met += 1
        if is_expired(state, maker):
            continue
        if maker.owner == tx.account:
            if tx.self_trade == _CANCEL_MAKER:
                continue
            break
        rest -= maker.remaining
        if rest <= 0:
            return True
    context.met = met
    return False
