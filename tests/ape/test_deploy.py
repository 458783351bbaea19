"""The deployment script refuses what is unsafe and notices what is not as it should be."""

import pytest
from ape.api import AccountAPI, ProviderAPI
from ape.contracts import ContractInstance

from scripts import deploy
from scripts.deploy import DeploymentError
from sequencer.config import DEVELOPMENT_CHAIN_ID

MAINNET = 1
UNKNOWN_KEY = "0x00000000219ab540356cBB839Cbe05303d7705Fa"


def test_verifies_a_good_deployment(
    provider: ProviderAPI, exchange: ContractInstance, verifier: ContractInstance, vkey: bytes
) -> None:
    deploy.verify(provider, exchange, verifier, "mock", vkey)


def test_notices_another_program_key(
    provider: ProviderAPI, exchange: ContractInstance, verifier: ContractInstance
) -> None:
    with pytest.raises(DeploymentError, match="program key"):
        deploy.verify(provider, exchange, verifier, "mock", bytes(32))


def test_notices_another_verifier(
    provider: ProviderAPI, governor: AccountAPI, exchange: ContractInstance, vkey: bytes
) -> None:
    other = governor.deploy(deploy.contract("MockVerifier"))
    with pytest.raises(DeploymentError, match="verifier"):
        deploy.verify(provider, exchange, other, "mock", vkey)


def test_notices_changed_code(
    provider: ProviderAPI, exchange: ContractInstance, verifier: ContractInstance, vkey: bytes
) -> None:
    changed = bytearray(provider.get_code(exchange.address))
    changed[-1] ^= 1
    provider.make_request("anvil_setCode", [exchange.address, "0x" + changed.hex()])
    with pytest.raises(DeploymentError, match="not that of Exchange"):
        deploy.verify(provider, exchange, verifier, "mock", vkey)


def test_accepts_the_production_verifier(provider: ProviderAPI, governor: AccountAPI, vkey: bytes) -> None:
    verifier = governor.deploy(deploy.contract("SP1Verifier"))
    arguments = (governor.address, governor.address, verifier.address, vkey, deploy.MIN_DEPOSIT_ETH)
    exchange = governor.deploy(deploy.contract("Exchange"), *arguments)
    deploy.verify(provider, exchange, verifier, "sp1", vkey)


def test_the_verifier_follows_the_chain() -> None:
    assert deploy.choose_verifier(None, DEVELOPMENT_CHAIN_ID) == "mock"
    assert deploy.choose_verifier(None, MAINNET) == "sp1"
    assert deploy.choose_verifier("sp1", DEVELOPMENT_CHAIN_ID) == "sp1"


def test_refuses_the_mock_outside_of_the_development_chain() -> None:
    with pytest.raises(DeploymentError, match="refused on chain 1"):
        deploy.choose_verifier("mock", MAINNET)


def test_refuses_well_known_keys_outside_of_the_development_chain(governor: AccountAPI) -> None:
    deploy.refuse_known_keys(DEVELOPMENT_CHAIN_ID, [governor.address])
    deploy.refuse_known_keys(MAINNET, [UNKNOWN_KEY])
    with pytest.raises(DeploymentError, match="everybody knows"):
        deploy.refuse_known_keys(MAINNET, [UNKNOWN_KEY, governor.address])


def test_lists_the_test_markets(governor: AccountAPI, exchange: ContractInstance) -> None:
    tokens = [deploy.token_entry(exchange, "ETH", deploy.ZERO_ADDRESS)]
    tokens += deploy.deploy_tokens(governor, exchange)
    markets = deploy.list_markets(governor, exchange, tokens, governor.address)
    assert [(token["id"], token["symbol"], token["decimals"]) for token in tokens] == [
        (1, "ETH", 18),
        (2, "USDC", 6),
        (3, "WBTC", 8),
    ]
    assert [(market["id"], market["base"], market["quote"]) for market in markets] == [(1, 1, 2), (2, 3, 2)]
    assert exchange.marketCount() == 2
