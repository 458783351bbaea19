"""Deploys the exchange and writes down what was deployed.

    ape run deploy --network ethereum:local:http://127.0.0.1:8545 --account TEST::0 --test-tokens
    ape run deploy … --verifier local --local-verifier DIR    (keys made on this machine; `scripts/local_verifier.py`)
    ape run deploy --network ethereum:sepolia:node --account ALIAS --poster 0x… --output deployment.json

The output is one JSON object: `chain_id`, `exchange`, `verifier`, `verifier_kind` (`mock`, `local` or `sp1`),
`verifier_hash` (null for the mock), `vkey`, `genesis_root`, `block` (of the exchange's creation), `governor`,
`poster`, `tokens: [{id, symbol, address, decimals, min_deposit}]` and `markets: [{id, symbol, base, quote,
lot_size, tick_size, min_notional, maker_fee, taker_fee, price_band, fee_account}]`; amounts are strings, in
base units.
"""

import json
import subprocess
from dataclasses import astuple, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import zkclob_native
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand, account_option
from ape.contracts import ContractContainer, ContractInstance
from ape.utils.testing import DEFAULT_TEST_HD_PATH, DEFAULT_TEST_MNEMONIC, generate_dev_accounts
from eth_utils.address import to_checksum_address
from ethpm_types import ContractType

from scripts import local_verifier
from scripts.local_verifier import SP1_VERIFIER_HASH, SP1_VK_ROOT, LocalVerifier
from sequencer.config import DEVELOPMENT_CHAIN_ID

ROOT = Path(__file__).resolve().parent.parent
FORGE = ROOT / "contracts/node_modules/.bin/forge"
ARTIFACTS = ROOT / "contracts/out"
GUEST = ROOT / "sp1_program/elf/zkclob-program"
MANIFEST = ROOT / "sp1_program/elf/manifest.json"

ZERO_ADDRESS = "0x" + "00" * 20
MIN_DEPOSIT_ETH = 10**15
# Of a forced operation while few inbox entries wait, in wei.
FORCED_FEE = 10**15
HOUR, DAY = 3600, 86_400

CONTRACTS = {"mock": "MockVerifier", "local": "LocalSP1Verifier", "sp1": "SP1Verifier"}
# Verifiers for the development chain alone, and why.
FORGEABLE = {
    "mock": "it proves nothing",
    "local": "whoever made its keys can forge proofs",
}


@dataclass(frozen=True)
class Delays:
    """The contract's `Delays`, in its order; seconds."""

    inclusion: int
    deadline: int
    exit: int
    timelock: int
    poster: int
    halt: int


PRODUCTION_DELAYS = Delays(DAY, 7 * DAY, 7 * DAY, 15 * DAY, 6 * HOUR, 2 * DAY)
# Short enough to wait for them by moving the chain's clock.
DEVELOPMENT_DELAYS = Delays(600, 3600, 1800, 5460, 60, 300)


class DeploymentError(click.ClickException):
    """The deployment was refused, or the chain does not hold what was meant to be deployed."""


@dataclass(frozen=True)
class TestToken:
    name: str
    symbol: str
    decimals: int
    min_deposit: int


@dataclass(frozen=True)
class TestMarket:
    """`lot_size` in base units, `tick_size` in quote units per lot; fees and band in millionths."""

    base: str
    quote: str
    lot_size: int
    tick_size: int
    min_notional: int
    maker_fee: int
    taker_fee: int
    price_band: int


TEST_TOKENS = (
    TestToken("USD Coin", "USDC", decimals=6, min_deposit=10**6),
    TestToken("Wrapped Bitcoin", "WBTC", decimals=8, min_deposit=10**4),
)
# Steps: 0.0001 ETH at 0.01 USDC, 0.00001 WBTC at 0.1 USDC. Orders from 10 USDC, fees of 2 and 5 basis points,
# a band of 20 %.
TEST_MARKETS = (
    TestMarket("ETH", "USDC", 10**14, 1, 10 * 10**6, 200, 500, 200_000),
    TestMarket("WBTC", "USDC", 10**3, 1, 10 * 10**6, 200, 500, 200_000),
)


# --- what is deployed ---------------------------------------------------------------------------------------


def build_contracts() -> None:
    """Brings forge's artifacts up to date. Raises `DeploymentError` if the contracts do not compile."""
    built = subprocess.run([FORGE, "build", "contracts/src"], cwd=ROOT, capture_output=True, text=True)
    if built.returncode != 0:
        raise DeploymentError(f"forge build failed:\n{built.stdout}{built.stderr}")


