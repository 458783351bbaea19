"""Governance's commands do on L1 what they say, and say what is wrong before they send anything."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ape.api import AccountAPI, ProviderAPI
from ape.contracts import ContractInstance
from ape.managers.chain import ChainManager

from scripts import deploy, governance
from scripts.governance import GovernanceError, Session
from sequencer.config import Deployment, load_deployment
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.types import MarketStatus, SetMarket

ETH_USDC = 1
Open = Callable[..., Session]


@pytest.fixture
def deployment_file(
    tmp_path: Path,
    provider: ProviderAPI,
    governor: AccountAPI,
    new_exchange: ContractInstance,
    settings: deploy.Settings,
    verifier: ContractInstance,
) -> Path:
    """Of an open exchange with the test markets."""
    listing = deploy.test_listing(governor)
    tokens = deploy.list_tokens(governor, new_exchange, listing.tokens)
    markets = deploy.list_markets(governor, new_exchange, listing.markets, tokens, governor.address)
    new_exchange.open(sender=governor)
    described = deploy.describe(
        provider, new_exchange, settings, deploy.Verifier("mock", verifier), governor.address
    )
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps(described | {"tokens": tokens, "markets": markets}))
    return path


@pytest.fixture
def deployment(deployment_file: Path) -> Deployment:
    return load_deployment(deployment_file)


@pytest.fixture
def session(provider: ProviderAPI, governor: AccountAPI, deployment: Deployment) -> Open:
    """Opens a session, the governor's unless another account is given."""

    def opened(account: AccountAPI = governor, *, dry_run: bool = False) -> Session:
        return Session(provider, account, deployment, dry_run=dry_run)

    return opened


def say(lines: Iterator[str]) -> str:
    return "\n".join(lines)


def wait(chain: ChainManager, seconds: int) -> None:
    """Lets the chain's time pass."""
    chain.pending_timestamp += seconds
    chain.mine()


def last_entry(exchange: ContractInstance) -> Any:
    """What the newest entry of the inbox says."""
    *_, appended = exchange.InboxAppended.range(2**63)
    return parse_inbox_entry(bytes(appended.entry))


def test_a_market_is_changed_by_what_is_named_after_the_timelock(
    session: Open, chain: ChainManager, governor: AccountAPI
) -> None:
    governing = session()
    said = say(
        governance.set_market(governing, "ETH/USDC", {"status": MarketStatus.CANCEL_ONLY, "maker_fee": 10})
    )
    assert "  status: active -> cancel-only\n  maker-fee: 200 -> 10\n" in said
    (pending,) = governing.pending()
    assert f"ready at {governance.shown_time(pending.ready_at)}" in said
    assert f"execute 0x{pending.id.hex()}" in said
    with pytest.raises(GovernanceError, match="ActionNotReady"):
        say(governing.send("execute", pending.action))
    wait(chain, deploy.PRODUCTION_DELAYS.timelock + 1)
    assert "ready, from" in say(governance.list_pending(governing))
    say(governing.send("execute", governing.find_pending(pending.id.hex()[:8]).action))
    terms = deploy.TEST_MARKETS[0]
    entry = last_entry(governing.exchange)
    fee_account = bytes.fromhex(governor.address[2:])
    assert entry == SetMarket(
        entry.time, ETH_USDC, MarketStatus.CANCEL_ONLY, terms.min_notional, 10, 500, 200_000, fee_account
    )
    assert say(governance.list_pending(governing)) == "nothing is pending"


def test_what_is_cancelled_or_of_an_earlier_governor_is_not_pending(
    session: Open, trader: AccountAPI
) -> None:
    governing = session()
    say(governing.propose("setForcedFee", 7))
    say(governing.propose("setForcedFee", 8))
    say(governing.send("cancel", governing.pending()[0].id))
    assert [p.action for p in governing.pending()] == [governing.encoded("setForcedFee", 8)]
    say(governing.send("transferOwnership", trader.address))
    say(session(trader).send("acceptOwnership"))
    assert governing.pending() == []


def test_a_dry_run_sends_nothing(session: Open) -> None:
    governing = session(dry_run=True)
    said = say(governance.set_market(governing, "1", {"price_band": 0}))
    assert "setMarket on" in said
    assert "  terms.priceBand: 0\n" in said
    assert "ready at 20" in said
    assert "dry run: nothing was sent" in said
    assert governing.pending() == []


def test_an_exchange_that_is_being_set_up_is_changed_at_once(
    provider: ProviderAPI, governor: AccountAPI, new_exchange: ContractInstance, deployment: Deployment
) -> None:
    other = deploy.deploy_exchange(
        governor,
        deploy.Settings(governor.address, governor.address),
        deploy.Verifier("mock", governor.deploy(deploy.contract("MockVerifier"))),
        bytes(32),
    )
    changing = msgspec.structs.replace(deployment, exchange=other.address)
    say(Session(provider, governor, changing).propose("setForcedFee", 9))
    assert other.forcedFee() == 9


