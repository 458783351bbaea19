"""Public channels: a reader's book is the exchange's, gaps can be seen, and who was cut off can go on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sequencer.adapters.feed import market as market_feed
from sequencer.adapters.http.websocket import outgoing
from sequencer.core.types import Side
from tests.sockets import BookMirror, connected
from tests.world import ALICE, BOB, ETH, MARKET, Api, World


async def rest_book(api: Api, market: int = MARKET) -> dict[str, Any]:
    """The book as REST shows it, without its sequence number."""
    status, book = await api.get(f"/v1/markets/{market}/book?depth=1000")
    assert status == 200
    return {"bids": book["bids"], "asks": book["asks"]}


async def bids(world: World, *prices: int) -> None:
    """One order of Alice after the other."""
    for price in prices:
        await world.submit(ALICE, world.order(ALICE, Side.BID, price, 100))


async def test_a_book_is_a_snapshot_and_then_updates(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await bids(world, 250_000, 249_900)
        reply = await socket.ask("subscribe", channel="book", market=MARKET)
        assert reply == {"channel": "book", "market": MARKET, "resumed": False}
        (snapshot,) = await socket.read()
        assert snapshot == {
            "channel": "book", "market": MARKET, "type": "snapshot", "seq": "9",
            "bids": [["2500", "0.01", 1], ["2499", "0.01", 1]], "asks": [],
        }  # fmt: skip
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 150))
        (update,) = await socket.read()
        assert update == {
            "channel": "book", "market": MARKET, "type": "update", "prev_seq": "9", "seq": "10",
            "bids": [["2500", "0", 0]], "asks": [["2500", "0.005", 1]],
        }  # fmt: skip


async def test_a_group_of_transactions_is_one_update(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await socket.ask("subscribe", channel="book", market=MARKET)
        orders = [world.order(ALICE, Side.BID, 250_000, 100) for _ in range(20)]
        await asyncio.gather(*(world.submit(ALICE, tx) for tx in orders))
        snapshot, update = await socket.read()
        assert (update["prev_seq"], update["seq"]) == (snapshot["seq"], "27")
        assert update["bids"] == [["2500", "0.2", 20]]


async def test_trades_are_told_as_rest_has_them(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await socket.ask("subscribe", channel="trades", market=MARKET)
        await bids(world, 250_000, 249_900)
        await world.submit(BOB, world.order(BOB, Side.ASK, 249_000, 150))
        snapshot, update = await socket.read()
        assert (snapshot["type"], snapshot["trades"]) == ("snapshot", [])
        assert update["prev_seq"] == snapshot["seq"]
        _, page = await api.get(f"/v1/markets/{MARKET}/trades")
        assert update["trades"] == page["trades"][::-1]
        assert [trade["size"] for trade in update["trades"]] == ["0.01", "0.005"]


async def cut_off(api: Api) -> str:
    """A reader of the book that goes; the last sequence number it saw."""
    async with connected(api) as socket:
        await socket.ask("subscribe", channel="book", market=MARKET)
        await bids(api.world, 250_000)
        messages = await socket.read()
        return str(messages[-1]["seq"])


async def test_a_reader_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        seq = await cut_off(api)
        await bids(world, 249_900, 249_800)
        async with connected(api) as socket:
            reply = await socket.ask("subscribe", channel="book", market=MARKET, resume=seq)
            assert reply["resumed"] is True
            await bids(world, 249_700)
            messages = await socket.read()
            assert [m["type"] for m in messages] == ["update"] * 3
            assert [m["prev_seq"] for m in messages] == [seq, "9", "10"]
            assert [m["bids"][0][0] for m in messages] == ["2499", "2498", "2497"]


async def test_a_reader_that_missed_nothing_is_sent_nothing(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        seq = await cut_off(api)
        await api.world.submit(ALICE, api.world.withdrawal(ALICE, ETH, 1))
        async with connected(api) as socket:
            # The sequence number of a heartbeat or of REST's book serves as well.
            for known in (seq, str(int(seq) + 1)):
                assert (await socket.ask("subscribe", channel="book", market=MARKET, resume=known))["resumed"]
                assert await socket.read() == []
                await socket.ask("unsubscribe", channel="book", market=MARKET)


async def test_a_reader_that_missed_too_much_gets_a_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_feed, "RING_MESSAGES", 3)
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        seq = await cut_off(api)
        await bids(world, *range(249_000, 249_004))
        async with connected(api) as socket:
            for too_old in (seq, "1000000"):
                reply = await socket.ask("subscribe", channel="book", market=MARKET, resume=too_old)
                assert reply["resumed"] is False
                mirror = BookMirror()
                for message in await socket.read():
                    mirror.take(message)
                assert mirror.book() == await rest_book(api)
                await socket.ask("unsubscribe", channel="book", market=MARKET)


async def test_a_snapshot_is_made_once_for_many_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_feed, "REUSE_BYTES", 250)
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        kinds = []
        for price in range(249_000, 249_006):
            await bids(world, price)
            async with connected(api) as socket:
                await socket.ask("subscribe", channel="book", market=MARKET)
                mirror = BookMirror()
                messages = await socket.read()
                for message in messages:
                    mirror.take(message)
                assert mirror.book() == await rest_book(api)
                kinds.append(len(messages))
        assert kinds == [1, 2, 3, 1, 2, 3]


async def test_after_unsubscribing_nothing_comes(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        await api.world.list_and_fund()
        await socket.ask("subscribe", channel="book", market=MARKET)
        await socket.ask("unsubscribe", channel="book", market=MARKET)
        await socket.read()
        await bids(api.world, 250_000)
        assert await socket.read() == []


async def test_a_reader_can_go_on_from_the_book_of_rest(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await bids(world, 250_000)
        await world.submit(ALICE, world.withdrawal(ALICE, ETH, 1))
        _, book = await api.get(f"/v1/markets/{MARKET}/book")
        await bids(world, 249_900)
        reply = await socket.ask("subscribe", channel="book", market=MARKET, resume=book["seq"])
        assert reply["resumed"] is True
        (update,) = await socket.read()
        assert int(update["prev_seq"]) <= int(book["seq"]) < int(update["seq"])


async def test_the_feed_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        await bids(api.world, 250_000)
        clock = api.world.clock
    async with World(tmp_path, clock).serving() as api, connected(api) as socket:
        api.world._sequences = {ALICE.address: 1}
        await socket.ask("subscribe", channel="book", market=MARKET)
        await bids(api.world, 249_900)
        mirror = BookMirror()
        for message in await socket.read():
            mirror.take(message)
        assert mirror.book() == await rest_book(api)
        assert len(mirror.book()["bids"]) == 2


async def test_readers_are_sent_away_when_the_feed_fails_and_can_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await bids(world, 250_000)
        await socket.ask("subscribe", channel="book", market=MARKET)
        await socket.read()
        with monkeypatch.context() as patched:
            patched.setattr(market_feed.MarketFeed, "publish_trades", failing)
            await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 40))
        ended = await socket.connection.receive(timeout=10)
        assert ended.data == outgoing.FEED_FAILED
        await bids(world, 249_900)
        async with connected(api) as again:
            await again.ask("subscribe", channel="book", market=MARKET)
            mirror = BookMirror()
            for message in await again.read():
                mirror.take(message)
            assert mirror.book() == await rest_book(api)


def failing(*_arguments: object) -> None:
    """A bug."""
    raise RuntimeError("on purpose")
