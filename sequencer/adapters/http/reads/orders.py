"""Orders and fills, from the database: every row is as it was after one commit."""

from typing import Final

from aiohttp import web

from sequencer.adapters.history import Row
from sequencer.adapters.history_rows import TRADES_PER_SEQ, End
from sequencer.adapters.http import answers, fields
from sequencer.adapters.http.context import CONTEXT, answer, hex_bytes
from sequencer.adapters.http.errors import not_found
from sequencer.adapters.http.reads import query
from sequencer.adapters.http.reads.markets import maker_order, taker_order
from sequencer.adapters.http.reads.values import optional, side_name
from sequencer.adapters.http.units import market_units
from sequencer.core.book import PLACES_PER_SEQ, order_id, parse_order_id
from sequencer.core.decimals import amount_unit
from sequencer.core.state import State
from sequencer.core.types import Address, SelfTrade, Side, TimeInForce

_CANCELS: Final = frozenset((End.CANCELLED, End.IMMEDIATE, End.SELF_TRADE, End.MAKER_LIMIT, End.FORCED))
STATUSES: Final[dict[str, frozenset[End | None]]] = {
    "resting": frozenset((None,)),
    "filled": frozenset((End.FILLED,)),
    "cancelled": _CANCELS,
    "expired": frozenset((End.EXPIRED,)),
    "replaced": frozenset((End.REPLACED,)),
}
"""What an order is called, by why it ended."""
_NAMES: Final = {reason: status for status, reasons in STATUSES.items() for reason in reasons}


async def order(request: web.Request) -> web.Response:
    """GET /v1/orders/{orderId}"""
    context = request.app[CONTEXT]
    key = fields.fixed_bytes("orderId", request.match_info["orderId"], 24)
    row = await context.history.order(key)
    if row is None:
        raise not_found(f"order {hex_bytes(key)}")
    return answer(_order(context.node.latest, row))


async def client_order(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/client-orders/{clientOrderId}"""
    context = request.app[CONTEXT]
    number = fields.u128("clientOrderId", request.match_info["clientOrderId"])
    async with context.node.reading() as state:
        address, _ = query.path_account(state, request)
        named = state.clients.get((address, number))
    resting = None if named is None else parse_order_id(named)[3]
    row = await context.history.client_order(address, number, resting)
    if row is None:
        raise not_found(f"order with client order id {number}")
    return answer(_order(context.node.latest, row))


async def open_orders(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/orders"""
    context, market = request.app[CONTEXT], query.market_filter(request)
    async with context.node.reading() as state:
        address, account = query.path_account(state, request)
        places, seq = [order.place for order in account.orders.values()], state.meta.next_seq - 1
    rows = await context.history.open_orders(address, places, seq)
    state = context.node.latest
    return answer([_order(state, row) for row in rows if market in (None, row["market"])])


async def orders(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/orders/history"""
    context, limit, before = request.app[CONTEXT], query.limit(request), query.before(request)
    market, wanted = query.market_filter(request), request.query.get("status")
    reasons = None if wanted is None else fields.choice("status", wanted, STATUSES)
    async with context.node.reading() as state:
        address, _ = query.path_account(state, request)
    page = await context.history.orders(address, market, reasons, limit, before)
    return answer(
        answers.Orders(
            orders=[_order(context.node.latest, row) for row in page.rows],
            **query.paging(page, "place"),
        )
    )


def _order(state: State, row: Row) -> answers.OrderRecord:
    units = market_units(state, row["market"])
    price, place, side = int(row["price"]), row["place"], row["side"]
    size, remaining, reason = int(row["size"]) - int(row["lost"]), int(row["remaining"]), row["reason"]
    turnover = int(row["turnover"]) + price * (size - remaining - int(row["taken"]))
    replaced_by = (
        order_id(row["market"], side, int(row["replacement_price"]), row["ended"])
        if reason == End.REPLACED
        else None
    )
    return answers.OrderRecord(
        order_id=hex_bytes(order_id(row["market"], side, price, place)),
        seq=str(place // PLACES_PER_SEQ),
        account=hex_bytes(row["account"]),
        market=row["market"],
        side=side_name(side),
        time_in_force=TimeInForce(row["time_in_force"]).name,
        self_trade=SelfTrade(row["self_trade"]).name.lower(),
        price=units.tick.format(price),
        size=units.lot.format(size),
        filled=units.lot.format(size - remaining),
        filled_quote=amount_unit(units.quote).format(turnover * units.market.tick_size),
        remaining=units.lot.format(remaining),
        lost=units.lot.format(int(row["lost"])),
        status=_NAMES[reason],
        reason=None if reason is None else End(reason).name.lower(),
        client_order_id=row["client_order_id"] or "0",
        expiry=None if row["expiry"] == "0" else row["expiry"],
        created=row["created"],
        updated=row["updated"],
        updated_seq=str(row["updated_seq"]),
        ended_by=None if row["ended"] is None else optional(row["ended"] // PLACES_PER_SEQ),
        replaced_by=None if replaced_by is None else hex_bytes(replaced_by),
    )


async def fills(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/fills"""
    context, limit, before = request.app[CONTEXT], query.limit(request), query.before(request)
    market = query.market_filter(request)
    async with context.node.reading() as state:
        address, _ = query.path_account(state, request)
    page = await context.history.fills(address, market, limit, before)
    return answer(
        answers.Fills(
            fills=[_fill(context.node.latest, address, row) for row in page.rows],
            **query.paging(page, "id"),
        )
    )


def _fill(state: State, account: Address, row: Row) -> answers.AccountFill:
    units = market_units(state, row["market"])
    is_taker = row["taker"] == account
    role = "taker" if is_taker else "maker"
    side = Side(row["taker_side"] if is_taker else 1 - row["taker_side"])
    price, size = int(row["price"]), int(row["size"])
    received, fees = units.received(side)
    return answers.AccountFill(
        seq=str(row["id"] // TRADES_PER_SEQ),
        item=row["id"] % TRADES_PER_SEQ,
        market=row["market"],
        order_id=hex_bytes(taker_order(row) if is_taker else maker_order(row)),
        client_order_id=row[f"{role}_client"] or "0",
        side=side_name(side),
        role=role,
        price=units.tick.format(price),
        size=units.lot.format(size),
        quote=amount_unit(units.quote).format(price * size * units.market.tick_size),
        fee=fees.format(int(row[f"{role}_fee"])),
        fee_token=received.id,
        time=row["time"],
    )
