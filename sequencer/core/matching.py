"""Matching of a taker with resting orders in price-time priority (docs/protocol.md, section 4.2)."""

from msgspec import Struct, field

from sequencer.core.book import crosses
from sequencer.core.constants import MAX_MAKERS
from sequencer.core.ledger import Account, fee
from sequencer.core.state import State
from sequencer.core.types import Fill, Market, Order, PlaceOrder


class Match(Struct):
    """What a taker met. `rest`: lots left. `cancelled`: the rest may not enter the book."""

    rest: int
    cancelled: bool = False
    fills: list[Fill] = field(default_factory=list)
    removed: list[Order] = field(default_factory=list)


def match(state: State, market: Market, taker: Account, tx: PlaceOrder) -> Match:
    """Trade `tx`, which passed its checks, with the opposite side of the book."""
    outcome = Match(tx.size)
    opposite = state.books[market.id].sides[1 - tx.side]
    while outcome.rest:
        level = opposite.best
        if level is None or not crosses(tx.side, tx.price, level.price):
            break
        maker = level.first()
        if len(outcome.fills) == MAX_MAKERS or maker.owner == tx.account:
            outcome.cancelled = True
            break
        size = min(outcome.rest, maker.remaining)
        outcome.fills.append(_trade(state, market, taker, tx, maker, size))
        outcome.rest -= size
        if not maker.remaining:
            outcome.removed.append(maker)
    if outcome.fills:
        state.set_last_price(market, outcome.fills[-1].price)
    return outcome


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
    )
