"""One WebSocket connection: requests with their replies, and everything else that is said."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import msgspec

from sequencer.client.errors import Unreachable, api_error
from sequencer.client.events import Heartbeat, LoggedOut, Malformed, Message, Reply, decode

REPLY_S: Final = 10.0

Told = Message | Heartbeat | LoggedOut
OnReply = Callable[[msgspec.Raw], None]


def _ignore(_: msgspec.Raw) -> None:
    pass


class Conversation:
    """Over a socket that is open. Ends when the socket does, or is silent for too long, or says what nobody expects."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, told: Callable[[Told], None], silence_s: float
    ) -> None:
        """`told` is given what is no reply, in order."""
        self._socket = socket
        self._told = told
        self._silence_s = silence_s
        self._pending: dict[int, tuple[asyncio.Future[Reply], OnReply]] = {}
        self._count = 0
        self._end_reason: str | None = None
        self._ending: asyncio.Task[bool] | None = None

    def end(self, reason: str) -> None:
        """Ends the connection; `read` gives the reason."""
        if self._ending is None:
            self._end_reason = reason
            self._ending = asyncio.create_task(self._socket.close())

    async def read(self) -> str:
        """Reads until the connection ends; gives the reason. Nothing is pending afterwards."""
        reason = "the reading stopped"
        try:
            reason = await self._read()
            reason = self._end_reason or reason
        finally:
            for future, _ in self._pending.values():
                if not future.done():
                    future.set_exception(Unreachable(f"the connection ended: {reason}"))
            self._pending.clear()
            await self._socket.close()
        return reason

    async def _read(self) -> str:
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    message = await self._socket.receive()
            except TimeoutError:
                return f"nothing was heard for {self._silence_s:g} s"
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    try:
                        self._take(message.data)
                    except (Malformed, msgspec.DecodeError) as error:
                        return f"a message made no sense: {error}"
                case aiohttp.WSMsgType.CLOSE:
                    return f"the sequencer closed it: {message.extra or message.data}"
                case _:
                    return f"it ended ({message.type.name.lower()})"

    def _take(self, text: str) -> None:
        message = decode(text)
        if isinstance(message, Reply):
            self._take_reply(message)
        elif message is not None:
            self._told(message)

    def _take_reply(self, reply: Reply) -> None:
        if not isinstance(reply.id, int) or reply.id not in self._pending:
            return
        future, on_reply = self._pending.pop(reply.id)
        if future.done():
            return
        if reply.status == 200:
            on_reply(reply.result)
        future.set_result(reply)

    async def request(self, op: str, args: Any, on_reply: OnReply = _ignore) -> msgspec.Raw:
        """The result of a request. Raises Unreachable, ApiError.

        `on_reply` is called with it before any message that follows the reply is looked at.
        """
        self._count += 1
        number = self._count
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[number] = future, on_reply
        try:
            async with asyncio.timeout(REPLY_S):
                await self._socket.send_json({"id": number, "op": op, "args": args})
                reply = await future
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"no reply to {op} ({type(error).__name__})") from error
        finally:
            self._pending.pop(number, None)
        if reply.status == 200:
            return reply.result
        try:
            raise api_error(reply.status, bytes(reply.error))
        except msgspec.DecodeError as error:
            raise Unreachable(f"the reply to {op} makes no sense: {error}") from error
