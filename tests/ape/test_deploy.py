"""The deployment script refuses what is unsafe and notices what is not as it should be."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ape.api import AccountAPI, ProviderAPI
from ape.contracts import ContractInstance
from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3

from scripts import deploy, local_verifier
from scripts.deploy import DeploymentError, Settings
from scripts.local_verifier import LocalVerifierError
from sequencer.config import DEVELOPMENT_CHAIN_ID, Delays

MAINNET = 1
OTHER_CHAIN = 4242
KEYS = deploy.ROOT / "tests/vectors/groth16_toy"
UNKNOWN_KEY = "0x00000000219ab540356cBB839Cbe05303d7705Fa"


def change_code(provider: ProviderAPI, address: str) -> None:
    changed = bytearray(provider.get_code(to_checksum_address(address)))
    changed[-1] ^= 1
    provider.make_request("anvil_setCode", [address, "0x" + changed.hex()])


def test_verifies_a_good_deployment(
    provider: ProviderAPI,
    governor: AccountAPI,
    exchange: ContractInstance,
    settings: Settings,
    verifier: ContractInstance,
    vkey: bytes,
) -> None:
    deploy.verify(provider, exchange, settings, deploy.Verifier("mock", verifier), vkey)
    deploy.verify_open(exchange, governor.address, governor.address, 1, 0)


def test_notices_another_program_key(
    provider: ProviderAPI, exchange: ContractInstance, settings: Settings, verifier: ContractInstance
) -> None:
    with pytest.raises(DeploymentError, match="program key"):
        deploy.verify(provider, exchange, settings, deploy.Verifier("mock", verifier), bytes(32))


def test_notices_another_verifier(
    provider: ProviderAPI, governor: AccountAPI, exchange: ContractInstance, settings: Settings, vkey: bytes
) -> None:
    other = governor.deploy(deploy.contract("MockVerifier"))
    with pytest.raises(DeploymentError, match="verifier"):
        deploy.verify(provider, exchange, settings, deploy.Verifier("mock", other), vkey)


def test_notices_changed_code(
    provider: ProviderAPI,
    exchange: ContractInstance,
    settings: Settings,
    verifier: ContractInstance,
    vkey: bytes,
) -> None:
    change_code(provider, exchange.address)
    with pytest.raises(DeploymentError, match="not that of Exchange"):
        deploy.verify(provider, exchange, settings, deploy.Verifier("mock", verifier), vkey)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("poster", UNKNOWN_KEY),
        ("guardian", UNKNOWN_KEY),
        ("forced_fee", 1),
        ("delays", msgspec.structs.replace(deploy.PRODUCTION_DELAYS, exit=1)),
    ],
)
def test_notices_other_settings(
    provider: ProviderAPI,
    exchange: ContractInstance,
    settings: Settings,
    verifier: ContractInstance,
    vkey: bytes,
    field: str,
    value: Any,
) -> None:
    meant = replace(settings, **{field: value})
    with pytest.raises(DeploymentError, match=field.replace("_", " ")):
        deploy.verify(provider, exchange, meant, deploy.Verifier("mock", verifier), vkey)


def test_notices_an_exchange_that_was_left_as_it_should_not(
    governor: AccountAPI, trader: AccountAPI, new_exchange: ContractInstance
) -> None:
    with pytest.raises(DeploymentError, match="number of tokens"):
        deploy.verify_open(new_exchange, governor.address, governor.address, 2, 0)
    with pytest.raises(DeploymentError, match="open on the chain is False"):
        deploy.verify_open(new_exchange, governor.address, governor.address, 1, 0)
    deploy.open_exchange(governor, new_exchange, governor.address)
    with pytest.raises(DeploymentError, match="offer to the governor"):
        deploy.verify_open(new_exchange, governor.address, trader.address, 1, 0)


def test_another_governor_is_offered_the_open_exchange(
    governor: AccountAPI, trader: AccountAPI, new_exchange: ContractInstance
) -> None:
    deploy.open_exchange(governor, new_exchange, trader.address)
    deploy.verify_open(new_exchange, governor.address, trader.address, 1, 0)
    new_exchange.acceptOwnership(sender=trader)
    assert new_exchange.owner() == trader.address


# --- verifiers of Groth16 proofs -----------------------------------------------------------------------------


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder of local keys that a test may spoil."""
    return Path(shutil.copytree(KEYS, tmp_path / "keys"))


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("kind", ["sp1", "local"])
def test_accepts_what_it_deployed(
    provider: ProviderAPI, governor: AccountAPI, settings: Settings, vkey: bytes, keys: Path, kind: str
) -> None:
    verifier = deploy.deploy_verifier(governor, kind, keys if kind == "local" else None)
    exchange = deploy.deploy_exchange(governor, settings, verifier, vkey)
    deploy.verify(provider, exchange, settings, verifier, vkey)


