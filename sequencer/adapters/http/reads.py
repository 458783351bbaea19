"""Reads: the book and balances from memory, what happened from the database."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web
from msgspec import UNSET, UnsetType
from zkclob_native import merkle_proof

from sequencer.adapters.history import Page, Row
from sequencer.adapters.history_rows import TRADES_PER_SEQ, End, LeafKind
from sequencer.adapters.http import answers, fields
from sequencer.adapters.http.context import CONTEXT, Context, answer, hex_bytes
from sequencer.adapters.http.errors import ApiError, not_found, out_of_range
from sequencer.adapters.http.limits import Family
from sequencer.adapters.http.request_body import BODY_BYTES_MAX
from sequencer.config import Limits
from sequencer.core.book import PLACES_PER_SEQ, order_id
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.constants import (
    MAX_AGENTS,
    MAX_AMOUNT,
    MAX_BATCH_ITEMS,
    MAX_HOLDINGS,
    MAX_MAKERS,
    MAX_NONCE_JUMP,
    MAX_OPEN_ORDERS,
    MAX_U32,
    NONCE_WINDOW,
    OWNER_LANES,
)
from sequencer.core.decimals import Unit, amount_unit, lot, tick
from sequencer.core.errors import Code
from sequencer.core.ledger import Account
from sequencer.core.signing import DOMAIN_NAME, DOMAIN_VERSION
from sequencer.core.state import State
from sequencer.core.types import Deposit, Market, Order, SelfTrade, Side, TimeInForce, Token
from sequencer.ports import Health

DEPTH_MAX: Final = 1_000
LIMIT_MAX: Final = 1_000
CLAIMS_MAX: Final = 100
"""Withdrawals in one answer: each may cost a Merkle proof and a call to L1."""
L1_WAIT_S: Final = 1
_NUMBER_END: Final = (1 << 63) - 1


# ---------------------------------------------------------------- the exchange


async def health(request: web.Request) -> web.Response:
    """GET /v1/health"""
    context = request.app[CONTEXT]
    watcher, settler, queue = (
        context.watcher.health(),
        context.settler.health(),
        context.queue.health(),
    )
    halted = context.node.halt_reason
    failing = any(part.last_error is not None for part in (watcher, settler, queue))
    return answer(
        answers.Health(
            status="halted" if halted else "degraded" if failing else "ok",
            halt_reason=halted,
            l1_watcher=answers.PartHealth(**_part(watcher)),
            l1_poster=answers.PartHealth(**_part(settler)),
            prover=answers.ProverHealth(**_part(queue), waiting=context.queue.waiting()),
        )
    )


def _part(health: Health) -> dict[str, Any]:
    since_ms = health.since_ms
    return {"last_error": health.last_error, "since": None if since_ms is None else since_ms // 1000}


async def info(request: web.Request) -> web.Response:
    """GET /v1/info"""
    context = request.app[CONTEXT]
    deployment = context.deployment
    exchange = hex_bytes(deployment.contract)
    return answer(
        answers.Info(
            chain_id=deployment.chain_id,
            exchange=exchange,
            domain=answers.Domain(
                name=DOMAIN_NAME,
                version=DOMAIN_VERSION,
                chain_id=deployment.chain_id,
                verifying_contract=exchange,
            ),
            domain_separator=hex_bytes(context.domain_separator),
            vkey=hex_bytes(deployment.program_vkey),
            proof_mode=context.proof_mode,
            time=context.clock.now_ms() // 1000,
            limits=_limits(context),
        )
    )


def _limits(context: Context) -> answers.Limits:
    return answers.Limits(
        body_bytes=BODY_BYTES_MAX,
        open_orders=MAX_OPEN_ORDERS,
        makers_per_order=MAX_MAKERS,
        actions_per_batch=MAX_BATCH_ITEMS,
        agents=MAX_AGENTS,
        nonce_lanes=OWNER_LANES,
        nonce_window=NONCE_WINDOW,
        nonce_jump=str(MAX_NONCE_JUMP),
        amount=str(MAX_AMOUNT),
        holdings=str(MAX_HOLDINGS),
        rates=_rates(context.limiter.limits),
    )


def _rates(limits: Limits) -> answers.RateLimits | None:
    if not limits.enabled:
        return None
    rates = {family.value: limits.rate(family) for family in Family}
    shown = {name: answers.RateLimit(per_second=x.per_s, burst=x.burst) for name, x in rates.items()}
    return answers.RateLimits(**shown)


async def tokens(request: web.Request) -> web.Response:
    """GET /v1/tokens"""
    context = request.app[CONTEXT]
    async with context.node.reading() as state:
        listed = list(state.tokens.values())
    return answer(
        [
            answers.Token(
                id=token.id,
                symbol=context.token_symbol(token.id),
                address=hex_bytes(token.l1_address),
                decimals=token.decimals,
            )
            for token in listed
        ]
    )


async def markets(request: web.Request) -> web.Response:
    """GET /v1/markets"""
    context = request.app[CONTEXT]
    async with context.node.reading() as state:
        return answer([_market(context, state, market) for market in state.markets.values()])


def _market(context: Context, state: State, market: Market) -> answers.Market:
    base, quote = state.tokens[market.base], state.tokens[market.quote]
    ticks = tick(market, base, quote)
    return answers.Market(
        id=market.id,
        symbol=context.market_symbol(market.id, market.base, market.quote),
        base=market.base,
        quote=market.quote,
        tick_size=ticks.format(1),
        lot_size=lot(market, base).format(1),
        tick_value=str(market.tick_size),
        lot_units=str(market.lot_size),
        min_notional=amount_unit(quote).format(market.min_notional),
        maker_fee=_MILLIONTHS.format(market.maker_fee),
        taker_fee=_MILLIONTHS.format(market.taker_fee),
        price_band=_MILLIONTHS.format(market.price_band) if market.price_band else None,
        status=market.status.name.lower(),
        last_price=ticks.format(market.last_price) if market.last_price else None,
    )


_MILLIONTHS: Final = Unit(1, -6)


async def book(request: web.Request) -> web.Response:
    """GET /v1/markets/{id}/book"""
    depth = _query_number(request, "depth", 20, DEPTH_MAX)
    async with request.app[CONTEXT].node.reading() as state:
        market, base, quote = _listed_market(state, request)
        bids, asks = (state.book(market.id).levels(side, depth) for side in (Side.BID, Side.ASK))
        seq = state.meta.next_seq - 1
    lots, ticks = lot(market, base), tick(market, base, quote)

    def shown(levels: list[tuple[int, int, int]]) -> list[answers.Level]:
        return [
            answers.Level(ticks.format(price), lots.format(size), orders) for price, size, orders in levels
        ]

    return answer(answers.Book(market=market.id, seq=str(seq), bids=shown(bids), asks=shown(asks)))


async def trades(request: web.Request) -> web.Response:
    """GET /v1/markets/{id}/trades"""
    limit = _query_number(request, "limit", 100, LIMIT_MAX)
    context = request.app[CONTEXT]
    async with context.node.reading() as state:
        market, base, quote = _listed_market(state, request)
    page = await context.history.trades(market.id, limit, _query_before(request))
    lots, ticks = lot(market, base), tick(market, base, quote)
    rows = [
        answers.Trade(
            seq=str(row["id"] // TRADES_PER_SEQ),
            item=row["id"] % TRADES_PER_SEQ,
            price=ticks.format(int(row["price"])),
            size=lots.format(int(row["size"])),
            quote=amount_unit(quote).format(int(row["price"]) * int(row["size"]) * market.tick_size),
            taker_side=_side(row["taker_side"]),
            maker_order=hex_bytes(
                order_id(market.id, 1 - row["taker_side"], int(row["price"]), row["maker_place"])
            ),
            taker_order=hex_bytes(
                order_id(market.id, row["taker_side"], int(row["taker_price"]), row["taker_place"])
            ),
            time=row["time"],
        )
        for row in page.rows
    ]
    cursor = _paging(page, lambda row: str(row["id"]))
    return answer(answers.Trades(trades=rows, **cursor))


# ---------------------------------------------------------------- accounts


async def account(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}"""
    async with request.app[CONTEXT].node.reading() as state:
        address, found = _known_account(state, request)
        balances = [
            _balance(state.tokens[token], balance.total, balance.locked)
            for token, balance in sorted(found.balances.items())
            if balance.total
        ]
        lanes = [
            answers.NonceLane(lane=number, next=str(lane.top)) for number, lane in sorted(found.lanes.items())
        ]
    return answer(answers.Account(account=hex_bytes(address), balances=balances, nonces=lanes))


