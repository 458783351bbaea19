"""What comes in and goes out: deposits, withdrawals, transfers, and the ledger of all changes of balances."""

import asyncio
from collections.abc import Iterator
from typing import Final

from aiohttp import web
from msgspec import UNSET, UnsetType

from sequencer.adapters.history import LedgerRow, Position, Row
from sequencer.adapters.history_rows import LeafKind
from sequencer.adapters.http import answers, fields
from sequencer.adapters.http.context import CONTEXT, Context, answer, hex_bytes
from sequencer.adapters.http.reads import query
from sequencer.adapters.http.reads.markets import maker_order, taker_order
from sequencer.adapters.http.reads.values import signed
from sequencer.adapters.http.units import market_units
from sequencer.adapters.relayer import Relayer
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.decimals import Unit, amount_unit
from sequencer.core.state import State
from sequencer.core.types import Deposit, OrderId, Token

L1_WAIT_S: Final = 1


# ---------------------------------------------------------------- withdrawals


async def withdrawals(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/withdrawals"""
    context, limit = request.app[CONTEXT], query.limit(request, query.CLAIMS_MAX)
    seq, item = query.before_place(request, 2)
    async with context.node.reading() as state:
        address, _ = query.path_account(state, request)
        listed = dict(state.tokens)
    page = await context.history.withdrawals(address, limit, (seq, item))
    settled = [row for row in page.rows if row["status"] == "settled"]
    proofs = await context.history.outbox_proofs([(row["batch"], row["leaf"]) for row in settled])
    claims = {_place(row): _claim(row, proof) for row, proof in zip(settled, proofs, strict=True)}
    claimed = await _claimed(context, settled)
    shown = []
    for row in page.rows:
        claim = claims.get(_place(row), UNSET)
        status = "claimed" if _place(row) in claimed else context.status(row["status"])
        relay = UNSET if status == "claimed" else _relay(context.relayer, row)
        shown.append(_withdrawal(listed.get(row["token"]), row, status, claim, relay))
    return answer(answers.Withdrawals(withdrawals=shown, **query.paging(page, "seq", "item")))


def _relay(relayer: Relayer | None, row: Row) -> answers.Relay | UnsetType:
    if relayer is None:
        return UNSET
    state = relayer.state((row["batch"], row["leaf"]), row["token"], int(row["max_relay_fee"]))
    transaction = None if state.tx_hash is None else hex_bytes(state.tx_hash)
    return answers.Relay(status=state.status.value, transaction=transaction, last_error=state.error)


def _withdrawal(
    token: Token | None,
    row: Row,
    status: str,
    claim: answers.Claim | UnsetType,
    relay: answers.Relay | UnsetType,
) -> answers.Withdrawal:
    unit = _unit(token)
    return answers.Withdrawal(
        seq=str(row["seq"]),
        kind=LeafKind(row["kind"]).name.lower(),
        token=row["token"],
        amount=unit.format(int(row["amount"])),
        amount_units=row["amount"],
        recipient=hex_bytes(row["recipient"]),
        max_relay_fee=unit.format(int(row["max_relay_fee"])),
        time=row["time"],
        block=str(row["block"]),
        status=status,
        claim=claim,
        relay=relay,
    )


def _unit(token: Token | None) -> Unit:
    """A refund may be of a token that is not listed; then its base units are all that is known."""
    return Unit(1, 0) if token is None else amount_unit(token)


def _claim(row: Row, proof: list[bytes]) -> answers.Claim:
    """What the contract's `claim` needs besides the withdrawal itself."""
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


# ---------------------------------------------------------------- deposits


async def deposits(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/deposits. Pending ones come first; the account need not exist yet."""
    context, limit, before = request.app[CONTEXT], query.limit(request), query.before(request)
    address = fields.address("address", request.match_info["address"])
    async with context.node.reading() as state:
        listed = dict(state.tokens)
    # Read before the database: what is sequenced meanwhile is in at least one of the two.
    seen = list(reversed(context.watcher.pending())) if before == query.END else []
    page = await context.history.deposits(address, limit, before)
    known = {row["idx"] for row in page.rows}
    pending = [
        _pending(listed, entry.index, found)
        for entry in seen
        if entry.index not in known
        and isinstance(found := parse_inbox_entry(entry.entry), Deposit)
        and found.account == address
    ]
    return answer(
        answers.Deposits(
            deposits=pending[:limit] + [_deposit(listed, row) for row in page.rows],
            **query.paging(page, "seq"),
        )
    )


def _pending(listed: dict[int, Token], index: int, deposit: Deposit) -> answers.Deposit:
    return answers.Deposit(
        index=str(index),
        token=deposit.token,
        amount=_unit(listed.get(deposit.token)).format(deposit.amount),
        amount_units=str(deposit.amount),
        status="pending",
        seq=None,
        time=None,
    )


def _deposit(listed: dict[int, Token], row: Row) -> answers.Deposit:
    return answers.Deposit(
        index=str(row["idx"]),
        token=row["token"],
        amount=_unit(listed.get(row["token"])).format(int(row["amount"])),
        amount_units=row["amount"],
        status="refunded" if row["refunded"] else "credited",
        seq=str(row["seq"]),
        time=row["time"],
    )


# ---------------------------------------------------------------- transfers


async def transfers(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/transfers"""
    context, limit, before = request.app[CONTEXT], query.limit(request), query.before(request)
    async with context.node.reading() as state:
        address, _ = query.path_account(state, request)
        listed = dict(state.tokens)
    page = await context.history.transfers(address, limit, before)
    return answer(
        answers.Transfers(
            transfers=[_transfer(listed, row) for row in page.rows],
            **query.paging(page, "seq"),
        )
    )


def _transfer(listed: dict[int, Token], row: Row) -> answers.Transfer:
    return answers.Transfer(
        seq=str(row["seq"]),
        account=hex_bytes(row["account"]),
        to=hex_bytes(row["recipient"]),
        token=row["token"],
        amount=amount_unit(listed[row["token"]]).format(int(row["amount"])),
        time=row["time"],
    )


# ---------------------------------------------------------------- the ledger


async def ledger(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/ledger"""
    context, limit = request.app[CONTEXT], query.limit(request)
    seq, item, line = query.before_place(request, 3)
    async with context.node.reading() as state:
        address, _ = query.path_account(state, request)
    changes, has_more = await context.history.ledger(
        address, lambda row: _entries(context.node.latest, row), limit, (seq, item, line)
    )
    paging = query.page(changes[-1][0] if has_more else None)
    return answer(answers.Ledger(entries=[entry for _, entry in changes], **paging))


def _entries(state: State, row: LedgerRow) -> list[tuple[Position, answers.LedgerEntry]]:
    """The changes that a row stands for, newest first."""
    found = [
        ((row.seq, row.item, line), _entry(state, row, (row.seq, row.item, line), change))
        for line, change in _changes(state, row)
    ]
    return found[::-1]


class _Change:
    """One change of one balance."""

    __slots__ = ("amount", "counterparty", "order_id", "token", "type")

    def __init__(
        self,
        type_: str,
        token: int,
        amount: int,
        order_id: OrderId | None = None,
        counterparty: bytes | None = None,
    ) -> None:
        self.type = type_
        self.token = token
        self.amount = amount
        self.order_id = order_id
        self.counterparty = counterparty


def _entry(state: State, row: LedgerRow, position: Position, change: _Change) -> answers.LedgerEntry:
    return answers.LedgerEntry(
        id="-".join(map(str, position)),
        seq=str(row.seq),
        type=change.type,
        token=change.token,
        amount=signed(amount_unit(state.tokens[change.token]), change.amount),
        market=row.row["market"] if row.source in _TRADES else None,
        order_id=None if change.order_id is None else hex_bytes(change.order_id),
        counterparty=None if change.counterparty is None else hex_bytes(change.counterparty),
        time=row.row["time"],
    )


_TRADES: Final = ("maker", "taker", "fees")
_FIRST_FEE_LINE: Final = 3
"""A fee account may be a side of the trade too: its own changes come first."""


def _changes(state: State, row: LedgerRow) -> Iterator[tuple[int, _Change]]:
    """Line and change, in order."""
    match row.source:
        case "maker" | "taker":
            return enumerate(_side_changes(state, row.row, row.source == "taker"))
        case "fees":
            return enumerate(_fee_changes(state, row.row), _FIRST_FEE_LINE)
        case _:
            return enumerate((_payment(row),))


def _payment(row: LedgerRow) -> _Change:
    values, source = row.row, row.source
    token, amount = values["token"], int(values["amount"])
    match source:
        case "deposit":
            return _Change(source, token, amount)
        case "withdrawal":
            return _Change(LeafKind(values["kind"]).name.lower(), token, -amount)
        case "transfer_out":
            return _Change(source, token, -amount, counterparty=values["recipient"])
        case _:
            return _Change(source, token, amount, counterparty=values["account"])


def _side_changes(state: State, row: Row, is_taker: bool) -> Iterator[_Change]:
    """What a trade gave and took from one side."""
    base, quote = _amounts(state, row)
    sells = row["taker_side"] if is_taker else 1 - row["taker_side"]
    given, received = (base, quote) if sells else (quote, base)
    own = taker_order(row) if is_taker else maker_order(row)
    yield _Change("trade", given[0], -given[1], own)
    yield _Change("trade", *received, own)
    fee = int(row["taker_fee" if is_taker else "maker_fee"])
    if fee:
        yield _Change("fee", received[0], -fee, own)


def _fee_changes(state: State, row: Row) -> Iterator[_Change]:
    """What a trade paid to the market's fee account."""
    base, quote = _amounts(state, row)
    taker_receives, maker_receives = (quote, base) if row["taker_side"] else (base, quote)
    for token, fee in ((maker_receives[0], row["maker_fee"]), (taker_receives[0], row["taker_fee"])):
        if fee != "0":
            yield _Change("fee_income", token, int(fee))


def _amounts(state: State, row: Row) -> tuple[tuple[int, int], tuple[int, int]]:
    """Token and amount of base, and of quote."""
    market = market_units(state, row["market"]).market
    price, size = int(row["price"]), int(row["size"])
    return (market.base, size * market.lot_size), (market.quote, price * size * market.tick_size)
