"""Transactions: a signed struct comes in as JSON, is rebuilt bit by bit, and its signature is checked.

Everything here happens before the transaction may wait for the writer; nothing here changes anything.
"""

import asyncio
from typing import Final

import msgspec
from aiohttp import web
from zkclob_native import recover

from sequencer.adapters.http import answers, fields
from sequencer.adapters.http.context import CONTEXT, Context, answer, hex_bytes
from sequencer.adapters.http.errors import ApiError, decode
from sequencer.adapters.http.formats import (
    SELF_TRADES,
    SIDES,
    TIMES_IN_FORCE,
    Address,
    Decimal,
    Number,
    OrderId,
    SelfTradeName,
    SideName,
    Signature,
    TimeInForceName,
    Uint,
)
from sequencer.core.constants import MAX_U64, MAX_U128
from sequencer.core.decimals import amount_unit, lot, tick
from sequencer.core.errors import Code, Rejection
from sequencer.core.signing import digest
from sequencer.core.state import State
from sequencer.core.types import (
    CancelClientOrder,
    CancelOrder,
    Market,
    PlaceOrder,
    Result,
    Side,
    Token,
    Transaction,
    Withdraw,
)
from sequencer.node import Accepted

BODY_DEADLINE_S: Final = 10


class Signed(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The fields that every signed transaction has."""

    account: Address
    signer: Address
    nonce: Uint
    deadline: Uint
    signature: Signature

    def head(self) -> tuple[bytes, bytes, int, int]:
        """Account, signer, nonce, deadline."""
        return (
            fields.address("account", self.account),
            fields.address("signer", self.signer),
            fields.u64("nonce", self.nonce),
            fields.u64("deadline", self.deadline),
        )


class PlaceOrderBody(Signed, kw_only=True):
    """Body of POST /v1/orders."""

    market: Number
    side: SideName
    time_in_force: TimeInForceName
    self_trade: SelfTradeName
    price: Decimal
    size: Decimal
    client_order_id: Uint = "0"


class CancelBody(Signed, kw_only=True):
    """Body of POST /v1/cancels: one of the two ids."""

    order_id: OrderId | None = None
    client_order_id: Uint | None = None


class WithdrawalBody(Signed, kw_only=True):
    """Body of POST /v1/withdrawals."""

    token: Number
    amount: Decimal
    recipient: Address
    max_relay_fee: Decimal


_PLACE_ORDER: Final = msgspec.json.Decoder(PlaceOrderBody)
_CANCEL: Final = msgspec.json.Decoder(CancelBody)
_WITHDRAWAL: Final = msgspec.json.Decoder(WithdrawalBody)


async def read_body(request: web.Request) -> bytes:
    """The whole body. Raises ApiError for one that is too slow, too large, encoded or cut off."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise ApiError(415, "UNSUPPORTED_ENCODING", "send the body as it is, without Content-Encoding")
    if (request.content_length or 0) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, request.content_length or 0)
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            return await request.read()
    except TimeoutError as error:
        raise ApiError(408, "BODY_TOO_SLOW", f"the body took more than {BODY_DEADLINE_S} s") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise ApiError(400, "MALFORMED_HTTP", "the body broke off") from error


async def place_order(request: web.Request) -> web.Response:
    """POST /v1/orders"""
    context = request.app[CONTEXT]
    body: PlaceOrderBody = decode(await read_body(request), _PLACE_ORDER)
    market, base, quote = listed_market(context.node.latest, body.market)
    order = _order(body, market, base, quote)
    accepted = await _submit(context, order, body.signature)
    return answer(_placed(accepted, order.side, market, base, quote))


async def cancel_order(request: web.Request) -> web.Response:
    """POST /v1/cancels"""
    context = request.app[CONTEXT]
    body: CancelBody = decode(await read_body(request), _CANCEL)
    accepted = await _submit(context, _cancel(body), body.signature)
    (order,) = accepted.result.removed
    market, base, _ = listed_market(context.node.latest, order.market)
    return answer(
        answers.Cancelled(
            **_sequenced(accepted),
            order_id=hex_bytes(order.id),
            status="cancelled",
            remaining=lot(market, base).format(order.remaining),
        )
    )


