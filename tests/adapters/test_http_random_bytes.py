"""Random bytes over HTTP: every answer is one of the API's own, none is a fault of the server, and trading goes on."""

import asyncio
import json
from pathlib import Path
from random import Random

from sequencer.adapters.http.transactions import OPERATIONS
from sequencer.core.types import Side
from tests.properties.spoil import spoiled
from tests.world import ALICE, Api, World, order_body

SEED = 72
ROUNDS = 60


async def answered(api: Api, sent: bytes) -> bytes:
    """All that the server says to these bytes on a connection of their own."""
    url = api.session._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(10):
        said = await reader.read()
    writer.close()
    return said


async def test_bodies(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        tx = api.world.order(ALICE, Side.BID, 250_000, 100)
        good = json.dumps(order_body(tx, ALICE, "2500", "0.01")).encode()
        paths = (
            "orders",
            "cancels",
            "cancel-all",
            "replacements",
            "order-batches",
            "withdrawals",
            "transfers",
        )
        assert len(paths) < len(OPERATIONS)
        for number, body in enumerate(spoiled(Random(SEED), [good], ROUNDS)):
            status, answer = await api.post(f"/v1/{paths[number % len(paths)]}", body)
            assert 400 <= status < 500, body
            assert set(answer) == {"code", "message", "request_id", "details"}
        assert (await api.post("/v1/orders", good))[0] == 200


async def test_requests(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        tx = api.world.order(ALICE, Side.BID, 250_000, 100)
        body = json.dumps(order_body(tx, ALICE, "2500", "0.01")).encode()
        head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for sent in spoiled(
            Random(SEED), [head + body, b"GET /v1/markets HTTP/1.1\r\nHost: x\r\n\r\n"], ROUNDS
        ):
            said = await answered(api, sent)
            assert not said.startswith(b"HTTP/1.1 5"), sent
        status, _ = await api.get("/v1/health")
        assert status == 200
        assert api.world.node.halt_reason is None
