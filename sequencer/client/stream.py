"""The live feed over a WebSocket: it connects again, goes on where it was, and says where it could not.

Each update of a channel names the one before it. If that is not the last one received, messages are missing: the user
is told of the Gap, and the channel is subscribed anew: a book from a snapshot, another one from where it was.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from types import TracebackType
from typing import Any, Final, Protocol, Self

import aiohttp
import msgspec

from sequencer.client import answers
from sequencer.client.actions import Hex, to_bytes
from sequencer.client.conversation import REPLY_S, Conversation, OnReply, Told
from sequencer.client.errors import ApiError, ClientError, NotConnected, TryLater, Unreachable
from sequencer.client.events import (
    PRIVATE,
    BookMessage,
    Connected,
    Disconnected,
    Ended,
    Event,
    Gap,
    Heartbeat,
    LoggedOut,
    Message,
    Topic,
)
from sequencer.client.http import Http, patiently
from sequencer.client.local_book import LocalBook
from sequencer.client.wallet import Wallet
from sequencer.client.wire import Submission
from sequencer.core import signing

PATH: Final = "/v1/ws"
MESSAGE_BYTES_MAX: Final = 16 << 20
EVENTS_MAX: Final = 10_000
"""Events that may wait for their reader; beyond that they are dropped, which is told as gaps."""
SILENCE_S: Final = 15.0
"""The sequencer says something every 5 s; after so long the connection is taken for dead."""
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 10.0
LOGIN_S: Final = 3_600
"""How long a login holds; it is renewed at half of it."""

SNAPSHOTS_ONLY: Final = frozenset({"ticker", "blocks"})
"""Channels whose messages name none before them."""


class Source(Protocol):
    """What a stream needs of a client."""

    @property
    def address(self) -> bytes:
        """The account that is traded for."""
        ...

    @property
    def wallet(self) -> Wallet:
        """The key that signs."""
        ...

    async def market(self, name: str | int) -> answers.Market:
        """A market by number or symbol."""
        ...

    async def domain_separator(self) -> bytes:
        """Of the exchange, 32 bytes."""
        ...


class _Opened(msgspec.Struct):
    resumed: bool


class _Pong(msgspec.Struct):
    time: int


class _Subscription:
    """One channel, as the user wants it.

    `last_seq`: of the last message, None before the first. `is_awaited`: it is being asked for; what still comes
    belongs to the time before. `has_begun`: the user was given something, and no gap was told since.
    """

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.last_seq: int | None = None
        self.is_awaited = True
        self.has_begun = False
        is_book = topic.channel == "book" and topic.market is not None
        self.book = LocalBook(topic.market or 0) if is_book else None

    def interrupt(self) -> None:
        self.is_awaited = True
        if self.book is not None:
            self.book.is_current = False

    def follows(self, message: Message) -> bool:
        """Whether a message is the next one."""
        return message.is_snapshot or (self.last_seq is not None and message.prev_seq == self.last_seq)

    def take(self, message: Message) -> None:
        self.has_begun = True
        if self.topic.channel not in SNAPSHOTS_ONLY:
            self.last_seq = message.seq
        if self.book is not None and isinstance(message, BookMessage):
            self.book.apply(message)


class Stream:
    """Events of the channels that were subscribed, in their order: `async for event in stream`.

    Made by `AsyncClient.stream` and used as a context manager; entering connects, and raises Unreachable if that
    fails. From then on it connects again whenever it must. `LoggedOut` ends the private channels of its account.
    """

    def __init__(self, source: Source, http: Http, *, silence_s: float = SILENCE_S) -> None:
        self._source = source
        self._http = http
        self._silence_s = silence_s
        self._events: deque[Event] = deque()
        self._has_events = asyncio.Event()
        self._is_closed = False
        self._has_dropped = False
        self._failure: BaseException | None = None
        self._heartbeat: Heartbeat | None = None
        self._subscriptions: dict[Topic, _Subscription] = {}
        self._logins: dict[str, int] = {}
        self._conversation: Conversation | None = None
        self._is_connected = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------- life cycle

    async def __aenter__(self) -> Self:
        socket = await self._http.connect(PATH, MESSAGE_BYTES_MAX)
        self._start(self._run(self._begin(socket, again=False)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection; whoever waits for an event learns that there are no more."""
        self._is_closed = True
        self._has_events.set()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now, as far as is known."""
        return self._conversation is not None

    @property
    def heartbeat(self) -> Heartbeat | None:
        """The latest: everything up to its `seq` was received."""
        return self._heartbeat

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        if self._has_dropped:
            self._begin_anew()
        while not self._events:
            if self._failure is not None:
                raise self._failure
            if self._is_closed:
                raise StopAsyncIteration
            self._has_events.clear()
            await self._has_events.wait()
        return self._events.popleft()

    # --------------------------------------------------------------- channels

    async def subscribe_book(self, market: str | int) -> LocalBook:
        """Follows a book; the one that is given is kept up to date. Raises ClientError."""
        book = (await self._subscribe(await self.topic("book", market))).book
        assert book is not None  # noqa: S101 - made with the subscription
        return book

    async def subscribe_trades(self, market: str | int) -> None:
        """Follows the trades of a market from now on. Raises ClientError."""
        await self._subscribe(await self.topic("trades", market))

    async def subscribe_ticker(self, market: str | int) -> None:
        """Follows the last 24 hours of a market, at most once a second. Raises ClientError."""
        await self._subscribe(await self.topic("ticker", market))

    async def subscribe_candles(self, market: str | int, resolution: str = "1m") -> None:
        """Follows the candles of 1m, 5m, 15m, 1h, 4h or 1d as they grow. Raises ClientError."""
        await self._subscribe(await self.topic("candles", market, resolution=resolution))

    async def subscribe_blocks(self) -> None:
        """Follows sealed blocks and the steps of batches. Raises ClientError."""
        await self._subscribe(await self.topic("blocks"))

    async def subscribe_orders(self, account: Hex | None = None) -> None:
        """Follows orders: of the client's own account, or of one whose agent its key is. Raises ClientError."""
        await self._subscribe(await self.topic("orders", account=account))

    async def subscribe_fills(self, account: Hex | None = None) -> None:
        """Follows the trades of an account from now on. Raises ClientError."""
        await self._subscribe(await self.topic("fills", account=account))

    async def subscribe_balances(self, account: Hex | None = None) -> None:
        """Follows the balances of an account. Raises ClientError."""
        await self._subscribe(await self.topic("balances", account=account))

    async def subscribe(
        self,
        channel: str,
        market: str | int | None = None,
        *,
        account: Hex | None = None,
        resolution: str | None = None,
    ) -> None:
        """Follows a channel by its name. Raises ClientError."""
        await self._subscribe(await self.topic(channel, market, account=account, resolution=resolution))

    async def unsubscribe(
        self,
        channel: str,
        market: str | int | None = None,
        *,
        account: Hex | None = None,
        resolution: str | None = None,
    ) -> None:
        """Ends a subscription. Raises ClientError."""
        topic = await self.topic(channel, market, account=account, resolution=resolution)
        if self._subscriptions.pop(topic, None) is None:
            raise ClientError(f"{topic} is not subscribed")
        if self.is_connected:
            await self.request("unsubscribe", topic.args())

    async def topic(
        self,
        channel: str,
        market: str | int | None = None,
        *,
        account: Hex | None = None,
        resolution: str | None = None,
    ) -> Topic:
        """A channel and what it is of; a private one is of the client's own account unless another is given."""
        number = None if market is None else (await self._source.market(market)).id
        owner = None
        if channel in PRIVATE:
            owner = to_bytes("an account", self._source.address if account is None else account, 20)
        return Topic(
            channel=channel,
            market=number,
            account=None if owner is None else f"0x{owner.hex()}",
            resolution=resolution,
        )

    async def _subscribe(self, topic: Topic) -> _Subscription:
        if topic in self._subscriptions:
            raise ClientError(f"{topic} is subscribed already")
        subscription = _Subscription(topic)
        await self._wait_for_connection()
        await self._open(subscription)
        return subscription

    async def _wait_for_connection(self) -> None:
        try:
            async with asyncio.timeout(REPLY_S):
                await self._is_connected.wait()
        except TimeoutError as error:
            raise NotConnected("there is no connection now; another one is being made") from error

    async def _open(self, subscription: _Subscription) -> None:
        """Asks for a channel, from where it was if it was there before. Raises ClientError."""
        topic, seq = subscription.topic, subscription.last_seq
        if topic.account is not None:
            await self._require_login(topic.account)
        args = topic.args() | ({} if seq is None else {"resume": str(seq)})
        await patiently(
            lambda: self.request("subscribe", args, lambda result: self._opened(subscription, result))
        )

    def _opened(self, subscription: _Subscription, result: msgspec.Raw) -> None:
        resumed = msgspec.json.decode(result, type=_Opened).resumed
        self._subscriptions[subscription.topic] = subscription
        subscription.is_awaited = False
        if resumed and subscription.book is not None:
            subscription.book.is_current = True
        if not resumed and subscription.has_begun and subscription.topic.channel != "ticker":
            self._tell_gap(subscription, "it is too long ago to go on from there")
            subscription.last_seq = None

    # ----------------------------------------------------------------- events

    def _told(self, message: Told) -> None:
        match message:
            case Message():
                self._take(message)
            case LoggedOut():
                self._logged_out(message)
            case Heartbeat():
                self._heartbeat = message
                self._renew_logins(message.time)

    def _take(self, message: Message) -> None:
        subscription = self._subscriptions.get(message.topic)
        if subscription is None or subscription.is_awaited:
            return
        if subscription.follows(message):
            subscription.take(message)
            self._emit(message)
        else:
            self._tell_gap(subscription, f"an update follows {message.prev_seq}")
            self._renew(subscription)

    def _tell_gap(self, subscription: _Subscription, reason: str) -> None:
        subscription.has_begun = False
        self._emit(Gap(topic=subscription.topic, after_seq=subscription.last_seq, reason=reason))

    def _renew(self, subscription: _Subscription) -> None:
        """Subscribes anew."""
        subscription.interrupt()
        if subscription.book is not None:
            subscription.last_seq = None

        async def renewing() -> None:
            await self.request("unsubscribe", subscription.topic.args())
            await self._reopen(subscription)

        self._start(renewing())

    def _emit(self, event: Event) -> None:
        """Keeps an event for the reader; for one who does not read, no more than so many. Books go on all the same."""
        if self._has_dropped:
            return
        if len(self._events) >= EVENTS_MAX:
            self._has_dropped = True
            self._events.clear()
            return
        self._events.append(event)
        self._has_events.set()

    def _begin_anew(self) -> None:
        """For a reader who comes back: what was dropped is told, and every channel begins with a snapshot."""
        self._has_dropped = False
        for subscription in list(self._subscriptions.values()):
            self._tell_gap(subscription, "events were not read in time")
            subscription.last_seq = None
            if not subscription.is_awaited:
                self._renew(subscription)

    # --------------------------------------------------------------- requests

    async def execute(self, submission: Submission) -> answers.Accepted:
        """Sends a transaction; gives its result. Raises ClientError."""
        operation = submission.operation
        result = await patiently(lambda: self.request(operation.name, submission.body))
        try:
            return msgspec.json.decode(result, type=operation.answer, strict=False)
        except msgspec.DecodeError as error:
            raise ClientError(f"the reply to {operation.name} does not fit: {error}") from error

    async def request(self, op: str, args: Any, on_reply: OnReply | None = None) -> msgspec.Raw:
        """The result of a request, see `Conversation.request`. Raises Unreachable, ApiError."""
        if self._conversation is None:
            raise NotConnected("there is no connection now")
        if on_reply is None:
            return await self._conversation.request(op, args)
        return await self._conversation.request(op, args, on_reply)

    # ----------------------------------------------------------------- logins

    async def _require_login(self, account: str) -> None:
        if account not in self._logins:
            await self._log_in(account)

    async def _log_in(self, account: str) -> None:
        """By the sequencer's clock, whatever this machine's is."""
        now = msgspec.json.decode(await self.request("ping", {}), type=_Pong).time
        wallet, expiry = self._source.wallet, now + LOGIN_S
        separator = await self._source.domain_separator()
        digest = signing.login_digest(separator, bytes.fromhex(account[2:]), wallet.address, expiry)
        args = {
            "account": account,
            "signer": f"0x{wallet.address.hex()}",
            "expiry": str(expiry),
            "signature": f"0x{wallet.sign(digest).hex()}",
        }
        await patiently(lambda: self.request("login", args))
        self._logins[account] = expiry

    def _renew_logins(self, now: int) -> None:
        for account, expiry in self._logins.items():
            if now > expiry - LOGIN_S // 2:
                self._logins[account] = now + LOGIN_S  # until the new one is there, no other attempt is made
                self._start(self._log_in(account))

    def _logged_out(self, message: LoggedOut) -> None:
        self._logins.pop(message.account, None)
        self._emit(message)
        for subscription in list(self._subscriptions.values()):
            if subscription.topic.account != message.account:
                continue
            if message.reason == "expired":
                subscription.interrupt()
                self._start(self._reopen(subscription))
            else:
                self._end(subscription, message.reason)

    # ------------------------------------------------------------- connections

    def _begin(self, socket: aiohttp.ClientWebSocketResponse, *, again: bool) -> Conversation:
        self._conversation = Conversation(socket, self._told, self._silence_s)
        self._is_connected.set()
        self._emit(Connected(again=again))
        return self._conversation

    async def _run(self, conversation: Conversation) -> None:
        """Keeps up a connection, of which the first one is given."""
        delay_s = RETRY_FIRST_S
        while True:
            if await self._converse(conversation):
                delay_s = RETRY_FIRST_S
            conversation = await self._connect_again(delay_s)
            delay_s = min(2 * delay_s, RETRY_MAX_S)

    async def _connect_again(self, delay_s: float) -> Conversation:
        while True:
            await asyncio.sleep(delay_s * random.uniform(0.5, 1))
            try:
                socket = await self._http.connect(PATH, MESSAGE_BYTES_MAX)
            except Unreachable:
                delay_s = min(2 * delay_s, RETRY_MAX_S)
            else:
                return self._begin(socket, again=True)

    async def _converse(self, conversation: Conversation) -> bool:
        """Until the connection ends; whether everything was subscribed before it did."""
        opening = self._start(self._reopen_all())
        reason = "the client closed it"
        try:
            reason = await conversation.read()
        finally:
            self._conversation = None
            self._is_connected.clear()
            self._logins.clear()
            for subscription in self._subscriptions.values():
                subscription.interrupt()
            self._emit(Disconnected(reason=reason))
        was_opened = opening.done() and not opening.cancelled() and opening.exception() is None
        opening.cancel()
        return was_opened

    async def _reopen_all(self) -> None:
        for subscription in list(self._subscriptions.values()):
            await self._reopen(subscription)

    async def _reopen(self, subscription: _Subscription) -> None:
        """As `_open`, for a subscription that the user has already."""
        try:
            await self._open(subscription)
        except TryLater:
            raise
        except ApiError as error:
            self._end(subscription, str(error))

    def _end(self, subscription: _Subscription, reason: str) -> None:
        if self._subscriptions.get(subscription.topic) is subscription:
            del self._subscriptions[subscription.topic]
            subscription.interrupt()
            self._emit(Ended(topic=subscription.topic, reason=reason))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        """What could not be done over this connection is done over the next one."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if not isinstance(error, ClientError):
            self._failure = error  # a mistake in here: the reader is told
            self._has_events.set()
        if self._conversation is not None:
            self._conversation.end(str(error))
