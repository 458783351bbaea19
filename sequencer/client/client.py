"""The plain client: the methods of `AsyncClient`, for programs that are not asynchronous.

Each method runs the asynchronous one in a thread in the background, so there is one implementation
(docs/adr/0009-one-client.md). It can be shared among threads.
"""

import asyncio
import functools
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar

from sequencer.client.actions import Hex
from sequencer.client.async_client import AsyncClient
from sequencer.client.background import Background
from sequencer.client.events import Event, Heartbeat
from sequencer.client.stream import SILENCE_S, Stream
from sequencer.client.wallet import Wallet

P = ParamSpec("P")
Asynchronous = TypeVar("Asynchronous")
Held = TypeVar("Held", covariant=True)
Result = TypeVar("Result")
_END: Final = object()


class _Plain(Generic[Held]):
    """What has asynchronous methods, and the event loop that they run in."""

    _async: Held
    _background: Background


def _plain(
    method: Callable[Concatenate[Asynchronous, P], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate[_Plain[Asynchronous], P], Result]:
    @functools.wraps(method)
    def call(holder: _Plain[Asynchronous], /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return holder._background.run(method(holder._async, *args, **kwargs))

    return call


def _plain_iterator(
    method: Callable[Concatenate[Asynchronous, P], AsyncIterator[Result]],
) -> Callable[Concatenate[_Plain[Asynchronous], P], Iterator[Result]]:
    @functools.wraps(method)
    def call(holder: _Plain[Asynchronous], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[Result]:
        items = method(holder._async, *args, **kwargs)

        async def following() -> Any:
            return await anext(items, _END)

        while (item := holder._background.run(following())) is not _END:
            yield item

    return call


class PlainStream(_Plain[Stream]):
    """The live feed for programs that are not asynchronous: `for event in stream`, as `Stream` describes it."""

    def __init__(self, stream: Stream, background: Background) -> None:
        self._async = stream
        self._background = background

    def __enter__(self) -> Self:
        self._background.run(self._async.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        async def following() -> Any:
            return await anext(self._async, _END)

        event: Any = self._background.run(following())
        if event is _END:
            raise StopIteration
        return event  # type: ignore[no-any-return]

    def next(self, timeout_s: float) -> Event | None:
        """The next event; None if there is none for so long."""

        async def following() -> Event | None:
            try:
                async with asyncio.timeout(timeout_s):
                    return await anext(self._async)
            except (TimeoutError, StopAsyncIteration):
                return None

        return self._background.run(following())

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now, as far as is known."""
        return self._async.is_connected

    @property
    def heartbeat(self) -> Heartbeat | None:
        """The latest: everything up to its `seq` was received."""
        return self._async.heartbeat

    close = _plain(Stream.close)
    subscribe_book = _plain(Stream.subscribe_book)
    subscribe_trades = _plain(Stream.subscribe_trades)
    subscribe_orders = _plain(Stream.subscribe_orders)
    subscribe_fills = _plain(Stream.subscribe_fills)
    subscribe_balances = _plain(Stream.subscribe_balances)
    subscribe_ticker = _plain(Stream.subscribe_ticker)
    subscribe_candles = _plain(Stream.subscribe_candles)
    subscribe_blocks = _plain(Stream.subscribe_blocks)
    subscribe = _plain(Stream.subscribe)
    unsubscribe = _plain(Stream.unsubscribe)


class Client(_Plain[AsyncClient]):
    """One trader's access to one exchange, as `AsyncClient` describes it."""

    def __init__(
        self,
        url: str,
        wallet: Wallet | None = None,
        *,
        account: Hex | None = None,
        lane: int | None = None,
        receipts: Path | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """As `AsyncClient`'s."""
        self._async = AsyncClient(
            url, wallet, account=account, lane=lane, receipts=receipts, timeout_s=timeout_s
        )
        self._background = Background()
        # Also for a client that is dropped without `close`.
        self._finalizer = weakref.finalize(self, _stop, self._background, self._async)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. The client cannot be used any more."""
        self._finalizer()

    @property
    def wallet(self) -> Wallet:
        """The key that signs. Raises ClientError if there is none."""
        return self._async.wallet

    @property
    def address(self) -> bytes:
        """The account that is traded for. Raises ClientError if there is none."""
        return self._async.address

    @property
    def is_agent(self) -> bool:
        """Whether the wallet signs for an account that is not its own."""
        return self._async.is_agent

    def stream(self, *, silence_s: float = SILENCE_S) -> PlainStream:
        """The live feed of this exchange, a context manager. `silence_s`: how long a live connection may be silent."""
        return PlainStream(self._async.stream(silence_s=silence_s), self._background)

    def send_over(self, stream: PlainStream | None) -> None:
        """Sends transactions over a stream's connection from now on, as long as it has one; None: over HTTP again."""
        self._async.send_over(None if stream is None else stream._async)

    health = _plain(AsyncClient.health)
    info = _plain(AsyncClient.info)
    time = _plain(AsyncClient.time)
    tokens = _plain(AsyncClient.tokens)
    markets = _plain(AsyncClient.markets)
    market = _plain(AsyncClient.market)
    token = _plain(AsyncClient.token)
    book = _plain(AsyncClient.book)
    ticker = _plain(AsyncClient.ticker)
    tickers = _plain(AsyncClient.tickers)
    trades = _plain(AsyncClient.trades)
    all_trades = _plain_iterator(AsyncClient.all_trades)
    candles = _plain(AsyncClient.candles)
    all_candles = _plain_iterator(AsyncClient.all_candles)

    account = _plain(AsyncClient.account)
    agents = _plain(AsyncClient.agents)
    principals = _plain(AsyncClient.principals)
    all_principals = _plain_iterator(AsyncClient.all_principals)
    orders = _plain(AsyncClient.orders)
    order_history = _plain(AsyncClient.order_history)
    all_orders = _plain_iterator(AsyncClient.all_orders)
    client_order = _plain(AsyncClient.client_order)
    fills = _plain(AsyncClient.fills)
    all_fills = _plain_iterator(AsyncClient.all_fills)
    withdrawals = _plain(AsyncClient.withdrawals)
    all_withdrawals = _plain_iterator(AsyncClient.all_withdrawals)
    deposits = _plain(AsyncClient.deposits)
    all_deposits = _plain_iterator(AsyncClient.all_deposits)
    transfers = _plain(AsyncClient.transfers)
    all_transfers = _plain_iterator(AsyncClient.all_transfers)
    ledger = _plain(AsyncClient.ledger)
    all_ledger = _plain_iterator(AsyncClient.all_ledger)
    deferred = _plain(AsyncClient.deferred)
    dead_man_switch = _plain(AsyncClient.dead_man_switch)
    trigger = _plain(AsyncClient.trigger)

    order = _plain(AsyncClient.order)
    transaction = _plain(AsyncClient.transaction)
    receipt = _plain(AsyncClient.receipt)
    kept_receipt = _plain(AsyncClient.kept_receipt)
    block = _plain(AsyncClient.block)
    blocks = _plain(AsyncClient.blocks)
    all_blocks = _plain_iterator(AsyncClient.all_blocks)
    batch = _plain(AsyncClient.batch)
    batches = _plain(AsyncClient.batches)
    all_batches = _plain_iterator(AsyncClient.all_batches)

    place_order = _plain(AsyncClient.place_order)
    market_order = _plain(AsyncClient.market_order)
    cancel = _plain(AsyncClient.cancel)
    cancel_client_order = _plain(AsyncClient.cancel_client_order)
    cancel_all = _plain(AsyncClient.cancel_all)
    replace_order = _plain(AsyncClient.replace_order)
    order_batch = _plain(AsyncClient.order_batch)
    withdraw = _plain(AsyncClient.withdraw)
    transfer = _plain(AsyncClient.transfer)
    approve_agent = _plain(AsyncClient.approve_agent)
    revoke_agent = _plain(AsyncClient.revoke_agent)
    invalidate_nonces = _plain(AsyncClient.invalidate_nonces)

    arm_dead_man_switch = _plain(AsyncClient.arm_dead_man_switch)
    renew_dead_man_switch = _plain(AsyncClient.renew_dead_man_switch)
    disarm_dead_man_switch = _plain(AsyncClient.disarm_dead_man_switch)
    arm_trigger = _plain(AsyncClient.arm_trigger)
    disarm_trigger = _plain(AsyncClient.disarm_trigger)

    domain_separator = _plain(AsyncClient.domain_separator)
    sign = _plain(AsyncClient.sign)
    resolve = _plain(AsyncClient.resolve)
    resend = _plain(AsyncClient.resend)


def _stop(background: Background, client: AsyncClient) -> None:
    background.stop(client.close())
