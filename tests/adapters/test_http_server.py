"""Connections that are hostile below the level of JSON: what is answered, and that all of it is."""

import asyncio
import gzip
import json
import logging
from pathlib import Path

import pytest

from sequencer.adapters.http import server
from tests.world import Api, World

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
    ],
    ids=["TLS", "method", "header", "long header", "negative length", "two lengths"],
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


async def test_one_connection_too_many_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_MAX", 1)
    async with World(tmp_path).serving() as api:
        assert (await api.get("/v1/health"))[0] == 200  # keeps its connection
        assert await exchange(api) == (503, "BUSY")
        assert (await api.get("/v1/health"))[0] == 200
