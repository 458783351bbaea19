"""A real sequencer for plain programs, and a stand-in that answers what a test says and keeps what it was asked."""

import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from sequencer.adapters.receipts import ReceiptSigner
from sequencer.client import Client, Wallet
from sequencer.client.background import Background
from sequencer.core.signing import domain_separator
from sequencer.core.types import Receipt
from tests.world import ManualClock, World

Result = TypeVar("Result")

ALICE: Final = Wallet(0xA11CE.to_bytes(32, "big"))
BOB: Final = Wallet(0xB0B.to_bytes(32, "big"))
AGENT: Final = Wallet(b"\x0a" * 32)
EXCHANGE: Final = "0x" + "11" * 20
RECEIPT_SIGNER: Final = ReceiptSigner(b"\x4e" * 32, domain_separator(31337, bytes.fromhex(EXCHANGE[2:])))
INFO: Final = {
    "chainId": 31337,
    "exchange": EXCHANGE,
    "vkey": "0x" + "22" * 32,
    "receiptSigner": f"0x{RECEIPT_SIGNER.address.hex()}",
    "dataCarrier": "calldata",
    "proofMode": "executed",
}
TOKENS: Final = [
    {"id": 1, "symbol": "ETH", "address": "0x" + "00" * 20, "decimals": 18},
    {"id": 2, "symbol": "USDC", "address": "0x" + "33" * 20, "decimals": 6},
]
MARKETS: Final = [
    {
        "id": 1,
        "symbol": "ETH/USDC",
        "base": 1,
        "quote": 2,
        "tickSize": "0.01",
        "lotSize": "0.0001",
        "minNotional": "10",
        "status": "active",
        "lastPrice": None,
    }
]


class RememberingWallet(Wallet):
    """Keeps what it signed, so that a stand-in can tell the digest of what it is sent."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self.digests: dict[str, bytes] = {}

    def sign(self, digest: bytes) -> bytes:
        signature = super().sign(digest)
        self.digests[f"0x{signature.hex()}"] = digest
        return signature


def receipt(seq: int, digest: bytes, signer: ReceiptSigner = RECEIPT_SIGNER) -> dict[str, Any]:
    """A receipt in JSON, as of a transaction with this number and digest."""
    promise = Receipt(seq, digest, b"\x1b" * 32, 1_790_000_000)
    return {
        "seq": str(seq),
        "digest": f"0x{digest.hex()}",
        "inboxHash": f"0x{promise.inbox_hash.hex()}",
        "time": promise.time,
        "signature": f"0x{signer.sign(promise).hex()}",
    }


Canned = list[tuple[int, Any, dict[str, str]]]
"""Status, body and headers of the answers to come; status 0 ends the connection."""


class StandIn:
    """Answers by method and path what it is told, several times in turn if it is told so, the last for ever.

    `posted` has the bodies of what was posted, whatever was answered. An accepted transaction of `wallet` is answered
    with its receipt, unless the answer that it was told has one.
    """

    def __init__(self) -> None:
        self.wallet: RememberingWallet | None = None
        self.answers: dict[str, Canned] = {}
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[str] = []
        for call, answer in (("info", INFO), ("tokens", TOKENS), ("markets", MARKETS)):
            self.answer(f"GET /v1/{call}", answer)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, call: str, answer: Any) -> None:
        """Makes a call succeed."""
        self.answers[call] = [(200, answer, {})]

    def refuse(self, call: str, status: int, code: str, **headers: str) -> None:
        """Makes a call fail."""
        self.answers[call] = [(status, refusal(code), headers)]

    def drop(self, call: str) -> None:
        """Makes a call's connection end without an answer."""
        self.answers[call] = [(0, None, {})]

    def before(self, call: str, status: int, answer: Any, **headers: str) -> None:
        """An answer that comes once, before the one that the call has."""
        self.answers[call].insert(0, (status, answer, headers))

    def _next(self, call: str) -> tuple[int, Any, dict[str, str]]:
        self.asked.append(call)
        nothing: Canned = [(404, refusal("NOT_FOUND"), {})]
        waiting: Canned = self.answers.get(call, nothing)
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("GET")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stand_in.posted.append((self.path, json.loads(body)))
                self._answer("POST", json.loads(body).get("signature"))

            def _answer(self, method: str, signature: str | None = None) -> None:
                status, answer, headers = stand_in._next(f"{method} {self.path.split('?')[0]}")
                if stand_in.wallet is not None and isinstance(answer, dict) and signature and "seq" in answer:
                    digest = stand_in.wallet.digests[signature]
                    answer = {"receipt": receipt(int(answer["seq"]), digest)} | answer
                if not status:
                    self.close_connection = True
                    return
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        return Handler


def refusal(code: str) -> dict[str, Any]:
    """An error of the API."""
    return {"code": code, "message": "no", "request_id": "r", "details": {"next": "5"}}


class Exchange:
    """A whole sequencer (tests/world.py) in a thread, so that a test may block. Alice and Bob have funds."""

    def __init__(self, folder: Path) -> None:
        self._background = Background()
        self._stack = AsyncExitStack()
        self.world: World
        self.url = self.run(self._start(folder))

    async def _start(self, folder: Path) -> str:
        self.world = World(folder, ManualClock())
        api = await self._stack.enter_async_context(self.world.serving())
        await self.world.list_and_fund()
        return str(api.session._base_url).rstrip("/")

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Runs something in the sequencer's own event loop."""
        return self._background.run(coroutine)

    def stop(self) -> None:
        """Ends the sequencer."""
        self._background.stop(self._stack.aclose())


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    found = Exchange(tmp_path / "exchange")
    yield found
    found.stop()


@pytest.fixture
def alice(exchange: Exchange) -> Iterator[Client]:
    with Client(exchange.url, ALICE) as client:
        yield client


@pytest.fixture
def bob(exchange: Exchange) -> Iterator[Client]:
    with Client(exchange.url, BOB) as client:
        yield client


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    found = StandIn()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()
