"""How many signed orders the API takes, and how long they wait: `make bench-api`.

    python -m scripts.bench_api        writes build/bench/api.json

A devnet runs with sealing, re-execution in Rust, history and feeds on, but without a prover worker (its backlog is
reported) and without rate limits. Orders are signed beforehand; a process of its own sends them over loopback and reads
the answers, each of which means that the journal is durable. Of the operations 60 % are orders that rest, 35 % cancels
and 5 % orders that cross and take five others on average. Only what the exchange accepted counts.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import requests
from coincurve import PrivateKey

from scripts.bench_ack import spread, sync
from scripts.devnet import ROOT, Devnet, DevnetError, Pace
from scripts.load_client import frame, write_work
from sequencer.client import Client, Wallet
from sequencer.client.decimals import plain
from sequencer.client.l1 import L1Account, L1ActionError
from sequencer.core import signing
from sequencer.core.codec import encode_actions
from sequencer.core.types import (
    Action,
    Batch,
    CancelClientOrder,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Transfer,
)

RUNS: Final = 3
ACCOUNTS: Final = 128
BATCH: Final = 50
HTTP_CONNECTIONS: Final = 128
SOCKETS: Final = 8
SOCKET_DEPTH: Final = 256
HTTP_ORDERS: Final = 6_000
SOCKET_ORDERS: Final = 16_000
BATCHES: Final = 640
OUTPUT: Final = ROOT / "build" / "bench" / "api.json"
MARKET: Final = "ETH/USDC"
MID: Final = 250_000
NEAR: Final = 200
FAR: Final = 1_000
LOTS: Final = (100, 1_000)
PAGE: Final = b"\0" * 4096
DEADLINE_S: Final = 3_600
WAIT_S: Final = 60.0
WORK_OFF_S: Final = 300.0
FUNDS: Final = {1: 6_400, 2: 960_000}
"""Whole tokens of the market's base and quote that all traders have together."""


class BenchError(Exception):
    """The exchange did not do what it should have."""