@pytest.mark.parametrize("kind", ["sp1", "local"])
@pytest.mark.parametrize(
    ("other", "notice"),
    [({"verifier_hash": bytes(32)}, "verifier hash on"), ({"vk_root": bytes(32)}, "VK root on")],
)
def test_notices_another_key(
    provider: ProviderAPI, governor: AccountAPI, keys: Path, kind: str, other: Any, notice: str
) -> None:
    verifier = deploy.deploy_verifier(governor, kind, keys if kind == "local" else None)
    with pytest.raises(DeploymentError, match=notice):
        deploy.verify_verifier(provider, replace(verifier, **other))


def test_notices_another_contract_behind_the_local_verifier(
    provider: ProviderAPI, governor: AccountAPI, keys: Path
) -> None:
    verifier = deploy.deploy_verifier(governor, "local", keys)
    change_code(provider, verifier.contract.GROTH16())
    with pytest.raises(DeploymentError, match="not that of Groth16Verifier"):
        deploy.verify_verifier(provider, verifier)


def test_notices_that_the_local_verifier_is_another_contract(
    provider: ProviderAPI, governor: AccountAPI, keys: Path
) -> None:
    verifier = deploy.deploy_verifier(governor, "local", keys)
    change_code(provider, verifier.contract.address)
    with pytest.raises(DeploymentError, match="not that of LocalSP1Verifier"):
        deploy.verify_verifier(provider, verifier)


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"verifier_hash": "0x" + local_verifier.SP1_VERIFIER_HASH.hex()}, "use --verifier sp1"),
        ({"verifier_hash": "0x2b4aeaf7" + "00" * 28}, "unsound circuit"),
        ({"verifier_hash": "0x00"}, "verifier_hash"),
        ({"vk_root": None}, "vk_root"),
        ({"sp1_version": "6.9.0"}, "sp1_version is 6.9.0, the guest's is 6.10.0: make the keys anew"),
        ({"circuit_version": "v6.0.0"}, "circuit_version is v6.0.0, the guest's is v6.1.0"),
    ],
)
def test_refuses_keys_that_are_not_local_or_not_for_this_guest(
    governor: AccountAPI, keys: Path, fields: dict[str, Any], advice: str
) -> None:
    change(keys / "verifier.json", **fields)
    before = governor.nonce
    with pytest.raises(LocalVerifierError, match=advice):
        deploy.deploy_verifier(governor, "local", keys)
    assert governor.nonce == before


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        (None, "Groth16Verifier.sol: No such file"),
        ("contract Verifier {", "does not compile"),
        ('import "./Other.sol";', "does not compile"),
        ("contract Verifier {}", "has 0 contracts"),
    ],
)
def test_refuses_a_folder_without_a_verifier(keys: Path, source: str | None, advice: str) -> None:
    path = keys / "Groth16Verifier.sol"
    (keys / "Other.sol").write_text("pragma solidity 0.8.37; contract Other {}")
    path.unlink() if source is None else path.write_text("pragma solidity 0.8.37;\n" + source)
    with pytest.raises(LocalVerifierError, match=advice):
        local_verifier.load(keys)


