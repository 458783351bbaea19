"""Dead-man switches and triggers over HTTP: signed transactions that the sequencer sends later (docs/api.md).

The id of one is a secret: whoever has it may read, renew and disarm it. Lists show none of that.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from aiohttp import web
from msgspec import Meta, Struct, json

from sequencer.adapters.deferred import ARMED_PER_ACCOUNT_MAX, NotArmed, TooManyDeferred
from sequencer.adapters.deferred_rows import ENDED_MAX, Deferrable, Deferred, Switch, Trigger, parse
from sequencer.adapters.http import answers, bodies, fields
from sequencer.adapters.http.context import CALLER, CONTEXT, answer, hex_bytes
from sequencer.adapters.http.errors import ApiError, decode, not_found, out_of_range, wrong_type
from sequencer.adapters.http.formats import DIRECTIONS, Decimal, DirectionName, Number
from sequencer.adapters.http.request_body import read_body
from sequencer.adapters.http.transactions import admit
from sequencer.adapters.http.units import market_units
from sequencer.core.constants import MAX_U64
from sequencer.core.state import State

TIMEOUT_S_MIN: Final = 5
TIMEOUT_S_MAX: Final = 86_400
_ID: Final = re.compile("[0-9a-f]{32}", re.ASCII)


class DeadManSwitchBody(Struct, forbid_unknown_fields=True, rename="camel"):
    """Body of POST /v1/dead-man-switches."""

    cancel_all: bodies.CancelAllBody
    timeout_seconds: Annotated[int, Meta(ge=TIMEOUT_S_MIN, le=TIMEOUT_S_MAX)]


class TriggerBody(Struct, forbid_unknown_fields=True, rename="camel"):
    """Body of POST /v1/triggers: one of `order` and `batch`."""

    market: Number
    trigger_price: Decimal
    direction: DirectionName
    order: bodies.PlaceOrderBody | None = None
    batch: bodies.BatchBody | None = None

    def signed(self) -> bodies.PlaceOrderBody | bodies.BatchBody:
        """What is sent. Raises ApiError."""
        if self.order is not None and self.batch is not None:
            message = "order and batch exclude each other"
            raise ApiError(400, "UNKNOWN_FIELD", message, {"field": "batch"})
        signed = self.order or self.batch
        if signed is None:
            raise ApiError(400, "MISSING_FIELD", "order or batch is missing", {"field": "order"})
        return signed

    def terms(self, state: State) -> Trigger:
        """When it is sent. Raises ApiError, Rejection."""
        tick = market_units(state, self.market).tick
        price = fields.units("triggerPrice", self.trigger_price, tick, MAX_U64, "OFF_TICK")
        if not price:
            raise out_of_range("triggerPrice", f"at least {tick.format(1)}", self.trigger_price)
        rising = fields.choice("direction", self.direction, DIRECTIONS)
        return Trigger(self.market, price, rising)


_SWITCH: Final = json.Decoder(DeadManSwitchBody)
_TRIGGER: Final = json.Decoder(TriggerBody)


async def arm_switch(request: web.Request) -> web.Response:
    """POST /v1/dead-man-switches"""
    body: DeadManSwitchBody = decode(await read_body(request), _SWITCH)
    return answer(await _arm(request, body.cancel_all, body.timeout_seconds))


async def arm_trigger(request: web.Request) -> web.Response:
    """POST /v1/triggers"""
    body: TriggerBody = decode(await read_body(request), _TRIGGER)
    terms = body.terms(request.app[CONTEXT].node.latest)
    return answer(await _arm(request, body.signed(), terms))


async def switch(request: web.Request) -> web.Response:
    """GET /v1/dead-man-switches/{switch}"""
    return answer(await _stored(request, Switch))


async def trigger(request: web.Request) -> web.Response:
    """GET /v1/triggers/{trigger}"""
    return answer(await _stored(request, Trigger))


async def renew_switch(request: web.Request) -> web.Response:
    """POST /v1/dead-man-switches/{switch}/renewal"""
    return answer(await _change(request, Switch, request.app[CONTEXT].deferred.renew))


async def disarm_switch(request: web.Request) -> web.Response:
    """DELETE /v1/dead-man-switches/{switch}"""
    return answer(await _change(request, Switch, request.app[CONTEXT].deferred.disarm))


async def disarm_trigger(request: web.Request) -> web.Response:
    """DELETE /v1/triggers/{trigger}"""
    return answer(await _change(request, Trigger, request.app[CONTEXT].deferred.disarm))


async def account_triggers(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}/triggers"""
    account = fields.address("address", request.match_info["address"])
    entries = await request.app[CONTEXT].history.deferred_of(account, ARMED_PER_ACCOUNT_MAX + ENDED_MAX)
    return answer([_summary(entry) for entry in entries])