async def withdraw(request: web.Request) -> web.Response:
    """POST /v1/withdrawals"""
    context = request.app[CONTEXT]
    body: WithdrawalBody = decode(await read_body(request), _WITHDRAWAL)
    token = context.node.latest.tokens.get(body.token)
    if token is None:
        raise Rejection(Code.UNKNOWN_TOKEN, f"token {body.token} is not listed", {"token": str(body.token)})
    unit = amount_unit(token)
    withdrawal = Withdraw(
        *body.head(),
        token=body.token,
        amount=fields.units("amount", body.amount, unit, MAX_U128, "OUT_OF_RANGE"),
        recipient=fields.address("recipient", body.recipient),
        max_relay_fee=fields.units("maxRelayFee", body.max_relay_fee, unit, MAX_U128, "OUT_OF_RANGE"),
    )
    accepted = await _submit(context, withdrawal, body.signature)
    return answer(answers.Withdrawn(**_sequenced(accepted)))


def listed_market(state: State, number: int) -> tuple[Market, Token, Token]:
    """A market with its base and quote token. Raises Rejection."""
    market = state.markets.get(number)
    if market is None:
        raise Rejection(Code.UNKNOWN_MARKET, f"market {number} is not listed", {"market": str(number)})
    return market, state.tokens[market.base], state.tokens[market.quote]


def _order(body: PlaceOrderBody, market: Market, base: Token, quote: Token) -> PlaceOrder:
    return PlaceOrder(
        *body.head(),
        market=body.market,
        side=fields.choice("side", body.side, SIDES),
        time_in_force=fields.choice("timeInForce", body.time_in_force, TIMES_IN_FORCE),
        self_trade=fields.choice("selfTrade", body.self_trade, SELF_TRADES),
        price=fields.units("price", body.price, tick(market, base, quote), MAX_U64, "OFF_TICK"),
        size=fields.units("size", body.size, lot(market, base), MAX_U64, "OFF_LOT"),
        client_order_id=fields.u128("clientOrderId", body.client_order_id),
    )


def _cancel(body: CancelBody) -> CancelOrder | CancelClientOrder:
    if body.order_id is not None and body.client_order_id is not None:
        raise ApiError(
            400, "UNKNOWN_FIELD", "orderId and clientOrderId exclude each other", {"field": "clientOrderId"}
        )
    if body.order_id is not None:
        return CancelOrder(*body.head(), order_id=fields.fixed_bytes("orderId", body.order_id, 24))
    if body.client_order_id is not None:
        return CancelClientOrder(
            *body.head(), client_order_id=fields.u128("clientOrderId", body.client_order_id)
        )
    raise ApiError(400, "MISSING_FIELD", "orderId or clientOrderId is missing", {"field": "orderId"})


async def _submit(context: Context, tx: Transaction, signature_text: str) -> Accepted:
    """Checks the signature and has the transaction sequenced."""
    signature = fields.fixed_bytes("signature", signature_text, 65)
    signed = digest(context.domain_separator, tx)
    details = {"expected_signer": hex_bytes(tx.signer), "digest": hex_bytes(signed)}
    try:
        recovered, public_key = recover(signed, signature)
    except ValueError as error:
        raise ApiError(400, "BAD_SIGNATURE", f"not a signature: {error}", details) from error
    if recovered != tx.signer:
        raise ApiError(
            400,
            "BAD_SIGNATURE",
            "another key signed, or other fields or another domain were signed",
            details | {"recovered": hex_bytes(recovered)},
        )
    return await context.node.submit(tx, signed, public_key, signature)


def _sequenced(accepted: Accepted) -> dict[str, str]:
    """The fields that every answer to a transaction has."""
    return {
        "seq": str(accepted.result.seq),
        "digest": hex_bytes(accepted.digest),
        "block": str(accepted.block),
    }


def _placed(accepted: Accepted, side: Side, market: Market, base: Token, quote: Token) -> answers.Placed:
    result, lots, ticks = accepted.result, lot(market, base), tick(market, base, quote)
    received = base if side is Side.BID else quote
    fees = amount_unit(received)
    return answers.Placed(
        **_sequenced(accepted),
        order_id=hex_bytes(result.order_id or b""),
        status=_order_status(result),
        filled=lots.format(result.filled),
        remaining=lots.format(result.remaining),
        fills=[
            answers.Fill(
                price=ticks.format(fill.price),
                size=lots.format(fill.size),
                fee=fees.format(fill.taker_fee),
                fee_token=received.id,
            )
            for fill in result.fills
        ],
    )


def _order_status(result: Result) -> str:
    if result.resting:
        return "resting"
    return "cancelled" if result.remaining else "filled"
