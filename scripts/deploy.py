"""Deploys the exchange, lists its tokens and markets, opens it, and writes down what was deployed.

    ape run deploy --network ethereum:local:http://127.0.0.1:8545 --account TEST::0 --test-tokens
    ape run deploy … --verifier local --local-verifier DIR    (keys made on this machine; `scripts/local_verifier.py`)
    ape run deploy --network ethereum:sepolia:node --account ALIAS --governor 0x… --guardian 0x… --poster 0x… \\
        --listing listing.json --output deployment.json

The deploying account sets the exchange up and opens it; after that whatever governance does goes through the timelock.
Another governor is offered the ownership at the end and accepts it (`scripts/governance.py accept-ownership`).

A listing is one JSON object: `tokens: [{symbol, address, min_deposit}]`, next to the chain's own coin, which is called
ETH, and `markets: [{base, quote, lot_size, tick_size, min_notional, maker_fee, taker_fee, price_band}]`.

The output is one JSON object: `chain_id`, `exchange`, `verifier`, `verifier_kind` (`mock`, `local` or `sp1`),
`verifier_hash` (null for the mock), `vkey`, `genesis_root`, `block` (of the exchange's creation), `governor`,
`guardian`, `poster`, `forced_fee`, `delays: {inclusion, deadline, exit, timelock, poster, halt}` in seconds,
`tokens: [{id, symbol, address, decimals, min_deposit}]` and `markets: [{id, symbol, base, quote, lot_size, tick_size,
min_notional, maker_fee, taker_fee, price_band, fee_account}]`; amounts are strings, in base units.
"""

import json
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import msgspec
import zkclob_native
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand, account_option
from ape.contracts import ContractContainer, ContractInstance
from ape.utils.testing import DEFAULT_TEST_HD_PATH, DEFAULT_TEST_MNEMONIC, generate_dev_accounts
from eth_utils.address import to_checksum_address
from ethpm_types import ContractType

from scripts import local_verifier
from scripts.local_verifier import SP1_VERIFIER_HASH, SP1_VK_ROOT, LocalVerifier
from sequencer.abi import ERC20
from sequencer.config import DEVELOPMENT_CHAIN_ID, Delays

ROOT = Path(__file__).resolve().parent.parent
FORGE = ROOT / "contracts/node_modules/.bin/forge"
ARTIFACTS = ROOT / "contracts/out"
GUEST = ROOT / "sp1_program/elf/zkclob-program"
MANIFEST = ROOT / "sp1_program/elf/manifest.json"

ZERO_ADDRESS = "0x" + "00" * 20
MIN_DEPOSIT_ETH = 10**15
FORCED_FEE = 10**15
HOUR, DAY = 3_600, 86_400
PRODUCTION_DELAYS = Delays(
    inclusion=DAY, deadline=7 * DAY, exit=7 * DAY, timelock=15 * DAY, poster=6 * HOUR, halt=2 * DAY
)

CONTRACTS = {"mock": "MockVerifier", "local": "LocalSP1Verifier", "sp1": "SP1Verifier"}
# Verifiers for the development chain alone, and why.
FORGEABLE = {
    "mock": "it proves nothing",
    "local": "whoever made its keys can forge proofs",
}


class DeploymentError(click.ClickException):
    """The deployment was refused, or the chain does not hold what was meant to be deployed."""


class ListedMarket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`lot_size` in base units, `tick_size` in quote units per lot; fees and band in millionths."""

    base: str
    quote: str
    lot_size: int
    tick_size: int
    min_notional: int
    maker_fee: int
    taker_fee: int
    price_band: int


class ListedToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`min_deposit` in base units."""

    symbol: str
    address: str
    min_deposit: int


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is listed before the exchange is opened, besides the chain's own coin."""

    tokens: list[ListedToken] = []
    markets: list[ListedMarket] = []


@dataclass(frozen=True)
class TestToken:
    name: str
    symbol: str
    decimals: int
    min_deposit: int


@dataclass(frozen=True)
class Settings:
    """With what an exchange is created besides its governor and its verifier. `forced_fee` in wei."""

    poster: str
    guardian: str
    forced_fee: int = FORCED_FEE
    delays: Delays = PRODUCTION_DELAYS


