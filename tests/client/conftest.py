"""A stand-in for the sequencer that answers what a test says and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

EXCHANGE: Final = "0x" + "11" * 20
INFO: Final = {"chainId": 31337, "exchange": EXCHANGE, "vkey": "0x" + "22" * 32, "proofMode": "executed"}
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


class StandIn:
    """Answers by method and path; `requests` has the bodies of what was posted."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {
            "GET /v1/info": (200, INFO),
            "GET /v1/tokens": (200, TOKENS),
            "GET /v1/markets": (200, MARKETS),
        }
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def refuse(self, call: str, status: int, code: str) -> None:
        """Makes a call fail."""
        self.answers[call] = (
            status,
            {"code": code, "message": "no", "request_id": "r", "details": {"next": "5"}},
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("GET")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stand_in.posted.append((self.path, json.loads(body)))
                self._answer("POST")

            def _answer(self, method: str) -> None:
                status, answer = stand_in.answers[f"{method} {self.path.split('?')[0]}"]
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        return Handler


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    found = StandIn()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()
