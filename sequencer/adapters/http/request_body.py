"""The body of a request, as bytes."""

import asyncio
from typing import Final

from aiohttp import web

from sequencer.adapters.http.errors import ApiError

BODY_BYTES_MAX: Final = 16 * 1024
"""A signed batch of as many actions as there may be has about 9,000."""
BODY_DEADLINE_S: Final = 10


async def read_body(request: web.Request) -> bytes:
    """The whole body. Raises ApiError for one that is too slow, too large, encoded or cut off."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise ApiError(415, "UNSUPPORTED_ENCODING", "send the body as it is, without Content-Encoding")
    if (request.content_length or 0) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, request.content_length or 0)
    try:
        if (
            request.content.is_eof()
        ):  # it came with the head, as almost every one does: a timer would only cost
            return await request.read()
        async with asyncio.timeout(BODY_DEADLINE_S):
            return await request.read()
    except TimeoutError as error:
        raise ApiError(408, "BODY_TOO_SLOW", f"the body took more than {BODY_DEADLINE_S} s") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise ApiError(400, "MALFORMED_HTTP", "the body broke off") from error
