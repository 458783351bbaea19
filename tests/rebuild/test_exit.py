"""Users leave with nothing but their key and L1: `zkclob exit` and `zkclob force`."""

from typing import Any

import pytest

from sequencer.client.cli import exits
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.types import ForceApproveAgent, ForceCancelAll, ForceExit, ForceRevokeAgents
from sequencer.rebuild import opening
from tests.command import Zkclob
from tests.rebuild.conftest import Operator
from tests.rebuild.test_follower import AlteredRpc

pytestmark = pytest.mark.e2e


@pytest.fixture
def leave(settled: Operator, zkclob: Zkclob, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `zkclob exit` with the key of a trader."""

    def run(trader: int, *options: str) -> Any:
        monkeypatch.setenv("ZKCLOB_KEY", settled.traders[trader].l1.key.hex())
        where = ("--rpc", settled.rpc_url, "--contract", settled.exchange)
        return zkclob("exit", *where, *options)

    return run


def held(operator: Operator, trader: int) -> dict[int, int]:
    """What the account has in the exchange, as it was settled."""
    account = operator.replica.state.accounts[operator.signers[trader].address]
    return {token: balance.total for token, balance in account.balances.items() if balance.total}


def test_nothing_is_sent_before_it_is_asked_for(settled: Operator, leave: Any) -> None:
    before = settled.web3.eth.get_transaction_count(settled.traders[0].l1.address)
    shown = leave(0)
    assert shown.status == 0
    assert "force the exit" in shown.out
    assert "gas" in shown.out
    assert "nothing was sent" in shown.out
    plan = leave(0, "--json").answer
    assert plan["stage"] == "live"
    forced = next(step for step in plan["steps"] if step["step"].startswith("force"))
    assert int(forced["value"]) == settled.contract.functions.forcedFee().call()
    assert forced["data"] == settled.contract.encode_abi("forceExit", [])
    assert settled.web3.eth.get_transaction_count(settled.traders[0].l1.address) == before


def test_an_account_leaves_a_live_exchange(settled: Operator, leave: Any) -> None:
    owed = held(settled, 0)
    before = settled.l1(0).balance(2)
    asked = leave(0, "--yes", "--no-wait")
    assert asked.status == 1  # not everything is out yet
    assert "then wait for the exit" in asked.out
    again = leave(0, "--yes", "--no-wait", "--json")
    assert 'transactions": []' in again.out  # it is asked for once only
    settled.settle(1)
    done = leave(0, "--yes")
    assert done.status == 0, done.err
    assert "nothing is left" in done.out
    assert settled.l1(0).balance(2) - before >= owed[2]
    assert leave(0, "--json").answer == {"stage": "out", "steps": [], "waitsFor": None}


def test_a_node_that_is_behind_does_not_have_the_fee_paid_twice(
    settled: Operator, leave: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = settled.web3.eth.block_number

    def answer(method: str, params: list[Any], found: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            return settled.ask("eth_getBlockByNumber", hex(behind), False)
        return found

    monkeypatch.setattr(opening, "Rpc", lambda url: AlteredRpc(url, answer))
    monkeypatch.setattr(exits, "PAUSE_S", 0)
    before = settled.contract.functions.inboxLength().call()
    ended = leave(1, "--yes")
    assert (ended.status, "does not show it" in ended.out) == (1, True)
    assert settled.contract.functions.inboxLength().call() == before + 1


def test_a_deposit_after_the_exit_was_asked_for_is_forced_out_too(settled: Operator, leave: Any) -> None:
    leave(1, "--yes", "--no-wait")
    settled.l1(1).deposit(1, 10**18)
    plan = leave(1, "--json").answer
    assert plan["steps"][0]["step"].startswith("force the exit")
    leave(1, "--yes", "--no-wait")
    settled.settle(1)
    assert leave(1, "--yes").status == 0
    assert held(settled, 1) == {}


def test_anybody_can_claim_for_an_account_but_not_force_its_exit(
    settled: Operator, zkclob: Zkclob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZKCLOB_KEY", settled.traders[5].l1.key.hex())
    account = f"0x{settled.signers[2].address.hex()}"
    where = ("--rpc", settled.rpc_url, "--contract", settled.exchange)
    ended = zkclob("--account", account, "exit", *where, "--yes")
    assert (ended.status, "only the account itself" in ended.out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("cancel-all",), ForceCancelAll),
        (("revoke-agents",), ForceRevokeAgents),
        (("approve-agent", "0x" + "ab" * 20, "--market", "2", "--expiry", "99999999999"), ForceApproveAgent),
        (("exit",), ForceExit),
    ],
)
def test_what_is_forced_is_in_the_inbox(
    settled: Operator, zkclob: Zkclob, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], kind: type
) -> None:
    monkeypatch.setenv("ZKCLOB_KEY", settled.traders[3].l1.key.hex())
    asked = zkclob("--rpc", settled.rpc_url, "force", *arguments, "--contract", settled.exchange)
    assert asked.status == 0, asked.err
    log = settled.contract.events.InboxAppended.get_logs(from_block="latest")[-1]
    entry: Any = parse_inbox_entry(log["args"]["entry"])
    assert isinstance(entry, kind)
    assert entry.account == settled.signers[3].address  # type: ignore[attr-defined]
    if isinstance(entry, ForceApproveAgent):
        assert (entry.agent, entry.markets, entry.expiry) == (b"\xab" * 20, 1 << 2, 99_999_999_999)


REVERTS, BURNS_ALL_GAS = "0x60006000fd", "0x5b600056"


def leave_although_a_token_fails(operator: Operator, leave: Any, trader: int) -> None:
    """A token that reverts or burns all gas is left behind, all others are paid; it is paid once it works again."""
    token = operator.contract.functions.tokenOf(2).call()[0]
    code = operator.web3.eth.get_code(token).to_0x_hex()
    for broken in (REVERTS, BURNS_ALL_GAS):
        operator.ask("anvil_setCode", token, broken)
        ended = leave(trader, "--yes")
        assert ended.status == 1
        assert f"of token 2 ({token.lower()})" in ended.out.split("not done:")[1]
    operator.ask("anvil_setCode", token, code)
    plan = leave(trader, "--json").answer
    assert plan["steps"]
    assert all("of token 2" in step["step"] for step in plan["steps"])
    assert leave(trader, "--yes").status == 0


def test_every_account_leaves_a_frozen_exchange(settled: Operator, leave: Any, zkclob: Zkclob) -> None:
    """The inbox is not served any more; the first to leave freezes, and everybody gets the settled state."""
    settled.settle(0)
    settled.l1(4).deposit(2, 5 * 10**6)
    settled.l1(5).force_exit()
    settled.ask("evm_increaseTime", settled.contract.functions.delays().call()[1])
    settled.ask("evm_mine")
    first = leave(2, "--yes")
    assert first.status == 0, first.err
    assert "freeze the exchange" in first.err
    assert settled.contract.functions.frozen().call()
    assert "FROZEN" in zkclob("verify", "--rpc", settled.rpc_url, "--contract", settled.exchange).out
    leave_although_a_token_fails(settled, leave, 3)
    for trader, refunds in ((4, 1), (5, 1)):
        assert "escape with" in leave(trader).out
        done = leave(trader, "--yes")
        assert done.status == 0, done.err
        assert done.err.count("refunded: 0x") == refunds
    for trader in range(6):
        leave(trader, "--yes")
        assert leave(trader, "--json").answer["stage"] == "out"
