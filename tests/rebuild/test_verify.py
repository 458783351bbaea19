"""`zkclob verify` and what it serves, against a real chain."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from zkclob_native import keccak256

from scripts.devnet import free_port
from sequencer.core.account_proof import AccountProof
from sequencer.rebuild.governance import describe_call, described
from sequencer.rebuild.server import Pages, serving
from sequencer.rebuild.view import View
from tests.command import Zkclob
from tests.rebuild.conftest import Operator

pytestmark = pytest.mark.e2e


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@pytest.fixture(scope="module")
def view(settled: Operator) -> View:
    follower = settled.follower()
    follower.step()
    return View(follower)


@pytest.fixture(scope="module")
def api(view: View) -> Iterator[str]:
    with serving(view, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


def get(api: str, path: str) -> Any:
    answer = requests.get(f"{api}{path}", timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


# -------------------------------------------------------------------- over HTTP


def test_the_state_is_summarised(settled: Operator, api: str) -> None:
    state = get(api, "/v1/state")
    assert unhex(state["stateRoot"]) == settled.replica.tree.root
    assert state["batch"] == str(settled.batches())
    assert state["accounts"] == str(len(settled.replica.state.accounts))
    assert state["restingOrders"] == str(len(settled.replica.state.orders))


def test_every_account_has_a_proof_against_the_settled_root(settled: Operator, api: str) -> None:
    root = settled.contract.functions.head().call()[0]
    for address in settled.replica.state.accounts:
        found = get(api, f"/v1/accounts/0x{address.hex()}/proof")
        proof = AccountProof(
            unhex(found["account"]),
            [unhex(sibling) for sibling in found["siblings"]],
            found["bits"],
            *(unhex(found[name]) for name in ("booksRoot", "clientsRoot", "registryRoot", "metaHash")),
        )
        assert proof.state_root(address) == root


def test_what_is_owed_can_be_claimed_as_it_is_shown(settled: Operator, api: str) -> None:
    found = [
        claim
        for signer in settled.signers
        for claim in get(api, f"/v1/accounts/0x{signer.address.hex()}/claims")["claims"]
    ]
    payable = [claim for claim in found if claim["amount"] != "0"]
    assert payable
    for claim in payable[:1]:
        tx_hash = settled.contract.functions.claim(
            int(claim["batchNumber"]),
            claim["index"],
            settled.web3.to_checksum_address(claim["recipient"]),
            claim["token"],
            int(claim["amount"]),
            int(claim["maxRelayFee"]),
            claim["proof"],
        ).transact({"from": settled.poster})
        assert settled.web3.eth.wait_for_transaction_receipt(tx_hash)["status"] == 1


def test_what_was_claimed_is_owed_no_more(settled: Operator, view: View, api: str) -> None:
    view.follower.step()
    before = sum(len(view.unclaimed(signer.address)) for signer in settled.signers)
    claim = next(leaf for signer in settled.signers for leaf in view.unclaimed(signer.address))
    content = claim.leaf.withdrawal
    settled.contract.functions.claim(
        claim.leaf.batch,
        claim.leaf.index,
        settled.web3.to_checksum_address(content.recipient),
        content.token,
        content.amount,
        content.max_relay_fee,
        claim.proof,
    ).transact({"from": settled.poster})
    view.follower.step()
    assert sum(len(view.unclaimed(signer.address)) for signer in settled.signers) < before


def test_resting_orders_are_shown(settled: Operator, api: str) -> None:
    state = settled.replica.state
    shown = [
        order["orderId"] for market in (1, 2) for order in get(api, f"/v1/markets/{market}/orders")["orders"]
    ]
    assert sorted(shown) == sorted(f"0x{key.hex()}" for key in state.orders)
    owner = next(iter(state.orders.values())).owner
    (first, *_) = get(api, f"/v1/accounts/0x{owner.hex()}/orders")["orders"]
    assert first["owner"] == f"0x{owner.hex()}"
    assert get(api, f"/v1/accounts/0x{owner.hex()}")["openOrders"] == str(len(state.open_orders(owner)))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/accounts/0x11",
        f"/v1/accounts/0x{'11' * 20}",
        f"/v1/accounts/0x{'11' * 20}/proof",
        f"/v1/accounts/0x{'1g' * 20}/proof",
        "/v1/markets/9/orders",
        "/v1/markets/99999999999/orders",
        "/v1/state/../..",
    ],
)
def test_what_is_not_there_is_not_found(view: View, path: str) -> None:
    status, _ = Pages(view).answer(path)
    assert status == 404


# -------------------------------------------------------------------- the command


def test_verify_rebuilds_and_goes_on(settled: Operator, zkclob: Zkclob, tmp_path: Path) -> None:
    options = ("--contract", settled.exchange, "--data", tmp_path / "data", "--archive", tmp_path / "batches")
    shown = zkclob("--rpc", settled.rpc_url, "verify", *options)
    assert shown.status == 0
    assert f"every one of {settled.batches()} batches gives what was settled" in shown.out
    assert "TokenListed" in shown.err
    settled.l1(3).deposit(1, 10**18)
    settled.settle(10)
    again = zkclob("verify", "--rpc", settled.rpc_url, *options, "--json").answer
    assert unhex(again["stateRoot"]) == settled.replica.tree.root
    assert len(list((tmp_path / "batches").iterdir())) == settled.batches()


def test_verify_says_what_is_wrong_with_where_it_looks(settled: Operator, zkclob: Zkclob) -> None:
    ended = zkclob("verify", "--rpc", settled.rpc_url, "--contract", "0x" + "11" * 20)
    assert (ended.status, "no contract" in ended.err) == (1, True)


def test_verify_follows_and_serves_until_it_is_interrupted(settled: Operator) -> None:
    port = free_port()
    code = "from sequencer.client.cli import main; main()"
    where = ("--rpc", settled.rpc_url, "--contract", settled.exchange, "--serve", f"127.0.0.1:{port}")
    command = [sys.executable, "-c", code, "verify", *where]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_for_batch(port, settled.batches())
            settled.l1(4).deposit(1, 10**18)
            settled.settle(10)
            wait_for_batch(port, settled.batches())
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()


def wait_for_batch(port: int, batch: int) -> None:
    """Returns when this batch is served."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.RequestException):
            if get(f"http://127.0.0.1:{port}", "/v1/state")["batch"] == str(batch):
                return
        time.sleep(0.1)
    raise AssertionError(f"batch {batch} is not served")


# -------------------------------------------------------------------- words for governance


def test_an_action_is_shown_as_the_call_that_it_is() -> None:
    call = keccak256(b"setPoster(address)")[:4] + bytes(12) + b"\x11" * 20
    assert describe_call(call) == f"setPoster({{}} 0x{'11' * 20})".replace("{}", "poster_")
    assert describe_call(b"\x01\x02") == "0x0102"
    assert describe_call(call[:-1]) == f"0x{call[:-1].hex()}"
    text = described("Scheduled", {"id": b"\x01" * 32, "action": call})
    assert text == f"Scheduled: id 0x{'01' * 32}, action {describe_call(call)}"
