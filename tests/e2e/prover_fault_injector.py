"""A fault injector: stands between one prover worker and the queue, and spoils, delays or loses its results."""

import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any, Final, Self

import requests

FORWARD_TIMEOUT_S: Final = 20


class Fault(StrEnum):
    """What happens to a result on its way."""

    NONE = "none"
    FLIPPED_VALUES = "a flipped bit of the public values"
    FLIPPED_PROOF = "a flipped bit of the proof, or a byte where there is none"
    OTHER_BATCH = "the result of another batch"
    LATE = "an answer after the lease ran out"
    LOST_REQUEST = "a connection that is dropped before the result arrives"
    LOST_ANSWER = "a connection that is dropped before the answer arrives"


SPOILED: Final = {Fault.FLIPPED_VALUES, Fault.FLIPPED_PROOF, Fault.OTHER_BATCH}
HONEST_CARDS: Final = 6
"""Results without a fault for each result with one of each kind."""


class FaultDeck:
    """Draws faults in an order that the seed gives, each kind again and again, for any number of injectors."""

    def __init__(self, seed: int) -> None:
        self.drawn: Counter[Fault] = Counter()
        self.taken: Counter[Fault] = Counter()
        """Results that the sequencer took, by what had happened to them."""
        self._random = Random(seed)
        self._cards: list[Fault] = []
        self._results: dict[str, dict[str, Any]] = {}
        self._healed = False
        self._lock = threading.Lock()

    def heal(self) -> None:
        """From now on nothing happens to results."""
        self._healed = True

    def draw(self, job: str, result: dict[str, Any]) -> tuple[Fault, dict[str, Any]]:
        """What happens to a result, and the result that goes on in its place."""
        with self._lock:
            others = [other for key, other in self._results.items() if key != job]
            self._results[job] = result
            fault = Fault.NONE if self._healed else self._next()
            if fault is Fault.OTHER_BATCH and not others:
                self._cards.append(fault)
                fault = Fault.NONE
            self.drawn[fault] += 1
            return fault, self._spoiled(fault, result, others)

    def note_taken(self, fault: Fault) -> None:
        """The sequencer took a result."""
        with self._lock:
            self.taken[fault] += 1

    def _next(self) -> Fault:
        if not self._cards:
            self._cards = [*Fault, *[Fault.NONE] * (HONEST_CARDS - 1)]
            self._random.shuffle(self._cards)
        return self._cards.pop()

    def _spoiled(self, fault: Fault, result: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any]:
        match fault:
            case Fault.FLIPPED_VALUES:
                return result | {"public_values": self._flipped(result["public_values"])}
            case Fault.FLIPPED_PROOF:
                return result | {"proof": self._flipped(result["proof"])}
            case Fault.OTHER_BATCH:
                return self._random.choice(others) | {"lease": result["lease"]}
            case _:
                return result

    def _flipped(self, text: str) -> str:
        """The bytes with one bit changed; one byte where there is none."""
        value = bytearray.fromhex(text[2:]) or bytearray(1)
        value[self._random.randrange(len(value))] ^= 1 << self._random.randrange(8)
        return f"0x{value.hex()}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is one of a worker that was killed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class ProverFaultInjector:
    """Forwards a worker's requests; what the deck says happens to its results."""

    def __init__(self, target: str, deck: FaultDeck, lease_s: float) -> None:
        """`target`: the sequencer. `lease_s`: how long the queue waits for a silent worker."""
        self._target = target
        self._deck = deck
        self._lease_s = lease_s
        self._ended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        injector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                injector._serve(self, b"")

            def do_POST(self) -> None:
                injector._serve(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
                """Nothing: the sequencer and the workers have logs."""

        return Handler

    def _serve(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        fault, is_result = Fault.NONE, request.path.endswith("/result")
        if is_result:
            fault, result = self._deck.draw(request.path.split("/")[-2], json.loads(body))
            body = json.dumps(result).encode()
        if fault is Fault.LATE:
            self._ended.wait(1.5 * self._lease_s)
        if fault is Fault.LOST_REQUEST:
            _drop(request)
            return
        answer = self._forwarded(request, body)
        if is_result and answer is not None and answer.ok:
            self._deck.note_taken(fault)
        if answer is None or fault is Fault.LOST_ANSWER:
            _drop(request)
        else:
            _quietly(lambda: _answer(request, answer))

    def _forwarded(self, request: BaseHTTPRequestHandler, body: bytes) -> requests.Response | None:
        """The sequencer's answer; None while it is down."""
        kept = ("Authorization", "Content-Type")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        try:
            return requests.request(
                request.command,
                self._target + request.path,
                data=body,
                headers=headers,
                timeout=FORWARD_TIMEOUT_S,
            )
        except requests.RequestException:
            return None


def _answer(request: BaseHTTPRequestHandler, answer: requests.Response) -> None:
    request.send_response(answer.status_code)
    request.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
    if answer.status_code != requests.codes.no_content:
        request.send_header("Content-Length", str(len(answer.content)))
    request.end_headers()
    request.wfile.write(answer.content)


def _drop(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    _quietly(lambda: request.connection.shutdown(socket.SHUT_RDWR))


def _quietly(act: Callable[[], None]) -> None:
    """The worker may have been killed; then nobody listens."""
    try:
        act()
    except OSError:
        return
