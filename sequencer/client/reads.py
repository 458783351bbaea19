"""Everything that can be read over REST."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Final, Self, TypeVar

from sequencer.client.actions import ORDER_ID_BYTES, Hex, to_bytes
from sequencer.client.answers import (
    Account,
    AccountFill,
    Agent,
    Batch,
    Batches,
    BlockInfo,
    Blocks,
    Book,
    Candle,
    Candles,
    DeadManSwitch,
    DeferredSummary,
    Deposit,
    Deposits,
    Fills,
    Health,
    Info,
    Ledger,
    LedgerEntry,
    Market,
    OrderRecord,
    Orders,
    Page,
    Principal,
    Principals,
    Receipt,
    ServerTime,
    Ticker,
    Token,
    Trade,
    Trades,
    TransactionInfo,
    Transfer,
    Transfers,
    Trigger,
    Withdrawal,
    Withdrawals,
)
from sequencer.client.errors import ClientError, ReceiptError
from sequencer.client.http import Answer, Http
from sequencer.client.receipts import BadReceipt, KeptReceipt

PAGE: Final = 1_000
"""Items that are read at once by what gives them one by one."""
LIMIT: Final = 100
"""Items of a page, unless the caller says otherwise."""
WITHDRAWALS_MAX: Final = 100
"""Of a page."""
DIGEST_BYTES: Final = 32
ADDRESS_BYTES: Final = 20
SECRET_BYTES: Final = 16

Named = TypeVar("Named", Market, Token)
AnyPage = TypeVar("AnyPage", bound=Page)


class Reads:
    """Reads of one exchange, about `account` unless a call names another. Every method raises ClientError."""

    def __init__(self, url: str, account: bytes | None = None, *, timeout_s: float = 10.0) -> None:
        self._http = Http(url, timeout_s)
        self._account = account
        self._known_info: Info | None = None
        self._known_markets: dict[int, Market] = {}
        self._known_tokens: dict[int, Token] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    @property
    def address(self) -> bytes:
        """The account that is traded for. Raises ClientError if there is none."""
        if self._account is None:
            raise ClientError("this needs an account: give the client a wallet, or name one")
        return self._account

    # -------------------------------------------------------------- exchange

    async def health(self) -> Health:
        """How the sequencer, its L1 node and its prover are doing."""
        return await self._get("/v1/health", Health)

    async def info(self) -> Info:
        """Chain, contract, program and limits; read once, as they never change."""
        if self._known_info is None:
            self._known_info = await self._get("/v1/info", Info)
        return self._known_info

    async def time(self) -> ServerTime:
        """The sequencer's clock, which rules deadlines."""
        return await self._get("/v1/time", ServerTime)

    async def tokens(self) -> list[Token]:
        """All listed tokens."""
        return await self._get("/v1/tokens", list[Token])

    async def markets(self) -> list[Market]:
        """All markets, as they are now."""
        return await self._get("/v1/markets", list[Market])

    async def market(self, name: str | int) -> Market:
        """A market by number or symbol. Its steps and names never change, its last price and status may be old."""
        return await self._named("market", name, self._known_markets, self.markets)

    async def token(self, name: str | int) -> Token:
        """A token by number or symbol."""
        return await self._named("token", name, self._known_tokens, self.tokens)

    async def _named(
        self,
        what: str,
        name: str | int,
        known: dict[int, Named],
        read: Callable[[], Awaitable[list[Named]]],
    ) -> Named:
        """Looks in what is known; reads it again before giving up, as there may be more by now."""
        for attempt in (1, 2):
            for item in known.values():
                if str(name).upper() in (str(item.id), item.symbol.upper()):
                    return item
            if attempt == 1:
                known.update((item.id, item) for item in await read())
        there = ", ".join(f"{item.symbol} ({item.id})" for item in known.values()) or "none yet"
        raise ClientError(f"no {what} {name}; there are {there}")

    async def book(self, market: str | int, depth: int = 20) -> Book:
        """The best `depth` price levels of each side."""
        return await self._get(f"{await self._market_path(market)}/book", Book, depth=depth)

    async def ticker(self, market: str | int) -> Ticker:
        """The last 24 hours of a market."""
        return await self._get(f"{await self._market_path(market)}/ticker", Ticker)

    async def tickers(self) -> list[Ticker]:
        """The last 24 hours of all markets."""
        return await self._get("/v1/tickers", list[Ticker])

    async def trades(self, market: str | int, limit: int = LIMIT, before: str | None = None) -> Trades:
        """Trades, newest first; `before`: the `next` of the page that was read."""
        path = f"{await self._market_path(market)}/trades"
        return await self._get(path, Trades, limit=limit, before=before)

    async def all_trades(self, market: str | int) -> AsyncIterator[Trade]:
        """Trades one by one, newest first."""
        async for page in self._pages(lambda before: self.trades(market, PAGE, before)):
            for trade in page.trades:
                yield trade

    async def candles(
        self,
        market: str | int,
        resolution: str = "1m",
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int = LIMIT,
        before: str | None = None,
    ) -> Candles:
        """Candles of 1m, 5m, 15m, 1h, 4h or 1d, newest first, whose first second is in `start` to `end`."""
        query = {"resolution": resolution, "from": start, "to": end, "limit": limit, "before": before}
        return await self._get(f"{await self._market_path(market)}/candles", Candles, **query)

    async def all_candles(
        self, market: str | int, resolution: str = "1m", *, start: int | None = None, end: int | None = None
    ) -> AsyncIterator[Candle]:
        """Candles one by one, newest first."""

        def read(before: str | None) -> Awaitable[Candles]:
            return self.candles(market, resolution, start=start, end=end, limit=PAGE, before=before)

        async for page in self._pages(read):
            for candle in page.candles:
                yield candle

    # -------------------------------------------------------------- accounts

    async def account(self, address: Hex | None = None) -> Account:
        """Balances, nonces and agents."""
        return await self._get(self._account_path(address), Account)

    async def agents(self, address: Hex | None = None) -> list[Agent]:
        """The keys that may trade for an account."""
        return (await self.account(address)).agents

    async def principals(
        self, agent: Hex | None = None, *, limit: int = LIMIT, before: str | None = None
    ) -> Principals:
        """The accounts that a key may trade for, the latest first."""
        key = self.address if agent is None else to_bytes("an address", agent, ADDRESS_BYTES)
        return await self._get(f"/v1/agents/0x{key.hex()}", Principals, limit=limit, before=before)

    async def all_principals(self, agent: Hex | None = None) -> AsyncIterator[Principal]:
        """The accounts that a key may trade for, one by one."""
        async for page in self._pages(lambda before: self.principals(agent, limit=PAGE, before=before)):
            for principal in page.accounts:
                yield principal

    async def orders(
        self, address: Hex | None = None, *, market: str | int | None = None
    ) -> list[OrderRecord]:
        """All open orders, oldest first."""
        path = f"{self._account_path(address)}/orders"
        return await self._get(path, list[OrderRecord], market=await self._number(market))

    async def order_history(
        self,
        address: Hex | None = None,
        *,
        market: str | int | None = None,
        status: str | None = None,
        limit: int = LIMIT,
        before: str | None = None,
    ) -> Orders:
        """Orders, resting and ended, newest first."""
        path = f"{self._account_path(address)}/orders/history"
        number = await self._number(market)
        return await self._get(path, Orders, market=number, status=status, limit=limit, before=before)

    async def all_orders(
        self, address: Hex | None = None, *, market: str | int | None = None, status: str | None = None
    ) -> AsyncIterator[OrderRecord]:
        """Orders one by one, resting and ended, newest first."""

        def read(before: str | None) -> Awaitable[Orders]:
            return self.order_history(address, market=market, status=status, limit=PAGE, before=before)

        async for page in self._pages(read):
            for order in page.orders:
                yield order

    async def client_order(self, client_order_id: int, address: Hex | None = None) -> OrderRecord:
        """The order with an id that its owner gave it: the one that rests, else the latest. Raises NotThere."""
        return await self._get(f"{self._account_path(address)}/client-orders/{client_order_id}", OrderRecord)

    async def fills(
        self,
        address: Hex | None = None,
        *,
        market: str | int | None = None,
        limit: int = LIMIT,
        before: str | None = None,
    ) -> Fills:
        """Trades of an account, newest first."""
        number = await self._number(market)
        path = f"{self._account_path(address)}/fills"
        return await self._get(path, Fills, market=number, limit=limit, before=before)

    async def all_fills(
        self, address: Hex | None = None, *, market: str | int | None = None
    ) -> AsyncIterator[AccountFill]:
        """Trades of an account one by one, newest first."""
        async for page in self._pages(
            lambda before: self.fills(address, market=market, limit=PAGE, before=before)
        ):
            for fill in page.fills:
                yield fill

    async def withdrawals(
        self, address: Hex | None = None, *, limit: int = LIMIT, before: str | None = None
    ) -> Withdrawals:
        """What left an account for L1, newest first, with what is needed to claim it."""
        path = f"{self._account_path(address)}/withdrawals"
        return await self._get(path, Withdrawals, limit=limit, before=before)

    async def all_withdrawals(self, address: Hex | None = None) -> AsyncIterator[Withdrawal]:
        """Withdrawals one by one, newest first."""
        async for page in self._pages(
            lambda before: self.withdrawals(address, limit=WITHDRAWALS_MAX, before=before)
        ):
            for withdrawal in page.withdrawals:
                yield withdrawal

    async def deposits(
        self, address: Hex | None = None, *, limit: int = LIMIT, before: str | None = None
    ) -> Deposits:
        """Deposits, newest first; pending ones come before all others, on the first page."""
        path = f"{self._account_path(address)}/deposits"
        return await self._get(path, Deposits, limit=limit, before=before)

    async def all_deposits(self, address: Hex | None = None) -> AsyncIterator[Deposit]:
        """Deposits one by one, newest first, pending ones before."""
        async for page in self._pages(lambda before: self.deposits(address, limit=PAGE, before=before)):
            for deposit in page.deposits:
                yield deposit

    async def transfers(
        self, address: Hex | None = None, *, limit: int = LIMIT, before: str | None = None
    ) -> Transfers:
        """Payments from and to an account, newest first."""
        path = f"{self._account_path(address)}/transfers"
        return await self._get(path, Transfers, limit=limit, before=before)

    async def all_transfers(self, address: Hex | None = None) -> AsyncIterator[Transfer]:
        """Payments from and to an account one by one, newest first."""
        async for page in self._pages(lambda before: self.transfers(address, limit=PAGE, before=before)):
            for transfer in page.transfers:
                yield transfer

    async def ledger(
        self, address: Hex | None = None, *, limit: int = LIMIT, before: str | None = None
    ) -> Ledger:
        """Changes of an account's balances, newest first."""
        path = f"{self._account_path(address)}/ledger"
        return await self._get(path, Ledger, limit=limit, before=before)

    async def all_ledger(self, address: Hex | None = None) -> AsyncIterator[LedgerEntry]:
        """Changes of an account's balances one by one, newest first."""
        async for page in self._pages(lambda before: self.ledger(address, limit=PAGE, before=before)):
            for entry in page.entries:
                yield entry

    async def deferred(self, address: Hex | None = None) -> list[DeferredSummary]:
        """Dead-man switches and triggers of an account: all that are armed, then the latest that ended."""
        return await self._get(f"{self._account_path(address)}/triggers", list[DeferredSummary])

    async def dead_man_switch(self, switch: str) -> DeadManSwitch:
        """A dead-man switch, by the secret id that arming it gave."""
        return await self._get(f"/v1/dead-man-switches/{secret_id(switch)}", DeadManSwitch)

    async def trigger(self, trigger: str) -> Trigger:
        """A trigger, by the secret id that arming it gave."""
        return await self._get(f"/v1/triggers/{secret_id(trigger)}", Trigger)

    # --------------------------------------------------------------- history

    async def order(self, order_id: Hex) -> OrderRecord:
        """An order, resting or ended."""
        path = to_bytes("an order id", order_id, ORDER_ID_BYTES).hex()
        return await self._get(f"/v1/orders/0x{path}", OrderRecord)

    async def transaction(self, digest: Hex) -> TransactionInfo:
        """What became of an accepted transaction."""
        path = to_bytes("a digest", digest, DIGEST_BYTES).hex()
        return await self._get(f"/v1/transactions/0x{path}", TransactionInfo)

    async def receipt(self, seq: int) -> Receipt:
        """The receipt of a signed transaction, for example of one that was sent later.

        Its digest is for the caller to compare. Raises ReceiptError for one of another number or signer.
        """
        found = await self._get(f"/v1/receipts/{seq}", Receipt)
        try:
            (await self.kept_receipt(found)).require_seq(seq)
        except BadReceipt as error:
            raise ReceiptError(str(error)) from error
        return found

    async def kept_receipt(self, receipt: Receipt) -> KeptReceipt:
        """A receipt with what its signature is under, unchecked: as it is kept in a file."""
        info = await self.info()
        return KeptReceipt(info.chain_id, info.exchange, info.receipt_signer, receipt)

    async def block(self, number: int) -> BlockInfo:
        """A block."""
        return await self._get(f"/v1/blocks/{number}", BlockInfo)

    async def batch(self, number: int) -> Batch:
        """A batch."""
        return await self._get(f"/v1/batches/{number}", Batch)

    async def blocks(self, limit: int = LIMIT, before: str | None = None) -> Blocks:
        """Sealed blocks, newest first."""
        return await self._get("/v1/blocks", Blocks, limit=limit, before=before)

    async def batches(self, limit: int = LIMIT, before: str | None = None) -> Batches:
        """Batches, newest first."""
        return await self._get("/v1/batches", Batches, limit=limit, before=before)

    async def all_blocks(self) -> AsyncIterator[BlockInfo]:
        """Sealed blocks one by one, newest first."""
        async for page in self._pages(lambda before: self.blocks(PAGE, before)):
            for block in page.blocks:
                yield block

    async def all_batches(self) -> AsyncIterator[Batch]:
        """Batches one by one, newest first."""
        async for page in self._pages(lambda before: self.batches(PAGE, before)):
            for batch in page.batches:
                yield batch

    # -------------------------------------------------------------- requests

    async def _number(self, market: str | int | None) -> int | None:
        return None if market is None else (await self.market(market)).id

    async def _market_path(self, market: str | int) -> str:
        return f"/v1/markets/{(await self.market(market)).id}"

    def _account_path(self, address: Hex | None) -> str:
        account = self.address if address is None else to_bytes("an address", address, ADDRESS_BYTES)
        return f"/v1/accounts/0x{account.hex()}"

    async def _get(self, path: str, kind: type[Answer], **query: int | str | None) -> Answer:
        return await self._http.call("GET", path, kind, query=query)

    async def _pages(self, read: Callable[[str | None], Awaitable[AnyPage]]) -> AsyncIterator[AnyPage]:
        before: str | None = None
        while True:
            page = await read(before)
            yield page
            if not page.has_more or page.next is None:
                return
            before = page.next


def secret_id(number: str) -> str:
    """An id that can stand in a path. Raises ActionError."""
    return to_bytes("the id of a switch or trigger", number, SECRET_BYTES).hex()
