"""`zkclob receipts check` and the bond on a real chain: kept promises are found kept, a broken one costs the bond."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eth_utils.address import to_checksum_address

from scripts.devnet import RECEIPTS, ROOT, Devnet, trader_wallet
from sequencer.abi import RECEIPT_BOND
from sequencer.adapters.receipts import ReceiptSigner
from sequencer.client.answers import Receipt, json_form
from sequencer.client.receipt_check import Verdict, check
from sequencer.client.receipts import KeptReceipt
from sequencer.core import types as core
from sequencer.core.constants import CHUNK
from sequencer.core.signing import domain_separator
from sequencer.rebuild.digests import SettledOrder
from tests.command import Zkclob
from tests.properties.replica import CHAIN_ID
from tests.rebuild.conftest import Operator

pytestmark = pytest.mark.e2e

KEY = bytes(trader_wallet(RECEIPTS).l1.key)
SIGNER = trader_wallet(RECEIPTS).l1.address
OTHER = b"\xee" * 32


class Promises:
    """Receipts of an operator: honest ones, and others."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.contract = bytes.fromhex(operator.exchange[2:])
        follower = operator.follower()
        follower.step()
        self.settled = SettledOrder(follower)
        self.inbox = follower.records.inbox(0)

    def receipt(
        self, seq: int, digest: bytes, inbox_hash: bytes | None = None, **changes: Any
    ) -> KeptReceipt:
        """As the sequencer would have signed it."""
        promised = core.Receipt(seq, digest, inbox_hash or self.inbox[2].chain_hash, 1_790_000_000)
        signer = ReceiptSigner(KEY, domain_separator(CHAIN_ID, self.contract))
        shown = Receipt(
            seq,
            f"0x{digest.hex()}",
            f"0x{promised.inbox_hash.hex()}",
            promised.time,
            f"0x{signer.sign(promised).hex()}",
        )
        kept = KeptReceipt(CHAIN_ID, self.operator.exchange.lower(), SIGNER.lower(), shown)
        return msgspec.structs.replace(kept, **changes)

    def digest(self, seq: int) -> bytes:
        """What was settled with this number."""
        batch = self.settled.batch_with(seq)
        assert batch is not None
        return self.settled.digests(batch.number)[seq - batch.first_seq]

    def verdict(self, kept: KeptReceipt) -> Verdict:
        return check(kept, self.settled, CHAIN_ID, self.contract).verdict


@pytest.fixture(scope="module")
def promises(settled: Operator) -> Promises:
    settled.settle(2 * CHUNK + 30)
    return Promises(settled)


def test_every_settled_number_is_found_with_its_digest(settled: Operator, promises: Promises) -> None:
    head = settled.contract.functions.head().call()
    next_seq = head[5]
    verdicts = {promises.verdict(promises.receipt(seq, promises.digest(seq))) for seq in range(1, next_seq)}
    assert verdicts == {Verdict.KEPT}
    assert promises.verdict(promises.receipt(next_seq, OTHER)) is Verdict.PENDING
    assert promises.verdict(promises.receipt(2**64 - 1, OTHER)) is Verdict.PENDING
    assert promises.verdict(promises.receipt(next_seq - 1, OTHER)) is Verdict.CONTRADICTED


def test_what_is_no_promise_of_this_exchange_is_no_fault(promises: Promises) -> None:
    assert promises.verdict(promises.receipt(60, OTHER, exchange="0x" + "11" * 20)) is Verdict.FOREIGN
    assert promises.verdict(promises.receipt(60, OTHER, chain_id=1)) is Verdict.FOREIGN
    assert promises.verdict(promises.receipt(60, OTHER, signer="0x" + "11" * 20)) is Verdict.FORGED
    assert promises.verdict(promises.receipt(60, OTHER, b"\x01" * 32)) is Verdict.VOID
    assert promises.verdict(promises.receipt(2**64 - 1, OTHER, b"\x01" * 32)) is Verdict.VOID
    assert promises.verdict(promises.receipt(60, promises.digest(60), b"\x01" * 32)) is Verdict.KEPT


def written(path: Path, *kept: KeptReceipt) -> Path:
    """A file of receipts."""
    path.write_bytes(b"".join(msgspec.json.encode(json_form(each)) + b"\n" for each in kept))
    return path


