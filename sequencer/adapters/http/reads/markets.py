"""Markets: their terms, books, trades, candles and tickers."""

from typing import Final

from aiohttp import web

from sequencer.adapters.candles import DAY, HOUR, KEPT, MINUTE, RESOLUTIONS, Candle, start_of
from sequencer.adapters.history import Row
from sequencer.adapters.history_rows import TRADES_PER_SEQ
from sequencer.adapters.http import answers, fields
from sequencer.adapters.http.context import CONTEXT, Context, answer, hex_bytes
from sequencer.adapters.http.errors import out_of_range
from sequencer.adapters.http.reads import query
from sequencer.adapters.http.reads.values import side_name, signed
from sequencer.adapters.http.units import MarketUnits, market_units
from sequencer.core.book import order_id
from sequencer.core.decimals import Unit, amount_unit
from sequencer.core.state import State
from sequencer.core.types import OrderId, Side

_MILLIONTHS: Final = Unit(1, -6)


async def markets(request: web.Request) -> web.Response:
    """GET /v1/markets"""
    context = request.app[CONTEXT]
    async with context.node.reading() as state:
        return answer([_market(context, market_units(state, number)) for number in state.markets])


async def market(request: web.Request) -> web.Response:
    """GET /v1/markets/{id}"""
    context = request.app[CONTEXT]
    async with context.node.reading() as state:
        return answer(_market(context, query.path_market(state, request)))


def _market(context: Context, units: MarketUnits) -> answers.Market:
    market = units.market
    return answers.Market(
        id=market.id,
        symbol=context.market_symbol(market.id, market.base, market.quote),
        base=market.base,
        quote=market.quote,
        tick_size=units.tick.format(1),
        lot_size=units.lot.format(1),
        tick_value=str(market.tick_size),
        lot_units=str(market.lot_size),
        min_notional=amount_unit(units.quote).format(market.min_notional),
        maker_fee=_MILLIONTHS.format(market.maker_fee),
        taker_fee=_MILLIONTHS.format(market.taker_fee),
        price_band=_MILLIONTHS.format(market.price_band) if market.price_band else None,
        status=market.status.name.lower(),
        last_price=units.tick.format(market.last_price) if market.last_price else None,
    )


async def book(request: web.Request) -> web.Response:
    """GET /v1/markets/{id}/book"""
    depth = query.at_most(request, "depth", query.DEPTH_DEFAULT, query.DEPTH_MAX)
    async with request.app[CONTEXT].node.reading() as state:
        units = query.path_market(state, request)
        bids, asks = (state.book(units.market.id).levels(side, depth) for side in (Side.BID, Side.ASK))
        seq, time = state.meta.next_seq - 1, state.meta.timestamp
    return answer(
        answers.Book(
            market=units.market.id,
            seq=str(seq),
            time=time,
            bids=_levels(units, bids),
            asks=_levels(units, asks),
        )
    )


def _levels(units: MarketUnits, levels: list[tuple[int, int, int]]) -> list[answers.Level]:
    return [
        answers.Level(units.tick.format(price), units.lot.format(size), orders)
        for price, size, orders in levels
    ]


# ---------------------------------------------------------------- trades


async def trades(request: web.Request) -> web.Response:
    """GET /v1/markets/{id}/trades"""
    context, limit, before = request.app[CONTEXT], query.limit(request), query.before(request)
    async with context.node.reading() as state:
        units = query.path_market(state, request)
    page = await context.history.trades(units.market.id, limit, before)
    return answer(
        answers.Trades(
            trades=[_trade(units, row) for row in page.rows],
            **query.paging(page, "id"),
        )
    )