def artifact(name: str) -> dict[str, Any]:
    """Forge's output for the contract `name`."""
    loaded: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.sol/{name}.json").read_text())
    return loaded


def contract(name: str) -> ContractContainer:
    """The contract `name`, as forge built it, in the form that ape deploys."""
    return container(name, artifact(name))


def container(name: str, built: dict[str, Any]) -> ContractContainer:
    """What a compiler built, in the form that ape deploys."""
    return ContractContainer(
        ContractType.model_validate(
            {
                "contractName": name,
                "abi": built["abi"],
                "deploymentBytecode": {"bytecode": built["bytecode"]["object"]},
                "runtimeBytecode": {"bytecode": built["deployedBytecode"]["object"]},
            }
        )
    )


def program_vkey() -> bytes:
    """Verifying key of the committed guest program, 32 bytes. Raises if the manifest is of another program."""
    manifest = json.loads(MANIFEST.read_text())
    vkey = bytes.fromhex(manifest["vkey"].removeprefix("0x"))
    if len(vkey) != 32:
        raise DeploymentError(f"{MANIFEST} holds a key of {len(vkey)} bytes")
    found = "0x" + sha256(GUEST.read_bytes()).hexdigest()
    if found != manifest["elf_sha256"]:
        raise DeploymentError(
            f"the SHA-256 of {GUEST} is {found}, its manifest says {manifest['elf_sha256']}: "
            "restore the committed files or run `make elf`"
        )
    return vkey


# --- what is refused ----------------------------------------------------------------------------------------


def chain_id(provider: ProviderAPI) -> int:
    """What the node itself says. Ape's own answer can come from its configuration."""
    return int(provider.make_request("eth_chainId"), 16)


def choose_verifier(asked: str | None, chain: int) -> str:
    """`mock`, `local` or `sp1`: as asked, else by the chain. Raises if that is not safe on this chain."""
    kind = asked or ("mock" if chain == DEVELOPMENT_CHAIN_ID else "sp1")
    if kind in FORGEABLE and chain != DEVELOPMENT_CHAIN_ID:
        raise DeploymentError(f"the {kind} verifier: {FORGEABLE[kind]}: refused on chain {chain}")
    return kind


def refuse_known_keys(chain: int, addresses: list[str]) -> None:
    """Raises if the key of one of `addresses` is public knowledge and the chain is not for development."""
    if chain == DEVELOPMENT_CHAIN_ID:
        return
    anvil = generate_dev_accounts(DEFAULT_TEST_MNEMONIC, number_of_accounts=20, hd_path=DEFAULT_TEST_HD_PATH)
    known = {account.address for account in anvil}
    for address in addresses:
        if address in known:
            raise DeploymentError(f"everybody knows the key of {address}: refused on chain {chain}")


# --- deployment ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verifier:
    """A verifier on the chain and what it must be. `groth16`, where that is a contract of its own: its artifact."""

    kind: str
    contract: ContractInstance
    verifier_hash: bytes | None = None
    vk_root: bytes | None = None
    groth16: dict[str, Any] | None = None


def deploy_verifier(deployer: AccountAPI, kind: str, folder: Path | None) -> Verifier:
    """Creates the verifier of this kind; `folder` has the keys of the local one and is given for no other."""
    if (kind == "local") != (folder is not None):
        raise DeploymentError("--verifier local needs --local-verifier DIR, and no other verifier takes it")
    if folder is not None:
        return deploy_local_verifier(deployer, local_verifier.load(folder))
    deployed = deployer.deploy(contract(CONTRACTS[kind]))
    if kind == "mock":
        return Verifier(kind, deployed)
    return Verifier(kind, deployed, SP1_VERIFIER_HASH, SP1_VK_ROOT)


def deploy_local_verifier(deployer: AccountAPI, keys: LocalVerifier) -> Verifier:
    """Creates what checks the pairing and what checks all the rest."""
    groth16 = deployer.deploy(container("Groth16Verifier", keys.artifact))
    arguments = (groth16.address, keys.verifier_hash, keys.vk_root)
    deployed = deployer.deploy(contract(CONTRACTS["local"]), *arguments)
    return Verifier("local", deployed, keys.verifier_hash, keys.vk_root, keys.artifact)


