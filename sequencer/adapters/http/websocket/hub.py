"""All WebSocket connections: how many there may be, their heartbeat, and their end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import msgspec
from aiohttp import WSMsgType, web

from sequencer.adapters.feed.frames import text_frame
from sequencer.adapters.http.context import CALLER, Context
from sequencer.adapters.http.errors import ApiError, busy
from sequencer.adapters.http.limits import Caller
from sequencer.adapters.http.request_body import BODY_BYTES_MAX
from sequencer.adapters.http.websocket.connection import Connection
from sequencer.adapters.http.websocket.outgoing import GOING_AWAY, Outgoing
from sequencer.adapters.http.websocket.tickers import TICKER_MS, Tickers
from sequencer.ports import NodeHalted

HEARTBEAT_MS: Final = 5_000
"""How often each client is told the sequence number up to which it was sent everything."""
SILENCE_S: Final = 20.0
"""A client that sends nothing for so long is sent a ping frame, and cut off if half as long passes without a sign."""
TOGETHER_MIN: Final = 50
"""With more connections than this, public messages wait for others to share a write."""
WRITE_S: Final = 0.0001
MESSAGE_BYTES_MAX: Final = BODY_BYTES_MAX + 1_024
"""The largest body of REST, and what is around it."""


class Hub:
    """The connections of one application."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tickers = Tickers(context)
        self._connections: set[Connection] = set()
        self._open = 0
        self._turn = 0
        self._clients: Counter[str] = Counter()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """GET /v1/ws"""
        caller = request[CALLER]
        self._admit(caller.client)
        socket = web.WebSocketResponse(
            compress=False, heartbeat=SILENCE_S, max_msg_size=MESSAGE_BYTES_MAX, decode_text=False
        )
        if not socket.can_prepare(request):
            raise ApiError(426, "UPGRADE_REQUIRED", "this is a WebSocket", headers={"Upgrade": "websocket"})
        with self._counted(caller.client):
            await socket.prepare(request)
            await self._converse(request.transport, caller, socket)
        return socket

    @contextmanager
    def _counted(self, client: str) -> Iterator[None]:
        self._open += 1
        self._clients[client] += 1
        try:
            yield
        finally:
            self._open -= 1
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def _admit(self, client: str) -> None:
        limits = self._context.limiter.limits
        if self._open >= limits.websockets:
            raise busy("too many WebSockets are open")
        if self._clients[client] >= limits.websockets_per_client:
            maximum = str(limits.websockets_per_client)
            message = f"at most {maximum} WebSockets are open from one client"
            raise ApiError(429, "TOO_MANY_CONNECTIONS", message, {"maximum": maximum}, {"Retry-After": "1"})

    async def _converse(
        self, transport: asyncio.Transport | None, caller: Caller, socket: "web.WebSocketResponse[bool]"
    ) -> None:
        if transport is None:
            return
        outgoing = Outgoing(transport, self)
        connection = Connection(self._context, self._tickers, caller, outgoing)
        self._connections.add(connection)
        try:
            while (message := await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                if message.type is WSMsgType.TEXT:
                    await connection.receive(message.data)
                else:
                    await connection.refuse_binary()
        finally:
            self._connections.discard(connection)
            connection.close()

    def last_seq(self) -> int:
        """See Pace."""
        return self._context.feed.seq

    def delay_s(self) -> float:
        """See Pace. A write costs about 20 µs: however many connections there are, most of the time stays free."""
        if self._open <= TOGETHER_MIN:
            return 0.0
        # Spread out, so that the writes of all are not one long stop.
        self._turn = (self._turn + 1) % self._open
        return (self._open + self._turn) * WRITE_S

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Sends heartbeats and tickers while the application runs."""
        tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._tick())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def shut_down(self, _app: web.Application) -> None:
        """Sends every client away."""
        for connection in self._connections:
            connection.outgoing.close(GOING_AWAY, "the sequencer stops")

    async def _beat(self) -> None:
        context = self._context
        while True:
            await context.clock.sleep(HEARTBEAT_MS)
            now_ms = context.clock.now_ms()
            heartbeat = {
                "type": "heartbeat",
                "seq": str(context.feed.seq),
                "time": now_ms // 1000,
                "status": "ok" if context.node.halt_reason is None else "halted",
            }
            frame = text_frame(msgspec.json.encode(heartbeat))
            for connection in tuple(self._connections):
                connection.check_logins()
                connection.outgoing.send_with_others(frame)
            context.feed.forget_idle(now_ms)

    async def _tick(self) -> None:
        context = self._context
        while True:
            await context.clock.sleep(TICKER_MS)
            with suppress(NodeHalted):
                async with context.node.reading() as state:
                    self._tickers.publish(state)