# --- the committed guest -------------------------------------------------------------------------------------


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the committed guest and its manifest, in the place of theirs."""
    folder = Path(shutil.copytree(deploy.GUEST.parent, tmp_path / "elf"))
    monkeypatch.setattr(deploy, "GUEST", folder / deploy.GUEST.name)
    monkeypatch.setattr(deploy, "MANIFEST", folder / deploy.MANIFEST.name)
    return folder


def test_the_key_is_that_of_the_committed_guest(guest: Path) -> None:
    assert deploy.program_vkey().hex() == json.loads((guest / "manifest.json").read_text())["vkey"][2:]


def test_refuses_a_guest_that_is_not_its_manifests(guest: Path) -> None:
    program = guest / deploy.GUEST.name
    program.write_bytes(program.read_bytes() + b"\0")
    with pytest.raises(DeploymentError, match="restore the committed files or run `make elf`"):
        deploy.program_vkey()


def test_refuses_a_key_of_another_length(guest: Path) -> None:
    change(guest / "manifest.json", vkey="0x00")
    with pytest.raises(DeploymentError, match="a key of 1 bytes"):
        deploy.program_vkey()


# --- the command ---------------------------------------------------------------------------------------------


def run_deploy(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(deploy.ROOT / ".venv/bin/ape"), "run", "deploy", "--network", f"ethereum:local:{url}"]
    command += ["--account", "TEST::0", *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=deploy.ROOT)


@pytest.fixture
def other_chain() -> Iterator[str]:
    """URL of a chain that is not the development chain."""
    anvil = deploy.ROOT / "contracts/node_modules/.bin/anvil"
    command = [str(anvil), "--port", "0", "--chain-id", str(OTHER_CHAIN), "--hardfork", "osaka"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as chain:
        try:
            assert chain.stdout is not None
            lines = (re.search(r"Listening on (\S+)", line) for line in chain.stdout)
            yield "http://" + next(match.group(1) for match in lines if match)
        finally:
            chain.terminate()


def test_the_command_deploys_a_local_verifier(provider: ProviderAPI, tmp_path: Path) -> None:
    output = tmp_path / "deployment.json"
    options = ["--verifier", "local", "--local-verifier", str(KEYS), "--output", str(output)]
    done = run_deploy(str(provider.http_uri), *options)
    assert done.returncode == 0, done.stderr
    written = json.loads(output.read_text())
    assert written["verifier_kind"] == "local"
    assert written["delays"] == msgspec.structs.asdict(deploy.PRODUCTION_DELAYS)
    assert deploy.contract("Exchange").at(written["exchange"]).isOpen()
    assert written["verifier_hash"] == json.loads((KEYS / "verifier.json").read_text())["verifier_hash"]
    fixture = json.loads((KEYS / "fixture.json").read_text())
    verifier = deploy.contract("LocalSP1Verifier").at(written["verifier"])
    verifier.verifyProof(fixture["vkey"], fixture["public_values"], fixture["proof"])


@pytest.mark.parametrize("options", [["mock"], ["local", "--local-verifier", str(KEYS)]])
def test_the_command_refuses_what_can_be_forged_on_another_chain(
    other_chain: str, options: list[str]
) -> None:
    refused = run_deploy(other_chain, "--verifier", *options)
    assert refused.returncode != 0
    assert f"refused on chain {OTHER_CHAIN}" in refused.stdout + refused.stderr
    assert Web3(HTTPProvider(other_chain)).eth.block_number == 0


# --- what is refused -----------------------------------------------------------------------------------------


def test_the_verifier_follows_the_chain() -> None:
    assert deploy.choose_verifier(None, DEVELOPMENT_CHAIN_ID) == "mock"
    assert deploy.choose_verifier(None, MAINNET) == "sp1"
    assert deploy.choose_verifier("sp1", DEVELOPMENT_CHAIN_ID) == "sp1"


@pytest.mark.parametrize("kind", ["mock", "local"])
def test_refuses_what_can_be_forged_outside_of_the_development_chain(kind: str) -> None:
    assert deploy.choose_verifier(kind, DEVELOPMENT_CHAIN_ID) == kind
    with pytest.raises(DeploymentError, match="refused on chain 1"):
        deploy.choose_verifier(kind, MAINNET)


@pytest.mark.parametrize(("kind", "folder"), [("local", None), ("mock", KEYS), ("sp1", KEYS)])
def test_refuses_keys_for_another_verifier_and_a_local_verifier_without(
    governor: AccountAPI, kind: str, folder: Path | None
) -> None:
    before = governor.nonce
    with pytest.raises(DeploymentError, match="needs --local-verifier"):
        deploy.deploy_verifier(governor, kind, folder)
    assert governor.nonce == before


def test_refuses_well_known_keys_outside_of_the_development_chain(governor: AccountAPI) -> None:
    deploy.refuse_known_keys(DEVELOPMENT_CHAIN_ID, [governor.address])
    deploy.refuse_known_keys(MAINNET, [UNKNOWN_KEY])
    with pytest.raises(DeploymentError, match="everybody knows"):
        deploy.refuse_known_keys(MAINNET, [UNKNOWN_KEY, governor.address])


def test_refuses_less_time_than_users_need_outside_of_the_development_chain() -> None:
    usual = deploy.PRODUCTION_DELAYS
    deploy.require_safe_delays(MAINNET, usual)
    deploy.require_safe_delays(MAINNET, msgspec.structs.replace(usual, timelock=30 * deploy.DAY))
    for name in Delays.__struct_fields__:
        seconds = getattr(usual, name) + (1 if name == "halt" else -1)
        worse = msgspec.structs.replace(usual, **{name: seconds})
        deploy.require_safe_delays(DEVELOPMENT_CHAIN_ID, worse)
        with pytest.raises(DeploymentError, match=f"--{name}-delay {seconds} s"):
            deploy.require_safe_delays(MAINNET, worse)


# --- listings ------------------------------------------------------------------------------------------------


def test_lists_the_test_markets(governor: AccountAPI, new_exchange: ContractInstance) -> None:
    listing = deploy.test_listing(governor)
    tokens = deploy.list_tokens(governor, new_exchange, listing.tokens)
    markets = deploy.list_markets(governor, new_exchange, listing.markets, tokens, governor.address)
    assert [(token["id"], token["symbol"], token["decimals"]) for token in tokens] == [
        (1, "ETH", 18),
        (2, "USDC", 6),
        (3, "WBTC", 8),
    ]
    assert [(market["id"], market["base"], market["quote"]) for market in markets] == [(1, 1, 2), (2, 3, 2)]
    assert new_exchange.marketCount() == 2


def test_a_listing_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "listing.json"
    token = {"symbol": "USDC", "address": UNKNOWN_KEY, "min_deposit": 5}
    market = msgspec.structs.asdict(deploy.TEST_MARKETS[0])
    path.write_text(json.dumps({"tokens": [token], "markets": [market]}))
    listing = deploy.read_listing(path)
    assert listing.tokens[0].min_deposit == 5
    assert listing.markets == [deploy.TEST_MARKETS[0]]
    path.write_text(json.dumps({"tokens": [token | {"decimal": 6}]}))
    with pytest.raises(DeploymentError, match="decimal"):
        deploy.read_listing(path)


def test_a_market_of_a_token_that_is_not_listed_is_refused(
    governor: AccountAPI, new_exchange: ContractInstance
) -> None:
    tokens = deploy.list_tokens(governor, new_exchange, [])
    with pytest.raises(DeploymentError, match="ETH/USDC: no token USDC"):
        deploy.list_markets(governor, new_exchange, list(deploy.TEST_MARKETS), tokens, governor.address)


def test_the_command_lists_and_opens_for_another_governor(
    provider: ProviderAPI, trader: AccountAPI, tmp_path: Path
) -> None:
    listing = tmp_path / "listing.json"
    listing.write_text('{"tokens": [], "markets": []}')
    output = tmp_path / "deployment.json"
    options = ["--listing", str(listing), "--governor", trader.address, "--output", str(output)]
    done = run_deploy(str(provider.http_uri), *options, "--exit-delay", "3600", "--forced-fee", "5")
    assert done.returncode == 0, done.stderr
    assert f"{trader.address} must accept the ownership" in done.stderr + done.stdout
    written = json.loads(output.read_text())
    assert (written["governor"], written["guardian"]) == (trader.address, trader.address)
    assert (written["delays"]["exit"], written["forced_fee"]) == (3600, "5")
    exchange = deploy.contract("Exchange").at(written["exchange"])
    assert exchange.isOpen()
    assert exchange.pendingOwner() == trader.address