def configuration(
    chain: int, owner: str, settler: str, verifier: str, vkey: bytes, guardian: str | None = None
) -> tuple[Any, ...]:
    """The contract's `Configuration`. The guardian is the owner unless another one is named."""
    delays = DEVELOPMENT_DELAYS if chain == DEVELOPMENT_CHAIN_ID else PRODUCTION_DELAYS
    roles = (owner, settler, guardian or owner)
    return (*roles, verifier, vkey, MIN_DEPOSIT_ETH, FORCED_FEE, astuple(delays))


def deploy_exchange(
    deployer: AccountAPI,
    owner: str,
    settler: str,
    verifier: Verifier,
    vkey: bytes,
    guardian: str | None = None,
) -> ContractInstance:
    """Creates the exchange. It takes no deposits before its governor opens it."""
    chain = chain_id(deployer.provider)
    arguments = configuration(chain, owner, settler, verifier.contract.address, vkey, guardian)
    return deployer.deploy(contract("Exchange"), arguments)


def deploy_tokens(deployer: AccountAPI, exchange: ContractInstance) -> list[dict[str, Any]]:
    """Creates and lists the test tokens; gives the deployment file's entries."""
    tokens = []
    for token in TEST_TOKENS:
        deployed = deployer.deploy(contract("TestToken"), token.name, token.symbol, token.decimals)
        exchange.listToken(deployed.address, token.decimals, token.min_deposit, sender=deployer)
        tokens.append(token_entry(exchange, token.symbol, deployed.address))
    return tokens


def token_entry(exchange: ContractInstance, symbol: str, address: str) -> dict[str, Any]:
    """A listed token as the contract holds it."""
    token_id = exchange.tokenIdOf(address) or 1
    listed = exchange.tokenOf(token_id)
    return {
        "id": token_id,
        "symbol": symbol,
        "address": address,
        "decimals": listed.decimals,
        "min_deposit": str(listed.minDeposit),
    }


def list_markets(
    deployer: AccountAPI, exchange: ContractInstance, tokens: list[dict[str, Any]], fee_account: str
) -> list[dict[str, Any]]:
    """Lists the test markets; gives the deployment file's entries."""
    ids = {token["symbol"]: token["id"] for token in tokens}
    markets = []
    for market in TEST_MARKETS:
        terms = (
            ids[market.base],
            ids[market.quote],
            market.lot_size,
            market.tick_size,
            market.min_notional,
            market.maker_fee,
            market.taker_fee,
            market.price_band,
            fee_account,
        )
        exchange.listMarket(terms, sender=deployer)
        markets.append(market_entry(exchange.marketCount(), market, ids, fee_account))
    return markets


def market_entry(market_id: int, market: TestMarket, ids: dict[str, int], fee_account: str) -> dict[str, Any]:
    """A market as the deployment file has it."""
    return {
        "id": market_id,
        "symbol": f"{market.base}/{market.quote}",
        "base": ids[market.base],
        "quote": ids[market.quote],
        "lot_size": str(market.lot_size),
        "tick_size": str(market.tick_size),
        "min_notional": str(market.min_notional),
        "maker_fee": market.maker_fee,
        "taker_fee": market.taker_fee,
        "price_band": market.price_band,
        "fee_account": fee_account,
    }


# --- verification -------------------------------------------------------------------------------------------


def require_equal(what: str, found: object, expected: object) -> None:
    """Raises `DeploymentError` unless the chain holds what was meant."""
    if found != expected:
        raise DeploymentError(f"{what} on the chain is {found!r}, expected {expected!r}")


def require_code(provider: ProviderAPI, name: str, address: str, artifact: dict[str, Any]) -> None:
    """The code at `address` is what was built, apart from the immutables that its constructor filled in."""
    built = artifact["deployedBytecode"]
    found = bytearray(provider.get_code(to_checksum_address(address)))
    for places in built.get("immutableReferences", {}).values():
        for place in places:
            end = place["start"] + place["length"]
            found[place["start"] : end] = bytes(place["length"])
    if bytes(found) != bytes.fromhex(built["object"].removeprefix("0x")):
        raise DeploymentError(f"the code at {address} is not that of {name}")


