"""Runs the whole exchange once and checks what it promises: `make demo`.

Wallets deposit on L1, trade over HTTP, the sequencer is killed in the middle and started again, batches are executed by
the real guest and settled, withdrawals are claimed. Then the books are checked from the outside: nothing acknowledged
is missing, L1 and L2 have the same root, and the contract holds exactly what it owes. The summary is written to
`build/demo.json`; the exit status is 1 if anything falls short.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Final

from scripts.audit import Audit, AuditError, Auditor
from scripts.demo_flow import Action, Place, flow, queue_at_one_price
from scripts.demo_wallets import DemoError, all_credited, claim, deposit, wait_until
from scripts.devnet import ROOT, Devnet, DevnetError, Pace
from sequencer.client import ApiError, Client, Unreachable
from sequencer.client.answers import Placed
from sequencer.client.errors import ClientError
from sequencer.client.l1 import L1Account, L1ActionError

SEED: Final = 7
TRADERS: Final = 5
ORDERS: Final = 300
BATCHES_MIN: Final = 3
DEPOSITS: Final = {"ETH": Decimal(100), "USDC": Decimal(500_000), "WBTC": Decimal(10)}
WITHDRAWALS: Final = (
    (0, "USDC", Decimal("1234.5")),
    (1, "WBTC", Decimal("0.25")),
    (2, "ETH", Decimal("2.5")),
)
"""By trader; the last is not claimed, so that the outbox owes something at the end."""

PACE: Final = Pace(seal_interval_ms=300, batch_age_ms=1_000, l1_poll_ms=200)


@dataclass
class Acknowledged:
    """Every transaction that the sequencer said it accepted: digest to sequence number; and the orders among them."""

    sequence: dict[str, int] = field(default_factory=dict)
    orders: dict[str, Placed] = field(default_factory=dict)
    fills: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def add_order(self, placed: Placed) -> None:
        """Notes an accepted order."""
        self.sequence[placed.digest] = placed.seq
        self.orders[placed.order_id] = placed
        self.fills += len(placed.fills)


class Demo:
    """One run against a devnet."""

    def __init__(self, devnet: Devnet, started: float) -> None:
        self.devnet = devnet
        self.wallets = devnet.traders()[:TRADERS]
        self.clients = [Client(devnet.url, wallet) for wallet in self.wallets]
        self.l1 = [
            L1Account(devnet.rpc_url, devnet.deployment["exchange"], wallet) for wallet in self.wallets
        ]
        self.auditor = Auditor(devnet.rpc_url, devnet.deployment["exchange"], self.clients[0])
        self.acknowledged = Acknowledged()
        self.started = started
        self.rest: list[Action] = []

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"{time.monotonic() - self.started:5.1f} s  {text}", flush=True)

    # ---------------------------------------------------------------- money in

    def deposit(self) -> None:
        """Every wallet deposits every token, and waits until all of it is credited."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(self._deposit_all, range(TRADERS)))
        wait_until("the deposits to be credited", lambda: all_credited(self.clients, DEPOSITS))

    def _deposit_all(self, trader: int) -> None:
        deposit(self.clients[trader], self.l1[trader], DEPOSITS)

    # ----------------------------------------------------------------- trading

    def trade_in_turn(self) -> None:
        """Several makers at one price: the first is filled first."""
        bids, sale = queue_at_one_price(TRADERS - 1)
        queue = [self._place(bid) for bid in bids]
        taken = self._place(sale)
        clients = self.clients
        shown = [
            client.order(bytes.fromhex(p.order_id[2:])) for client, p in zip(clients, queue, strict=False)
        ]
        remaining = [order.remaining for order in shown]
        size = bids[0].size
        expected = [Decimal(0), size / 2, *[size] * (len(queue) - 2)]
        if remaining != expected or len(taken.fills) != 2:
            raise DemoError(f"the queue was not filled in turn: {remaining} remain, expected {expected}")

    def trade(self, actions: list[Action]) -> None:
        """Sends actions; each is acknowledged, refused with a reason, or left unanswered by a dead sequencer."""
        for number, action in enumerate(actions):
            try:
                if isinstance(action, Place):
                    self._place(action)
                else:
                    cancelled = self.clients[action.trader].cancel_client_order(action.client_order_id)
                    self.acknowledged.sequence[cancelled.digest] = cancelled.seq
            except ApiError as error:
                self.acknowledged.refused[error.code] = self.acknowledged.refused.get(error.code, 0) + 1
            except Unreachable:
                # Whether this one was accepted is unknown; what comes after it was not sent.
                self.rest = actions[number + 1 :]
                return
        self.rest = []

    def _place(self, order: Place) -> Placed:
        placed = self.clients[order.trader].place_order(
            order.market,
            order.side,
            order.price,
            order.size,
            time_in_force=order.time_in_force,
            client_order_id=order.client_order_id,
        )
        self.acknowledged.add_order(placed)
        return placed

    # ------------------------------------------------------------------- crash

    def crash_while_trading(self, actions: list[Action]) -> None:
        """SIGKILL while orders are being sent, then a restart."""
        target = len(self.acknowledged.orders) + len(actions) // 4
        with ThreadPoolExecutor() as threads:
            trading = threads.submit(self.trade, actions)
            wait_until("orders to flow", lambda: trading.done() or len(self.acknowledged.orders) >= target)
            self.devnet.kill_sequencer()
            trading.result()
        known = len(self.acknowledged.sequence)
        self.say(f"killed the sequencer (SIGKILL) after {known} acknowledgements; starting it again")
        self.devnet.start_sequencer()

    def require_nothing_lost(self) -> None:
        """Every acknowledged transaction is there, at its place; every acknowledged order is known."""
        reader = self.clients[0]
        for digest, seq in self.acknowledged.sequence.items():
            found = reader.transaction(bytes.fromhex(digest[2:]))
            if (found.seq, found.code) != (seq, "OK"):
                raise DemoError(f"{digest} was acknowledged as {seq}, now it is {found.seq} ({found.code})")
        for order_id in self.acknowledged.orders:
            reader.order(bytes.fromhex(order_id[2:]))

    # --------------------------------------------------------------- money out

    def withdraw_and_claim(self) -> None:
        """Withdraws, waits for settlement, and has all but the last withdrawal paid on L1."""
        for trader, symbol, amount in WITHDRAWALS:
            withdrawn = self.clients[trader].withdraw(symbol, amount)
            self.acknowledged.sequence[withdrawn.digest] = withdrawn.seq
        wait_until("the withdrawals to settle", self._withdrawals_settled)
        for trader, symbol, amount in WITHDRAWALS[:-1]:
            claim(self.clients[trader], self.l1[trader], symbol, amount)

    def _withdrawals_settled(self) -> bool:
        return all(
            withdrawal.status == "settled"
            for trader, _, _ in WITHDRAWALS
            for withdrawal in self.clients[trader].all_withdrawals()
        )

    # ----------------------------------------------------------------- summary

    def settle_all(self) -> int:
        """Waits until L1 has everything that was sequenced; gives the number of batches."""
        wait_until("everything to settle", self.auditor.is_settled)
        wait_until("the node to see it", lambda: self.clients[0].batches().batches[0].status == "settled")
        return self.clients[0].batches().batches[0].number

    def summary(self, audited: Audit) -> dict[str, Any]:
        """What `build/demo.json` says."""
        batches = self.clients[0].batches().batches
        orders = len(self.acknowledged.orders)
        prover_gas = sum(batch.prover_gas or 0 for batch in batches)
        return {
            "seed": SEED,
            "wallets": TRADERS,
            "markets": len(self.clients[0].markets()),
            "orders": orders,
            "trades": self._trades(),
            "refused": self.acknowledged.refused,
            "acknowledged": len(self.acknowledged.sequence),
            "blocks": audited.blocks,
            "batches_settled": audited.batches,
            "withdrawals_claimed": audited.claimed,
            "guest_cycles": sum(batch.cycles or 0 for batch in batches),
            "prover_gas": prover_gas,
            "prover_gas_per_order": prover_gas // orders,
            "l1_gas_per_batch": sum(audited.l1_gas) // len(audited.l1_gas),
            "l2_root": audited.l2_root,
            "l1_root": audited.l1_root,
            "proof_mode": self.clients[0].info().proof_mode,
            "conserved": all(token.conserved for token in audited.tokens),
            "tokens": [asdict(token) | {"conserved": token.conserved} for token in audited.tokens],
            "seconds": round(time.monotonic() - self.started, 1),
        }

    def _trades(self) -> int:
        """Trades of all markets, page by page."""
        count = 0
        for market in self.clients[0].markets():
            page = self.clients[0].trades(market.id, 1000)
            count += len(page.trades)
            while page.has_more:
                page = self.clients[0].trades(market.id, 1000, page.next)
                count += len(page.trades)
        return count


