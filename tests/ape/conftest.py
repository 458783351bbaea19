"""The exchange on a chain that ape starts, deployed from what forge built."""

import pytest
from ape.api import AccountAPI, ProviderAPI
from ape.contracts import ContractInstance
from ape.managers.accounts import TestAccountManager
from ape.managers.chain import ChainManager

from scripts import deploy
from scripts.deploy import Settings, Verifier


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
def guardian(accounts: TestAccountManager) -> AccountAPI:
    return accounts[3]


@pytest.fixture
def settings(poster: AccountAPI, guardian: AccountAPI) -> Settings:
    return Settings(poster.address, guardian.address)


@pytest.fixture
def new_exchange(
    governor: AccountAPI, settings: Settings, verifier: ContractInstance, vkey: bytes
) -> ContractInstance:
    """One that is still being set up."""
    return deploy.deploy_exchange(governor, settings, Verifier("mock", verifier), vkey)


@pytest.fixture
def exchange(governor: AccountAPI, new_exchange: ContractInstance) -> ContractInstance:
    new_exchange.open(sender=governor)
    return new_exchange