@pytest.mark.parametrize(
    ("market", "given", "advice"),
    [
        ("3", {"price_band": 0}, r"no market 3: .* names ETH/USDC \(1\), WBTC/USDC \(2\)"),
        ("ETH/EUR", {"price_band": 0}, "no market ETH/EUR"),
        ("1", {}, "give an option that changes it"),
        ("1", {"status": MarketStatus.ACTIVE}, "is so already"),
        ("1", {"taker_fee": 10_001}, "the contract refuses: InvalidListing"),
    ],
)
def test_a_mistake_is_explained_and_sends_nothing(
    session: Open, market: str, given: dict[str, Any], advice: str
) -> None:
    governing = session()
    with pytest.raises(GovernanceError, match=advice):
        say(governance.set_market(governing, market, given))
    assert governing.pending() == []


def test_only_who_may_is_let_try(session: Open, poster: AccountAPI, guardian: AccountAPI) -> None:
    with pytest.raises(GovernanceError, match="OwnableUnauthorizedAccount"):
        say(session(poster).propose("setForcedFee", 1))
    with pytest.raises(GovernanceError, match="NotGuardian"):
        say(session().send("halt"))
    guarding = session(guardian)
    say(guarding.send("halt"))
    assert guarding.exchange.haltedUntil() > guarding.now()
    say(session().send("resume"))
    assert guarding.exchange.haltedUntil() <= guarding.now()


def test_another_chain_or_contract_is_noticed(
    provider: ProviderAPI, governor: AccountAPI, deployment: Deployment
) -> None:
    with pytest.raises(GovernanceError, match="give another --network"):
        Session(provider, governor, msgspec.structs.replace(deployment, chain_id=1))
    with pytest.raises(GovernanceError, match="right --deployment"):
        Session(provider, governor, msgspec.structs.replace(deployment, exchange="0x" + "77" * 20))


# ------------------------------------------------------------------------------------------- the commands


@pytest.fixture
def run(provider: ProviderAPI, deployment_file: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a process of its own."""

    def runs(*words: str, account: int = 0) -> subprocess.CompletedProcess[str]:
        common = ["--network", f"ethereum:local:{provider.http_uri}", "--account", f"TEST::{account}"]
        common += ["--deployment", str(deployment_file)]
        return subprocess.run(
            [sys.executable, "-m", "scripts.governance", *words, *common],
            capture_output=True,
            text=True,
            cwd=deploy.ROOT,
        )

    return runs


def test_the_commands_themselves(
    run: Callable[..., subprocess.CompletedProcess[str]],
    session: Open,
    verifier: ContractInstance,
    trader: AccountAPI,
) -> None:
    exchange = session().exchange
    token = session().account.deploy(deploy.contract("TestToken"), "Euro", "EUR", 6).address
    terms = ["--min-notional", "1", "--maker-fee", "0", "--taker-fee", "0", "--price-band", "0"]
    sides, steps = ["--base", "WBTC", "--quote", "ETH"], ["--lot-size", "1000", "--tick-size", "1"]
    expected = [
        (["restrict-market", "WBTC/USDC", "halted"], "sent in"),
        (["list-token", token, "--decimals", "6", "--min-deposit", "1"], "ready at"),
        (["list-market", *sides, *steps, *terms, "--fee-account", trader.address], "ready at"),
        (["set-market", "ETH/USDC", "--taker-fee", "7"], "taker-fee: 500 -> 7"),
        (["set-verifier", verifier.address, "--vkey", "0x" + "07" * 32], "ready at"),
        (["set-guardian", deploy.ZERO_ADDRESS], "ready at"),
        (["set-forced-fee", "7", "--dry-run"], "nothing was sent"),
        (["set-poster", trader.address], "sent in"),
        (["transfer-ownership", trader.address], "sent in"),
        (["pending"], "setGuardian on"),
    ]
    for words, said in expected:
        done = run(*words)
        assert done.returncode == 0, (words, done.stderr)
        assert said in done.stdout, (words, done.stdout)
    assert len(session().pending()) == 5
    assert exchange.marketOf(2)[0] == MarketStatus.HALTED
    assert exchange.pendingOwner() == trader.address
    refused = run("collect-fees")
    assert (refused.returncode, "NothingToCollect" in refused.stderr) == (1, True)
    refused = run("set-poster", deploy.ZERO_ADDRESS)
    assert (refused.returncode, "zero address" in refused.stderr) == (2, True)
