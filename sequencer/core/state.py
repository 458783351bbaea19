"""The whole state of the exchange in memory, and what changed in it since the last block was sealed."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from sequencer.core.book import Book
from sequencer.core.codec.records import (
    RegistryKind,
    client_key,
    decode_account,
    decode_market,
    decode_meta,
    decode_order,
    decode_token,
    encode_account,
    encode_market,
    encode_meta,
    encode_order,
    encode_token,
    parse_client_key,
    parse_registry_key,
    registry_key,
)
from sequencer.core.constants import PROTOCOL_VERSION, ZERO_HASH
from sequencer.core.ledger import Account
from sequencer.core.types import Address, Market, Meta, Order, OrderId, TimeInForce, Token

ACCOUNTS: Final = 0
BOOKS: Final = 1
CLIENTS: Final = 2
REGISTRY: Final = 3

Write = tuple[int, bytes, bytes | None]
"""Map, key, and the new value or None where the key goes."""

Items = Iterable[tuple[bytes, bytes]]


class State:
    """Accounts, books, client order ids, registry and meta; at first those of genesis.

    Changes go through its methods, which note what to write when the block is sealed. Balances and lanes of an
    account may be changed directly after `touch`.
    """

    __slots__ = (
        "_changed_accounts",
        "_changed_clients",
        "_changed_markets",
        "_changed_orders",
        "_changed_tokens",
        "accounts",
        "books",
        "clients",
        "markets",
        "meta",
        "orders",
        "tokens",
    )

    def __init__(self) -> None:
        self.accounts: dict[Address, Account] = {}
        self.tokens: dict[int, Token] = {}
        self.markets: dict[int, Market] = {}
        self.books: dict[int, Book] = {}
        self.orders: dict[OrderId, Order] = {}
        self.clients: dict[tuple[Address, int], OrderId] = {}
        self.meta = Meta(PROTOCOL_VERSION, 0, 0, 1, 0, ZERO_HASH)
        self._changed_accounts: set[Address] = set()
        self._changed_orders: set[OrderId] = set()
        self._changed_clients: set[tuple[Address, int]] = set()
        self._changed_tokens: set[int] = set()
        self._changed_markets: set[int] = set()

    @classmethod
    def load(cls, accounts: Items, books: Items, clients: Items, registry: Items, meta: bytes) -> "State":
        """The state of a snapshot: the pairs of each map in the order of keys, and the meta record."""
        state = cls()
        state.meta = decode_meta(meta)
        for key, value in registry:
            kind, number = parse_registry_key(key)
            if kind is RegistryKind.TOKEN:
                state.tokens[number] = decode_token(number, value)
            else:
                state.markets[number] = decode_market(number, value)
                state.books[number] = Book()
        state.accounts = {key: decode_account(value) for key, value in accounts}
        for key, value in books:
            order = decode_order(key, value)
            state.orders[key] = order
            state.books[order.market].sides[order.side].add(order)
            state.accounts[order.owner].orders[key] = order
        state.clients = {parse_client_key(key): value for key, value in clients}
        return state

    def account(self, address: Address) -> Account | None:
        """The account of `address`, to be read only."""
        return self.accounts.get(address)

    def balance(self, address: Address, token: int) -> tuple[int, int]:
        """Total and locked amount of `token`."""
        account = self.accounts.get(address)
        balance = account.balances.get(token) if account else None
        return (balance.total, balance.locked) if balance else (0, 0)

    def book(self, market: int) -> Book:
        """The order book of `market`; `KeyError` if it is not in the registry."""
        return self.books[market]

    def open_orders(self, address: Address) -> list[Order]:
        """The resting orders of an account, oldest first."""
        account = self.accounts.get(address)
        return sorted(account.orders.values(), key=attrgetter("place")) if account else []

    def meta_bytes(self) -> bytes:
        """The meta record."""
        return encode_meta(self.meta)

    def take_seq(self) -> int:
        """The sequence number of the next transaction, which is then used."""
        seq = self.meta.next_seq
        self.meta.next_seq = seq + 1
        return seq

    def touch(self, address: Address) -> None:
        """Note that the account changes."""
        self._changed_accounts.add(address)

    def credit(self, address: Address, token: int, amount: int) -> None:
        """Raise an account's total, making the account if there is none. Nothing for an amount of 0."""
        if not amount:
            return
        account = self.accounts.get(address)
        if account is None:
            account = self.accounts[address] = Account()
        account.balance(token).total += amount
        self._changed_accounts.add(address)

    def add_order(self, order: Order) -> None:
        """Let an order rest: in its book, its owner's count and, with a client order id, in *clients*."""
        self.orders[order.id] = order
        self.books[order.market].sides[order.side].add(order)
        self.accounts[order.owner].add_order(order)
        self._changed_orders.add(order.id)
        self._changed_accounts.add(order.owner)
        self._note_client(order)

    def reduce_order(self, order: Order, size: int) -> None:
        """Take `size` lots from a resting order, which is removed when nothing remains."""
        order.remaining -= size
        self.books[order.market].sides[order.side].reduce(order, size)
        self._changed_orders.add(order.id)
        if not order.remaining:
            self.remove_order(order)

    def remove_order(self, order: Order) -> None:
        """Take an order out of its book, its owner's count and *clients*."""
        del self.orders[order.id]
        self.books[order.market].sides[order.side].remove(order)
        self.accounts[order.owner].remove_order(order)
        self._changed_orders.add(order.id)
        self._changed_accounts.add(order.owner)
        self._forget_client(order)

    def change_terms(
        self, order: Order, time_in_force: TimeInForce, expiry: int, client_order_id: int
    ) -> None:
        """Replace what a resting order says besides its place and size."""
        if client_order_id != order.client_order_id:
            self._forget_client(order)
            order.client_order_id = client_order_id
            self._note_client(order)
        order.time_in_force, order.expiry = time_in_force, expiry
        self._changed_orders.add(order.id)

    def _note_client(self, order: Order) -> None:
        if order.client_order_id:
            key = (order.owner, order.client_order_id)
            self.clients[key] = order.id
            self._changed_clients.add(key)

    def _forget_client(self, order: Order) -> None:
        if order.client_order_id:
            key = (order.owner, order.client_order_id)
            del self.clients[key]
            self._changed_clients.add(key)

    def list_token(self, token: Token) -> None:
        """Enter a token into the registry."""
        self.tokens[token.id] = token
        self._changed_tokens.add(token.id)

    def list_market(self, market: Market) -> None:
        """Enter a market into the registry."""
        self.markets[market.id] = market
        self.books[market.id] = Book()
        self._changed_markets.add(market.id)

    def touch_market(self, market: Market) -> None:
        """Note that the market's terms change."""
        self._changed_markets.add(market.id)

    def set_last_price(self, market: Market, price: int) -> None:
        """Note the price of a trade."""
        market.last_price = price
        self._changed_markets.add(market.id)

    def take_writes(self) -> list[Write]:
        """What changed since the last call, each key once: to bring the state tree up to this state."""
        writes: list[Write] = [
            (ACCOUNTS, address, encode_account(self.accounts[address])) for address in self._changed_accounts
        ]
        for order_id in self._changed_orders:
            order = self.orders.get(order_id)
            writes.append((BOOKS, order_id, encode_order(order) if order else None))
        writes += ((CLIENTS, client_key(*key), self.clients.get(key)) for key in self._changed_clients)
        for number in self._changed_tokens:
            token = self.tokens[number]
            writes.append((REGISTRY, registry_key(RegistryKind.TOKEN, number), encode_token(token)))
        for number in self._changed_markets:
            market = self.markets[number]
            writes.append((REGISTRY, registry_key(RegistryKind.MARKET, number), encode_market(market)))
        self._forget_changes()
        return writes

    def _forget_changes(self) -> None:
        self._changed_accounts.clear()
        self._changed_orders.clear()
        self._changed_clients.clear()
        self._changed_tokens.clear()
        self._changed_markets.clear()