@pytest.fixture
def bond(chain: Devnet) -> Any:
    """A bond of its own, made by the operator's command."""
    command = [sys.executable, "-m", "scripts.deploy_bond", "--network", f"ethereum:local:{chain.rpc_url}"]
    command += ["--account", "TEST::0", "--deployment", str(chain.folder / "deployment.json")]
    command += ["--signer", SIGNER, "--deposit", "1.5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    described = json.loads(done.stdout[done.stdout.index("{") :])
    operator = Operator(chain)
    deadline = operator.contract.functions.delays().call()[1]
    assert (described["signer"], described["delay"]) == (SIGNER, 2 * deadline)
    assert described["deposited"] == str(15 * 10**17)
    return operator.web3.eth.contract(address=described["bond"], abi=RECEIPT_BOND)


@pytest.mark.parametrize("place", [0, CHUNK - 1, CHUNK, 2 * CHUNK, -1])
def test_a_broken_promise_costs_the_bond(
    settled: Operator,
    promises: Promises,
    bond: Any,
    zkclob: Zkclob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: int,
) -> None:
    finder = settled.traders[place % len(settled.traders)]
    monkeypatch.setenv("ZKCLOB_KEY", f"0x{finder.l1.key.hex()}")
    batch = promises.settled._batch(promises.settled.batches)
    seq = range(batch.first_seq, batch.end_seq)[place]
    honest, broken = promises.receipt(1, promises.digest(1)), promises.receipt(seq, OTHER)
    path = written(tmp_path / "receipts", honest, broken)
    where = ("--contract", settled.exchange, "--bond", bond.address)
    command = ("--rpc", settled.rpc_url, "--receipts", path, "receipts", "check", *where)

    ended = zkclob(*command, "--evidence", tmp_path / "evidence.json")
    assert ended.status == 1
    lines = ended.out.splitlines()
    assert lines[0] == "1  settled as promised in batch 1"
    assert lines[1].startswith(f"{seq}  CONTRADICTED in batch {batch.number}: 0x{OTHER.hex()} was promised")
    assert "1 settled as promised, 1 CONTRADICTED" in lines[2]
    assert lines[3].startswith(f"the bond holds {15 * 10**17} wei, with a delay of ")
    (evidence,) = json.loads((tmp_path / "evidence.json").read_text())
    assert evidence["receipt"]["seq"] == str(seq)

    ended = zkclob(*command, "--challenge", "--json")
    shown = json.loads(ended.out)
    assert ended.status == 1
    mined = settled.web3.eth.get_transaction_receipt(shown["challenge"])
    assert mined["status"] == 1
    assert mined["gasUsed"] < 400_000
    assert bond.functions.isSlashed().call()
    assert bond.functions.finder().call() == finder.l1.address
    assert "lost already" in zkclob(*command, "--challenge").err

    if place == 0:
        require_paid(settled, bond, zkclob, finder.l1.address, where)


def require_paid(settled: Operator, bond: Any, zkclob: Zkclob, finder: str, where: tuple[str, ...]) -> None:
    """Half goes to the finder, after the delay and not before."""
    command = ("--rpc", settled.rpc_url, "receipts", "reward", *where)
    assert "RewardNotDue" in zkclob(*command).err
    settled.ask("evm_increaseTime", bond.functions.delay().call())
    settled.ask("evm_mine")
    before = settled.web3.eth.get_balance(to_checksum_address(finder))
    assert zkclob(*command).status == 0
    earned = settled.web3.eth.get_balance(to_checksum_address(finder)) - before
    assert 75 * 10**16 - 10**16 < earned < 75 * 10**16
    assert settled.web3.eth.get_balance(bond.address) == 75 * 10**16


def test_kept_promises_leave_the_bond_alone(
    settled: Operator, promises: Promises, bond: Any, zkclob: Zkclob, tmp_path: Path
) -> None:
    path = written(
        tmp_path / "receipts", *(promises.receipt(seq, promises.digest(seq)) for seq in (1, 50, 90))
    )
    where = ("--contract", settled.exchange, "--bond", bond.address)
    ended = zkclob("--rpc", settled.rpc_url, "--receipts", path, "receipts", "check", *where)
    assert ended.status == 0
    assert "3 settled as promised" in ended.out
    assert not bond.functions.isSlashed().call()


def test_a_bond_for_another_key_is_not_challenged(
    settled: Operator,
    promises: Promises,
    bond: Any,
    zkclob: Zkclob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZKCLOB_KEY", f"0x{settled.traders[0].l1.key.hex()}")
    other = ReceiptSigner(b"\x05" * 32, domain_separator(CHAIN_ID, promises.contract))
    broken = promises.receipt(60, OTHER)
    signature = other.sign(core.Receipt(60, OTHER, promises.inbox[2].chain_hash, broken.receipt.time))
    broken = msgspec.structs.replace(
        broken,
        signer=f"0x{other.address.hex()}",
        receipt=msgspec.structs.replace(broken.receipt, signature=f"0x{signature.hex()}"),
    )
    path = written(tmp_path / "receipts", broken)
    where = ("--contract", settled.exchange, "--bond", bond.address)
    ended = zkclob("--rpc", settled.rpc_url, "--receipts", path, "receipts", "check", *where, "--challenge")
    assert ended.status == 1
    assert f"the bond is for receipts of {SIGNER.lower()}, not for those of" in ended.out
    assert not bond.functions.isSlashed().call()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--challenge",), "--challenge needs --bond"),
        ((), "name the file of receipts before the command"),
    ],
)
def test_what_is_missing_is_named(
    settled: Operator, zkclob: Zkclob, arguments: tuple[str, ...], said: str
) -> None:
    ended = zkclob("--rpc", settled.rpc_url, "receipts", "check", "--contract", settled.exchange, *arguments)
    assert (ended.status, said in ended.err) == (2, True)