def _balance(token: Token, total: int, locked: int) -> answers.Balance:
    unit = amount_unit(token)
    return answers.Balance(
        token=token.id,
        total=unit.format(total),
        locked=unit.format(locked),
        available=unit.format(total - locked),
    )


async def open_orders(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/orders"""
    async with request.app[CONTEXT].node.reading() as state:
        address, _ = _known_account(state, request)
        return answer([_resting_order(state, order) for order in state.open_orders(address)])


def _resting_order(state: State, order: Order) -> answers.OrderInfo:
    market = state.markets[order.market]
    base, quote = state.tokens[market.base], state.tokens[market.quote]
    return answers.OrderInfo(
        order_id=hex_bytes(order.id),
        account=hex_bytes(order.owner),
        market=order.market,
        side=_side(order.side),
        time_in_force=order.time_in_force.name,
        price=tick(market, base, quote).format(order.price),
        remaining=lot(market, base).format(order.remaining),
        status="resting",
        client_order_id=str(order.client_order_id),
    )


async def withdrawals(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/withdrawals"""
    context = request.app[CONTEXT]
    limit = _query_number(request, "limit", CLAIMS_MAX, CLAIMS_MAX)
    async with context.node.reading() as state:
        address, _ = _known_account(state, request)
        listed = dict(state.tokens)
    rows = await context.history.withdrawals(address, limit)
    settled = [row for row in rows if row["status"] == "settled"]
    outboxes = {batch: await context.history.outbox(batch) for batch in {row["batch"] for row in settled}}
    claimed = await _claimed(context, settled)
    shown = []
    for row in rows:
        claim = _claim(row, outboxes[row["batch"]]) if row["status"] == "settled" else UNSET
        status = "claimed" if _place(row) in claimed else context.status(row["status"])
        shown.append(_withdrawal(listed.get(row["token"]), row, status, claim))
    return answer(shown)


def _withdrawal(
    token: Token | None, row: Row, status: str, claim: answers.Claim | UnsetType
) -> answers.Withdrawal:
    # A refund may be of a token that is not listed; then its base units are all that is known.
    unit = Unit(1, 0) if token is None else amount_unit(token)
    return answers.Withdrawal(
        seq=str(row["seq"]),
        kind=LeafKind(row["kind"]).name.lower(),
        token=row["token"],
        amount=unit.format(int(row["amount"])),
        amount_units=row["amount"],
        recipient=hex_bytes(row["recipient"]),
        max_relay_fee=unit.format(int(row["max_relay_fee"])),
        block=str(row["block"]),
        status=status,
        claim=claim,
    )


def _claim(row: Row, leaves: list[bytes]) -> answers.Claim:
    """What the contract's `claim` needs besides the withdrawal itself."""
    proof = merkle_proof(leaves, row["leaf"])
    return answers.Claim(
        batch=str(row["batch"]),
        index=str(row["leaf"]),
        proof=[hex_bytes(sibling) for sibling in proof],
    )


def _place(row: Row) -> tuple[int, int]:
    """Sequence number and item of a withdrawal."""
    return row["seq"], row["item"]


async def _claimed(context: Context, settled: list[Row]) -> set[tuple[int, int]]:
    """Places of what was paid. A claim is final, so L1 is asked only until it says yes, and not for long."""
    known = {_place(row) for row in settled if row["claimed"]}
    open_rows = [row for row in settled if not row["claimed"]]
    asked = (context.claims.is_claimed(row["batch"], row["leaf"]) for row in open_rows)
    try:
        async with asyncio.timeout(L1_WAIT_S):
            answers = await asyncio.gather(*asked)
    except TimeoutError:
        return known
    found = {_place(row) for row, paid in zip(open_rows, answers, strict=True) if paid}
    for seq, item in found:
        await context.store.mark_claimed(seq, item)
    return known | found


async def deposits(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/deposits. Pending ones come first; the account need not exist yet."""
    context = request.app[CONTEXT]
    limit = _query_number(request, "limit", 100, LIMIT_MAX)
    address = fields.address("address", request.match_info["address"])
    async with context.node.reading() as state:
        listed = dict(state.tokens)
    sequenced = await context.history.deposits(address, limit)
    known = {row["idx"] for row in sequenced}
    shown = [
        _deposit(listed, entry.index, found.token, found.amount, "pending")
        for entry in reversed(context.watcher.pending())
        if isinstance(found := parse_inbox_entry(entry.entry), Deposit)
        and found.account == address
        and entry.index not in known
    ]
    for row in sequenced:
        status = "refunded" if row["refunded"] else "credited"
        shown.append(_deposit(listed, row["idx"], row["token"], int(row["amount"]), status))
    return answer(shown[:limit])


def _deposit(listed: dict[int, Token], index: int, token: int, amount: int, status: str) -> answers.Deposit:
    unit = amount_unit(listed[token]) if token in listed else Unit(1, 0)
    return answers.Deposit(
        index=str(index),
        token=token,
        amount=unit.format(amount),
        amount_units=str(amount),
        status=status,
    )


# ---------------------------------------------------------------- history


async def order(request: web.Request) -> web.Response:
    """GET /v1/orders/{orderId}"""
    context = request.app[CONTEXT]
    key = fields.fixed_bytes("orderId", request.match_info["orderId"], 24)
    row = await context.history.order(key)
    if row is None:
        raise not_found(f"order {hex_bytes(key)}")
    return answer(_order(context.node.latest, row))


def _order(state: State, row: Row) -> answers.OrderRecord:
    market, price, place = state.markets[row["market"]], int(row["price"]), row["place"]
    base, quote = state.tokens[market.base], state.tokens[market.quote]
    lots = lot(market, base)
    size, remaining = int(row["size"]) - int(row["lost"]), int(row["remaining"])
    replaced = row["reason"] == End.REPLACED
    return answers.OrderRecord(
        order_id=hex_bytes(order_id(market.id, row["side"], price, place)),
        seq=str(place // PLACES_PER_SEQ),
        account=hex_bytes(row["account"]),
        market=market.id,
        side=_side(row["side"]),
        time_in_force=TimeInForce(row["time_in_force"]).name,
        self_trade=SelfTrade(row["self_trade"]).name.lower(),
        price=tick(market, base, quote).format(price),
        size=lots.format(size),
        filled=lots.format(size - remaining),
        remaining=lots.format(remaining),
        lost=lots.format(int(row["lost"])),
        status=_STATUS[row["reason"]],
        reason=None if row["reason"] is None else End(row["reason"]).name.lower(),
        client_order_id=row["client_order_id"] or "0",
        expiry=None if row["expiry"] == "0" else row["expiry"],
        created=row["created"],
        updated=row["updated"],
        updated_seq=str(row["updated_seq"]),
        ended_by=None if row["ended"] is None else str(row["ended"] // PLACES_PER_SEQ),
        replaced_by=hex_bytes(order_id(market.id, row["side"], int(row["replacement_price"]), row["ended"]))
        if replaced
        else None,
    )


_STATUS: Final = {
    None: "resting",
    End.FILLED: "filled",
    End.REPLACED: "replaced",
    End.EXPIRED: "expired",
} | dict.fromkeys((End.CANCELLED, End.IMMEDIATE, End.SELF_TRADE, End.MAKER_LIMIT, End.FORCED), "cancelled")


async def transaction(request: web.Request) -> web.Response:
    """GET /v1/transactions/{digest}"""
    context = request.app[CONTEXT]
    signed = fields.fixed_bytes("digest", request.match_info["digest"], 32)
    row = await context.history.transaction(signed)
    if row is None:
        raise not_found(f"transaction {hex_bytes(signed)}")
    return answer(
        answers.TransactionInfo(
            digest=hex_bytes(signed),
            seq=str(row["seq"]),
            block=str(row["block"]),
            batch=_optional(row["batch"]),
            code=Code(row["code"]).name,
            status=context.status(row["status"]),
        )
    )


async def blocks(request: web.Request) -> web.Response:
    """GET /v1/blocks"""
    limit = _query_number(request, "limit", 100, LIMIT_MAX)
    page = await request.app[CONTEXT].history.blocks(limit, _query_before(request))
    return answer(answers.Blocks(blocks=[_block(row) for row in page.rows], **_paging(page, _number)))


async def block(request: web.Request) -> web.Response:
    """GET /v1/blocks/{number}"""
    number = _path_number(request, "number")
    row = await request.app[CONTEXT].history.block(number)
    if row is None:
        raise not_found(f"sealed block {number}")
    return answer(_block(row))


def _block(row: Row) -> answers.BlockInfo:
    return answers.BlockInfo(
        number=str(row["number"]),
        timestamp=row["timestamp"],
        first_seq=str(row["first_seq"]),
        end_seq=str(row["end_seq"]),
        state_root=hex_bytes(row["state_root"]),
        batch=_optional(row["batch"]),
    )


async def batches(request: web.Request) -> web.Response:
    """GET /v1/batches"""
    context = request.app[CONTEXT]
    limit = _query_number(request, "limit", 100, LIMIT_MAX)
    page = await context.history.batches(limit, _query_before(request))
    return answer(
        answers.Batches(batches=[_batch(context, row) for row in page.rows], **_paging(page, _number))
    )


async def batch(request: web.Request) -> web.Response:
    """GET /v1/batches/{number}"""
    context = request.app[CONTEXT]
    number = _path_number(request, "number")
    row = await context.history.batch(number)
    if row is None:
        raise not_found(f"batch {number}")
    return answer(_batch(context, row))


def _batch(context: Context, row: Row) -> answers.Batch:
    return answers.Batch(
        number=str(row["number"]),
        status=context.status(row["status"]),
        proof_mode=context.proof_mode,
        first_block=str(row["first_block"]),
        last_block=str(row["last_block"]),
        first_seq=str(row["first_seq"]),
        end_seq=str(row["end_seq"]),
        created=row["created_ms"] // 1000,
        data_bytes=row["data_bytes"],
        public_values=hex_bytes(row["public_values"]),
        worker=row["worker"],
        cycles=row["cycles"],
        prover_gas=row["prover_gas"],
        execute_ms=row["execute_ms"],
        peak_rss_mb=row["peak_rss_mb"],
        l1_transaction=None if row["l1_tx"] is None else hex_bytes(row["l1_tx"]),
        l1_gas=_optional(row["l1_gas"]),
        l1_block=_optional(row["l1_block"]),
    )


# ---------------------------------------------------------------- parameters


def _listed_market(state: State, request: web.Request) -> tuple[Market, Token, Token]:
    number = _path_number(request, "id")
    market = state.markets.get(number)
    if market is None:
        raise ApiError(404, "UNKNOWN_MARKET", f"market {number} is not listed", {"market": str(number)})
    return market, state.tokens[market.base], state.tokens[market.quote]


def _known_account(state: State, request: web.Request) -> tuple[bytes, Account]:
    address = fields.address("address", request.match_info["address"])
    found = state.account(address)
    if found is None:
        raise ApiError(404, "UNKNOWN_ACCOUNT", "the account never received anything")
    return address, found


def _path_number(request: web.Request, name: str) -> int:
    return fields.integer(name, request.match_info[name], _NUMBER_END if name == "number" else MAX_U32)


def _query_number(request: web.Request, name: str, default: int, maximum: int) -> int:
    value = fields.integer(name, request.query.get(name, str(default)), maximum)
    if not value:
        raise out_of_range(name, f"1 to {maximum}", value)
    return value


def _query_before(request: web.Request) -> int:
    """Cursor of a list that is ordered by number."""
    text = request.query.get("before") or str(_NUMBER_END)
    return fields.integer("before", text, _NUMBER_END)


def _paging(page: Page, cursor: Callable[[Row], str]) -> dict[str, Any]:
    return {"has_more": page.has_more, "next": cursor(page.rows[-1]) if page.has_more else None}


def _number(row: Row) -> str:
    return str(row["number"])


def _side(side: int) -> str:
    return "sell" if side else "buy"


def _optional(number: int | None) -> str | None:
    return None if number is None else str(number)