async def _arm(request: web.Request, body: bodies.SignedBody, terms: Trigger | int) -> answers.Deferred:
    context = request.app[CONTEXT]
    tx = body.transaction(context.node.latest)
    if not isinstance(tx, Deferrable):
        raise TypeError(f"{type(tx).__name__} cannot be deferred")
    signature = fields.fixed_bytes("signature", body.signature, 65)
    signed, public_key = await admit(context, tx, signature, request[CALLER])
    try:
        entry = await context.deferred.arm(tx, signed, public_key, signature, terms)
    except TooManyDeferred as error:
        message = f"an account has at most {ARMED_PER_ACCOUNT_MAX} switches and triggers that are armed"
        maximum = str(ARMED_PER_ACCOUNT_MAX)
        raise ApiError(422, "TOO_MANY_DEFERRED", message, {"maximum": maximum}) from error
    return _shown(context.node.latest, entry)


async def _stored(request: web.Request, kind: type[Switch | Trigger]) -> answers.Deferred:
    """As it is durable. Raises ApiError."""
    context = request.app[CONTEXT]
    row = await context.history.deferred(_number(request))
    entry = None if row is None else parse(row)
    if entry is None or not isinstance(entry.terms, kind):
        raise not_found("such switch" if kind is Switch else "such trigger")
    return _shown(context.node.latest, entry)


async def _change(
    request: web.Request,
    kind: type[Switch | Trigger],
    change: Callable[[str], Awaitable[Deferred | None]],
) -> answers.Deferred:
    """Renews or disarms what is stored. Raises ApiError."""
    found = await _stored(request, kind)
    try:
        entry = await change(found.id)
    except NotArmed as error:
        raise _not_armed(str(error)) from error
    if entry is None:
        raise _not_armed((await _stored(request, kind)).status)
    return _shown(request.app[CONTEXT].node.latest, entry)


def _number(request: web.Request) -> str:
    (number,) = request.match_info.values()
    if _ID.fullmatch(number) is None:
        raise wrong_type("id", "32 hexadecimal digits in lower case")
    return number


def _not_armed(status: str) -> ApiError:
    return ApiError(409, "NOT_ARMED", f"it is not armed any more: {status}", {"status": status})


def _shown(state: State, entry: Deferred) -> answers.Deferred:
    outcome: dict[str, Any] = {
        "id": entry.id,
        "account": hex_bytes(entry.account),
        "digest": hex_bytes(entry.digest),
        "nonce": str(entry.transaction.nonce),
        "status": str(entry.status),
        "armed": entry.armed_ms // 1000,
        "deadline": str(entry.transaction.deadline),
        "ended": _seconds(entry.ended_ms),
        "seq": None if entry.seq is None else str(entry.seq),
        "order_id": None if entry.order_id is None else hex_bytes(entry.order_id),
        "code": None if entry.code is None else entry.code.name,
        "message": entry.message,
    }
    terms = entry.terms
    if isinstance(terms, Switch):
        return answers.DeadManSwitch(**outcome, timeout_seconds=terms.timeout_s, due=terms.due_ms // 1000)
    return answers.Trigger(
        **outcome,
        market=terms.market,
        trigger_price=market_units(state, terms.market).tick.format(terms.price),
        direction="rising" if terms.rising else "falling",
    )


def _summary(entry: Deferred) -> answers.DeferredSummary:
    return answers.DeferredSummary(
        kind="dead_man_switch" if isinstance(entry.terms, Switch) else "trigger",
        digest=hex_bytes(entry.digest),
        nonce=str(entry.transaction.nonce),
        status=str(entry.status),
        armed=entry.armed_ms // 1000,
        ended=_seconds(entry.ended_ms),
        seq=None if entry.seq is None else str(entry.seq),
        code=None if entry.code is None else entry.code.name,
    )


def _seconds(time_ms: int | None) -> int | None:
    return None if time_ms is None else time_ms // 1000
