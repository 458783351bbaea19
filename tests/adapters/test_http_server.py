"""Connections that are hostile below the level of JSON: what is answered, and that all of it is."""

import asyncio
import gzip
import json
import logging
from asyncio import StreamReader
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sequencer.adapters.http import server
from sequencer.adapters.http.connections import Connections, descriptors_for
from sequencer.config import Limits
from sequencer.core.types import Side
from tests.world import ALICE, Api, World, order_body

HEAD = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n"


async def exchange(api: Api, *sent: bytes, hang_up: bool = False) -> tuple[int, str]:
    """Sends bytes on a connection of their own; status and code of the answer."""
    url = api.session._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        for data in sent:
            writer.write(data)
            await writer.drain()
        if hang_up:
            writer.write_eof()
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            answer = json.loads(await reader.readexactly(length))
    finally:
        writer.close()
    assert set(answer) == {"code", "message", "request_id", "details"}
    return int(head.split()[1]), answer["code"]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"BREW /v1/orders HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9_000 + b"\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        HEAD + b"Expect: the unexpected\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /nothing HTTP/1.1\r\nHost: x\r\nExpect: the unexpected\r\n\r\n",
    ],
    ids=[
        "TLS",
        "method",
        "header",
        "long header",
        "negative length",
        "two lengths",
        "Expect",
        "Expect of 404",
    ],
)
async def test_what_is_not_http_is_answered_in_the_api_s_shape_and_not_logged(
    tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with World(tmp_path).serving() as api:
        assert await exchange(api, sent) == (400, "MALFORMED_HTTP")
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "bogus"])
async def test_an_encoded_body_is_not_decoded(tmp_path: Path, encoding: str) -> None:
    body = gzip.compress(b" " * 100_000)[:-9]
    head = HEAD + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with World(tmp_path).serving() as api:
        assert await exchange(api, head, body) == (415, "UNSUPPORTED_ENCODING")


async def test_a_length_that_is_too_large_is_refused_before_the_body_comes(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        assert await exchange(api, HEAD + b"Content-Length: 16385\r\n\r\n") == (413, "BODY_TOO_LARGE")


async def test_a_body_that_breaks_off_is_no_fault_of_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with World(tmp_path).serving() as api:
        with pytest.raises(asyncio.IncompleteReadError):
            await exchange(api, HEAD + b"Content-Length: 9\r\n\r\n{", hang_up=True)
        assert (await api.get("/v1/health"))[0] == 200
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_header_that_is_no_text_is_no_fault_of_the_server(tmp_path: Path) -> None:
    head = b"POST /v1/prover/lease HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\nContent-Length: 0\r\n\r\n"
    async with World(tmp_path).serving() as api:
        assert await exchange(api, head) == (401, "UNAUTHORIZED")


async def test_a_connection_that_asks_for_nothing_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_DEADLINE_S", 0.05)
    async with World(tmp_path).serving() as api:
        assert await exchange(api) == (408, "HEAD_TOO_SLOW")
        assert await exchange(api, b"GET /v1/hea") == (408, "HEAD_TOO_SLOW")


# ---------------------------------------------------------------- how many


@asynccontextmanager
async def connected(api: Api, sent: bytes = b"", answered: bool = False) -> AsyncIterator[StreamReader]:
    """A connection that sent this, and got an answer if it should have."""
    url = api.session._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(sent)
        await writer.drain()
        if answered:
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        yield reader
    finally:
        writer.close()


ASK = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW_HEAD = b"GET /v1/hea"
SLOW_BODY = HEAD + b"Content-Length: 100\r\n\r\n{"
WITHOUT_RATES = Limits(enabled=False)


def bid(world: World) -> dict[str, Any]:
    """Alice's order."""
    return order_body(world.order(ALICE, Side.BID, 250_000, 100), ALICE, "2500", "0.01")


async def test_idle_and_slow_connections_do_not_stop_trading(tmp_path: Path) -> None:
    if descriptors_for(4_096) < 4_096:
        pytest.skip("the system gives too few file descriptors")
    async with World(tmp_path).serving() as api, AsyncExitStack() as stack:
        await api.world.list_and_fund()
        assert (await api.post("/v1/orders", bid(api.world)))[0] == 200
        readers = [
            await stack.enter_async_context(connected(api, sent, answered=sent is ASK))
            for sent, count in ((ASK, 1_000), (SLOW_HEAD, 100), (SLOW_BODY, 100))
            for _ in range(count)
        ]
        for _ in range(3):
            assert (await api.post("/v1/orders", bid(api.world)))[0] == 200
        async with connected(api, ASK, answered=True):
            pass
        assert not any(reader.at_eof() for reader in readers)


@pytest.mark.parametrize("slow", [b"", SLOW_HEAD, SLOW_BODY], ids=["idle", "head", "body"])
@pytest.mark.parametrize("bound", [{"connections": 2}, {"connections_per_client": 2}], ids=str)
async def test_one_that_waits_for_nothing_gives_way(
    tmp_path: Path, slow: bytes, bound: dict[str, int]
) -> None:
    limits = msgspec.structs.replace(WITHOUT_RATES, **bound)
    async with (
        World(tmp_path, limits=limits).serving() as api,
        connected(api, slow) as first,
        connected(api, ASK, answered=True) as second,
        connected(api, ASK, answered=True),
    ):
        async with asyncio.timeout(5):
            assert await first.read() == b""
        assert not second.at_eof()


async def test_one_whose_request_is_worked_on_does_not_give_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = msgspec.structs.replace(WITHOUT_RATES, connections=1)
    async with World(tmp_path, limits=limits).serving() as api:
        world = api.world
        await world.list_and_fund()
        held, release = world.hold_commits(monkeypatch)
        trading = asyncio.create_task(api.post("/v1/orders", bid(world)))
        await held.wait()
        assert await exchange(api) == (503, "BUSY")
        release.set()
        assert (await trading)[0] == 200
        async with connected(api, ASK, answered=True):
            pass


class Line:
    """A connection of a client's, open until it gives way."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.busy = False
        self.open = True

    def give_way(self) -> None:
        self.open = False


def test_whoever_holds_the_most_gives_way_first() -> None:
    connections = Connections(3, 3, frozenset())
    quiet, first, second, new = Line("a"), Line("b"), Line("b"), Line("c")
    assert all(connections.admit(line) for line in (quiet, first, second))
    connections.rested(first)
    assert connections.admit(new)
    assert [line.open for line in (quiet, first, second, new)] == [True, True, False, True]
    first.busy = quiet.busy = True
    assert connections.admit(Line("d"))
    assert (new.open, len(connections)) == (False, 3)


def test_a_proxy_may_hold_more_than_a_client() -> None:
    connections = Connections(3, 1, frozenset({"p"}))
    lines = [Line("p"), Line("p"), Line("a")]
    assert all(connections.admit(line) for line in lines)
    assert all(line.open for line in lines)
    assert connections.admit(Line("a"))
    assert not lines[2].open
