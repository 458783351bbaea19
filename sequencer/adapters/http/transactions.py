"""Signed transactions: one table of all of them, and the one way that they take to the node.

REST routes and order entry over a WebSocket call `execute`. Everything before `submit` happens outside of the writer,
and nothing there changes anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from sequencer.adapters.http import answers, bodies, fields, outcomes
from sequencer.adapters.http.context import CALLER, CONTEXT, Context, Handler, answer, hex_bytes
from sequencer.adapters.http.errors import ApiError, decode
from sequencer.adapters.http.limits import Caller, Family
from sequencer.adapters.http.request_body import read_body
from sequencer.adapters.recovery import why_none
from sequencer.core.signing import digest
from sequencer.core.state import State
from sequencer.core.transition import check_valid
from sequencer.core.types import Transaction
from sequencer.node import Accepted

Show = Callable[[State, Any, Accepted, answers.Receipt], answers.Accepted]


@dataclass(frozen=True, slots=True)
class Operation:
    """A kind of signed transaction: its name, the type of its body, and what it is answered with.

    `show` makes the answer from the state, the transaction, how it was accepted and its receipt.
    """

    name: str
    body: type[bodies.Signed]
    answer: type[answers.Accepted]
    show: Show
    decoder: "msgspec.json.Decoder[Any]"
    family: Family
    """Of the client's buckets that a request is charged to."""


def _operation(
    name: str,
    body: type[bodies.Signed],
    answered: type[answers.Accepted],
    show: Show,
    family: Family = Family.CLIENT,
) -> Operation:
    return Operation(name, body, answered, show, msgspec.json.Decoder(body), family)


OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation
    for operation in (
        _operation("place_order", bodies.PlaceOrderBody, answers.Placed, outcomes.placed),
        _operation(
            "cancel_order", bodies.CancelBody, answers.Cancelled, outcomes.cancelled, Family.CLIENT_CANCELS
        ),
        _operation(
            "cancel_all",
            bodies.CancelAllBody,
            answers.CancelledAll,
            outcomes.cancelled_all,
            Family.CLIENT_CANCELS,
        ),
        _operation("replace_order", bodies.ReplaceBody, answers.Replaced, outcomes.replaced),
        _operation("batch", bodies.BatchBody, answers.BatchResults, outcomes.batch),
        _operation("withdraw", bodies.WithdrawalBody, answers.Accepted, outcomes.sequenced),
        _operation("transfer", bodies.TransferBody, answers.Accepted, outcomes.sequenced),
        _operation("approve_agent", bodies.ApproveAgentBody, answers.AgentApproved, outcomes.agent_approved),
        _operation("revoke_agent", bodies.RevokeAgentBody, answers.Accepted, outcomes.sequenced),
        _operation("invalidate_nonces", bodies.InvalidateNoncesBody, answers.Accepted, outcomes.sequenced),
    )
}


async def execute(context: Context, operation: Operation, raw: bytes, caller: Caller) -> answers.Accepted:
    """Has a signed transaction sequenced, given its body in JSON; returns when it is durable.

    The caller was charged for the request already (`Operation.family`); here the account is.
    Raises ApiError, Rejection (its nonce stays free), Busy, NodeHalted.
    """
    body: bodies.SignedBody = decode(raw, operation.decoder)
    state = context.node.latest
    tx = body.transaction(state)
    signature = fields.fixed_bytes("signature", body.signature, 65)
    signed, public_key = await admit(context, tx, signature, caller)
    accepted = await context.node.submit(tx, signed, public_key, signature)
    receipt = outcomes.signed_receipt(context.receipts, accepted.receipt)
    return operation.show(state, tx, accepted, receipt)


async def admit(context: Context, tx: Transaction, signature: bytes, caller: Caller) -> tuple[bytes, bytes]:
    """The digest and the signer's public key of a transaction that may wait for the writer.

    What costs little is looked at first: an account that does not exist, a signer without rights or an account that
    asked for too much costs no recovery. Raises ApiError, Rejection.
    """
    check_valid(context.node.latest, tx)
    context.limiter.require_room(caller, tx)
    try:
        verified = await _verify(context, tx, signature)
    except ApiError:
        context.limiter.charge_bad_signature(caller)
        raise
    context.limiter.charge_account(caller, tx)
    return verified


async def _verify(context: Context, tx: Transaction, signature: bytes) -> tuple[bytes, bytes]:
    """The digest and the signer's public key. Raises ApiError if another key signed, or another thing."""
    signed = digest(context.domain_separator, tx)
    recovered = await context.recovery.recover(signed, signature)
    if recovered is None:
        raise _bad_signature(tx, signed, f"not a signature: {why_none(signed, signature)}")
    address, public_key = recovered
    if address != tx.signer:
        message = "another key signed, or other fields or another domain were signed"
        raise _bad_signature(tx, signed, message, recovered=hex_bytes(address))
    return signed, public_key


def _bad_signature(tx: Transaction, signed: bytes, message: str, **more: str) -> ApiError:
    details = {"expected_signer": hex_bytes(tx.signer), "digest": hex_bytes(signed)}
    return ApiError(400, "BAD_SIGNATURE", message, details | more)


def handler(operation: Operation) -> Handler:
    """The handler of an operation's route."""

    async def handle(request: web.Request) -> web.Response:
        raw = await read_body(request)
        return answer(await execute(request.app[CONTEXT], operation, raw, request[CALLER]))

    handle.__name__ = operation.name
    return handle
