"""Requests and replies, as they go over the wire."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct

from sequencer.adapters.http.errors import ApiError, decode
from sequencer.adapters.http.formats import Address, Number, Signature, Uint

RequestId = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)] | Annotated[str, Meta(max_length=64)]
"""Chosen by the client, to tell replies apart."""


class Request(Struct, forbid_unknown_fields=True):
    """A message of a client."""

    id: RequestId
    op: str
    args: Raw = Raw(b"{}")


class Reply(Struct):
    """The answer to a request."""

    id: RequestId | None
    status: int
    result: Any


class Failure(Struct):
    """The answer to a request that failed, with the error as REST has it."""

    id: RequestId | None
    status: int
    error: Any


class SubscribeArgs(Struct, forbid_unknown_fields=True):
    """What to read; `resume`: the last sequence number that the client has of it."""

    channel: str
    market: Number | None = None
    account: Address | None = None
    resolution: str | None = None
    resume: Uint | None = None


class LoginArgs(Struct, forbid_unknown_fields=True):
    """A signed Login of the protocol's section 11."""

    account: Address
    signer: Address
    expiry: Uint
    signature: Signature


class LogoutArgs(Struct, forbid_unknown_fields=True):
    """Whose private channels to end."""

    account: Address


class NoArgs(Struct, forbid_unknown_fields=True):
    """Nothing."""


class _OnlyId(Struct):
    id: RequestId | None = None


_REQUEST: Final = msgspec.json.Decoder(Request)
_ONLY_ID: Final = msgspec.json.Decoder(_OnlyId)


def read_request(message: bytes) -> Request:
    """A client's message. Raises ApiError."""
    try:
        return _REQUEST.decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Says it in the API's words.
        request: Request = decode(message, _REQUEST)
        return request


def read_id(message: bytes) -> int | str | None:
    """The id of a message that is no request, if it has one."""
    try:
        return _ONLY_ID.decode(message).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def unknown_op(op: str, known: list[str]) -> ApiError:
    """A request for something that is not there."""
    expected = ", ".join(known)
    details = {"field": "op", "expected": expected, "given": op[:100]}
    return ApiError(400, "UNKNOWN_OP", f"op: expected one of {expected}", details)