@dataclass
class Trader:
    """An account that draws its next action by itself, so that its order does not depend on other accounts.

    Orders near the middle are for crossing ones to take; those further away are what it cancels.
    """

    key: PrivateKey
    address: bytes
    random: Random
    nonce: int = 0
    named: int = 0
    far: list[int] = field(default_factory=list)

    def head(self, deadline: int) -> tuple[bytes, bytes, int, int]:
        """The first four fields of the next transaction."""
        self.nonce += 1
        return self.address, self.address, self.nonce - 1, deadline

    def action(self, head: tuple[bytes, bytes, int, int], market: int) -> Action:
        """The next action: 60 % rest, 35 % cancel, 5 % cross."""
        draw = self.random.random()
        if draw < 0.35 and self.far:
            return CancelClientOrder(*head, self.far.pop(self.random.randrange(len(self.far))))
        side = self.random.choice((Side.BID, Side.ASK))
        sign = 1 if side is Side.ASK else -1
        if draw >= 0.95:
            return self._order(head, market, side, MID - sign * NEAR, 5 * sum(LOTS) // 2, TimeInForce.IOC)
        self.named += 1
        far = self.random.random() < 0.6
        away = self.random.randint(NEAR + 1, FAR) if far else self.random.randint(1, NEAR)
        if far:
            self.far.append(self.named)
        size = self.random.randint(*LOTS)
        return self._order(head, market, side, MID + sign * away, size, TimeInForce.GTC, self.named)

    def _order(
        self,
        head: tuple[bytes, bytes, int, int],
        market: int,
        side: Side,
        price: int,
        size: int,
        time_in_force: TimeInForce,
        client_order_id: int = 0,
    ) -> PlaceOrder:
        return PlaceOrder(
            *head, market, side, time_in_force, SelfTrade.CANCEL_MAKER, price, size, client_order_id
        )

    def sign(self, separator: bytes, tx: Transaction) -> str:
        """The signature as the API takes it."""
        signature = self.key.sign_recoverable(signing.digest(separator, tx), hasher=None)
        return f"0x{(signature[:64] + bytes([27 + signature[64]])).hex()}"


class Bench:
    """The traders, what they send, and the runs."""

    def __init__(self, devnet: Devnet) -> None:
        self.devnet = devnet
        self.client = Client(devnet.url)
        self.market = self.client.market(MARKET)
        info = self.client.info()
        self.separator = signing.domain_separator(info.chain_id, bytes.fromhex(info.exchange[2:]))
        self.deadline = int(time.time()) + DEADLINE_S
        self.traders = [self._trader(number) for number in range(ACCOUNTS)]

    def _trader(self, number: int) -> Trader:
        key = PrivateKey.from_int(1_000_000 + number)
        return Trader(key, Wallet(key.secret).address, Random(number))

    def fund(self) -> None:
        """One deposit of each token from L1, then transfers to the traders."""
        rich = self.devnet.traders()[0]
        l1 = L1Account(self.devnet.rpc_url, self.devnet.deployment["exchange"], rich)
        for token in (self.market.base, self.market.quote):
            l1.deposit(token, FUNDS[token] * 10 ** self.client.token(token).decimals)
        self._wait_for_deposits(Client(self.devnet.url, rich))
        giver = Trader(PrivateKey(rich.l1.key), rich.address, Random(0))
        for trader in self.traders:
            for token in (self.market.base, self.market.quote):
                self._transfer(giver, trader, token)

    def _wait_for_deposits(self, client: Client) -> None:
        deadline = time.monotonic() + WAIT_S
        while sum(deposit.status == "credited" for deposit in client.all_deposits()) < len(FUNDS):
            if time.monotonic() > deadline:
                raise BenchError(f"waited {WAIT_S:.0f} s for the deposits")
            time.sleep(0.05)

    def _transfer(self, giver: Trader, trader: Trader, token: int) -> None:
        amount = FUNDS[token] // ACCOUNTS
        units = amount * 10 ** self.client.token(token).decimals
        tx = Transfer(*giver.head(self.deadline), trader.address, token, units)
        body = self._head(giver, tx) | {
            "to": f"0x{trader.address.hex()}",
            "token": token,
            "amount": str(amount),
        }
        response = requests.post(f"{self.devnet.url}/v1/transfers", json=body, timeout=WAIT_S)
        if response.status_code != requests.codes.ok:
            raise BenchError(f"a transfer was refused: {response.text}")

    # --------------------------------------------------------------- requests

    def singles(self, count: int) -> list[list[tuple[str, bytes]]]:
        """For each trader, its next operations with their bodies."""
        return [[self._single(trader) for _ in range(count // ACCOUNTS)] for trader in self.traders]

    def _single(self, trader: Trader) -> tuple[str, bytes]:
        tx = trader.action(trader.head(self.deadline), self.market.id)
        body = self._head(trader, tx)
        if isinstance(tx, PlaceOrder):
            body |= {
                "market": tx.market,
                "side": "sell" if tx.side else "buy",
                "timeInForce": tx.time_in_force.name,
                "selfTrade": "cancel_maker",
                "price": plain(tx.price * self.market.tick_size),
                "size": plain(tx.size * self.market.lot_size),
            }
        if isinstance(tx, PlaceOrder | CancelClientOrder) and tx.client_order_id:
            body["clientOrderId"] = str(tx.client_order_id)
        operation = "place_order" if isinstance(tx, PlaceOrder) else "cancel_order"
        return operation, json.dumps(body, separators=(",", ":")).encode()

    def batches(self, count: int) -> list[list[tuple[str, bytes]]]:
        """Like `singles`, in signed batches."""
        return [[self._batch(trader) for _ in range(count // ACCOUNTS)] for trader in self.traders]

    def _batch(self, trader: Trader) -> tuple[str, bytes]:
        head = trader.head(self.deadline)
        actions = tuple(trader.action(head, self.market.id) for _ in range(BATCH))
        tx = Batch(*head, actions)
        body = self._head(trader, tx) | {"actions": f"0x{encode_actions(actions).hex()}"}
        return "batch", json.dumps(body, separators=(",", ":")).encode()

    def _head(self, trader: Trader, tx: Transaction) -> dict[str, Any]:
        address = f"0x{trader.address.hex()}"
        return {
            "account": address,
            "signer": address,
            "nonce": str(tx.nonce),
            "deadline": str(tx.deadline),
            "signature": trader.sign(self.separator, tx),
        }

    # -------------------------------------------------------------------- runs

    def http(self, requests_of: list[list[tuple[str, bytes]]], interval_us: int = 0) -> dict[str, Any]:
        """One run over HTTP, a trader's requests in their order on one connection."""
        lines = [[_http_request(*request) for request in requests] for requests in requests_of]
        connections = _dealt(lines, HTTP_CONNECTIONS)
        return self._run({"kind": "http", "depth": 1, "interval_us": interval_us}, connections)

    def socket(self, requests_of: list[list[tuple[str, bytes]]], interval_us: int = 0) -> dict[str, Any]:
        """One run over WebSockets."""
        connections = [
            [_frame(number, *request) for number, request in enumerate(requests)]
            for requests in _dealt(requests_of, SOCKETS)
        ]
        settings = {"kind": "ws", "depth": SOCKET_DEPTH, "interval_us": interval_us}
        return self._run(settings, connections)

    def _run(self, settings: dict[str, Any], connections: list[list[bytes]]) -> dict[str, Any]:
        path = self.devnet.folder / "work.bin"
        write_work(path, {"host": "127.0.0.1", "port": self.devnet.http_port} | settings, connections)
        command = [sys.executable, "-m", "scripts.load_client", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise BenchError(f"the client failed:\n{done.stderr}")
        self.devnet.require_running()
        result: dict[str, Any] = json.loads(done.stdout)
        result["per_s"] = result["accepted"] * 10**9 // result["elapsed_ns"]
        return result


def _dealt(lines: list[list[Any]], count: int) -> list[list[Any]]:
    """The lines of all traders on `count` connections: each trader on one, traders in turn."""
    connections: list[list[Any]] = [[] for _ in range(count)]
    for number, connection in enumerate(connections):
        for turn in zip(*lines[number::count], strict=True):
            connection += turn
    return connections


_PATHS: Final = {"place_order": "orders", "cancel_order": "cancels", "batch": "order-batches"}


def _http_request(operation: str, body: bytes) -> bytes:
    head = f"POST /v1/{_PATHS[operation]} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _frame(number: int, operation: str, body: bytes) -> bytes:
    return frame(b'{"id":%d,"op":"%s","args":%s}' % (number, operation.encode(), body))


# ------------------------------------------------------------------- the figures


def throughput(bench: Bench, kind: str) -> dict[str, Any]:
    """Accepted orders per second in several runs after one to warm up."""
    make, send, count = {
        "http": (bench.singles, bench.http, HTTP_ORDERS),
        "websocket": (bench.singles, bench.socket, SOCKET_ORDERS),
        "batches": (bench.batches, bench.socket, BATCHES),
    }[kind]
    runs = []
    for number in range(1 + RUNS):
        run = send(make(count))
        print(
            f"bench-api: {kind}, {'warm-up' if not number else f'run {number}'}: {run['per_s']:,}/s",
            flush=True,
        )
        runs.append(run)
    rates = [run["per_s"] for run in runs[1:]]
    return {
        "per_s": {"median": int(statistics.median(rates)), "min": min(rates), "max": max(rates)},
        "runs": runs[1:],
    }


def waiting(bench: Bench, per_s: int) -> dict[str, Any]:
    """How long single orders wait at `per_s` over HTTP, and the disk's own fsync meanwhile."""
    orders = bench.singles(max(per_s * 8, 2_000) // ACCOUNTS * ACCOUNTS)
    syncs: list[float] = []
    stop = threading.Event()
    probe = threading.Thread(
        target=probe_disk, args=(bench.devnet.folder / "data" / "fsync.probe", syncs, stop)
    )
    probe.start()
    try:
        run = bench.http(orders, interval_us=10**6 // per_s)
    finally:
        stop.set()
        probe.join()
    return {
        "orders_per_s": per_s,
        "ack_ms_p50": run["latency_us"]["p50"] / 1_000,
        "ack_ms_p99": run["latency_us"]["p99"] / 1_000,
        "fsync_ms_p50": spread(syncs)["median"],
        "run": run,
    }


def probe_disk(path: Path, syncs: list[float], stop: threading.Event) -> None:
    """Appends a page and makes it durable, again and again, on the disk of the journal."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        while not stop.wait(0.05):
            syncs.append(sync(file))
    finally:
        os.close(file)


def backlog(bench: Bench) -> dict[str, int]:
    """What is accepted and not yet rooted, batched or proven."""
    seq = int(
        requests.get(f"{bench.devnet.url}/v1/markets/{bench.market.id}/book", timeout=WAIT_S).json()["seq"]
    )
    blocks = requests.get(f"{bench.devnet.url}/v1/blocks?limit=1", timeout=WAIT_S).json()["blocks"]
    batches = requests.get(f"{bench.devnet.url}/v1/batches?limit=1", timeout=WAIT_S).json()["batches"]
    health = requests.get(f"{bench.devnet.url}/v1/health", timeout=WAIT_S).json()
    return {
        "transactions": seq,
        "without_state_root": seq + 1 - int(blocks[0]["endSeq"]),
        "not_re_executed": seq + 1 - int(batches[0]["endSeq"]),
        "batches_not_proven": health["prover"]["waiting"],
    }


def work_off(bench: Bench) -> None:
    """Returns when all that was accepted is re-executed: what is measured next has the machine for itself."""
    deadline = time.monotonic() + WORK_OFF_S
    while backlog(bench)["not_re_executed"]:
        if time.monotonic() > deadline:
            raise BenchError(f"the backlog is not worked off after {WORK_OFF_S:.0f} s")
        time.sleep(0.5)


def measure(devnet: Devnet) -> dict[str, Any]:
    """All figures, with the backlog after each."""
    bench = Bench(devnet)
    bench.fund()
    report: dict[str, Any] = {}
    for kind in ("http", "websocket", "batches"):
        report[kind] = throughput(bench, kind)
        report[kind]["backlog"] = backlog(bench)
        work_off(bench)
    http = report["http"]["per_s"]["median"]
    report["waiting"] = waiting(bench, http // 2)
    report["waiting"]["backlog"] = backlog(bench)
    return {
        "single_orders_per_s": {"http": http, "websocket": report["websocket"]["per_s"]["median"]},
        "batched_orders_per_s": report["batches"]["per_s"]["median"],
        "batch": BATCH,
        **{key: report["waiting"][key] for key in ("ack_ms_p50", "ack_ms_p99", "fsync_ms_p50")},
        "details": report,
    }


def main() -> int:
    pace = Pace(seal_interval_ms=500, batch_age_ms=5_000)
    try:
        with Devnet(ROOT / "build" / "bench-api", pace=pace, worker=False, limits=False) as devnet:
            report = measure(devnet)
    except (BenchError, DevnetError, L1ActionError, requests.RequestException) as error:
        print(f"bench-api: FAILED: {error}", file=sys.stderr)
        return 1
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps({key: value for key, value in report.items() if key != "details"}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
