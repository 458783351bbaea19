"""The exchange on a chain that ape starts, deployed from what forge built."""

import pytest
from ape.api import AccountAPI, ProviderAPI
from ape.contracts import ContractInstance
from ape.managers.accounts import TestAccountManager
from ape.managers.chain import ChainManager

from scripts import deploy


@pytest.fixture(scope="session", autouse=True)
def _built() -> None:
    deploy.build_contracts()


@pytest.fixture
def vkey() -> bytes:
    """Key of a guest program that does not exist: the mock verifier compares it only."""
    return bytes(31) + b"\x07"


@pytest.fixture
def governor(accounts: TestAccountManager) -> AccountAPI:
    return accounts[0]


@pytest.fixture
def poster(accounts: TestAccountManager) -> AccountAPI:
    return accounts[1]


@pytest.fixture
def trader(accounts: TestAccountManager) -> AccountAPI:
    return accounts[2]


@pytest.fixture
def provider(chain: ChainManager) -> ProviderAPI:
    return chain.provider


@pytest.fixture
def verifier(governor: AccountAPI) -> ContractInstance:
    return governor.deploy(deploy.contract("MockVerifier"))


@pytest.fixture
def exchange(
    governor: AccountAPI, poster: AccountAPI, verifier: ContractInstance, vkey: bytes
) -> ContractInstance:
    """An exchange that is being set up: its governor lists at once, and nobody deposits."""
    return deploy.deploy_exchange(
        governor, governor.address, poster.address, deploy.Verifier("mock", verifier), vkey
    )


@pytest.fixture
def opened(exchange: ContractInstance, governor: AccountAPI) -> ContractInstance:
    exchange.open(sender=governor)
    return exchange
