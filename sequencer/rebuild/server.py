"""The rebuilt exchange over HTTP, for the wallet on the same machine: reads only, every number a decimal string.

GET /v1/state                           what is known, and up to which block of L1
GET /v1/accounts/{address}              balances, in base units
GET /v1/accounts/{address}/proof        its path to the settled root, for `escape`
GET /v1/accounts/{address}/orders       its resting orders
GET /v1/accounts/{address}/claims       what batches owe it and L1 did not pay yet, with proofs for `claim`
GET /v1/markets/{market}/orders         the best resting orders of each side
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from sequencer.core.account_proof import AccountProof
from sequencer.core.types import Order
from sequencer.rebuild.errors import RebuildError
from sequencer.rebuild.view import ProvenLeaf, View

ORDERS_MAX: Final = 1_000
"""Of each side of a market in one answer."""
TIMEOUT_S: Final = 10.0
_ADDRESS: Final = "0x([0-9a-fA-F]{40})"


class _NotFound(Exception):  # noqa: N818 - an answer
    """There is nothing to show."""


class Pages:
    """What there is to ask for."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._pages: list[tuple[re.Pattern[str], Callable[[str], Any]]] = [
            (re.compile("/v1/state()"), lambda _: state_form(self._view)),
            (re.compile(f"/v1/accounts/{_ADDRESS}"), self._account),
            (re.compile(f"/v1/accounts/{_ADDRESS}/proof"), self._proof),
            (re.compile(f"/v1/accounts/{_ADDRESS}/orders"), self._orders),
            (re.compile(f"/v1/accounts/{_ADDRESS}/claims"), self._claims),
            (re.compile("/v1/markets/([0-9]{1,10})/orders"), self._market),
        ]

    def answer(self, path: str) -> tuple[HTTPStatus, Any]:
        """Status and JSON."""
        for pattern, page in self._pages:
            if found := pattern.fullmatch(path):
                try:
                    return HTTPStatus.OK, page(found[1])
                except _NotFound as error:
                    return HTTPStatus.NOT_FOUND, {"message": str(error)}
                except RebuildError as error:
                    return HTTPStatus.INTERNAL_SERVER_ERROR, {"message": str(error)}
        return HTTPStatus.NOT_FOUND, {"message": "there is no such page"}

    def _account(self, text: str) -> Any:
        with self._view.follower.lock:
            account = self._view.account(bytes.fromhex(text))
            if account is None:
                raise _NotFound("the address has no account")
            return {
                "balances": [
                    {"token": token, "total": str(balance.total), "locked": str(balance.locked)}
                    for token, balance in sorted(account.balances.items())
                    if balance.total
                ],
                "openOrders": str(len(account.orders)),
                "stateRoot": _hex(self._view.settled_root),
            }

    def _proof(self, text: str) -> Any:
        address = bytes.fromhex(text)
        proof = self._view.account_proof(address)
        if proof is None:
            raise _NotFound("the address has no account")
        return proof_form(proof) | {"stateRoot": _hex(proof.state_root(address))}

    def _orders(self, text: str) -> Any:
        return {"orders": list(map(order_form, self._view.open_orders(bytes.fromhex(text))))}

    def _claims(self, text: str) -> Any:
        return {"claims": list(map(claim_form, self._view.unclaimed(bytes.fromhex(text))))}

    def _market(self, text: str) -> Any:
        orders = self._view.market_orders(int(text), ORDERS_MAX)
        if orders is None:
            raise _NotFound("there is no such market")
        return {"orders": list(map(order_form, orders))}


def state_form(view: View) -> dict[str, Any]:
    """A summary of what was rebuilt."""
    follower = view.follower
    with follower.lock:
        state, records = follower.replayer.state, follower.records
        l1_block, l1_block_hash = next(records.blocks(), (0, bytes(32)))
        return {
            "exchange": _hex(follower.chain.contract),
            "l1Block": str(l1_block),
            "l1BlockHash": _hex(l1_block_hash),
            "frozen": records.has_event("Frozen"),
            "batch": str(follower.replayer.batch),
            "stateRoot": _hex(view.settled_root),
            "roots": dict(
                zip(
                    ("accounts", "books", "clients", "registry"),
                    map(_hex, follower.replayer.tree.roots),
                    strict=True,
                )
            ),
            "blockNumber": str(state.meta.block_number),
            "timestamp": str(state.meta.timestamp),
            "nextSeq": str(state.meta.next_seq),
            "inboxCursor": str(state.meta.inbox_cursor),
            "inboxLength": str(records.inbox_count()),
            "accounts": str(len(state.accounts)),
            "restingOrders": str(len(state.orders)),
            "tokens": [
                {"id": token.id, "address": _hex(token.l1_address), "decimals": token.decimals}
                for token in state.tokens.values()
            ],
            "markets": sorted(state.markets),
        }


def proof_form(proof: AccountProof) -> dict[str, Any]:
    """The argument `proof` of the contract's `escape`."""
    return {
        "account": _hex(proof.account),
        "siblings": list(map(_hex, proof.siblings)),
        "bits": proof.bits,
        "booksRoot": _hex(proof.books_root),
        "clientsRoot": _hex(proof.clients_root),
        "registryRoot": _hex(proof.registry_root),
        "metaHash": _hex(proof.meta_hash),
    }


def claim_form(found: ProvenLeaf) -> dict[str, Any]:
    """The arguments of the contract's `claim`."""
    withdrawal = found.leaf.withdrawal
    return {
        "batchNumber": str(found.leaf.batch),
        "index": found.leaf.index,
        "recipient": _hex(withdrawal.recipient),
        "token": withdrawal.token,
        "amount": str(withdrawal.amount),
        "maxRelayFee": str(withdrawal.max_relay_fee),
        "proof": list(map(_hex, found.proof)),
    }


def order_form(order: Order) -> dict[str, Any]:
    """A resting order, in ticks and lots."""
    return {
        "orderId": _hex(order.id),
        "owner": _hex(order.owner),
        "market": order.market,
        "side": order.side.name.lower(),
        "price": str(order.price),
        "remaining": str(order.remaining),
        "expiry": str(order.expiry),
        "timeInForce": order.time_in_force.name,
        "clientOrderId": str(order.client_order_id),
    }


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


@contextmanager
def serving(view: View, host: str, port: int) -> Iterator[int]:
    """Answers in threads of its own until the block ends; gives the port. `OSError` if it is taken."""
    pages = Pages(view)

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_S

        def do_GET(self) -> None:
            status, answer = pages.answer(self.path)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
