"""The operator walks away in the middle of trading, with everything that only it had; every account still leaves.

What is settled is on L1, and L1 is all that is used. At the end the contract holds nothing of any token.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from scripts.demo_flow import Place, flow
from scripts.devnet import FEES, POSTER, Devnet, trader_wallet
from sequencer.abi import ERC20, EXCHANGE
from sequencer.client import ApiError, Wallet
from sequencer.client.l1 import L1Account
from tests.e2e.conftest import PACE, Party, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TRADERS: Final = 6
SUCCESSOR: Final = 9
"""Index of the second operator's key, which is not the poster's."""
DEPOSITS: Final = {"ETH": Decimal(40), "USDC": Decimal(200_000), "WBTC": Decimal(4)}
NOBODY: Final = "http://127.0.0.1:1"
MAIN: Final = "from sequencer.client.cli import main; main()"


class Abandoned:
    """An exchange in the middle of trading whose operator is gone: orders rest, withdrawals are not claimed, blocks are
    not settled and deposits wait in the inbox.
    """

    def __init__(self, devnet: Devnet) -> None:
        self.devnet = devnet
        self.exchange = devnet.deployment["exchange"]
        self.web3 = Web3(HTTPProvider(devnet.rpc_url))
        self.contract = self.web3.eth.contract(address=self.exchange, abi=EXCHANGE)
        self.inclusion, self.deadline, *_ = self.contract.functions.delays().call()
        self.archive = devnet.folder / "archive"
        """Of somebody who keeps what anyone could read."""
        self.refused = 0
        self.parties = [Party(devnet, trader) for trader in range(TRADERS)]
        self.wallets = [party.wallet for party in self.parties] + [trader_wallet(FEES)]

    # ----------------------------------------------------------------- before

    def trade(self) -> None:
        """Deposits, many orders, and withdrawals of which one is claimed; all of that is settled."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(self._deposit, self.parties))
        for action in flow(seed=11, traders=TRADERS, orders=150):
            self._send(action)
        assert self.refused < 50
        for party in self.parties:
            party.client.withdraw("USDC", Decimal(10))
        self.parties[0].l1.cancel_all()  # whoever settles it earns its fee
        wait_until(self._all_settled)
        first = self.parties[0]
        first.l1.claim(first.client.withdrawals().withdrawals[0], 6)

    def _deposit(self, party: Party) -> None:
        for symbol, amount in DEPOSITS.items():
            party.deposit(symbol, amount)

    def _send(self, action: Any) -> None:
        client = self.parties[action.trader].client
        try:
            if isinstance(action, Place):
                client.place_order(
                    action.market,
                    action.side,
                    action.price,
                    action.size,
                    time_in_force=action.time_in_force,
                    client_order_id=action.client_order_id,
                )
            else:
                client.cancel_client_order(action.client_order_id)
        except ApiError:
            self.refused += 1

    def _all_settled(self) -> bool:
        found = [party.client.withdrawals().withdrawals[0] for party in self.parties]
        return all(w.status == "settled" for w in found) and self.all_consumed()

    def all_consumed(self) -> bool:
        """Whether every entry of the inbox is settled."""
        cursor = self.contract.functions.head().call()[2]
        return bool(cursor == self.contract.functions.inboxLength().call())

    def die(self) -> None:
        """Acknowledges more than is ever settled, and is gone with all its files; then deposits come."""
        for party in self.parties[1:3]:
            party.client.withdraw("ETH", Decimal("0.5"))
            party.client.place_order("ETH/USDC", "sell", Decimal(2600), Decimal("0.1"))
        self.devnet.kill_sequencer()
        # Out of reach of everything but the test's last look at it.
        (self.devnet.folder / "data").rename(self.devnet.folder / "relic")
        self.parties[3].l1.deposit(1, 3 * 10**18)
        self.parties[4].l1.deposit(2, 5 * 10**6)
        self.parties[4].l1.revoke_agents()

    # ------------------------------------------------------------------ after

    def pass_time(self, seconds: int) -> None:
        """Moves L1's clock."""
        for method, params in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            self.web3.provider.make_request(RPCEndpoint(method), params)

    def leave(self, wallet: Wallet, *options: str) -> "subprocess.CompletedProcess[str]":
        """`zkclob exit` with nothing but a key, an RPC address and the contract's."""
        return self._zkclob("exit", "--yes", *options, ZKCLOB_KEY=wallet.l1.key.hex())

    def verify(self, *options: str) -> None:
        """`zkclob verify`, which must find nothing wrong."""
        done = self._zkclob("verify", *options)
        assert done.returncode == 0, done.stderr

    def _zkclob(self, command: str, *options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        where = ("--rpc", self.devnet.rpc_url, "--contract", self.exchange)
        return subprocess.run(
            [sys.executable, "-c", MAIN, command, *where, *options],
            env=os.environ | {"ZKCLOB_URL": NOBODY} | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def leave_all(self, *options: str) -> list[int]:
        """Exit status of everybody's `zkclob exit`."""
        with ThreadPoolExecutor(2) as threads:
            return [done.returncode for done in threads.map(lambda w: self.leave(w, *options), self.wallets)]

    def settled_seq(self) -> int:
        """One past the last sequence number that is settled."""
        return int(self.contract.functions.head().call()[5])

    def collect_fees(self, settler: str) -> None:
        """Has whoever settled forced operations paid."""
        L1Account(self.devnet.rpc_url, self.exchange, self.wallets[0]).act("collectFees", settler)

    def held(self) -> dict[str, int]:
        """What the contract holds of each token, in base units."""
        found: dict[str, int] = {}
        for token in self.devnet.deployment["tokens"]:
            if token["id"] == 1:
                found[token["symbol"]] = self.web3.eth.get_balance(self.exchange)
            else:
                erc20 = self.web3.eth.contract(address=token["address"], abi=ERC20)
                found[token["symbol"]] = erc20.functions.balanceOf(self.exchange).call()
        return found


@pytest.fixture
def carrier() -> str:
    """What brings the data of batches to L1."""
    return "calldata"


@pytest.fixture
def abandoned(tmp_path: Path, carrier: str) -> Iterator[Abandoned]:
    with Devnet(tmp_path / "devnet", pace=PACE, data_carrier=carrier) as devnet:
        exchange = Abandoned(devnet)
        exchange.trade()
        exchange.verify("--archive", str(exchange.archive))
        exchange.die()
        assert all(amount > 0 for amount in exchange.held().values())
        yield exchange


HISTORY: Final = {
    "journal": ("seq, block, digest, code, payload, inbox_index, item_codes", "seq < :end"),
    "blocks": (
        "number, timestamp, state_root, batch",
        "number IN (SELECT block FROM journal WHERE seq < :end)",
    ),
    "inbox": ("idx, seq, chain_hash, l1_block, l1_block_hash", "seq < :end"),
    "trades": ("*", "id < :end * 256"),
    "deposits": ("*", "seq < :end"),
    "withdrawals": ("seq, item, account, kind, recipient, token, amount, leaf, leaf_hash", "seq < :end"),
    "orders": ("place, account, market, side, price, size, taken, turnover, created", "place < :end * 64"),
    "batches": ("number, first_block, end_seq, public_values, data, l1_tx, l1_block", "end_seq <= :end"),
}
"""Columns of what is stored, and which rows are of what is settled."""


def require_same_history(before: Path, after: Path, end: int) -> None:
    """What the first operator stored of what is settled, but for signatures and who proved it."""
    for table, (columns, settled) in HISTORY.items():
        query = f"SELECT {columns} FROM {table} WHERE {settled} ORDER BY 1, 2"
        rows = []
        for folder in (before, after):
            with closing(sqlite3.connect(folder / "sequencer.sqlite3")) as database:
                rows.append(database.execute(query, {"end": end}).fetchall())
        assert rows[0] == rows[1], table
        assert rows[0], table


NOTHING: Final = {"ETH": 0, "USDC": 0, "WBTC": 0}


def test_everybody_escapes_from_an_exchange_that_nobody_serves(abandoned: Abandoned) -> None:
    early = abandoned.leave(abandoned.wallets[0], "--no-wait")
    assert early.returncode == 1
    assert "then wait for the exit" in early.stdout
    abandoned.pass_time(abandoned.deadline)
    assert abandoned.leave_all() == [0] * len(abandoned.wallets)
    assert abandoned.contract.functions.frozen().call()
    abandoned.collect_fees(trader_wallet(POSTER).l1.address)
    assert abandoned.held() == NOTHING


def test_everybody_is_let_out_by_an_operator_that_starts_from_l1(abandoned: Abandoned) -> None:
    devnet, successor = abandoned.devnet, trader_wallet(SUCCESSOR)
    batches = abandoned.contract.functions.head().call()[1]
    assert abandoned.leave_all("--no-wait") == [1] * len(abandoned.wallets)
    abandoned.pass_time(abandoned.inclusion + 1)

    config = devnet.folder / "config.toml"
    (devnet.folder / "poster.key").write_text(f"0x{successor.l1.key.hex()}\n")
    rebuilt = subprocess.run(
        [sys.executable, "-m", "sequencer", "rebuild", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert f"rebuilt {batches} batches" in rebuilt.stdout
    require_same_history(devnet.folder / "relic", devnet.folder / "data", abandoned.settled_seq())
    devnet.start_sequencer()
    wait_until(abandoned.all_consumed)

    assert abandoned.leave_all() == [0] * len(abandoned.wallets)
    assert not abandoned.contract.functions.frozen().call()
    for settler in (trader_wallet(POSTER), successor):
        abandoned.collect_fees(settler.l1.address)
    assert abandoned.held() == NOTHING


@pytest.mark.parametrize("carrier", ["blobs"])
def test_everybody_escapes_with_an_archive_when_blobs_are_pruned(abandoned: Abandoned) -> None:
    pruned = ("--beacon", NOBODY)
    abandoned.pass_time(abandoned.deadline)
    lost = abandoned.leave(abandoned.wallets[0], *pruned)
    assert (lost.returncode, "its data is nowhere to be found" in lost.stderr) == (1, True)
    statuses = abandoned.leave_all(*pruned, "--archive", str(abandoned.archive))
    assert statuses == [0] * len(abandoned.wallets)
    abandoned.collect_fees(trader_wallet(POSTER).l1.address)
    assert abandoned.held() == NOTHING
