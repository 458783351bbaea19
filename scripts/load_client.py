"""Sends prepared requests over HTTP or WebSocket and measures the answers: the client's side of `make bench-api`.

    python -m scripts.load_client WORK      reads one JSON line of settings from WORK, then the requests

It does as little as it can, in a process of its own, so that the server is what is measured. A request is bytes that
were signed before. WORK is made by `scripts/bench_api.py`, see `write_work`.
"""

import asyncio
import base64
import json
import os
import re
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

_LENGTH: Final = struct.Struct(">I")
_HEAD_END: Final = b"\r\n\r\n"
_RESULTS: Final = b'"results":'
_ITEM_OK: Final = b'"code":"OK"'
_ID: Final = re.compile(rb'"id":"?([0-9]+)')


def write_work(path: Path, settings: dict[str, Any], connections: Sequence[Sequence[bytes]]) -> None:
    """What `main` reads. `settings`: host, port, kind ("http" or "ws"), depth (requests in flight per connection),
    interval_us (between requests of all connections together; 0: as fast as answers come).
    """
    with path.open("wb") as file:
        file.write(json.dumps(settings | {"connections": list(map(len, connections))}).encode() + b"\n")
        for requests in connections:
            for request in requests:
                file.write(_LENGTH.pack(len(request)) + request)


def read_work(path: Path) -> tuple[dict[str, Any], list[list[bytes]]]:
    """See `write_work`."""
    with path.open("rb") as file:
        settings: dict[str, Any] = json.loads(file.readline())
        connections = [
            [file.read(*_LENGTH.unpack(file.read(4))) for _ in range(count)]
            for count in settings["connections"]
        ]
    return settings, connections


class Channel(asyncio.Protocol):
    """One connection: sends its requests in order, `depth` of them at most without an answer.

    `due`: when each request is to be sent, in nanoseconds; empty: as soon as there is room. The time of an answer
    counts from then, so a server that is behind does not make itself look fast.
    """

    def __init__(self, requests: list[bytes], depth: int, due: list[int], ended: Callable[[], None]) -> None:
        self._requests = deque(requests)
        self._due = deque(due)
        self._depth = depth
        self._ended = ended
        self._sent: dict[int, int] = {}
        self._next = 0
        self._answered = 0
        self._left = len(requests)
        self.statuses: Counter[int] = Counter()
        self.accepted = 0
        self.latencies_ns: list[int] = []
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own signature
        if self._left:
            self.statuses[0] += self._left
            self._left = 0
            self._ended()

    def start(self) -> None:
        """Begins to send."""
        self._fill()

    def _fill(self) -> None:
        """Sends what is due and has room, in one write."""
        now, out = time.perf_counter_ns(), []
        while self._requests and len(self._sent) < self._depth:
            if self._due and self._due[0] > now:
                delay_s = (self._due[0] - now) / 1e9
                asyncio.get_running_loop().call_later(delay_s, self._fill)
                break
            self._sent[self._next] = self._due.popleft() if self._due else now
            self._next += 1
            out.append(self._requests.popleft())
        if out:
            self.transport.write(b"".join(out))

    def answered(self, status: int, body: bytes, number: int | None = None) -> None:
        """Notes the answer to request `number`, by default the first without one."""
        self.statuses[status] += 1
        if status == HTTPStatus.OK:
            self.accepted += body.count(_ITEM_OK) if _RESULTS in body else 1
        self.latencies_ns.append(
            time.perf_counter_ns() - self._sent.pop(self._answered if number is None else number)
        )
        self._answered += 1
        self._left -= 1
        if not self._left:
            self._ended()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        waiting = len(self._sent)
        self._parse()
        if len(self._sent) < waiting and not self._due:
            self._fill()

    def _parse(self) -> None:
        raise NotImplementedError


class HttpChannel(Channel):
    """Keep-alive HTTP/1.1."""

    def _parse(self) -> None:
        while (end := self.buffer.find(_HEAD_END)) >= 0:
            head = self.buffer[:end].lower()
            at = head.index(b"content-length:") + 15
            length = int(head[at : head.find(b"\r", at) if head.find(b"\r", at) >= 0 else len(head)])
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            self.answered(int(head[9:12]), body)
            if self._due:
                self._fill()


class WebSocketChannel(Channel):
    """Text frames; a request's mask is zero, so that its bytes are those of the text."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.upgraded = asyncio.Event()

    def _parse(self) -> None:
        if not self.upgraded.is_set():
            self._read_upgrade()
            return
        data, at = self.buffer, 0
        while len(data) - at >= 2:
            length, head = data[at + 1] & 0x7F, 2
            if length == 126:
                length, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            if len(data) - at < head + length:
                break
            payload = data[at + head : at + head + length]
            at += head + length
            number = _ID.search(payload)
            if number is not None:
                self.answered(422 if b'"error"' in payload else 200, payload, int(number[1]))
        self.buffer = data[at:]

    def _read_upgrade(self) -> None:
        if _HEAD_END in self.buffer:
            assert self.buffer.startswith(b"HTTP/1.1 101"), self.buffer
            self.buffer = self.buffer.partition(_HEAD_END)[2]
            self.upgraded.set()


def frame(payload: bytes) -> bytes:
    """A text frame of a client."""
    length = len(payload)
    if length < 126:
        head = bytes([0x81, 0x80 | length])
    elif length < 1 << 16:
        head = bytes([0x81, 0x80 | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([0x81, 0x80 | 127]) + length.to_bytes(8, "big")
    return head + bytes(4) + payload


async def _upgrade(channel: WebSocketChannel, host: str) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    channel.transport.write(
        f"GET /v1/ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await channel.upgraded.wait()


def _same(channel: Channel) -> Channel:
    return channel


async def run(settings: dict[str, Any], connections: list[list[bytes]]) -> dict[str, Any]:
    """Sends everything; gives counts of statuses, seconds and times of answers."""
    loop, done, left = asyncio.get_running_loop(), asyncio.Event(), len(connections)

    def ended() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    kind: type[Channel] = HttpChannel if settings["kind"] == "http" else WebSocketChannel
    interval_ns = settings["interval_us"] * 1_000
    origin = time.perf_counter_ns() + 200_000_000
    channels: list[Channel] = []
    for number, requests in enumerate(connections):
        step = interval_ns * len(connections)
        due = [origin + interval_ns * number + step * turn for turn in range(len(requests))] if step else []
        channel = kind(requests, settings["depth"], due, ended)
        await loop.create_connection(partial(_same, channel), settings["host"], settings["port"])
        if isinstance(channel, WebSocketChannel):
            await _upgrade(channel, settings["host"])
        channels.append(channel)
    start = time.perf_counter_ns()
    for channel in channels:
        channel.start()
    await done.wait()
    elapsed_ns = time.perf_counter_ns() - start
    statuses = sum((channel.statuses for channel in channels), Counter[int]())
    latencies = sorted(ns for channel in channels for ns in channel.latencies_ns)
    for channel in channels:
        channel.transport.close()
    return {
        "elapsed_ns": elapsed_ns,
        "cpu_ns": time.process_time_ns(),
        "accepted": sum(channel.accepted for channel in channels),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "latency_us": {
            f"p{percent}": latencies[min(len(latencies) * percent // 100, len(latencies) - 1)] // 1_000
            for percent in (50, 90, 99, 100)
        }
        if latencies
        else {},
    }


def main() -> int:
    settings, connections = read_work(Path(sys.argv[1]))
    print(json.dumps(asyncio.run(run(settings, connections))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
