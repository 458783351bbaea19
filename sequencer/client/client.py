"""A client of the REST API (`docs/api.md`) that signs what it sends.

ClientError
├── Unreachable   no answer; a transaction that was being sent may or may not have been accepted
└── ApiError      the sequencer refused, and says why
"""

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec
import requests

from sequencer.client.answers import (
    Account,
    Batch,
    Batches,
    BlockInfo,
    Blocks,
    Book,
    Cancelled,
    Deposit,
    Health,
    Info,
    Market,
    OrderInfo,
    Placed,
    Token,
    Trades,
    TransactionInfo,
    Withdrawal,
    Withdrawn,
)
from sequencer.client.decimals import plain, to_steps, to_units
from sequencer.client.wallet import Wallet
from sequencer.core import signing
from sequencer.core.types import (
    CancelClientOrder,
    CancelOrder,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Withdraw,
)

SIDES: Final = {"buy": Side.BID, "sell": Side.ASK}
TIMES_IN_FORCE: Final = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "POST_ONLY": TimeInForce.POST_ONLY,
}
DEADLINE_S: Final = 600
"""How long a signed transaction may be sequenced, unless the caller says otherwise."""

Answer = TypeVar("Answer")
Named = TypeVar("Named", Market, Token)


class ClientError(Exception):
    """A call gave no result."""


class Unreachable(ClientError):  # noqa: N818 - a state, named as it is shown
    """The sequencer did not answer."""