def shortfalls(summary: dict[str, Any]) -> list[str]:
    """What the run did not show although it had to."""
    least = {
        "wallets": 4,
        "markets": 2,
        "orders": 200,
        "trades": 1,
        "batches_settled": BATCHES_MIN,
        "withdrawals_claimed": 1,
        "guest_cycles": 1,
        "prover_gas": 1,
    }
    short = [
        f"{name} is {summary[name]}, not at least {value}"
        for name, value in least.items()
        if summary[name] < value
    ]
    if summary["l1_root"] != summary["l2_root"]:
        short.append("L1 and L2 have different roots")
    short += [
        f"{token['symbol']} is not conserved: {token}"
        for token in summary["tokens"]
        if not token["conserved"]
    ]
    return short


def run(demo: Demo) -> dict[str, Any]:
    """The whole story; gives the summary."""
    demo.say(f"{TRADERS} wallets deposit {', '.join(DEPOSITS)} on L1")
    demo.deposit()
    demo.trade_in_turn()
    demo.say(f"{TRADERS - 1} makers at one price were filled in the order in which they came")
    actions = list(flow(SEED, TRADERS, ORDERS))
    half = len(actions) // 2
    demo.trade(actions[:half])
    demo.say(f"{len(demo.acknowledged.orders)} orders placed, {demo.acknowledged.fills} fills")
    demo.say(f"all of it is settled in {demo.settle_all()} batches")
    demo.crash_while_trading(actions[half:])
    demo.require_nothing_lost()
    demo.say(f"all {len(demo.acknowledged.sequence)} acknowledged transactions are still there")
    demo.trade(demo.rest)
    demo.say(f"{len(demo.acknowledged.orders)} orders placed, {demo.acknowledged.fills} fills")
    demo.say(f"all of it is settled in {demo.settle_all()} batches")
    demo.withdraw_and_claim()
    demo.say(f"{len(WITHDRAWALS) - 1} of {len(WITHDRAWALS)} withdrawals claimed on L1")
    demo.require_nothing_lost()
    demo.say(f"all of it is settled in {demo.settle_all()} batches; checking the books from the outside")
    return demo.summary(demo.auditor.audit())


def main() -> int:
    started = time.monotonic()
    folder = ROOT / "build"
    print("starting Anvil, the contracts and the sequencer", flush=True)
    try:
        with Devnet(folder / "demo", pace=PACE) as devnet:
            demo = Demo(devnet, started)
            summary = run(demo)
    except (DemoError, DevnetError, AuditError, ClientError, L1ActionError) as error:
        print(f"demo: FAILED: {error}", file=sys.stderr)
        return 1
    (folder / "demo.json").write_text(json.dumps(summary, indent=2) + "\n")
    for name, value in summary.items():
        if name != "tokens":
            print(f"  {name:22} {value}")
    short = shortfalls(summary)
    for line in short:
        print(f"demo: FAILED: {line}", file=sys.stderr)
    print(f"written to {folder / 'demo.json'}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
