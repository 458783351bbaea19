"""The operator's command changes a market on L1 as asked, and says what is wrong before it sends anything."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ape.api import AccountAPI, ProviderAPI
from ape.contracts import ContractInstance

from scripts import deploy, set_market
from scripts.set_market import SetMarketError
from sequencer.config import Deployment, load_deployment
from sequencer.core.codec import parse_inbox_entry
from sequencer.core.types import MarketStatus, SetMarket

ETH_USDC = 1

Change = Callable[..., str]


@pytest.fixture
def deployment_file(
    tmp_path: Path,
    provider: ProviderAPI,
    governor: AccountAPI,
    exchange: ContractInstance,
    verifier: ContractInstance,
) -> Path:
    """Of an exchange with the test markets."""
    tokens = [deploy.token_entry(exchange, "ETH", deploy.ZERO_ADDRESS)]
    tokens += deploy.deploy_tokens(governor, exchange)
    markets = deploy.list_markets(governor, exchange, tokens, governor.address)
    described = deploy.describe(provider, exchange, deploy.Verifier("mock", verifier))
    described |= {"tokens": tokens, "markets": markets}
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps(described))
    return path


@pytest.fixture
def deployment(deployment_file: Path) -> Deployment:
    return load_deployment(deployment_file)


@pytest.fixture
def change(provider: ProviderAPI, governor: AccountAPI, deployment: Deployment) -> Change:
    """Changes a market as the governor and gives what the command says."""

    def run(market: str, account: AccountAPI = governor, **given: Any) -> str:
        return "\n".join(set_market.change(provider, account, deployment, market, given))

    return run


def last_entry(exchange: ContractInstance) -> Any:
    """What the newest entry of the inbox says."""
    *_, appended = exchange.InboxAppended.range(2**63)
    return parse_inbox_entry(bytes(appended.entry))


def test_only_what_is_named_changes(change: Change, exchange: ContractInstance, governor: AccountAPI) -> None:
    said = change("ETH/USDC", status=MarketStatus.CANCEL_ONLY, maker_fee=10)
    assert "  status: active -> cancel-only\n  maker-fee: 200 -> 10\n" in said
    entry = last_entry(exchange)
    terms = deploy.TEST_MARKETS[0]
    fee_account = bytes.fromhex(governor.address[2:])
    assert entry == SetMarket(
        entry.time, ETH_USDC, MarketStatus.CANCEL_ONLY, terms.min_notional, 10, 500, 200_000, fee_account
    )


def test_changes_start_from_the_last_change(
    change: Change, deployment: Deployment, exchange: ContractInstance, poster: AccountAPI
) -> None:
    change("2", min_notional=5, price_band=0)
    change("2", status=MarketStatus.HALTED, fee_account=poster.address)
    halted = set_market.MarketState(MarketStatus.HALTED, 5, 200, 500, 0, poster.address)
    assert set_market.current(exchange, deployment, 2) == halted
    untouched = set_market.current(exchange, deployment, ETH_USDC)
    assert (untouched.status, untouched.price_band) == (MarketStatus.ACTIVE, 200_000)


@pytest.mark.parametrize(
    ("market", "given", "advice"),
    [
        ("3", {"price_band": 0}, r"no market 3: .* names ETH/USDC \(1\), WBTC/USDC \(2\)"),
        ("ETH/EUR", {"price_band": 0}, "no market ETH/EUR"),
        ("1", {}, "give an option that changes it"),
        ("1", {"status": MarketStatus.ACTIVE}, "is so already"),
        ("1", {"taker_fee": 10_001}, "the contract refuses"),
    ],
)
def test_a_mistake_is_explained_and_sends_nothing(
    change: Change, exchange: ContractInstance, market: str, given: dict[str, Any], advice: str
) -> None:
    before = exchange.inboxLength()
    with pytest.raises(SetMarketError, match=advice):
        change(market, **given)
    assert exchange.inboxLength() == before


def test_only_the_owner_is_let_try(change: Change, poster: AccountAPI, governor: AccountAPI) -> None:
    with pytest.raises(SetMarketError, match=f"only {governor.address} may do this"):
        change("1", account=poster, price_band=0)


def test_another_chain_or_contract_is_noticed(provider: ProviderAPI, deployment: Deployment) -> None:
    with pytest.raises(SetMarketError, match="give another --network"):
        set_market.connect(provider, msgspec.structs.replace(deployment, chain_id=1))
    with pytest.raises(SetMarketError, match="right --deployment"):
        set_market.connect(provider, msgspec.structs.replace(deployment, exchange="0x" + "77" * 20))


def test_the_command_itself(
    provider: ProviderAPI, deployment_file: Path, deployment: Deployment, exchange: ContractInstance
) -> None:
    network = f"ethereum:local:{provider.http_uri}"
    command = [sys.executable, "-m", "scripts.set_market", "--network", network, "--account", "TEST::0"]
    command += ["--deployment", str(deployment_file), "--market", "WBTC/USDC"]
    done = subprocess.run([*command, "--status", "halted"], capture_output=True, text=True, cwd=deploy.ROOT)
    assert done.returncode == 0, done.stderr
    assert "active -> halted" in done.stdout
    assert set_market.current(exchange, deployment, 2).status is MarketStatus.HALTED
    refused = subprocess.run(
        [*command, "--fee-account", deploy.ZERO_ADDRESS], capture_output=True, text=True, cwd=deploy.ROOT
    )
    assert (refused.returncode, "zero address" in refused.stderr) == (2, True)


def test_an_open_market_is_restricted_at_once_and_anything_else_is_scheduled(
    change: Change, exchange: ContractInstance, governor: AccountAPI
) -> None:
    exchange.open(sender=governor)
    change("ETH/USDC", status=MarketStatus.CANCEL_ONLY)
    assert last_entry(exchange).status == MarketStatus.CANCEL_ONLY
    before = exchange.inboxLength()
    assert "it can be executed from" in change("ETH/USDC", status=MarketStatus.ACTIVE)
    assert exchange.inboxLength() == before
