"""JSON-RPC with a node that is slow to answer, down, or hostile."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sequencer.rebuild import rpc as rpc_module
from sequencer.rebuild.errors import ChainUnavailable
from sequencer.rebuild.rpc import ATTEMPTS, FIRST_PAUSE_S, Refused, Rpc

Answer = tuple[int, bytes]


class Node:
    """Answers what it is told, one after the other, the last for ever; status 0 ends the connection."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[dict[str, object]] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                node.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status, body = node.answers.pop(0) if len(node.answers) > 1 else node.answers[0]
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def node() -> Iterator[Node]:
    found = Node()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def result(value: object) -> Answer:
    return 200, json.dumps({"jsonrpc": "2.0", "id": 1, "result": value}).encode()


def patient(pauses: list[float]) -> Callable[[float], None]:
    return pauses.append


@pytest.mark.parametrize(
    "failure", [(0, b""), (503, b"later"), (429, b""), (200, b"<html>"), (200, b"[1]"), (200, b"{}")]
)
def test_what_may_pass_is_tried_again_with_growing_pauses(node: Node, failure: Answer) -> None:
    node.answers = [failure, failure, result("0x7")]
    pauses: list[float] = []
    assert Rpc(node.url, pause=patient(pauses)).call("eth_blockNumber") == "0x7"
    assert pauses == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S]


def test_a_node_that_stays_down_is_given_up(node: Node) -> None:
    node.answers = [(0, b"")]
    with pytest.raises(ChainUnavailable, match="does not answer eth_blockNumber"):
        Rpc(node.url, pause=patient([])).call("eth_blockNumber")
    assert len(node.asked) == ATTEMPTS


def test_a_refusal_is_told_at_once(node: Node) -> None:
    node.answers = [
        (200, json.dumps({"error": {"code": -32005, "message": "too many blocks" * 99}}).encode())
    ]
    with pytest.raises(Refused, match="too many blocks") as refused:
        Rpc(node.url, pause=patient([])).call("eth_getLogs", {})
    assert len(node.asked) == 1
    assert len(str(refused.value)) < 400


def test_an_answer_without_end_is_cut_off(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc_module, "MAX_ANSWER", 1_000)
    node.answers = [result("0x" + "00" * 100_000)]
    with pytest.raises(Refused, match="more than 1000 bytes"):
        Rpc(node.url, pause=patient([])).call("eth_getLogs", {})


def test_nested_nonsense_is_no_answer(node: Node) -> None:
    node.answers = [(200, b"[" * 200_000)]
    with pytest.raises(ChainUnavailable):
        Rpc(node.url, pause=patient([])).call("eth_chainId")
