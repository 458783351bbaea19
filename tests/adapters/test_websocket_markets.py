"""Tickers, candles, blocks and batches: the feed says what REST says, also after a restart."""

from pathlib import Path
from typing import Any

import pytest

from sequencer.adapters.candles import DAY, HOUR, RESOLUTIONS
from sequencer.adapters.http.websocket.tickers import TICKER_MS
from sequencer.core.types import Side
from tests.sockets import Chain, Socket, connected
from tests.world import ALICE, BOB, MARKET, Api, World, eventually


async def trade(world: World, price: int, size: int = 50) -> None:
    """Bob sells to Alice."""
    await world.submit(ALICE, world.order(ALICE, Side.BID, price, size))
    await world.submit(BOB, world.order(BOB, Side.ASK, price, size))


async def rest_candles(api: Api, resolution: str) -> Any:
    """Oldest first."""
    _, page = await api.get(f"/v1/markets/{MARKET}/candles?resolution={resolution}")
    return page["candles"][::-1]


class CandlesMirror(Chain):
    """Candles by their first second."""

    def __init__(self) -> None:
        super().__init__()
        self.candles: dict[int, Any] = {}

    def take(self, message: Any) -> None:
        """A message of the channel."""
        self.follow(message)
        self.candles |= {candle[0]: candle for candle in message["candles"]}


async def candles_of(client: Socket, mirrors: dict[str, CandlesMirror]) -> None:
    """Reads what came of candles."""
    for message in await client.read():
        if message.get("channel") == "candles":
            mirrors[message["resolution"]].take(message)


async def test_candles_grow_as_those_of_rest(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        await trade(world, 250_000)
        mirrors = {resolution: CandlesMirror() for resolution in RESOLUTIONS}
        for resolution in RESOLUTIONS:
            await client.ask("subscribe", channel="candles", market=MARKET, resolution=resolution)
        for minutes, price in ((0, 250_100), (1, 249_900), (3, 250_500), (200, 250_200), (0, 250_300)):
            world.clock.advance(minutes * 60_000)
            await trade(world, price, 50 + minutes)
        await candles_of(client, mirrors)
        for resolution, mirror in mirrors.items():
            assert list(mirror.candles.values()) == await rest_candles(api, resolution)
        assert len(mirrors["1m"].candles) == 4


async def test_candles_go_on_after_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        await trade(api.world, 250_000)
        clock = api.world.clock
        sequences = api.world._sequences
    async with World(tmp_path, clock).serving() as api, connected(api) as client:
        api.world._sequences = sequences
        mirrors = {"1h": CandlesMirror()}
        await client.ask("subscribe", channel="candles", market=MARKET, resolution="1h")
        await candles_of(client, mirrors)
        assert list(mirrors["1h"].candles.values()) == await rest_candles(api, "1h")
        await trade(api.world, 250_100)
        await candles_of(client, mirrors)
        assert list(mirrors["1h"].candles.values()) == await rest_candles(api, "1h")


async def test_a_ticker_is_that_of_rest_and_is_told_when_it_changes(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        world = api.world
        await world.list_and_fund()
        await client.ask("subscribe", channel="ticker", market=MARKET)
        for hours, price in ((0, 250_000), (5, 250_700), (12, 249_000), (8, 250_100), (23, 250_050)):
            world.clock.advance(hours * HOUR * 1_000)
            await trade(world, price)
            await world.submit(ALICE, world.order(ALICE, Side.BID, price - 500, 100))
            ticker = await next_ticker(world, client)
            _, expected = await api.get(f"/v1/markets/{MARKET}/ticker")
            assert ticker == expected | {"time": ticker["time"]}
        world.clock.advance((DAY + HOUR) * 1_000)
        ticker = await next_ticker(world, client)
        _, expected = await api.get(f"/v1/markets/{MARKET}/ticker")
        assert (ticker["volume"], ticker["high"], ticker["last"]) == ("0", None, expected["last"])
        world.clock.advance(TICKER_MS)
        assert [m for m in await client.read() if m.get("channel") == "ticker"] == []


async def next_ticker(world: World, client: Socket) -> Any:
    """Lets the tickers be looked at; gives the latest."""
    found: list[Any] = []
    for _ in range(3):
        world.clock.advance(TICKER_MS)
        found += [m for m in await client.read() if m.get("channel") == "ticker"]
    assert {message["type"] for message in found} == {"snapshot"}
    return found[-1]["ticker"]


async def test_blocks_and_batches_are_told_as_they_go(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        world = api.world
        assert (await client.ask("subscribe", channel="blocks"))["resumed"] is False
        assert await client.read() == [{"channel": "blocks", "type": "snapshot"}]
        await world.list_and_fund()
        await world.close_batch()
        await world.prove()
        await eventually(lambda: world.block_feed.snapshot()[0].count(b"settled"))
        messages = [m for m in await client.read() if m.get("channel") == "blocks"]
        _, block = await api.get("/v1/blocks/1")
        _, batch = await api.get("/v1/batches/1")
        (told,) = [m["block"] for m in messages if "block" in m]
        assert told == {name: value for name, value in block.items() if name != "batch"}
        steps = [m["batch"] for m in messages if "batch" in m]
        assert [step["status"] for step in steps] == ["sealed", "executed", "settled"]
        assert {step["proofMode"] for step in steps} == {"executed"}
        told = {name: value for step in steps for name, value in step.items()}
        assert {name: batch[name] for name in told if name in batch} == {
            name: value for name, value in told.items() if name in batch
        }
        async with connected(api) as other:
            await other.ask("subscribe", channel="blocks", resume="1")
            (latest,) = await other.read()
            assert (latest["block"]["number"], latest["batch"]["status"]) == ("1", "settled")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"channel": "candles", "market": MARKET}, "MISSING_FIELD"),
        ({"channel": "candles", "market": MARKET, "resolution": "2m"}, "OUT_OF_RANGE"),
        ({"channel": "book", "market": MARKET, "resolution": "1m"}, "UNKNOWN_FIELD"),
        ({"channel": "blocks", "market": MARKET}, "UNKNOWN_FIELD"),
        ({"channel": "ticker", "market": 9}, "UNKNOWN_MARKET"),
    ],
)
async def test_a_channel_is_named_with_what_it_is_of(tmp_path: Path, args: Any, code: str) -> None:
    async with World(tmp_path).serving() as api, connected(api) as client:
        await api.world.list_and_fund()
        assert (await client.fail("subscribe", **args))["code"] == code
