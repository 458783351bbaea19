"""One client's connection: its requests, its subscriptions, its logins, its orders."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec

from sequencer.adapters.feed.account import CHANNELS as ACCOUNT_CHANNELS
from sequencer.adapters.feed.channel import Channel, Sink
from sequencer.adapters.feed.feed import TooManyAccounts
from sequencer.adapters.feed.frames import text_frame
from sequencer.adapters.http import fields
from sequencer.adapters.http.context import Context, hex_bytes
from sequencer.adapters.http.errors import ApiError, busy, decode
from sequencer.adapters.http.failures import as_api_error
from sequencer.adapters.http.limits import Caller, Family
from sequencer.adapters.http.transactions import OPERATIONS, Operation, execute
from sequencer.adapters.http.websocket.login import Login, read_login, require_rights, why_not
from sequencer.adapters.http.websocket.outgoing import UNREAD_BYTES_MAX, Outgoing
from sequencer.adapters.http.websocket.requests import (
    Failure,
    LoginArgs,
    LogoutArgs,
    NoArgs,
    Reply,
    Request,
    SubscribeArgs,
    read_id,
    read_request,
    unknown_op,
)
from sequencer.adapters.http.websocket.tickers import Tickers
from sequencer.adapters.http.websocket.topics import Topic, read_topic
from sequencer.core.state import State
from sequencer.core.types import Address

log = logging.getLogger(__name__)

IN_FLIGHT_MAX: Final = 512
"""Transactions of one connection that may wait for their answer."""
LIMITED_PAUSE_S: Final = 0.005
"""How long nothing more is read of a client after it was told that it asks for too much."""
SUBSCRIPTIONS_MAX: Final = 1_024
LOGINS_MAX: Final = 16

_encode: Final = msgspec.json.Encoder().encode
_SUBSCRIBE: Final = msgspec.json.Decoder(SubscribeArgs)
_LOGIN: Final = msgspec.json.Decoder(LoginArgs)
_LOGOUT: Final = msgspec.json.Decoder(LogoutArgs)
_NONE: Final = msgspec.json.Decoder(NoArgs)


class _PublicSink:
    """What many get."""

    __slots__ = ("_outgoing", "send")

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self.send = outgoing.send_with_others

    def fail(self) -> None:
        self._outgoing.fail()


class _PrivateSink:
    """Lets a private message through while the login holds."""

    __slots__ = ("_connection", "_login")

    def __init__(self, connection: "Connection", login: Login) -> None:
        self._connection = connection
        self._login = login

    def send(self, frame: bytes) -> None:
        if self._connection.holds(self._login):
            self._connection.outgoing.send(frame)

    def fail(self) -> None:
        self._connection.outgoing.fail()


class Connection:
    """What the server knows of a client."""

    def __init__(self, context: Context, tickers: Tickers, caller: Caller, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
        outgoing.closing = self.close
        self._context = context
        self._tickers = tickers
        self._caller = caller
        self._public = _PublicSink(outgoing)
        self._subscriptions: dict[Topic, tuple[Channel, Sink]] = {}
        self._logins: dict[Address, Login] = {}
        self._in_flight: set[asyncio.Task[None]] = set()
        self._ops: dict[str, Callable[[Request], Awaitable[None]]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "login": self._log_in,
            "logout": self._log_out,
            "ping": self._ping,
        }

    def close(self) -> None:
        """Ends all subscriptions. Transactions under way go on: they cannot be taken back."""
        for channel, sink in self._subscriptions.values():
            channel.unsubscribe(sink)
        self._subscriptions.clear()

    # --------------------------------------------------------------- requests

    async def receive(self, message: bytes) -> None:
        """Does what a client's message asks for; whatever is wrong with it is answered."""
        try:
            request = read_request(message)
        except ApiError as error:
            await self._refuse(read_id(message), error)
            return
        try:
            operation = OPERATIONS.get(request.op)
            if operation is not None:
                self._context.limiter.charge_client(self._caller, operation.family)
                self._start(request, operation)
                return
            self._context.limiter.charge_client(self._caller, Family.CLIENT_READS)
            op = self._ops.get(request.op)
            if op is None:
                raise unknown_op(request.op, [*self._ops, *OPERATIONS])
            await op(request)
        except Exception as error:
            await self._refuse_request(request.id, error)

    async def refuse_binary(self) -> None:
        """Answers a message that is not text."""
        await self._refuse(
            None, ApiError(400, "MALFORMED_JSON", "send text messages with JSON, no binary ones")
        )

    async def _refuse(self, request_id: int | str | None, error: ApiError) -> None:
        """Answers what is no request, which costs as much as one."""
        try:
            self._context.limiter.charge_client(self._caller, Family.CLIENT_READS)
        except ApiError as limited:
            error = limited
        await self._refuse_request(request_id, error)

    async def _refuse_request(self, request_id: int | str | None, error: Exception) -> None:
        """Answers; who asks for too much is read more slowly, as answers cost time too."""
        self._fail(request_id, error)
        if isinstance(error, ApiError) and error.status == HTTPStatus.TOO_MANY_REQUESTS:
            await asyncio.sleep(LIMITED_PAUSE_S)

    def _start(self, request: Request, operation: Operation) -> None:
        if len(self._in_flight) >= IN_FLIGHT_MAX:
            raise busy(f"at most {IN_FLIGHT_MAX} transactions of a connection wait at a time")
        task = asyncio.create_task(self._execute(request, operation))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _execute(self, request: Request, operation: Operation) -> None:
        try:
            raw = bytes(request.args)
            self._reply(request, await execute(self._context, operation, raw, self._caller))
        except Exception as error:
            self._fail(request.id, error)

    def _reply(self, request: Request, result: Any) -> None:
        self.outgoing.send(text_frame(_encode(Reply(request.id, 200, result))))

    def _fail(self, request_id: int | str | None, error: Exception) -> None:
        failure = as_api_error(error)
        known_as = self._context.randomness.token()
        if failure.status == 500:
            log.error("request %s over a WebSocket failed", known_as, exc_info=error)
        body = msgspec.Raw(failure.body(known_as))
        self.outgoing.send(text_frame(_encode(Failure(request_id, failure.status, body))))

    async def _ping(self, request: Request) -> None:
        decode(bytes(request.args), _NONE)
        now = self._context.clock.now_ms() // 1000
        self._reply(request, {"seq": str(self._context.feed.seq), "time": now})

    # ----------------------------------------------------------------- logins

    async def _log_in(self, request: Request) -> None:
        args: LoginArgs = decode(bytes(request.args), _LOGIN)
        now = self._now()
        login = read_login(args, self._context.domain_separator, now)
        async with self._context.node.reading() as state:
            require_rights(state, login, now)
        known = self._logins.get(login.account)
        if known is not None:
            # The subscriptions that it has go on under the new terms.
            known.signer, known.expiry = login.signer, login.expiry
        elif len(self._logins) < LOGINS_MAX:
            self._logins[login.account] = login
        else:
            raise ApiError(400, "TOO_MANY_LOGINS", f"a connection has at most {LOGINS_MAX} logins")
        result = {
            "account": hex_bytes(login.account),
            "signer": hex_bytes(login.signer),
            "expiry": str(login.expiry),
        }
        self._reply(request, result)

    async def _log_out(self, request: Request) -> None:
        args: LogoutArgs = decode(bytes(request.args), _LOGOUT)
        account = fields.address("account", args.account)
        self._require_login(account)
        self._end_login(account)
        self._reply(request, {"account": hex_bytes(account)})

    def _require_login(self, account: Address) -> Login:
        login = self._logins.get(account)
        if login is None or not self.holds(login):
            raise ApiError(401, "NOT_LOGGED_IN", f"log in for {hex_bytes(account)} first")
        return login

    def holds(self, login: Login) -> bool:
        """Whether the login still gives rights; ends it if it does not."""
        if self._logins.get(login.account) is not login:
            return False
        reason = why_not(self._context.node.latest, login, self._now())
        if reason is None:
            return True
        self._end_login(login.account)
        ended = {"type": "logged_out", "account": hex_bytes(login.account), "reason": reason}
        self.outgoing.send(text_frame(_encode(ended)))
        return False

    def check_logins(self) -> None:
        """Ends the logins that give no rights any more."""
        for login in list(self._logins.values()):
            self.holds(login)

    def _end_login(self, account: Address) -> None:
        del self._logins[account]
        for name in ACCOUNT_CHANNELS:
            self._end(Topic(name, account=account))

    def _now(self) -> int:
        return self._context.clock.now_ms() // 1000

    # ---------------------------------------------------------- subscriptions

    async def _subscribe(self, request: Request) -> None:
        args: SubscribeArgs = decode(bytes(request.args), _SUBSCRIBE)
        topic = read_topic(args)
        resume = None if args.resume is None else fields.u64("resume", args.resume)
        async with self._context.node.reading() as state:
            self._require_room(topic)
            channel, sink, snapshot = self._open(state, topic)
            missed = self._missed(channel, resume)
            self._reply(request, topic.shown() | {"resumed": missed is not None})
            frames = snapshot() if missed is None else missed
            self._context.limiter.charge_answer(self._caller, sum(map(len, frames)))
            self.outgoing.send_snapshot(frames)
            channel.subscribe(sink)
            self._subscriptions[topic] = (channel, sink)

    def _require_room(self, topic: Topic) -> None:
        if topic in self._subscriptions:
            raise ApiError(400, "ALREADY_SUBSCRIBED", "unsubscribe first")
        if len(self._subscriptions) >= SUBSCRIPTIONS_MAX:
            message = f"a connection has at most {SUBSCRIPTIONS_MAX} subscriptions"
            raise ApiError(400, "TOO_MANY_SUBSCRIPTIONS", message)
        if self.outgoing.unread > UNREAD_BYTES_MAX // 2:
            raise busy("read what was sent first")

    def _missed(self, channel: Channel, resume: int | None) -> list[bytes] | None:
        """What came after `resume`; None if that is not known any more, was never said, or cannot be told."""
        if resume is None or resume > self._context.feed.seq:
            return None
        return channel.since(resume)

    def _open(self, state: State, topic: Topic) -> tuple[Channel, Sink, Callable[[], list[bytes]]]:
        """The channel, where its messages go, and what makes a snapshot of it."""
        if topic.channel in ACCOUNT_CHANNELS:
            return self._open_private(state, topic)
        if topic.channel == "blocks":
            blocks = self._context.block_feed
            return blocks.channel, self._public, blocks.snapshot
        number = topic.market
        if number not in state.markets:
            message = f"market {number} is not listed"
            raise ApiError(404, "UNKNOWN_MARKET", message, {"market": str(number)})
        market = self._context.feed.market(number)
        match topic.channel:
            case "book":
                return market.book, self._public, lambda: market.book_snapshot(state.books[number])
            case "trades":
                return market.trades, self._public, market.trades_snapshot
            case "ticker":
                return market.ticker, self._public, lambda: self._tickers.snapshot(state, number)
            case _:
                channel = market.candles(topic.resolution).channel
                return channel, self._public, lambda: market.candles_snapshot(topic.resolution)

    def _open_private(self, state: State, topic: Topic) -> tuple[Channel, Sink, Callable[[], list[bytes]]]:
        sink = _PrivateSink(self, self._require_login(topic.account))
        feed = self._context.feed
        try:
            account = feed.account(state, topic.account)
        except TooManyAccounts as error:
            raise busy("too many accounts are being read") from error
        channel = account.channels[topic.channel]
        return channel, sink, lambda: [account.snapshot(topic.channel, feed.amounts(state))]

    async def _unsubscribe(self, request: Request) -> None:
        topic = read_topic(decode(bytes(request.args), _SUBSCRIBE))
        if topic not in self._subscriptions:
            raise ApiError(400, "NOT_SUBSCRIBED", "there is no such subscription")
        self._end(topic)
        self._reply(request, topic.shown())

    def _end(self, topic: Topic) -> None:
        channel, sink = self._subscriptions.pop(topic, (None, None))
        if channel is not None and sink is not None:
            channel.unsubscribe(sink)
