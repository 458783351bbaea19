"""Everything that can be read over REST."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Final, Self, TypeVar

from sequencer.client.actions import ORDER_ID_BYTES, Hex, to_bytes
from sequencer.client.answers import (
    Account,
    Batch,
    Batches,
    BlockInfo,
    Blocks,
    Book,
    Deposit,
    Deposits,
    Health,
    Info,
    Market,
    OrderInfo,
    OrderRecord,
    Page,
    Token,
    Trade,
    Trades,
    TransactionInfo,
    Withdrawal,
    Withdrawals,
)
from sequencer.client.errors import ClientError
from sequencer.client.http import Answer, Http

PAGE: Final = 1_000
"""Items that are read at once by what gives them one by one."""
DIGEST_BYTES: Final = 32
ADDRESS_BYTES: Final = 20

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

    async def trades(self, market: str | int, limit: int = 100, before: str | None = None) -> Trades:
        """Trades, newest first; `before`: the `next` of the page that was read."""
        return await self._get(
            f"{await self._market_path(market)}/trades", Trades, limit=limit, before=before
        )

    async def all_trades(self, market: str | int) -> AsyncIterator[Trade]:
        """Trades one by one, newest first."""
        async for page in self._pages(lambda before: self.trades(market, PAGE, before)):
            for trade in page.trades:
                yield trade

    # -------------------------------------------------------------- accounts

    async def account(self, address: Hex | None = None) -> Account:
        """Balances and nonces."""
        return await self._get(self._account_path(address), Account)

    async def orders(self, address: Hex | None = None) -> list[OrderInfo]:
        """Open orders."""
        return await self._get(f"{self._account_path(address)}/orders", list[OrderInfo])

    async def withdrawals(self, address: Hex | None = None) -> list[Withdrawal]:
        """The latest withdrawals, with what is needed to claim them."""
        return (await self._get(f"{self._account_path(address)}/withdrawals", Withdrawals)).withdrawals

    async def deposits(self, address: Hex | None = None) -> list[Deposit]:
        """The latest deposits, pending ones included."""
        return (await self._get(f"{self._account_path(address)}/deposits", Deposits)).deposits

    # --------------------------------------------------------------- history

    async def order(self, order_id: Hex) -> OrderRecord:
        """An order, resting or ended."""
        path = to_bytes("an order id", order_id, ORDER_ID_BYTES).hex()
        return await self._get(f"/v1/orders/0x{path}", OrderRecord)

    async def transaction(self, digest: Hex) -> TransactionInfo:
        """What became of an accepted transaction."""
        path = to_bytes("a digest", digest, DIGEST_BYTES).hex()
        return await self._get(f"/v1/transactions/0x{path}", TransactionInfo)

    async def block(self, number: int) -> BlockInfo:
        """A block."""
        return await self._get(f"/v1/blocks/{number}", BlockInfo)

    async def batch(self, number: int) -> Batch:
        """A batch."""
        return await self._get(f"/v1/batches/{number}", Batch)

    async def blocks(self, limit: int = 100, before: str | None = None) -> Blocks:
        """Sealed blocks, newest first."""
        return await self._get("/v1/blocks", Blocks, limit=limit, before=before)

    async def batches(self, limit: int = 100, before: str | None = None) -> Batches:
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
