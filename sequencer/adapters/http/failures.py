"""What a client is told about an exception, over HTTP and over a WebSocket."""

from typing import Final

from aiohttp import web

from sequencer.adapters.http.errors import ApiError, busy
from sequencer.adapters.http.request_body import BODY_BYTES_MAX
from sequencer.core.errors import Rejection
from sequencer.node import Busy, InboxUnread
from sequencer.ports import NodeHalted

INBOX_UNREAD: Final = (
    "transactions are not accepted until all that L1 has for the exchange is read and sequenced: "
    "L1 could refuse what is sequenced before"
)


def as_api_error(error: Exception) -> ApiError:
    """What the client is told."""
    match error:
        case ApiError():
            return error
        case Rejection():
            return ApiError(422, error.code.name, error.message, error.details)
        case InboxUnread():
            return busy(INBOX_UNREAD)
        case Busy():
            return busy("too many transactions are waiting; this one was not accepted")
        case NodeHalted():
            return ApiError(503, "HALTED", f"the exchange stopped sequencing: {error}")
        case web.HTTPRequestEntityTooLarge():
            message = f"a body has at most {BODY_BYTES_MAX} bytes"
            return ApiError(413, "BODY_TOO_LARGE", message, {"maximum": str(BODY_BYTES_MAX)})
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return ApiError(405, "METHOD_NOT_ALLOWED", f"allowed here: {allowed}", headers={"Allow": allowed})
        case web.HTTPNotFound():
            return ApiError(404, "NOT_FOUND", "there is nothing at this address")
        case web.HTTPException():
            return ApiError(error.status, "MALFORMED_HTTP", error.reason or "bad request")
        case _:
            return ApiError(500, "INTERNAL", "an unexpected error; the request id finds it in the log")
