"""JSON-RPC over HTTP, for a node that may be slow, down or hostile: answers are bounded, failures are retried."""

import itertools
import json
import time
from collections.abc import Callable
from typing import Any, Final

import requests

from sequencer.rebuild.errors import ChainUnavailable

MAX_ANSWER: Final = 64 << 20
"""Bytes. The largest honest answer is a range of logs, which is asked for in parts; see `chain`."""
TIMEOUT_S: Final = 30.0
ATTEMPTS: Final = 5
FIRST_PAUSE_S: Final = 0.25
_CHUNK: Final = 1 << 16
_PASSING: Final = frozenset((429, 500, 502, 503, 504))


class Refused(ChainUnavailable):
    """The node answered with an error: it does not know, or does not want to."""


class Rpc:
    """One RPC node."""

    def __init__(self, url: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.url = url
        self._session = requests.Session()
        self._pause = pause
        self._ids = itertools.count(1)

    def call(self, method: str, *params: Any) -> Any:
        """The result. Raises Refused for an answer that is an error, ChainUnavailable after ATTEMPTS failures."""
        body = json.dumps({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params})
        pause_s = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _result(method, self._post(body))
            except Refused:
                raise
            except (requests.RequestException, ChainUnavailable) as error:
                if attempt == ATTEMPTS:
                    raise ChainUnavailable(f"{self.url} does not answer {method}: {error}") from error
            self._pause(pause_s)
            pause_s *= 2
        raise AssertionError("the last attempt returns or raises")

    def _post(self, body: str) -> bytes:
        headers = {"Content-Type": "application/json"}
        with self._session.post(
            self.url, data=body, headers=headers, timeout=TIMEOUT_S, stream=True
        ) as answer:
            if answer.status_code in _PASSING:
                raise ChainUnavailable(f"HTTP status {answer.status_code}")
            return bounded(answer)


def bounded(answer: requests.Response) -> bytes:
    """The body of an answer that is read as it comes. Raises Refused if it is too large."""
    received = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        received += chunk
        if len(received) > MAX_ANSWER:
            raise Refused(f"{answer.url}: an answer of more than {MAX_ANSWER} bytes")
    return bytes(received)


def _result(method: str, body: bytes) -> Any:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ChainUnavailable("the answer is no JSON") from error
    if not isinstance(answer, dict):
        raise ChainUnavailable("the answer is no JSON-RPC")
    refusal = answer.get("error")
    if refusal is not None:
        message = refusal.get("message") if isinstance(refusal, dict) else refusal
        raise Refused(f"{method}: {str(message)[:300]}")
    if "result" not in answer:
        raise ChainUnavailable("the answer has no result")
    return answer["result"]
