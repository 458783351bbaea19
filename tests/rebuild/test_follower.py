"""An exchange rebuilt from a real chain, through nodes that are honest, slow, down or lying."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from zkclob_native import keccak256

from sequencer.rebuild import follower as follower_module
from sequencer.rebuild.chain import Chain
from sequencer.rebuild.errors import (
    ChainInconsistent,
    ChainReorganised,
    DataMissing,
    RebuildError,
    RecordsError,
)
from sequencer.rebuild.follower import Follower
from sequencer.rebuild.records import Records
from sequencer.rebuild.rpc import Refused, Rpc
from sequencer.rebuild.sources import Archive, Calldata
from tests.rebuild.conftest import Operator

pytestmark = pytest.mark.e2e


class AlteredRpc(Rpc):
    """A node whose answers a test changes; it counts what it was asked."""

    def __init__(self, url: str, change: Callable[[str, list[Any], Any], Any]) -> None:
        super().__init__(url, pause=lambda _: None)
        self.change = change
        self.asked: Counter[str] = Counter()

    def call(self, method: str, *params: Any) -> Any:
        self.asked[method] += 1
        return self.change(method, list(params), super().call(method, *params))


APPENDED = "0x" + keccak256(b"InboxAppended(uint64,bytes32,bytes)").hex()


def honest(method: str, params: list[Any], answer: Any) -> Any:
    return answer


def require_same(operator: Operator, follower: Follower) -> None:
    """The operator's state, with every order and nonce of it."""
    ours, theirs = follower.replayer.state, operator.replica.state
    assert follower.replayer.tree.root == operator.replica.tree.root
    assert ours.meta == theirs.meta
    assert ours.orders == theirs.orders
    assert ours.clients == theirs.clients
    assert ours.markets == theirs.markets
    assert ours.accounts.keys() == theirs.accounts.keys()


def test_the_state_is_rebuilt_from_l1_alone(settled: Operator) -> None:
    follower = settled.follower()
    follower.step()
    require_same(settled, follower)
    assert follower.replayer.state.orders
    settled.l1(0).deposit(1, 10**18)
    settled.settle(30)
    follower.step()
    require_same(settled, follower)


def test_the_events_for_people_are_kept(settled: Operator) -> None:
    shown: list[str] = []
    follower = settled.follower(on_event=lambda event: shown.append(event.name))
    follower.step()
    assert "TokenListed" in shown
    assert [name for _, _, name, _ in follower.records.events()] == shown


# -------------------------------------------------------------------- reorganisations


def test_a_reorganisation_goes_back_to_the_last_common_batch(settled: Operator, tmp_path: Path) -> None:
    follower = settled.follower()
    follower.step()
    before, batches = follower.replayer.tree.root, follower.replayer.batch
    values, data = settled.next_batch(25)
    saved = settled.ask("evm_snapshot")
    settled.l1(1).deposit(1, 10**18)
    settled.send(values, data)
    follower.step()
    assert follower.replayer.batch == batches + 1
    entries = follower.records.inbox_count()
    settled.ask("evm_revert", saved)
    settled.l1(2).deposit(1, 2 * 10**18)
    settled.l1(2).deposit(1, 3 * 10**18)
    follower.step()
    assert (follower.replayer.batch, follower.replayer.tree.root) == (batches, before)
    assert follower.records.inbox_count() == entries + 1
    settled.send(values, data)
    follower.step()
    assert follower.replayer.batch == batches + 1
    require_same(settled, follower)


def test_blocks_that_change_while_they_are_read_are_read_again(settled: Operator) -> None:
    saved = [settled.ask("evm_snapshot")]
    settled.ask("anvil_mine", "0x2")

    def change(method: str, params: list[Any], answer: Any) -> Any:
        if method == "eth_getLogs" and saved:
            settled.ask("evm_revert", saved.pop())
            settled.ask("evm_increaseTime", 7)
            settled.ask("anvil_mine", "0x3")
        return answer

    follower = settled.follower(rpc=AlteredRpc(settled.rpc_url, change))
    with pytest.raises(ChainReorganised):
        follower.step()
    follower.step()
    require_same(settled, follower)


# -------------------------------------------------------------------- nodes that lie


def test_an_event_that_is_held_back_is_missed(settled: Operator) -> None:
    def without_last(method: str, params: list[Any], answer: Any) -> Any:
        return answer[:-1] if method == "eth_getLogs" and answer else answer

    with pytest.raises(ChainInconsistent):
        settled.follower(rpc=AlteredRpc(settled.rpc_url, without_last)).step()


