"""The live feed as the client follows it, through a fault injector in front of a whole sequencer."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sequencer.client import AsyncClient, Client, OutcomeUnknown, Unreachable
from sequencer.client.errors import ApiError, ClientError, Refused
from sequencer.client.events import (
    BalancesMessage,
    BlocksMessage,
    BookMessage,
    CandlesMessage,
    Connected,
    Disconnected,
    Ended,
    Event,
    FillsMessage,
    Gap,
    LoggedOut,
    OrdersMessage,
    TickerMessage,
    Topic,
    TradesMessage,
    event_form,
)
from sequencer.client.local_book import LocalBook
from sequencer.client.stream import LOGIN_S, Stream
from tests.client.conftest import AGENT, ALICE, BOB, Exchange
from tests.client.fault_injector import FaultInjector
from tests.world import START_MS, World, eventually

D = Decimal
MARKET = "ETH/USDC"
FAR = START_MS // 1000 + 10_000_000


class Setting:
    """A sequencer, the injector before it, and two clients: Alice's through the injector, Bob's directly."""

    def __init__(self, world: World, injector: FaultInjector, alice: AsyncClient, bob: AsyncClient) -> None:
        self.world = world
        self.injector = injector
        self.alice = alice
        self.bob = bob

    async def bids(self, *prices: int) -> None:
        """One order of Bob's after the other."""
        for price in prices:
            await self.bob.place_order(MARKET, "buy", D(price), D("0.1"))

    async def same_book(self, book: LocalBook) -> bool:
        """Whether a local book is the exchange's."""
        found = await self.bob.book(MARKET, 1000)
        return book.is_current and (book.bids(), book.asks()) == (found.bids, found.asks)


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    world = World(tmp_path)
    async with world.serving() as api:
        await world.list_and_fund()
        url = str(api.session._base_url).rstrip("/")
        async with (
            FaultInjector(url).running() as injector,
            AsyncClient(injector.url, ALICE) as alice,
            AsyncClient(url, BOB) as bob,
        ):
            yield Setting(world, injector, alice, bob)


async def until(stream: Stream, kind: type[Any], holds: Callable[[Any], bool] = lambda _: True) -> Any:
    """The next event of a kind for which something holds; those before are passed over."""
    async with asyncio.timeout(10):
        async for event in stream:
            if isinstance(event, kind) and holds(event):
                return event
    raise AssertionError("the stream ended")


# ---------------------------------------------------------------- what is told


async def test_book_is_kept_up_to_date(setting: Setting) -> None:
    await setting.bids(2400, 2300)
    async with setting.alice.stream() as stream:
        book = await stream.subscribe_book(MARKET)
        await until(stream, BookMessage)
        assert (book.best_bid or book.bids()[0]).price == D(2400)
        assert (book.best_ask, book.spread) == (None, None)
        await setting.bob.place_order(MARKET, "sell", D(2500), D(1))
        await setting.alice.market_order(MARKET, "sell", D("0.1"))
        await until(stream, BookMessage, lambda message: message.bids)
        assert await setting.same_book(book)
        assert (book.spread, [level.price for level in book.bids(1)]) == (D(200), [D(2300)])


