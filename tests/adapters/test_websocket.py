"""The WebSocket itself: order entry, limits, heartbeats, and that nobody who misbehaves harms anybody else."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from sequencer.adapters.http.websocket import connection as connections
from sequencer.adapters.http.websocket import hub, outgoing
from sequencer.config import Limits, Rate
from sequencer.core.constants import MAX_BATCH_ITEMS
from sequencer.core.types import Batch, CancelAll, Side
from tests.bodies import request
from tests.sockets import BookMirror, Socket, connected, login_args
from tests.test_node import HeldStore
from tests.world import ALICE, BOB, MARKET, Api, World, eventually


def bid_body(world: World, price: int = 250_000) -> dict[str, Any]:
    """Alice bids for 0.01 ETH."""
    return request(world.order(ALICE, Side.BID, price, 100), ALICE)[1]


# ---------------------------------------------------------------- order entry


async def test_an_order_is_answered_as_by_rest(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        answer = await client.ask("place_order", **bid_body(world))
        status, other = await api.post("/v1/orders", bid_body(world))
        assert status == 200
        assert answer.keys() == other.keys()
        assert (answer["seq"], answer["status"], answer["remaining"]) == ("8", "resting", "0.01")
        cancel = request(world.cancel(ALICE, bytes.fromhex(answer["orderId"][2:])), ALICE)[1]
        assert (await client.ask("cancel_order", **cancel))["status"] == "cancelled"


async def test_errors_are_those_of_rest(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        for body in (
            bid_body(world) | {"price": "2500.001"},
            bid_body(world) | {"side": "both"},
            bid_body(world) | {"size": "1"},
            {},
            request(world.order(ALICE, Side.BID, 250_000, 1), ALICE)[1],
        ):
            status, expected = await api.post("/v1/orders", body)
            number = await client.send("place_order", body)
            reply = await client.reply(number)
            assert reply["status"] == status
            assert reply["error"].pop("request_id") != expected.pop("request_id")
            assert reply["error"] == expected


async def test_many_orders_wait_at_once_and_replies_find_them(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store, max_waiting=1_000).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        with store.holding():
            numbers = [
                await client.send("place_order", bid_body(world, 250_000 + i))
                for i in range(connections.IN_FLIGHT_MAX + 1)
            ]
            refused = await client.reply(numbers[-1])
            assert (refused["status"], refused["error"]["code"]) == (503, "BUSY")
            # Other requests are answered while these wait.
            await client.ask("ping")
        replies = {reply["id"]: reply for reply in [await client.receive() for _ in numbers[:-1]]}
        assert sorted(replies) == numbers[:-1]
        assert {reply["status"] for reply in replies.values()} == {200}
        for number, reply in replies.items():
            _, order = await api.get(f"/v1/orders/{reply['result']['orderId']}")
            assert order["price"] == f"{2500 + (number - 1) / 100:g}"


async def test_an_order_stands_though_its_sender_is_gone(tmp_path: Path) -> None:
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).serving() as api:
        await api.world.list_and_fund()
        with store.holding():
            async with connected(api) as client:
                await client.send("place_order", bid_body(api.world))
                await eventually(lambda: len(store.groups) == 8)
        async with api.world.node.reading() as state:
            assert len(state.orders) == 1


async def test_a_halted_node_is_said_to_be(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        await api.world.list_and_fund()
        api.world.node.halt("for this test")
        error = await client.fail("place_order", **bid_body(api.world))
        assert error["code"] == "HALTED"
        api.world.clock.advance(hub.HEARTBEAT_MS)
        assert (await client.receive())["status"] == "halted"


# ------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("message", "number", "code"),
    [
        ("", None, "MALFORMED_JSON"),
        ("{", None, "MALFORMED_JSON"),
        ("[" * 5_000, None, "WRONG_TYPE"),
        ("[]", None, "WRONG_TYPE"),
        ("1", None, "WRONG_TYPE"),
        ("{}", None, "MISSING_FIELD"),
        ('{"id": 4}', 4, "MISSING_FIELD"),
        ('{"id": "x", "op": 5}', "x", "WRONG_TYPE"),
        ('{"id": -1, "op": "ping"}', None, "OUT_OF_RANGE"),
        ('{"id": 1.5, "op": "ping"}', None, "WRONG_TYPE"),
        ('{"id": "' + "x" * 65 + '", "op": "ping"}', None, "OUT_OF_RANGE"),
        ('{"id": 1, "op": "ping", "more": 1}', 1, "UNKNOWN_FIELD"),
        ('{"id": 1, "op": "ping", "args": {"more": 1}}', 1, "UNKNOWN_FIELD"),
        ('{"id": 1, "op": "ping", "args": 5}', 1, "WRONG_TYPE"),
        ('{"id": 1, "op": "dance"}', 1, "UNKNOWN_OP"),
        ('{"id": 1, "op": "subscribe"}', 1, "MISSING_FIELD"),
        ('{"id": 1, "op": "subscribe", "args": {"channel": "all"}}', 1, "OUT_OF_RANGE"),
        ('{"id": 1, "op": "subscribe", "args": {"channel": "book"}}', 1, "MISSING_FIELD"),
        ('{"id": 1, "op": "subscribe", "args": {"channel": "book", "market": 77}}', 1, "UNKNOWN_MARKET"),
        ('{"id": 1, "op": "subscribe", "args": {"channel": "book", "market": -1}}', 1, "OUT_OF_RANGE"),
        ('{"id": 1, "op": "subscribe", "args": {"channel": "book", "market": "1"}}', 1, "WRONG_TYPE"),
        ('{"id": 1, "op": "subscribe", "args": {"channel": "book", "market": 1, "resume": "-"}}', 1, "WRONG_TYPE"),
        (
            '{"id": 1, "op": "subscribe", "args": {"channel": "book", "market": 1, "account": "0x"}}',
            1,
            "UNKNOWN_FIELD",
        ),
        ('{"id": 1, "op": "subscribe", "args": {"channel": "orders"}}', 1, "MISSING_FIELD"),
        ('{"id": 1, "op": "subscribe", "args": {"channel": "orders", "account": "0x"}}', 1, "WRONG_TYPE"),
        ('{"id": 1, "op": "unsubscribe", "args": {"channel": "book", "market": 1}}', 1, "NOT_SUBSCRIBED"),
        ('{"id": 1, "op": "place_order", "args": "x"}', 1, "WRONG_TYPE"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
async def test_what_is_no_request_is_answered_with_what_is_wrong(
    tmp_path: Path, message: str, number: Any, code: str
) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        await api.world.list_and_fund()
        await client.connection.send_str(message)
        reply = await client.receive()
        assert (reply["id"], reply["error"]["code"]) == (number, code)
        assert set(reply["error"]) == {"code", "message", "request_id", "details"}
        await client.ask("ping")


async def test_binary_messages_are_refused_and_large_ones_end_the_connection(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        await api.world.list_and_fund()
        await client.connection.send_bytes(b'{"id": 1, "op": "ping"}')
        reply = await client.receive()
        assert (reply["id"], reply["error"]["code"]) == (None, "MALFORMED_JSON")
        await client.connection.send_str(" " * (hub.MESSAGE_BYTES_MAX + 1))
        ended = await client.connection.receive(timeout=10)
        assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, 1009)


async def test_a_channel_is_subscribed_once(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        await api.world.list_and_fund()
        await client.ask("subscribe", channel="book", market=MARKET)
        error = await client.fail("subscribe", channel="book", market=MARKET)
        assert error["code"] == "ALREADY_SUBSCRIBED"


async def test_random_bytes_neither_end_the_connection_nor_the_exchange(tmp_path: Path) -> None:
    random = Random(5)
    async with World(tmp_path).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        known = [
            json.dumps({"id": 1, "op": "subscribe", "args": {"channel": "book", "market": 1}}),
            json.dumps({"id": 2, "op": "place_order", "args": bid_body(world)}),
            json.dumps({"id": 3, "op": "login", "args": {"account": "0x", "expiry": "1"}}),
        ]
        for number in range(600):
            message = bytearray(random.choice(known).encode())
            for _ in range(random.choice((1, 2, 20))):
                place = random.randrange(len(message))
                message[place : place + random.choice((0, 1, 5))] = random.randbytes(random.choice((0, 1, 3)))
            raw = bytes(message) if number % 2 else random.randbytes(random.randrange(200))
            await client.connection.send_frame(raw, aiohttp.WSMsgType.TEXT)
        codes = {reply.get("error", {}).get("code") for reply in [await client.receive() for _ in range(600)]}
        assert "MALFORMED_JSON" in codes
        assert "INTERNAL" not in codes
        assert (await client.ask("place_order", **bid_body(world)))["status"] == "resting"


# ----------------------------------------------------------------- heartbeats


async def test_heartbeats_say_up_to_where_everything_was_sent(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        assert await client.ask("ping") == {"seq": "7", "time": world.clock.now_ms() // 1000}
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        world.clock.advance(hub.HEARTBEAT_MS)
        heartbeat = await client.receive()
        assert heartbeat == {
            "type": "heartbeat", "seq": "8", "time": world.clock.now_ms() // 1000, "status": "ok",
        }  # fmt: skip


async def test_a_client_that_gives_no_sign_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "SILENCE_S", 0.1)
    async with World(tmp_path).serving() as api, connected(api, autoping=False) as client:
        ended = await client.connection.receive(timeout=10)
        assert ended.type is aiohttp.WSMsgType.PING
        ended = await client.connection.receive(timeout=10)
        assert ended.type is aiohttp.WSMsgType.CLOSED


async def test_a_server_that_stops_says_so(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        async with World(tmp_path).serving() as api:
            async with api.session.get("/v1/info") as response:
                url = response.url.with_path("/v1/ws")
            client = await session.ws_connect(url)
            reading = asyncio.create_task(client.receive(timeout=10))
        ended = await reading
        assert (ended.type, ended.data) == (aiohttp.WSMsgType.CLOSE, outgoing.GOING_AWAY)


# ---------------------------------------------------------------- slow readers


@asynccontextmanager
async def another_client(api: Api) -> AsyncIterator[Api]:
    """A client that opens as many connections as it likes, with small buffers."""
    async with api.session.get("/v1/info") as response:
        url = response.url.origin()
    connector = aiohttp.TCPConnector(limit=0, socket_factory=small_socket)
    async with aiohttp.ClientSession(url, connector=connector) as session:
        yield Api(session, api.world)


def small_socket(address: Any) -> socket.socket:
    """A socket for which the system holds little."""
    made = socket.socket(family=address[0], type=address[1], proto=address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
    return made


def many_bids(world: World) -> Batch:
    """A batch that makes a long update."""
    head = world.head(ALICE)
    bids = (replace(world.order(ALICE, Side.BID, 250_000 - i, 100), **head) for i in range(MAX_BATCH_ITEMS))
    return Batch(**head, actions=tuple(bids))


async def test_a_slow_reader_is_sent_away_and_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "UNREAD_BYTES_MAX", 1 << 15)
    monkeypatch.setattr(outgoing, "SYSTEM_BUFFER_BYTES", 1 << 12)
    async with (
        World(tmp_path).serving() as api,
        another_client(api) as other,
        connected(api) as quick,
        connected(other) as slow,
    ):
        world = api.world
        await world.list_and_fund()
        mirror = BookMirror()
        for reader in (quick, slow):
            await reader.ask("subscribe", channel="book", market=MARKET)
        book = world.feed.market(MARKET).book
        while book.subscribers == 2:
            await world.submit(ALICE, many_bids(world))
            await world.submit(ALICE, CancelAll(**world.head(ALICE), market=MARKET))
            for message in await quick.read():
                mirror.take(message)
        last = await read_to_the_end(slow)
        assert slow.connection.close_code == outgoing.SLOW_READER
        assert last["reason"] == f"slow_reader last_seq={last['seq']}"
        assert (await quick.ask("place_order", **bid_body(world)))["status"] == "resting"
        async with connected(api) as again:
            reply = await again.ask("subscribe", channel="book", market=MARKET, resume=last["seq"])
            assert reply["resumed"] is True


async def read_to_the_end(client: Socket) -> dict[str, Any]:
    """The last sequence number that came, and the reason of the end."""
    seq = None
    while True:
        message = await client.connection.receive(timeout=10)
        if message.type is not aiohttp.WSMsgType.TEXT:
            return {"seq": seq, "reason": message.extra}
        seq = json.loads(message.data)["seq"]


async def test_a_snapshot_may_be_larger_than_what_may_be_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "UNREAD_BYTES_MAX", 1 << 9)
    monkeypatch.setattr(outgoing, "SYSTEM_BUFFER_BYTES", 1 << 12)
    async with World(tmp_path).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        for price in range(500):
            await world.submit(ALICE, world.order(ALICE, Side.BID, 240_000 + price, 100))
        await client.ask("subscribe", channel="book", market=MARKET)
        (snapshot,) = await client.read()
        assert len(snapshot["bids"]) == 500


async def test_snapshots_that_nobody_reads_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNREAD_BYTES_MAX", 1 << 12)
    store = HeldStore(tmp_path)
    async with World(tmp_path, store=store).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        await world.submit(ALICE, many_bids(world))
        topic = {"channel": "book", "market": MARKET}
        # While a commit is held they wait, and are then carried out in one turn.
        with store.holding():
            submitted = asyncio.create_task(world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100)))
            numbers = [await client.send(op, topic) for _ in range(6) for op in ("subscribe", "unsubscribe")]
            await eventually(lambda: len(store.groups) == 9)
        await submitted
        replies = [await client.reply(number) for number in numbers[::2]]
        assert (replies[0]["status"], replies[-1]["error"]["code"]) == (200, "BUSY")


async def test_idle_connections_do_not_stop_trading(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, AsyncExitStack() as stack:
        await api.world.list_and_fund()
        many = await stack.enter_async_context(another_client(api))
        idle = [await stack.enter_async_context(connected(many)) for _ in range(200)]
        for client in idle:
            await client.send("subscribe", {"channel": "book", "market": MARKET})
        async with connected(api) as client:
            for _ in range(20):
                assert (await client.ask("place_order", **bid_body(api.world)))["status"] == "resting"
        for client in idle:
            messages = await client.read()
            assert messages[-1]["bids"] == [["2500", "0.2", 20]]


# --------------------------------------------------------------------- limits


async def test_there_is_a_limit_on_connections(tmp_path: Path) -> None:
    limits = Limits(enabled=False, websockets=3, websockets_per_client=2)
    async with World(tmp_path, limits=limits).serving() as api, connected(api), connected(api) as second:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await api.session.ws_connect("/v1/ws")
        assert refused.value.status == 429
        await second.connection.close()
        async with connected(api) as again:
            await again.ask("ping")


async def test_a_get_without_upgrade_is_told_what_this_is(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        status, error = await api.get("/v1/ws")
        assert (status, error["code"]) == (426, "UPGRADE_REQUIRED")


async def test_requests_are_charged_as_those_of_rest(tmp_path: Path) -> None:
    limits = Limits(client=Rate(1, 3), client_cancels=Rate(1, 3), client_reads=Rate(1, 10))
    async with World(tmp_path, limits=limits).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        await client.ask("place_order", **bid_body(world))
        placed = await client.ask("place_order", **bid_body(world))
        assert (await api.post("/v1/orders", bid_body(world)))[0] == 200
        error = await client.fail("place_order", **bid_body(world))
        assert (error["code"], error["details"]["bucket"]) == ("RATE_LIMITED", "client")
        # Who traded too much can still leave.
        cancel = request(world.cancel(ALICE, bytes.fromhex(placed["orderId"][2:])), ALICE)[1]
        assert (await client.ask("cancel_order", **cancel))["status"] == "cancelled"
        world.clock.advance(1_000)
        await client.ask("place_order", **bid_body(world))


async def test_what_is_no_request_is_charged_too(tmp_path: Path) -> None:
    limits = Limits(client_reads=Rate(1, 3))
    async with World(tmp_path, limits=limits).serving() as api, connected(api) as client:
        codes = []
        for _ in range(4):
            await client.connection.send_str("x")
            codes.append((await client.receive())["error"]["code"])
        assert codes == ["MALFORMED_JSON", "MALFORMED_JSON", "RATE_LIMITED", "RATE_LIMITED"]


async def test_there_is_a_limit_on_subscriptions_and_logins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SUBSCRIPTIONS_MAX", 1)
    monkeypatch.setattr(connections, "LOGINS_MAX", 1)
    async with World(tmp_path).serving() as api, connected(api) as client:
        await api.world.list_and_fund()
        await client.ask("subscribe", channel="book", market=MARKET)
        error = await client.fail("subscribe", channel="trades", market=MARKET)
        assert error["code"] == "TOO_MANY_SUBSCRIPTIONS"
        await client.log_in(ALICE)
        await client.log_in(ALICE)
        assert (await client.fail("login", **login_args(BOB, BOB)))["code"] == "TOO_MANY_LOGINS"