def verify(provider: ProviderAPI, exchange: ContractInstance, verifier: Verifier, vkey: bytes) -> None:
    """Reads back what the exchange's safety rests on. Raises `DeploymentError` at the first difference."""
    require_code(provider, "Exchange", exchange.address, artifact("Exchange"))
    require_code(provider, "ProofReader", exchange.proofReader(), artifact("ProofReader"))
    require_equal("verifier", exchange.verifier(), verifier.contract.address)
    require_equal("program key", bytes(exchange.programVKey()), vkey)
    require_equal("genesis root", bytes(exchange.head().stateRoot), zkclob_native.StateTree().root)
    verify_verifier(provider, verifier)


def verify_verifier(provider: ProviderAPI, verifier: Verifier) -> None:
    """Reads back the verifier. Raises `DeploymentError` at the first difference."""
    deployed = verifier.contract
    name = CONTRACTS[verifier.kind]
    require_code(provider, name, deployed.address, artifact(name))
    if verifier.verifier_hash is not None:
        require_equal("verifier hash", bytes(deployed.VERIFIER_HASH()), verifier.verifier_hash)
        require_equal("VK root", bytes(deployed.VK_ROOT()), verifier.vk_root)
    if verifier.groth16 is not None:
        require_code(provider, "Groth16Verifier", deployed.GROTH16(), verifier.groth16)


def describe(provider: ProviderAPI, exchange: ContractInstance, verifier: Verifier) -> dict[str, Any]:
    """The deployment file without its tokens and markets."""
    creation = exchange.creation_metadata
    if creation is None:
        raise DeploymentError(f"the chain does not know when {exchange.address} was created")
    return {
        "chain_id": chain_id(provider),
        "exchange": exchange.address,
        "verifier": exchange.verifier(),
        "verifier_kind": verifier.kind,
        "verifier_hash": verifier.verifier_hash and "0x" + verifier.verifier_hash.hex(),
        "vkey": "0x" + exchange.programVKey().hex().removeprefix("0x"),
        "genesis_root": "0x" + zkclob_native.StateTree().root.hex(),
        "block": creation.block,
        "governor": exchange.owner(),
        "poster": exchange.poster(),
    }


# --- command ------------------------------------------------------------------------------------------------


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--verifier", "asked", type=click.Choice([*CONTRACTS]), help="Default: by the chain id.")
@click.option(
    "--local-verifier",
    "keys",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of locally made keys, for --verifier local.",
)
@click.option("--governor", help="Owner of the exchange. Default: the deploying account.")
@click.option("--poster", help="The one address that may settle. Default: the deploying account.")
@click.option("--guardian", help="May halt settlement for a while. Default: the governor.")
@click.option("--fee-account", help="Earns the test markets' fees. Default: the governor.")
@click.option("--test-tokens", is_flag=True, help="Also list USDC, WBTC and two markets, and open.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Deployment file.")
def cli(
    account: AccountAPI,
    provider: ProviderAPI,
    asked: str | None,
    keys: Path | None,
    governor: str | None,
    poster: str | None,
    guardian: str | None,
    fee_account: str | None,
    test_tokens: bool,
    output: Path | None,
) -> None:
    """Deploy the verifier and the exchange, read them back and write the deployment file.

    Without --test-tokens the exchange is left to its governor, who lists tokens and markets and then opens it.
    """
    owner = to_checksum_address(governor or account.address)
    settler = to_checksum_address(poster or account.address)
    kind = choose_verifier(asked, chain_id(provider))
    halting = to_checksum_address(guardian or owner)
    refuse_known_keys(chain_id(provider), [account.address, owner, settler, halting])
    if test_tokens and owner != account.address:
        raise DeploymentError(
            "--test-tokens needs the deploying account as governor: only the governor lists"
        )

    build_contracts()
    vkey = program_vkey()
    verifier = deploy_verifier(account, kind, keys)
    exchange = deploy_exchange(account, owner, settler, verifier, vkey, halting)
    verify(provider, exchange, verifier, vkey)

    tokens = [token_entry(exchange, "ETH", ZERO_ADDRESS)]
    markets: list[dict[str, Any]] = []
    if test_tokens:
        tokens += deploy_tokens(account, exchange)
        markets = list_markets(account, exchange, tokens, to_checksum_address(fee_account or owner))
        exchange.open(sender=account)
    deployment = describe(provider, exchange, verifier) | {"tokens": tokens, "markets": markets}
    written = json.dumps(deployment, indent=2) + "\n"
    if output is not None:
        output.write_text(written)
    click.echo(written, nl=False)