def test_an_entry_that_is_altered_is_noticed(settled: Operator) -> None:
    def altered(method: str, params: list[Any], answer: Any) -> Any:
        if method == "eth_getLogs":
            last = [log for log in answer if log["topics"][0] == APPENDED][-1]
            last["data"] = (
                last["data"][:-32] + "01" + last["data"][-30:]
            )  # of a deposit, padded with 15 bytes
        return answer

    with pytest.raises(ChainInconsistent, match="does not continue the inbox"):
        settled.follower(rpc=AlteredRpc(settled.rpc_url, altered)).step()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address", "0x" + "11" * 20),
        ("blockNumber", "0x7fffffff"),
        ("blockNumber", 5),
        ("topics", ["0x00"]),
        ("topics", "0x"),
        ("data", "zz"),
        ("data", "0x"),
        ("removed", True),
        ("logIndex", "0x" + "f" * 17),
        ("transactionHash", None),
    ],
)
def test_a_log_in_no_form_is_refused(settled: Operator, field: str, value: Any) -> None:
    def altered(method: str, params: list[Any], answer: Any) -> Any:
        return [log | {field: value} for log in answer] if method == "eth_getLogs" else answer

    with pytest.raises(ChainInconsistent):
        settled.follower(rpc=AlteredRpc(settled.rpc_url, altered)).step()


@pytest.mark.parametrize("answer", [[], {}, "0x", 7, [None], {"number": "0x1"}])
def test_an_answer_in_no_form_is_refused(settled: Operator, answer: Any) -> None:
    def altered(method: str, params: list[Any], found: Any) -> Any:
        return answer if method in ("eth_getBlockByNumber", "eth_getLogs") else found

    with pytest.raises(RebuildError):
        settled.follower(rpc=AlteredRpc(settled.rpc_url, altered))


def test_a_node_of_few_blocks_at_a_time_is_asked_for_few(settled: Operator) -> None:
    def limited(method: str, params: list[Any], answer: Any) -> Any:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) > 6:
            raise Refused("at most 7 blocks")
        return answer

    rpc = AlteredRpc(settled.rpc_url, limited)
    follower = settled.follower(rpc=rpc)
    follower.step()
    require_same(settled, follower)
    assert rpc.asked["eth_getLogs"] > 4


# -------------------------------------------------------------------- on disk


def test_a_rebuild_that_was_stopped_goes_on(
    settled: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "SNAPSHOT_EVERY", 60)
    identity = {"contract": bytes.fromhex(settled.exchange[2:])}
    stopped = settled.follower(Records(tmp_path, identity))

    def stop(*_: Any) -> None:
        if stopped.replayer.batch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.step(stop)
    stopped.records.close()
    rpc = AlteredRpc(settled.rpc_url, honest)
    follower = settled.follower(Records(tmp_path, identity), rpc)
    assert follower.replayer.batch == 3
    follower.step()
    require_same(settled, follower)
    assert rpc.asked["eth_getTransactionByHash"] == settled.batches() - 3


def test_records_of_another_exchange_are_refused(settled: Operator, tmp_path: Path) -> None:
    Records(tmp_path, {"contract": b"\x01" * 20}).close()
    with pytest.raises(RecordsError):
        Records(tmp_path, {"contract": b"\x02" * 20})


# -------------------------------------------------------------------- where data is found


def test_data_of_an_archive_is_taken_before_any_other(settled: Operator, tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    settled.follower(archive=archive).step()
    assert len(list(tmp_path.iterdir())) == settled.batches()
    follower = settled.follower(archive=archive, sources=[])
    follower.step()
    require_same(settled, follower)


def test_spoiled_data_of_an_archive_is_left_alone(settled: Operator, tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    settled.follower(archive=archive).step()
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    with pytest.raises(DataMissing, match="batch 1") as missing:
        settled.follower(archive=archive, sources=[]).step()
    assert missing.value.batch == 1
    follower = settled.follower(archive=archive)
    follower.step()
    require_same(settled, follower)


def test_other_data_than_was_settled_is_refused(settled: Operator) -> None:
    class Wrong(Calldata):
        def find(self, wanted: Any) -> bytes | None:
            return b"\x01" + (super().find(wanted) or b"")

    with pytest.raises(DataMissing, match="not what was settled"):
        settled.follower(sources=[Wrong()]).step()


def test_a_call_that_settled_nothing_is_refused(settled: Operator) -> None:
    def altered(method: str, params: list[Any], answer: Any) -> Any:
        return answer | {"input": "0x12345678"} if method == "eth_getTransactionByHash" else answer

    with pytest.raises(DataMissing, match="calldata: not there"):
        settled.follower(rpc=AlteredRpc(settled.rpc_url, altered)).step()


def test_a_transaction_that_moved_is_read_again(settled: Operator) -> None:
    def altered(method: str, params: list[Any], answer: Any) -> Any:
        return answer | {"blockHash": "0x" + "11" * 32} if method == "eth_getTransactionByHash" else answer

    with pytest.raises(ChainReorganised):
        settled.follower(rpc=AlteredRpc(settled.rpc_url, altered)).step()


def test_an_address_without_a_contract_is_refused(settled: Operator) -> None:
    with pytest.raises(ChainInconsistent, match="no contract"):
        Chain(Rpc(settled.rpc_url), b"\x01" * 20).creation_block()
