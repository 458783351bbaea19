"""The API's socket: limits on what a connection may hold, and the API's own answer to what is not HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from sequencer.adapters.http.context import CONTEXT
from sequencer.adapters.http.errors import ApiError, busy

log = logging.getLogger(__name__)

SHUTDOWN_S: Final = 5.0
HEADER_BYTES_MAX: Final = 8 * 1024
CONNECTIONS_MAX: Final = 500
"""Leaves file descriptors for the database and L1 under the usual limit of 1,024."""
HEAD_DEADLINE_S: Final = 10.0
IDLE_S: Final = 75.0
"""How long a connection is kept for a next request."""


class Connection(web.RequestHandler):
    """A client's connection: it must ask for something soon, and is told in JSON what it did wrong."""

    __slots__ = ("_deadline", "_request_id", "_server")

    def __init__(self, server: web.Server, request_id: Callable[[], str]) -> None:
        """`request_id` gives a new one."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=IDLE_S,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to turn it off
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            auto_decompress=False,
        )
        self._server = server
        self._request_id = request_id
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turns the client away if there are too many."""
        super().connection_made(transport)
        if len(self._server.connections) > CONNECTIONS_MAX:
            self._turn_away(busy("too many connections are open"))
        else:
            self._deadline = self._loop.call_later(HEAD_DEADLINE_S, self._require_request)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is waited for any longer."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers what aiohttp cannot parse, without the traceback that it would log for each."""
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        request_id = self._request_id()
        reason = " ".join((message or "").split())[:200]
        log.debug("request %s is not HTTP: %s", request_id, reason)
        failure = ApiError(status, "MALFORMED_HTTP", f"the request is not HTTP/1.1: {reason}")
        answer = web.Response(status=status, body=failure.body(request_id), content_type="application/json")
        answer.force_close()
        return answer

    def _require_request(self) -> None:
        if not self._request_count:
            self._turn_away(
                ApiError(408, "HEAD_TOO_SLOW", f"no request within {HEAD_DEADLINE_S:.0f} s of connecting")
            )

    def _turn_away(self, failure: ApiError) -> None:
        """Answers without a request and closes."""
        body = failure.body(self._request_id())
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        } | failure.headers
        lines = [f"HTTP/1.1 {failure.status} {HTTPStatus(failure.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.transport is not None:
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.force_close()


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serves the application; gives the port. Raises OSError if it cannot be had."""
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        server: Any = runner.server
        token = app[CONTEXT].randomness.token
        listener = await asyncio.get_running_loop().create_server(
            lambda: Connection(server, token), host, port
        )
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()
