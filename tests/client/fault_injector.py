"""A fault injector: stands between a client and the sequencer and drops, garbles, doubles or withholds frames.

Only WebSocket messages from the sequencer are touched; everything else goes through as it is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

Fault = Callable[[str], list[str]]
"""What becomes of a message: the messages that go on in its place."""


class FaultInjector:
    """Relays to a sequencer. `fault` is applied to each message until it is None again."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.url = ""
        self.fault: Fault | None = None
        self.connections = 0
        self.refuses = False
        self._relays: set[tuple[web.WebSocketResponse[bool], aiohttp.ClientWebSocketResponse]] = set()

    def drop(self, *fragments: str) -> None:
        """Messages that have all the fragments are lost, the first one only."""
        self._once(fragments, lambda _: [])

    def garble(self, *fragments: str) -> None:
        """Half of the message is lost, the first time."""
        self._once(fragments, lambda text: [text[: len(text) // 2]])

    def double(self, *fragments: str) -> None:
        """The message comes twice, the first time."""
        self._once(fragments, lambda text: [text, text])

    def withhold_all(self) -> None:
        """Nothing comes any more, though the connection stays."""
        self.fault = lambda _: []

    def _once(self, fragments: tuple[str, ...], change: Fault) -> None:
        def fault(text: str) -> list[str]:
            if not all(fragment in text for fragment in fragments):
                return [text]
            self.fault = None
            return change(text)

        self.fault = fault

    async def cut(self) -> None:
        """All connections end without a word."""
        for down, _ in list(self._relays):
            transport = down._req.transport if down._req is not None else None
            if transport is not None:
                transport.abort()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FaultInjector"]:
        """Listens on a port of the loopback interface."""
        app = web.Application()
        app.router.add_get("/v1/ws", self._relay)
        app.router.add_route("*", "/{path:.*}", self._forward)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with aiohttp.ClientSession() as self._session:
                yield self
        finally:
            await runner.cleanup()

    async def _forward(self, request: web.Request) -> web.Response:
        async with self._session.request(
            request.method, self._target + request.path_qs, data=await request.read()
        ) as response:
            return web.Response(
                status=response.status, body=await response.read(), content_type=response.content_type
            )

    async def _relay(self, request: web.Request) -> web.StreamResponse:
        if self.refuses:
            return web.Response(status=503)
        self.connections += 1
        down: web.WebSocketResponse[bool] = web.WebSocketResponse()
        await down.prepare(request)
        async with self._session.ws_connect(f"{self._target}/v1/ws") as up:
            pair = down, up
            self._relays.add(pair)
            to_client = asyncio.create_task(self._to_client(up, down))
            try:
                async for message in down:
                    await up.send_str(message.data)
            finally:
                self._relays.discard(pair)
                to_client.cancel()
        return down

    async def _to_client(self, up: aiohttp.ClientWebSocketResponse, down: Any) -> None:
        async for message in up:
            for text in [message.data] if self.fault is None else self.fault(message.data):
                await down.send_str(text)
        await down.close()
