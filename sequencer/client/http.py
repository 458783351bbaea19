"""HTTP to the sequencer: bounded answers, errors as exceptions, patience where nothing was done."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from sequencer.client.errors import ClientError, NotConnected, TryLater, Unreachable, api_error

ANSWER_BYTES_MAX: Final = 32 << 20
PATIENCE_S: Final = 10
"""How long 429 and 503 are waited out in one call, all tries together."""
CONNECTIONS_MAX: Final = 32

_CLOSE_S: Final = 1.0

Answer = TypeVar("Answer")
Result = TypeVar("Result")
Query = Mapping[str, int | str | None]


class Http:
    """Connections to one sequencer. Made anywhere; used in one event loop, in which it must be closed."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes the connections; another call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def session(self) -> aiohttp.ClientSession:
        """The open connections."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._session

    async def call(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The decoded answer; see `patiently`.

        Raises Unreachable, ApiError; ClientError for an answer that nobody expects.
        """
        return await patiently(lambda: self._call_once(method, path, kind, query, body))

    async def connect(self, path: str, bytes_max: int) -> aiohttp.ClientWebSocketResponse:
        """A new WebSocket, whose messages have at most `bytes_max` bytes. Raises Unreachable."""
        try:
            return await self.session().ws_connect(
                self.url + path,
                max_msg_size=bytes_max,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
            )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{self.url}{path} does not answer ({type(error).__name__})") from error

    async def _call_once(
        self, method: str, path: str, kind: type[Answer], query: Query | None, body: Mapping[str, Any] | None
    ) -> Answer:
        params = {name: str(value) for name, value in (query or {}).items() if value is not None}
        try:
            async with self.session().request(
                method, self.url + path, params=params, json=body, allow_redirects=False
            ) as response:
                content = await _read(response)
                status, retry_after = response.status, response.headers.get("Retry-After")
        except aiohttp.ClientConnectorError as error:
            raise NotConnected(f"nobody answers at {self.url} ({error.os_error.strerror})") from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{self.url} does not answer ({type(error).__name__})") from error
        return self._decoded(path, status, content, retry_after, kind)

    def _decoded(
        self, path: str, status: int, content: bytes, retry_after: str | None, kind: type[Answer]
    ) -> Answer:
        try:
            if not 200 <= status < 300:
                raise api_error(status, content, retry_after)
            return msgspec.json.decode(content, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ClientError(
                f"{self.url}{path} answered {status} with what does not fit: is this the sequencer? ({error})"
            ) from error


async def patiently(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Asks; what the sequencer says was not done is asked again when it says so, for PATIENCE_S in all."""
    patience_s = PATIENCE_S
    while True:
        try:
            return await ask()
        except TryLater as error:
            wait_s = max(error.retry_after_s or 1, 1)
            if wait_s > patience_s:
                raise
            patience_s -= wait_s
            await asyncio.sleep(wait_s)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > ANSWER_BYTES_MAX:
            raise ClientError(f"{response.url} answers with more than {ANSWER_BYTES_MAX} bytes")
    return bytes(content)