async def test_trades_and_what_they_did_to_the_account(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        await stream.subscribe_trades(MARKET)
        await stream.subscribe_orders()
        await stream.subscribe_fills()
        await stream.subscribe_balances()
        placed = await setting.alice.place_order(MARKET, "sell", D(2500), D(1), client_order_id=9)
        (event,) = (await until(stream, OrdersMessage, lambda m: m.events)).events
        assert (event.event, event.order_id, event.client_order_id) == ("new", placed.order_id, 9)
        await setting.bob.place_order(MARKET, "buy", D(2500), D("0.25"))
        (trade,) = (await until(stream, TradesMessage, lambda m: m.trades)).trades
        assert (trade.price, trade.size, trade.taker_side) == (D(2500), D("0.25"), "buy")
        (event,) = (await until(stream, OrdersMessage)).events
        assert (event.event, event.last_size, event.remaining) == ("trade", D("0.25"), D("0.75"))
        (fill,) = (await until(stream, FillsMessage)).fills
        assert (fill.role, fill.fee) == ("maker", D("0.125"))
        balances = (await until(stream, BalancesMessage)).balances
        assert {b.token: b.locked for b in balances}[1] == D("0.75")


async def test_prices_as_they_change(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        await stream.subscribe_ticker(MARKET)
        await stream.subscribe_candles(MARKET, "1h")
        with pytest.raises(ApiError, match="resolution"):
            await stream.subscribe_candles(MARKET, "2h")
        assert (await until(stream, TickerMessage)).ticker.last is None
        await setting.bids(2400)
        await setting.alice.market_order(MARKET, "sell", D("0.1"))
        (candle,) = (await until(stream, CandlesMessage, lambda m: m.candles)).candles
        assert (candle.close, candle.volume) == (D(2400), D("0.1"))
        setting.world.clock.advance(1_000)
        assert (await until(stream, TickerMessage, lambda m: m.ticker.last)).ticker.last == D(2400)
        await setting.injector.cut()
        seen: list[Event] = []
        async for event in stream:
            seen.append(event)
            if isinstance(event, TickerMessage):
                break
        assert not [event for event in seen if isinstance(event, Gap)]  # a ticker leaves nothing out


async def test_blocks_and_steps_of_batches(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        await stream.subscribe_blocks()
        await setting.world.close_batch()
        block = (await until(stream, BlocksMessage, lambda m: m.block)).block
        assert block.state_root == (await setting.bob.block(1)).state_root
        step = (await until(stream, BlocksMessage, lambda m: m.batch)).batch
        assert (step.number, step.status, step.first_block) == (1, "sealed", 1)
        await setting.world.prove()
        statuses = []
        while "settled" not in statuses:
            statuses.append((await until(stream, BlocksMessage, lambda m: m.batch)).batch.status)
        assert statuses == ["executed", "settled"]


async def test_agent_follows_its_owner(setting: Setting) -> None:
    approved = await setting.alice.approve_agent(AGENT.address, FAR)
    async with (
        AsyncClient(setting.injector.url, AGENT, account=ALICE.address, lane=approved.lane) as agent,
        agent.stream() as stream,
    ):
        await stream.subscribe_orders()
        placed = await agent.place_order(MARKET, "buy", D(2000), D(1))
        message = await until(stream, OrdersMessage, lambda m: m.events)
        assert message.events[0].order_id == placed.order_id
        await setting.alice.revoke_agent(AGENT.address)
        await setting.bids(2000)
        setting.world.clock.advance(5_000)
        assert (await until(stream, LoggedOut)).reason == "not_an_agent"
        assert (await until(stream, Ended)).topic.channel == "orders"


async def test_channel_that_does_not_exist_is_refused(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        with pytest.raises(ClientError, match="ETH/USDC"):
            await stream.subscribe_book("BTC/USDC")
        with pytest.raises(Refused, match="SIGNER_NOT_AUTHORIZED"):
            await stream.subscribe_orders(BOB.address)
        await stream.subscribe_trades(MARKET)
        with pytest.raises(ClientError, match="already"):
            await stream.subscribe_trades(MARKET)
        await stream.unsubscribe("trades", MARKET)
        with pytest.raises(ClientError, match="not subscribed"):
            await stream.unsubscribe("trades", MARKET)
        await stream.subscribe_trades(MARKET)


def test_events_can_be_printed() -> None:
    gap = Gap(topic=Topic(channel="book", market=1), after_seq=3, reason="x")
    shown = {"type": "gap", "topic": {"channel": "book", "market": 1}, "after_seq": "3", "reason": "x"}
    assert event_form(gap) == shown
    message = BookMessage(channel="book", type="snapshot", seq=3, market=1, bids=[], asks=[])
    assert json.loads(json.dumps(event_form(message)))["type"] == "snapshot"


# ---------------------------------------------------------------- faults


async def test_lost_update_is_told_and_the_book_begins_anew(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        book = await stream.subscribe_book(MARKET)
        await setting.bids(2400)
        await until(stream, BookMessage, lambda m: m.bids)
        setting.injector.drop('"channel":"book"', "2300")
        await setting.bids(2300, 2200)
        gap = await until(stream, Gap)
        assert gap.topic == Topic(channel="book", market=1)
        assert (await until(stream, BookMessage)).is_snapshot
        assert await setting.same_book(book)


@pytest.mark.parametrize("fault", ["drop", "double"])
async def test_trades_are_all_there_after_a_fault(setting: Setting, fault: str) -> None:
    async with setting.alice.stream() as stream:
        await stream.subscribe_trades(MARKET)
        getattr(setting.injector, fault)('"channel":"trades"', '"price":"2401"')
        for price in (2400, 2401, 2402):
            await setting.bids(price)
            await setting.bob.place_order(
                MARKET, "sell", D(price), D("0.1"), self_trade="cancel_maker", time_in_force="IOC"
            )
            await setting.alice.place_order(MARKET, "buy", D(price), D("0.1"))
            await setting.bob.place_order(MARKET, "sell", D(price), D("0.1"))
        seen: list[Decimal] = []
        while D(2402) not in seen:
            seen += [trade.price for trade in (await until(stream, TradesMessage)).trades]
        assert seen == [D(2400), D(2401), D(2402)]


async def test_garbled_message_ends_the_connection_and_nothing_is_lost(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        book = await stream.subscribe_book(MARKET)
        await until(stream, BookMessage)
        setting.injector.garble('"channel":"book"')
        await setting.bids(2400, 2300)
        assert "made no sense" in (await until(stream, Disconnected)).reason
        await until(stream, Connected)
        update = await until(stream, BookMessage)
        assert not update.is_snapshot  # it went on where it was
        await eventually(lambda: len(book.bids()) == 2)
        assert await setting.same_book(book)


async def test_cut_connection_is_made_again_with_all_its_channels(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        book = await stream.subscribe_book(MARKET)
        await stream.subscribe_orders()
        await until(stream, OrdersMessage)
        setting.injector.refuses = True
        await setting.injector.cut()
        await until(stream, Disconnected)
        was_current = book.is_current
        await setting.alice.place_order(MARKET, "buy", D(2000), D(1))
        setting.injector.refuses = False
        assert (await until(stream, Connected)).again
        assert not was_current
        (event,) = (await until(stream, OrdersMessage)).events
        assert event.event == "new"
        await eventually(lambda: book.is_current and len(book.bids()) == 1)


async def test_silent_connection_is_taken_for_dead(setting: Setting) -> None:
    async with setting.alice.stream(silence_s=0.3) as stream:
        await stream.subscribe_trades(MARKET)
        setting.injector.withhold_all()
        assert "nothing was heard" in (await until(stream, Disconnected)).reason
        setting.injector.fault = None
        await until(stream, Connected, lambda event: event.again)


async def test_heartbeats_keep_it_alive(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        await stream.subscribe_trades(MARKET)
        setting.world.clock.advance(5_000)
        await eventually(lambda: stream.heartbeat is not None)
        assert stream.heartbeat is not None
        assert (stream.heartbeat.status, stream.heartbeat.time) == ("ok", START_MS // 1000 + 5)


async def test_what_is_too_long_ago_is_told(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    async with setting.alice.stream() as stream:
        await stream.subscribe_fills()
        await until(stream, FillsMessage)
        setting.injector.refuses = True
        await setting.injector.cut()
        await until(stream, Disconnected)
        account = setting.world.feed._accounts[ALICE.address]
        account.channels["fills"]._since = 10**9  # the ring has moved on
        setting.injector.refuses = False
        gap = await until(stream, Gap)
        assert gap.topic == Topic(channel="fills", account=f"0x{ALICE.address.hex()}")
        assert (await until(stream, FillsMessage)).is_snapshot


async def test_login_is_renewed_before_it_ends(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        await stream.subscribe_orders()
        for _ in range(4):
            setting.world.clock.advance(LOGIN_S * 1000 // 3)
            seconds = setting.world.clock.now_ms() // 1000
            await eventually(lambda: stream.heartbeat is not None and stream.heartbeat.time == seconds)  # noqa: B023
            await stream.request("ping", {})
            await asyncio.sleep(0)
            await stream.request("ping", {})
        await setting.alice.place_order(MARKET, "buy", D(2000), D(1))
        await until(stream, OrdersMessage, lambda m: m.events)
        assert not [event for event in stream._events if isinstance(event, LoggedOut)]


async def test_login_that_ended_is_made_again(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        await stream.subscribe_orders()
        setting.world.clock.advance(2 * LOGIN_S * 1000)
        assert (await until(stream, LoggedOut)).reason == "expired"
        await eventually(lambda: not next(iter(stream._subscriptions.values())).is_awaited)
        await setting.alice.place_order(MARKET, "buy", D(2000), D(1))
        await until(stream, OrdersMessage, lambda m: m.events)


async def test_events_that_nobody_reads_are_bounded(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sequencer.client.stream.EVENTS_MAX", 20)
    async with setting.alice.stream() as stream:
        book = await stream.subscribe_book(MARKET)
        await setting.bids(*range(2000, 2030))
        await eventually(lambda: len(book.bids()) == 30)  # the book goes on all the same
        assert len(stream._events) <= 20
        assert (await until(stream, Gap)).reason == "events were not read in time"
        assert (await until(stream, BookMessage)).is_snapshot
        await eventually(lambda: len(book.bids()) == 30)
        assert await setting.same_book(book)


@pytest.mark.parametrize("seed", range(3))
async def test_book_survives_whatever_happens_to_its_messages(setting: Setting, seed: int) -> None:
    chance = random.Random(seed)

    def fault(text: str) -> list[str]:
        change = chance.choice(("none", "none", "none", "drop", "double", "garble"))
        return {"none": [text], "drop": [], "double": [text, text], "garble": [text[:-9]]}[change]

    async with setting.alice.stream() as stream:
        book = await stream.subscribe_book(MARKET)
        for _ in range(30):
            setting.injector.fault = fault
            await setting.bids(chance.randrange(2000, 2010))
            setting.injector.fault = None
            if not chance.randrange(3):
                await setting.alice.market_order(MARKET, "sell", D("0.05"))
        await setting.bids(1999)
        async with asyncio.timeout(20):
            while not await setting.same_book(book):
                await anext(stream)


async def test_channel_is_waited_for_while_there_is_no_connection(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        await stream.request("ping", {})
        setting.injector.refuses = True
        await setting.injector.cut()
        await until(stream, Disconnected)
        subscribing = asyncio.create_task(stream.subscribe_book(MARKET))
        await asyncio.sleep(0)
        setting.injector.refuses = False
        book = await subscribing
        await until(stream, BookMessage)
        assert await setting.same_book(book)


# ---------------------------------------------------------------- orders


async def test_orders_over_the_socket(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        setting.alice.send_over(stream)
        placed = await setting.alice.place_order(MARKET, "buy", D(2000), D(1))
        assert placed.status == "resting"
        assert (await setting.alice.cancel(placed.order_id)).remaining == D(1)
        with pytest.raises(Refused, match="UNKNOWN_ORDER"):
            await setting.alice.cancel(placed.order_id)
        many = await asyncio.gather(
            *(setting.alice.place_order(MARKET, "buy", D(1000 + i), D("0.1")) for i in range(50))
        )
        assert len({answer.seq for answer in many}) == 50
    assert (await setting.alice.cancel_all()).cancelled  # over HTTP again


async def test_order_whose_reply_was_lost_is_found(setting: Setting) -> None:
    async with setting.alice.stream() as stream:
        setting.alice.send_over(stream)
        setting.injector.garble('"orderId"')
        placed = await setting.alice.place_order(MARKET, "buy", D(2000), D(1))
        assert placed.status == "resting"
        assert [order.order_id for order in await setting.alice.orders()] == [placed.order_id]
        await until(stream, Connected, lambda event: event.again)


async def test_order_that_never_arrived_is_not_sent_again(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with setting.alice.stream() as stream:
        setting.alice.send_over(stream)
        await setting.alice.cancel_all()

        async def lost(_: Any) -> None:
            await setting.injector.cut()

        assert stream._conversation is not None
        monkeypatch.setattr(stream._conversation._socket, "send_json", lost)
        with pytest.raises(OutcomeUnknown) as caught:
            await setting.alice.place_order(MARKET, "buy", D(2000), D(1))
        assert await setting.alice.orders() == []
        assert (await setting.alice.resend(caught.value.submission)).seq


# ---------------------------------------------------------------- ends


async def test_exchange_that_is_not_there_is_unreachable() -> None:
    async with AsyncClient("http://127.0.0.1:1") as client:
        with pytest.raises(Unreachable):
            async with client.stream():
                pass


async def test_closing_ends_the_reading(setting: Setting) -> None:
    stream = setting.alice.stream()
    events: list[Event] = []

    async def read() -> None:
        events.extend([event async for event in stream])

    async with stream:
        reading = asyncio.create_task(read())
        await stream.subscribe_trades(MARKET)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await reading
    assert isinstance(events[0], Connected)


def test_plain_stream(exchange: Exchange) -> None:
    with Client(exchange.url, ALICE) as alice, alice.stream() as stream:
        book = stream.subscribe_book(MARKET)
        stream.subscribe_orders()
        alice.send_over(stream)
        placed = alice.place_order(MARKET, "buy", D(2000), D(1))
        for event in stream:
            if isinstance(event, OrdersMessage) and event.events:
                assert event.events[0].order_id == placed.order_id
                break
        assert (book.best_bid or book.bids()[0]).price == D(2000)
        assert stream.is_connected
        while stream.next(0.05) is not None:
            pass
