"""The way to L1: transactions and their receipts, blocks and batches."""

from aiohttp import web

from sequencer.adapters.history import Row
from sequencer.adapters.http import answers, fields
from sequencer.adapters.http.context import CONTEXT, Context, answer, hex_bytes
from sequencer.adapters.http.errors import not_found
from sequencer.adapters.http.formats import KINDS
from sequencer.adapters.http.outcomes import signed_receipt
from sequencer.adapters.http.reads import query
from sequencer.adapters.http.reads.values import optional
from sequencer.core.book import PLACES_PER_SEQ, order_id
from sequencer.core.codec import decode_transaction, parse_inbox_entry
from sequencer.core.errors import Code
from sequencer.core.types import Batch, OrderId, ParsedEntry, Sequenceable


async def transaction(request: web.Request) -> web.Response:
    """GET /v1/transactions/{digest}"""
    context = request.app[CONTEXT]
    signed = fields.fixed_bytes("digest", request.match_info["digest"], 32)
    row = await context.history.transaction(signed)
    if row is None:
        raise not_found(f"transaction {hex_bytes(signed)}")
    is_entry = row["inbox_index"] is not None
    tx = parse_inbox_entry(row["payload"]) if is_entry else decode_transaction(row["payload"])
    placed = await context.history.placed(row["seq"])
    return answer(_transaction(context, row, tx, {each["place"]: each for each in placed}))


async def receipt(request: web.Request) -> web.Response:
    """GET /v1/receipts/{seq}"""
    context = request.app[CONTEXT]
    seq = query.path_number(request, "seq")
    found = await context.history.receipt(seq)
    if found is None:
        raise not_found(f"signed transaction {seq}")
    return answer(signed_receipt(context.receipts, found))


def _transaction(
    context: Context, row: Row, tx: Sequenceable | ParsedEntry, placed: dict[int, Row]
) -> answers.TransactionInfo:
    first = row["seq"] * PLACES_PER_SEQ
    actions = tx.actions if isinstance(tx, Batch) else ()
    return answers.TransactionInfo(
        digest=hex_bytes(row["digest"]),
        seq=str(row["seq"]),
        block=str(row["block"]),
        batch=optional(row["batch"]),
        kind=KINDS[type(tx)],
        account=_bytes(getattr(tx, "account", None)),
        signer=_bytes(getattr(tx, "signer", None)),
        time=row["time"],
        code=Code(row["code"]).name,
        order_id=None if actions else _bytes(_order_id(tx, placed.get(first))),
        items=[
            answers.ItemInfo(
                kind=KINDS[type(action)],
                code=Code(code).name,
                order_id=_bytes(_order_id(action, placed.get(first + item))),
            )
            for item, (action, code) in enumerate(zip(actions, row["item_codes"] or b"", strict=True))
        ],
        status=context.status(row["status"]),
    )


def _order_id(action: object, placed: Row | None) -> OrderId | None:
    """The order that an action placed, or the one it named."""
    if placed is not None:
        return order_id(placed["market"], placed["side"], int(placed["price"]), placed["place"])
    named: OrderId | None = getattr(action, "order_id", None)
    return named


def _bytes(value: bytes | None) -> str | None:
    return None if value is None else hex_bytes(value)


async def blocks(request: web.Request) -> web.Response:
    """GET /v1/blocks"""
    context = request.app[CONTEXT]
    page = await context.history.blocks(query.limit(request), query.before(request))
    return answer(
        answers.Blocks(
            blocks=[_block(row) for row in page.rows],
            **query.paging(page, "number"),
        )
    )


async def block(request: web.Request) -> web.Response:
    """GET /v1/blocks/{number}"""
    number = query.path_number(request, "number")
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
        batch=optional(row["batch"]),
    )


async def batches(request: web.Request) -> web.Response:
    """GET /v1/batches"""
    context = request.app[CONTEXT]
    page = await context.history.batches(query.limit(request), query.before(request))
    return answer(
        answers.Batches(
            batches=[_batch(context, row) for row in page.rows],
            **query.paging(page, "number"),
        )
    )


async def batch(request: web.Request) -> web.Response:
    """GET /v1/batches/{number}"""
    context = request.app[CONTEXT]
    number = query.path_number(request, "number")
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
        prover_gas_estimate=str(row["prover_gas_estimate"]),
        execute_ms=row["execute_ms"],
        peak_rss_mb=row["peak_rss_mb"],
        l1_transaction=_bytes(row["l1_tx"]),
        l1_gas=optional(row["l1_gas"]),
        l1_block=optional(row["l1_block"]),
    )
