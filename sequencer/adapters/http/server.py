"""The API's socket: limits on what a connection may hold, and the API's own answer to what is not HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from sequencer.adapters.http.connections import Connections, descriptors_for
from sequencer.adapters.http.context import CONTEXT
from sequencer.adapters.http.errors import ApiError, busy
from sequencer.adapters.http.limits import client_of

log = logging.getLogger(__name__)

SHUTDOWN_S: Final = 5.0
HEADER_BYTES_MAX: Final = 8 * 1024
BACKLOG: Final = 1_024
"""Connections that the system may hold until they are taken."""
HEAD_DEADLINE_S: Final = 10.0
IDLE_S: Final = 75.0
"""How long a connection is kept for a next request."""


class Connection(web.RequestHandler):
    """A client's connection: it must ask for something soon, and is told in JSON what it did wrong."""

    __slots__ = ("_connections", "_deadline", "_request_id", "client")

    def __init__(self, server: web.Server, request_id: Callable[[], str], connections: Connections) -> None:
        """`request_id` gives a new one; `connections`: all that are open."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=IDLE_S,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to turn it off
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            auto_decompress=False,
        )
        self.client = ""
        self._connections = connections
        self._request_id = request_id
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turns the client away if there is no room."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.client = client_of(peer[0]) if peer else ""
        if self._connections.admit(self):
            self._deadline = self._loop.call_later(HEAD_DEADLINE_S, self._require_request)
        else:
            self._turn_away(busy("too many connections are open"))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is waited for any longer."""
        self._connections.remove(self)
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    @property
    def busy(self) -> bool:
        """See Held. A WebSocket is busy until it is closed."""
        request = self._current_request
        return bool(self._messages) or (request is not None and request.content.is_eof())

    def give_way(self) -> None:
        """See Held."""
        self.force_close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends an answer; then the next request is waited for."""
        if isinstance(
            resp, web.HTTPException
        ):  # of an `Expect` that is not understood: the application never saw it
            resp = self._malformed(resp.text or resp.reason)
        finished = await super().finish_response(request, resp, start_time)
        self._connections.rested(self)
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers what aiohttp cannot parse, without the traceback that it would log for each."""
        if isinstance(exc, ConnectionError):
            log.debug("a client went away: %s", exc)
        elif status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        return self._malformed(message)

    def _malformed(self, message: str | None) -> web.Response:
        request_id = self._request_id()
        reason = " ".join((message or "").split())[:200]
        log.debug("request %s is not HTTP: %s", request_id, reason)
        failure = ApiError(400, "MALFORMED_HTTP", f"the request is not HTTP/1.1: {reason}")
        answer = web.Response(
            status=failure.status, body=failure.body(request_id), content_type="application/json"
        )
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
        context = app[CONTEXT]
        limits, token = context.limiter.limits, context.randomness.token
        connections = Connections(
            descriptors_for(limits.connections), limits.connections_per_client, context.limiter.proxies
        )
        listener = await asyncio.get_running_loop().create_server(
            lambda: Connection(server, token, connections), host, port, backlog=BACKLOG
        )
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()