class ApiError(ClientError):
    """The sequencer refused; `code` and `details` as in `docs/api.md`."""

    def __init__(
        self, status: int, code: str, message: str, request_id: str, details: dict[str, Any]
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.details = details


class Client:
    """One trader's access to one exchange. Prices, sizes and amounts are exact decimals of whole tokens.

    Every method raises ClientError. Methods that sign need a wallet.
    """

    def __init__(
        self, url: str, wallet: Wallet | None = None, *, lane: int = 0, timeout_s: float = 10.0
    ) -> None:
        """`lane`: the nonce lane to sign in; programs that share a key use one lane each."""
        self._url = url.rstrip("/")
        self._wallet = wallet
        self._lane = lane
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._known_markets: dict[int, Market] = {}
        self._known_tokens: dict[int, Token] = {}
        self._next_sequence: int | None = None
        self._nonce_lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    @property
    def wallet(self) -> Wallet:
        """The key that signs. Raises ClientError if there is none."""
        if self._wallet is None:
            raise ClientError("this needs a key: give the client a wallet")
        return self._wallet

    # ------------------------------------------------------------------ reads

    def health(self) -> Health:
        """How the sequencer, its L1 node and its prover are doing."""
        return self._get("/v1/health", Health)

    @cached_property
    def info(self) -> Info:
        """Chain, contract, program and limits."""
        return self._get("/v1/info", Info)

    def tokens(self) -> list[Token]:
        """All listed tokens."""
        return self._get("/v1/tokens", list[Token])

    def markets(self) -> list[Market]:
        """All markets, as they are now."""
        return self._get("/v1/markets", list[Market])

    def market(self, name: str | int) -> Market:
        """A market by number or symbol. Its steps and names never change, its last price and status may be old."""
        return self._named("market", name, self._known_markets, self.markets)

    def token(self, name: str | int) -> Token:
        """A token by number or symbol."""
        return self._named("token", name, self._known_tokens, self.tokens)

    def _named(
        self, what: str, name: str | int, known: dict[int, Named], read: Callable[[], list[Named]]
    ) -> Named:
        """Looks in what is known; reads it again before giving up, as there may be more by now."""
        for attempt in (1, 2):
            for item in known.values():
                if str(name).upper() in (str(item.id), item.symbol.upper()):
                    return item
            if attempt == 1:
                known.update((item.id, item) for item in read())
        there = ", ".join(f"{item.symbol} ({item.id})" for item in known.values()) or "none yet"
        raise ClientError(f"no {what} {name}; there are {there}")

    def book(self, market: str | int, depth: int = 20) -> Book:
        """The best `depth` price levels of each side."""
        return self._get(f"/v1/markets/{self.market(market).id}/book", Book, depth=depth)

    def trades(self, market: str | int, limit: int = 100, before: str | None = None) -> Trades:
        """Trades, newest first; `before`: the `next` of the page that was read."""
        return self._get(f"/v1/markets/{self.market(market).id}/trades", Trades, limit=limit, before=before)

    def account(self, address: bytes | None = None) -> Account:
        """Balances and nonces; of the wallet unless an address is given."""
        return self._get(self._account_path(address), Account)

    def orders(self, address: bytes | None = None) -> list[OrderInfo]:
        """Open orders."""
        return self._get(f"{self._account_path(address)}/orders", list[OrderInfo])

    def withdrawals(self, address: bytes | None = None) -> list[Withdrawal]:
        """Withdrawals, with what is needed to claim them."""
        return self._get(f"{self._account_path(address)}/withdrawals", list[Withdrawal])

    def deposits(self, address: bytes | None = None) -> list[Deposit]:
        """Deposits, pending ones included."""
        return self._get(f"{self._account_path(address)}/deposits", list[Deposit])

    def order(self, order_id: bytes) -> OrderInfo:
        """An order, resting or ended."""
        return self._get(f"/v1/orders/0x{order_id.hex()}", OrderInfo)

    def transaction(self, digest: bytes) -> TransactionInfo:
        """What became of an accepted transaction."""
        return self._get(f"/v1/transactions/0x{digest.hex()}", TransactionInfo)

    def block(self, number: int) -> BlockInfo:
        """A block."""
        return self._get(f"/v1/blocks/{number}", BlockInfo)

    def batch(self, number: int) -> Batch:
        """A batch."""
        return self._get(f"/v1/batches/{number}", Batch)

    def blocks(self, limit: int = 100, before: str | None = None) -> Blocks:
        """Sealed blocks, newest first."""
        return self._get("/v1/blocks", Blocks, limit=limit, before=before)

    def batches(self, limit: int = 100, before: str | None = None) -> Batches:
        """Batches, newest first."""
        return self._get("/v1/batches", Batches, limit=limit, before=before)

    def _account_path(self, address: bytes | None) -> str:
        return f"/v1/accounts/0x{(address or self.wallet.address).hex()}"

    # ----------------------------------------------------------- transactions

    def place_order(
        self,
        market: str | int,
        side: str,
        price: Decimal,
        size: Decimal,
        *,
        time_in_force: str = "GTC",
        client_order_id: int = 0,
        deadline: int | None = None,
    ) -> Placed:
        """Buys or sells up to `size` of the market's base token at `price` or better.

        Raises DecimalError for a price off the tick or a size off the lot, before anything is sent.
        """
        terms = self.market(market)
        order = PlaceOrder(
            account=self.wallet.address,
            signer=self.wallet.address,
            nonce=self._take_nonce(),
            deadline=_deadline(deadline),
            market=terms.id,
            side=SIDES[side],
            time_in_force=TIMES_IN_FORCE[time_in_force],
            self_trade=SelfTrade.CANCEL_TAKER,
            price=to_steps(price, terms.tick_size),
            size=to_steps(size, terms.lot_size),
            client_order_id=client_order_id,
        )
        fields = {
            "market": terms.id,
            "side": side,
            "timeInForce": time_in_force,
            "selfTrade": "cancel_taker",
            "price": plain(price),
            "size": plain(size),
            "clientOrderId": str(client_order_id),
        }
        return self._submit("/v1/orders", order, fields, Placed)

    def cancel(self, order_id: bytes, *, deadline: int | None = None) -> Cancelled:
        """Cancels a resting order by its id."""
        account = self.wallet.address
        cancel = CancelOrder(account, account, self._take_nonce(), _deadline(deadline), order_id)
        return self._submit("/v1/cancels", cancel, {"orderId": f"0x{order_id.hex()}"}, Cancelled)

    def cancel_client_order(self, client_order_id: int, *, deadline: int | None = None) -> Cancelled:
        """Cancels a resting order by the id that its owner gave it."""
        account = self.wallet.address
        cancel = CancelClientOrder(account, account, self._take_nonce(), _deadline(deadline), client_order_id)
        return self._submit("/v1/cancels", cancel, {"clientOrderId": str(client_order_id)}, Cancelled)

    def withdraw(
        self,
        token: str | int,
        amount: Decimal,
        *,
        recipient: bytes | None = None,
        deadline: int | None = None,
    ) -> Withdrawn:
        """Moves an amount to L1, where it can be claimed once its batch is settled. `recipient`: the wallet's own."""
        terms = self.token(token)
        account = self.wallet.address
        withdraw = Withdraw(
            account=account,
            signer=account,
            nonce=self._take_nonce(),
            deadline=_deadline(deadline),
            token=terms.id,
            amount=to_units(amount, terms.decimals),
            recipient=recipient or account,
            max_relay_fee=0,
        )
        fields = {
            "token": terms.id,
            "amount": plain(amount),
            "recipient": f"0x{withdraw.recipient.hex()}",
            "maxRelayFee": "0",
        }
        return self._submit("/v1/withdrawals", withdraw, fields, Withdrawn)

    def _submit(self, path: str, tx: Transaction, fields: dict[str, Any], kind: type[Answer]) -> Answer:
        signature = self.wallet.sign(signing.digest(self._domain_separator, tx))
        head = {
            "account": f"0x{tx.account.hex()}",
            "signer": f"0x{tx.signer.hex()}",
            "nonce": str(tx.nonce),
            "deadline": str(tx.deadline),
        }
        body = head | fields | {"signature": f"0x{signature.hex()}"}
        try:
            return self._request("POST", path, kind, body=body)
        except ApiError as error:
            if error.code.startswith("NONCE_"):
                self._next_sequence = None  # another program used this lane: ask again before the next one
            raise

    @cached_property
    def _domain_separator(self) -> bytes:
        return signing.domain_separator(self.info.chain_id, bytes.fromhex(self.info.exchange[2:]))

    def _take_nonce(self) -> int:
        """The lane's next nonce, each once. A refused transaction leaves a gap, which is allowed."""
        with self._nonce_lock:
            if self._next_sequence is None:
                self._next_sequence = self._known_sequence()
            sequence = self._next_sequence
            self._next_sequence += 1
            return self._lane << 48 | sequence

    def _known_sequence(self) -> int:
        try:
            lanes = self.account().nonces
        except ApiError as error:
            if error.code != "UNKNOWN_ACCOUNT":
                raise
            return 0
        return next((lane.next for lane in lanes if lane.lane == self._lane), 0)

    # --------------------------------------------------------------- transport

    def _get(self, path: str, kind: type[Answer], **query: int | str | None) -> Answer:
        return self._request("GET", path, kind, query=query)

    def _request(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        *,
        query: dict[str, int | str | None] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Answer:
        try:
            response = self._session.request(
                method, self._url + path, params=query, json=body, timeout=self._timeout_s
            )
        except requests.RequestException as error:
            raise Unreachable(f"{self._url} does not answer ({type(error).__name__})") from error
        if response.status_code != requests.codes.ok:
            raise _api_error(response)
        try:
            return msgspec.json.decode(response.content, type=kind, strict=False)
        except msgspec.DecodeError as error:
            raise ClientError(f"{self._url}{path} gave an answer that does not fit: {error}") from error


def _deadline(given: int | None) -> int:
    return int(time.time()) + DEADLINE_S if given is None else given


def _api_error(response: requests.Response) -> ClientError:
    try:
        body = response.json()
        return ApiError(
            response.status_code,
            str(body["code"]),
            str(body["message"]),
            str(body["request_id"]),
            dict(body.get("details") or {}),
        )
    except (ValueError, KeyError, TypeError):
        return ClientError(
            f"{response.url} answered {response.status_code} without a reason: is this the sequencer?"
        )
