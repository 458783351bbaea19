"""How long a trader waits for an order to be acknowledged, under light load: `make bench-ack`.

    python -m scripts.bench_ack        writes build/bench/ack.json

A devnet runs as usual, with sealing, re-execution and settlement going on. One client, in this process, sends signed
orders over one connection, one at a time with a pause in between. An answer means that the journal is durable, so the
machine's own fsync is measured between the orders, on the same disk, and reported beside it.
"""

import http.client
import json
import os
import statistics
import sys
import time
from decimal import Decimal
from typing import Any, Final

from scripts.devnet import ROOT, Devnet, DevnetError
from sequencer.client import Client
from sequencer.client.decimals import plain, to_units
from sequencer.client.errors import ClientError
from sequencer.client.l1 import L1Account, L1ActionError
from sequencer.client.wallet import Wallet
from sequencer.core import signing
from sequencer.core.types import PlaceOrder, SelfTrade, Side, TimeInForce

WARM_UP: Final = 50
ORDERS: Final = 400
PAUSE_S: Final = 0.01
PAGE: Final = b"\0" * 4096
MARKET: Final = "ETH/USDC"
FUNDS: Final = Decimal(500_000)
WAIT_S: Final = 60.0
OUTPUT: Final = ROOT / "build" / "bench"


class BenchError(Exception):
    """The exchange did not acknowledge what it should have."""


def fund(devnet: Devnet, client: Client, wallet: Wallet) -> None:
    """Deposits the quote token and waits until it is credited."""
    token = client.token("USDC")
    l1 = L1Account(devnet.rpc_url, devnet.deployment["exchange"], wallet)
    l1.deposit(token.id, to_units(FUNDS, token.decimals))
    deadline = time.monotonic() + WAIT_S
    while not any(deposit.status == "credited" for deposit in client.all_deposits()):
        if time.monotonic() > deadline:
            raise BenchError(f"waited {WAIT_S:.0f} s for the deposit")
        time.sleep(0.05)


def signed_orders(client: Client, wallet: Wallet, count: int) -> list[bytes]:
    """Bodies of orders that rest, far from each other's prices, signed beforehand."""
    market = client.market(MARKET)
    separator = signing.domain_separator(client.info().chain_id, bytes.fromhex(client.info().exchange[2:]))
    bodies = []
    for nonce in range(count):
        ticks = 100_000 + nonce % 100
        order = PlaceOrder(
            account=wallet.address,
            signer=wallet.address,
            nonce=nonce,
            deadline=int(time.time()) + 600,
            market=market.id,
            side=Side.BID,
            time_in_force=TimeInForce.GTC,
            self_trade=SelfTrade.CANCEL_TAKER,
            price=ticks,
            size=100,
            client_order_id=0,
        )
        body = {
            "account": f"0x{wallet.address.hex()}",
            "signer": f"0x{wallet.address.hex()}",
            "nonce": str(nonce),
            "deadline": str(order.deadline),
            "market": market.id,
            "side": "buy",
            "timeInForce": "GTC",
            "selfTrade": "cancel_taker",
            "price": plain(ticks * market.tick_size),
            "size": plain(100 * market.lot_size),
            "signature": f"0x{wallet.sign(signing.digest(separator, order)).hex()}",
        }
        bodies.append(json.dumps(body).encode())
    return bodies


def send(connection: http.client.HTTPConnection, body: bytes) -> float:
    """Milliseconds from the first byte sent to the whole answer."""
    start = time.perf_counter()
    connection.request("POST", "/v1/orders", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    elapsed_ms = (time.perf_counter() - start) * 1000
    if response.status != http.client.OK:
        raise BenchError(f"an order was refused: {answer.decode()}")
    return elapsed_ms


def sync(file: int) -> float:
    """Milliseconds to append a page and make it durable."""
    start = time.perf_counter()
    os.write(file, PAGE)
    os.fsync(file)
    return (time.perf_counter() - start) * 1000


def spread(samples: list[float]) -> dict[str, float]:
    """Median and spread, in milliseconds."""
    ordered = sorted(samples)
    return {
        "median": round(statistics.median(ordered), 3),
        "p99": round(ordered[len(ordered) * 99 // 100], 3),
        "min": round(ordered[0], 3),
        "max": round(ordered[-1], 3),
    }


def measure(devnet: Devnet) -> dict[str, Any]:
    """Acknowledgements and fsyncs, in turn."""
    wallet = devnet.traders()[0]
    client = Client(devnet.url, wallet)
    fund(devnet, client, wallet)
    bodies = signed_orders(client, wallet, WARM_UP + ORDERS)
    connection = http.client.HTTPConnection("127.0.0.1", devnet.http_port)
    file = os.open(devnet.folder / "data" / "fsync.probe", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    acks, syncs = [], []
    try:
        for number, body in enumerate(bodies):
            ack_ms = send(connection, body)
            time.sleep(PAUSE_S)
            sync_ms = sync(file)
            time.sleep(PAUSE_S)
            if number >= WARM_UP:
                acks.append(ack_ms)
                syncs.append(sync_ms)
    finally:
        os.close(file)
        connection.close()
    over = statistics.median(acks) - statistics.median(syncs)
    return {
        "orders": ORDERS,
        "pause_ms": PAUSE_S * 1000,
        "ack_ms": spread(acks),
        "fsync_ms": spread(syncs),
        "ack_over_fsync_ms": round(over, 3),
    }


def main() -> int:
    try:
        with Devnet(ROOT / "build" / "bench-ack") as devnet:
            report = measure(devnet)
    except (BenchError, DevnetError, ClientError, L1ActionError) as error:
        print(f"bench-ack: FAILED: {error}", file=sys.stderr)
        return 1
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "ack.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