TEST_TOKENS = (
    TestToken("USD Coin", "USDC", decimals=6, min_deposit=10**6),
    TestToken("Wrapped Bitcoin", "WBTC", decimals=8, min_deposit=10**4),
)
# Steps: 0.0001 ETH at 0.01 USDC, 0.00001 WBTC at 0.1 USDC. Orders from 10 USDC, fees of 2 and 5 basis points,
# a band of 20 %.
TEST_MARKETS = (
    ListedMarket("ETH", "USDC", 10**14, 1, 10 * 10**6, 200, 500, 200_000),
    ListedMarket("WBTC", "USDC", 10**3, 1, 10 * 10**6, 200, 500, 200_000),
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


def require_safe_delays(chain: int, delays: Delays) -> None:
    """Raises if users would have less time than in production and the chain is not for development."""
    if chain == DEVELOPMENT_CHAIN_ID:
        return
    for name in Delays.__struct_fields__:
        given, usual = getattr(delays, name), getattr(PRODUCTION_DELAYS, name)
        if given > usual if name == "halt" else given < usual:
            raise DeploymentError(f"--{name}-delay {given} s instead of {usual} s: refused on chain {chain}")


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


def configuration(governor: str, settings: Settings, verifier: str, vkey: bytes) -> tuple[Any, ...]:
    """The contract's `Configuration`."""
    roles = (governor, settings.poster, settings.guardian, verifier)
    delays = msgspec.structs.astuple(settings.delays)
    return (*roles, vkey, MIN_DEPOSIT_ETH, settings.forced_fee, delays)


def deploy_exchange(
    deployer: AccountAPI, settings: Settings, verifier: Verifier, vkey: bytes
) -> ContractInstance:
    """Creates the exchange, with the deployer as its governor."""
    arguments = configuration(deployer.address, settings, verifier.contract.address, vkey)
    return deployer.deploy(contract("Exchange"), arguments)


def test_listing(deployer: AccountAPI) -> Listing:
    """Creates the test tokens; gives them and the test markets."""
    tokens = [
        ListedToken(
            token.symbol,
            deployer.deploy(contract("TestToken"), token.name, token.symbol, token.decimals).address,
            token.min_deposit,
        )
        for token in TEST_TOKENS
    ]
    return Listing(tokens, list(TEST_MARKETS))


def read_listing(path: Path) -> Listing:
    """The listing in a file. Raises `DeploymentError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Listing)
    except (OSError, msgspec.DecodeError) as error:
        raise DeploymentError(f"{path}: {error}") from error


def list_tokens(
    deployer: AccountAPI, exchange: ContractInstance, tokens: list[ListedToken]
) -> list[dict[str, Any]]:
    """Lists tokens; gives the deployment file's entries, the native coin first."""
    for token in tokens:
        address = to_checksum_address(token.address)
        erc20 = ContractInstance(address, ContractType.model_validate({"abi": ERC20}))
        exchange.listToken(address, erc20.decimals(), token.min_deposit, sender=deployer)
    listed = [("ETH", ZERO_ADDRESS), *((token.symbol, token.address) for token in tokens)]
    return [token_entry(exchange, symbol, address) for symbol, address in listed]


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
    deployer: AccountAPI,
    exchange: ContractInstance,
    markets: list[ListedMarket],
    tokens: list[dict[str, Any]],
    fee_account: str,
) -> list[dict[str, Any]]:
    """Lists markets between the `tokens` of the deployment file; gives its entries."""
    ids = {token["symbol"]: token["id"] for token in tokens}
    entries = []
    for market in markets:
        for symbol in (market.base, market.quote):
            if symbol not in ids:
                raise DeploymentError(f"market {market.base}/{market.quote}: no token {symbol} is listed")
        base, quote, *terms = msgspec.structs.astuple(market)
        exchange.listMarket((ids[base], ids[quote], *terms, fee_account), sender=deployer)
        entries.append(market_entry(exchange.marketCount(), market, ids, fee_account))
    return entries


def market_entry(
    market_id: int, market: ListedMarket, ids: dict[str, int], fee_account: str
) -> dict[str, Any]:
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


def open_exchange(deployer: AccountAPI, exchange: ContractInstance, governor: str) -> None:
    """Opens the exchange, and offers it to its governor if that is another account."""
    exchange.open(sender=deployer)
    if governor != deployer.address:
        exchange.transferOwnership(governor, sender=deployer)


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


def verify(
    provider: ProviderAPI, exchange: ContractInstance, settings: Settings, verifier: Verifier, vkey: bytes
) -> None:
    """Reads back what the exchange's safety rests on. Raises `DeploymentError` at the first difference."""
    require_code(provider, "Exchange", exchange.address, artifact("Exchange"))
    require_code(provider, "ProofReader", exchange.proofReader(), artifact("ProofReader"))
    require_equal("poster", exchange.poster(), settings.poster)
    require_equal("guardian", exchange.guardian(), settings.guardian)
    require_equal("forced fee", exchange.forcedFee(), settings.forced_fee)
    require_equal("delays", tuple(exchange.delays()), msgspec.structs.astuple(settings.delays))
    require_equal("verifier", exchange.verifier(), verifier.contract.address)
    require_equal("program key", bytes(exchange.programVKey()), vkey)
    require_equal("genesis root", bytes(exchange.head().stateRoot), zkclob_native.StateTree().root)
    verify_verifier(provider, verifier)


