"""A client of the WebSocket API for tests, and the mirrors that it keeps of what it reads."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from sequencer.core.signing import login_digest
from tests.properties.replica import SEPARATOR, Signer
from tests.world import START_MS, Api

HOUR_S = 3_600


class Socket:
    """One connection. Messages that are no replies wait in `messages`."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self.connection = connection
        self.messages: list[Any] = []
        self._count = 0

    async def receive(self) -> Any:
        """The next message, whatever it is."""
        return await self.connection.receive_json(timeout=10)

    async def send(self, op: str, args: Any = None) -> int:
        """Sends a request; gives its id."""
        self._count += 1
        request = {"id": self._count, "op": op} | ({} if args is None else {"args": args})
        await self.connection.send_str(json.dumps(request))
        return self._count

    async def reply(self, number: int | None) -> Any:
        """The reply to a request; what comes before it is kept."""
        while True:
            message = await self.receive()
            if "status" in message and message.get("id", 0) == number:
                return message
            self.messages.append(message)

    async def ask(self, op: str, **args: Any) -> Any:
        """The result of a request that succeeds."""
        reply = await self.reply(await self.send(op, args))
        assert reply["status"] == 200, reply
        return reply["result"]

    async def fail(self, op: str, **args: Any) -> Any:
        """The error of a request that fails."""
        reply = await self.reply(await self.send(op, args))
        assert reply["status"] != 200, reply
        return reply["error"]

    async def read(self) -> list[Any]:
        """Every message that was sent until now."""
        await self.ask("ping")
        messages, self.messages = self.messages, []
        return messages

    async def log_in(self, account: Signer, signer: Signer | None = None, **changes: Any) -> Any:
        """Logs in for an hour."""
        return await self.ask("login", **login_args(account, signer or account) | changes)


def login_args(account: Signer, signer: Signer, expiry: int = START_MS // 1000 + HOUR_S) -> dict[str, Any]:
    """A login that `signer` signed."""
    signature = signer.sign(login_digest(SEPARATOR, account.address, signer.address, expiry))
    return {
        "account": f"0x{account.address.hex()}",
        "signer": f"0x{signer.address.hex()}",
        "expiry": str(expiry),
        "signature": f"0x{signature.hex()}",
    }


@asynccontextmanager
async def connected(api: Api, **options: Any) -> AsyncIterator[Socket]:
    """A connection of its own."""
    async with api.session.ws_connect("/v1/ws", **options) as connection:
        yield Socket(connection)


class Chain:
    """Follows one channel: each update must name the one before it."""

    def __init__(self) -> None:
        self.seq: str | None = None

    def follow(self, message: Any) -> None:
        """Raises AssertionError for a gap."""
        if message["type"] == "update":
            assert message["prev_seq"] == self.seq
            assert int(message["seq"]) > int(message["prev_seq"])
        self.seq = message["seq"]


class BookMirror(Chain):
    """A book rebuilt from a snapshot and updates."""

    def __init__(self) -> None:
        super().__init__()
        self.sides: dict[str, dict[str, Any]] = {"bids": {}, "asks": {}}

    def take(self, message: Any) -> None:
        """A message of the channel."""
        self.follow(message)
        if message["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        for name, levels in self.sides.items():
            for level in message[name]:
                if level[1] == "0":
                    assert level[2] == 0
                    levels.pop(level[0], None)
                else:
                    levels[level[0]] = level

    def book(self) -> dict[str, Any]:
        """As REST has it."""
        bids, asks = (
            sorted(levels.values(), key=lambda level: float(level[0])) for levels in self.sides.values()
        )
        return {"bids": bids[::-1], "asks": asks}


class OrdersMirror(Chain):
    """An account's open orders rebuilt from a snapshot and events."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, Any] = {}
        self.events: list[Any] = []

    def take(self, message: Any) -> None:
        """A message of the channel."""
        self.follow(message)
        if message["type"] == "snapshot":
            self.orders = {order["orderId"]: order for order in message["orders"]}
            return
        for event in message["events"]:
            self.events.append(event)
            known = event["event"] == "new" or event["orderId"] in self.orders
            assert known, event
            if event["status"] == "open":
                self.orders[event["orderId"]] = event
            else:
                del self.orders[event["orderId"]]


class BalancesMirror(Chain):
    """An account's balances rebuilt from a snapshot and updates."""

    def __init__(self) -> None:
        super().__init__()
        self.balances: dict[int, Any] = {}

    def take(self, message: Any) -> None:
        """A message of the channel."""
        self.follow(message)
        for balance in message["balances"]:
            self.balances[balance["token"]] = balance
            if balance["total"] == "0":
                del self.balances[balance["token"]]