def _trade(units: MarketUnits, row: Row) -> answers.Trade:
    price, size = int(row["price"]), int(row["size"])
    return answers.Trade(
        seq=str(row["id"] // TRADES_PER_SEQ),
        item=row["id"] % TRADES_PER_SEQ,
        price=units.tick.format(price),
        size=units.lot.format(size),
        quote=amount_unit(units.quote).format(price * size * units.market.tick_size),
        taker_side=side_name(row["taker_side"]),
        maker_order=hex_bytes(maker_order(row)),
        taker_order=hex_bytes(taker_order(row)),
        time=row["time"],
    )


def maker_order(row: Row) -> OrderId:
    """The resting order of a trade."""
    return order_id(row["market"], 1 - row["taker_side"], int(row["price"]), row["maker_place"])


def taker_order(row: Row) -> OrderId:
    """The order that met it."""
    return order_id(row["market"], row["taker_side"], int(row["taker_price"]), row["taker_place"])


# ---------------------------------------------------------------- candles


async def candles(request: web.Request) -> web.Response:
    """GET /v1/markets/{id}/candles"""
    context, limit = request.app[CONTEXT], query.limit(request)
    length = fields.choice("resolution", request.query.get("resolution", "1m"), RESOLUTIONS)
    span = _span(request, length)
    async with context.node.reading() as state:
        units = query.path_market(state, request)
    kept = max(each for each in KEPT if each <= length and not length % each)
    found = await context.history.candles(units.market.id, kept, length, limit + 1, span)
    shown = found[:limit]
    return answer(
        answers.Candles(
            candles=[_candle(units, start, candle) for start, candle in shown],
            **query.page((shown[-1][0],) if len(found) > limit else None),
        )
    )


def _span(request: web.Request, length: int) -> range:
    """First seconds of the candles that are asked for: `from` to `to`, and before the cursor."""
    first = fields.integer("from", request.query.get("from", "0"), query.END)
    last = fields.integer("to", request.query.get("to", str(query.END - 1)), query.END - 1)
    if first > last:
        raise out_of_range("from", "at most `to`", first)
    start = -(-first // length) * length
    return range(start, min(start_of(last, length) + length, start_of(query.before(request), length)))


def _candle(units: MarketUnits, start: int, candle: Candle) -> answers.Candle:
    ticks = units.tick
    return answers.Candle(
        time=start,
        open=ticks.format(candle.open),
        high=ticks.format(candle.high),
        low=ticks.format(candle.low),
        close=ticks.format(candle.close),
        volume=units.lot.format(candle.lots),
        quote_volume=_quote(units, candle),
        trades=candle.trades,
    )


def _quote(units: MarketUnits, candle: Candle) -> str:
    return amount_unit(units.quote).format(candle.turnover * units.market.tick_size)


# ---------------------------------------------------------------- tickers


class Touch:
    """The best levels of a market, and its last price, at one time."""

    def __init__(self, state: State, units: MarketUnits) -> None:
        book = state.book(units.market.id)
        self.units = units
        self.last = units.market.last_price
        self.bid, self.ask = (next(iter(book.levels(side, 1)), None) for side in (Side.BID, Side.ASK))


async def ticker(request: web.Request) -> web.Response:
    """GET /v1/markets/{id}/ticker"""
    context = request.app[CONTEXT]
    async with context.node.reading() as state:
        touch = Touch(state, query.path_market(state, request))
    (shown,) = await _tickers(context, [touch])
    return answer(shown)


async def tickers(request: web.Request) -> web.Response:
    """GET /v1/tickers"""
    context = request.app[CONTEXT]
    async with context.node.reading() as state:
        touches = [Touch(state, market_units(state, number)) for number in state.markets]
    return answer(await _tickers(context, touches))


async def _tickers(context: Context, touches: list[Touch]) -> list[answers.Ticker]:
    now = context.clock.now_ms() // 1000
    since = start_of(now - DAY, MINUTE) + MINUTE
    hour = start_of(since - 1, HOUR) + HOUR
    days = await context.history.days(
        [touch.units.market.id for touch in touches],
        range(since, hour, MINUTE),
        range(hour, query.END, HOUR),
    )
    return [shown_ticker(context, now, touch, day.candle) for touch, day in zip(touches, days, strict=True)]


def shown_ticker(context: Context, now: int, touch: Touch, candle: Candle | None) -> answers.Ticker:
    """`candle`: the last 24 hours, None if there were no trades."""
    units = touch.units
    market, ticks = units.market, units.tick
    last = candle.close if candle else touch.last
    change = candle.close - candle.open if candle else None
    return answers.Ticker(
        market=market.id,
        symbol=context.market_symbol(market.id, market.base, market.quote),
        time=now,
        bid=ticks.format(touch.bid[0]) if touch.bid else None,
        bid_size=units.lot.format(touch.bid[1]) if touch.bid else None,
        ask=ticks.format(touch.ask[0]) if touch.ask else None,
        ask_size=units.lot.format(touch.ask[1]) if touch.ask else None,
        last=ticks.format(last) if last else None,
        open=ticks.format(candle.open) if candle else None,
        high=ticks.format(candle.high) if candle else None,
        low=ticks.format(candle.low) if candle else None,
        change=None if change is None else signed(ticks, change),
        change_rate=None if candle is None else _rate(candle.close - candle.open, candle.open),
        volume=units.lot.format(candle.lots if candle else 0),
        quote_volume=_quote(units, candle) if candle else "0",
        trades=candle.trades if candle else 0,
    )


def _rate(change: int, of: int) -> str:
    """A fraction, cut off after six digits."""
    millionths = abs(change) * 10**6 // of
    return signed(_MILLIONTHS, millionths if change >= 0 else -millionths)