def verify_open(exchange: ContractInstance, deployer: str, governor: str, tokens: int, markets: int) -> None:
    """Reads back how the exchange was left. Raises `DeploymentError` at the first difference."""
    require_equal("number of tokens", exchange.tokenCount(), tokens)
    require_equal("number of markets", exchange.marketCount(), markets)
    require_equal("open", exchange.isOpen(), True)
    require_equal("governor", exchange.owner(), deployer)
    require_equal(
        "offer to the governor", exchange.pendingOwner(), ZERO_ADDRESS if governor == deployer else governor
    )


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


def describe(
    provider: ProviderAPI, exchange: ContractInstance, settings: Settings, verifier: Verifier, governor: str
) -> dict[str, Any]:
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
        "governor": governor,
        "guardian": settings.guardian,
        "poster": settings.poster,
        "forced_fee": str(settings.forced_fee),
        "delays": msgspec.structs.asdict(settings.delays),
    }


# --- command ------------------------------------------------------------------------------------------------


DELAY_HELP = {
    "inclusion": "An inbox entry older than this is overdue: anyone may settle it.",
    "deadline": "An inbox entry older than this lets anyone freeze the exchange.",
    "exit": "What users need to get out after that.",
    "timelock": "How long a change by governance is known before it can happen.",
    "poster": "How long a change of the poster is known.",
    "halt": "The guardian's longest halt.",
}


def delay_options(command: Any) -> Any:
    """An option for each delay."""
    for name, text in reversed(DELAY_HELP.items()):
        option = click.option(
            f"--{name}-delay",
            type=click.IntRange(0),
            default=getattr(PRODUCTION_DELAYS, name),
            show_default=True,
            help=f"{text} In seconds.",
        )
        command = option(command)
    return command


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
@click.option("--guardian", help="May halt settlement for a while. Default: the governor.")
@click.option("--poster", help="The one address that may settle. Default: the deploying account.")
@click.option("--fee-account", help="Earns the markets' fees. Default: the governor.")
@click.option("--forced-fee", type=click.IntRange(0), default=FORCED_FEE, show_default=True, help="In wei.")
@delay_options
@click.option("--test-tokens", is_flag=True, help="Deploy and list USDC, WBTC and two markets.")
@click.option(
    "--listing",
    "listing_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tokens and markets to list.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Deployment file.")
def cli(
    account: AccountAPI,
    provider: ProviderAPI,
    asked: str | None,
    keys: Path | None,
    governor: str | None,
    guardian: str | None,
    poster: str | None,
    fee_account: str | None,
    forced_fee: int,
    test_tokens: bool,
    listing_file: Path | None,
    output: Path | None,
    **delays: int,
) -> None:
    """Deploy the verifier and the exchange, list, open, read back and write the deployment file."""
    chain = chain_id(provider)
    owner = to_checksum_address(governor or account.address)
    settings = Settings(
        to_checksum_address(poster or account.address),
        to_checksum_address(guardian or owner),
        forced_fee,
        Delays(**{name: delays[f"{name}_delay"] for name in DELAY_HELP}),
    )
    kind = choose_verifier(asked, chain)
    refuse_known_keys(chain, [account.address, owner, settings.poster, settings.guardian])
    require_safe_delays(chain, settings.delays)
    if test_tokens and listing_file is not None:
        raise DeploymentError("--test-tokens and --listing exclude each other")
    listing = Listing() if listing_file is None else read_listing(listing_file)

    build_contracts()
    vkey = program_vkey()
    verifier = deploy_verifier(account, kind, keys)
    exchange = deploy_exchange(account, settings, verifier, vkey)
    verify(provider, exchange, settings, verifier, vkey)
    if test_tokens:
        listing = test_listing(account)
    tokens = list_tokens(account, exchange, listing.tokens)
    earner = to_checksum_address(fee_account or owner)
    markets = list_markets(account, exchange, listing.markets, tokens, earner)
    open_exchange(account, exchange, owner)
    verify_open(exchange, account.address, owner, len(tokens), len(markets))

    deployment = describe(provider, exchange, settings, verifier, owner)
    written = json.dumps(deployment | {"tokens": tokens, "markets": markets}, indent=2) + "\n"
    if output is not None:
        output.write_text(written)
    click.echo(written, nl=False)
    if owner != account.address:
        click.echo(f"{owner} must accept the ownership: until then {account.address} governs", err=True)
