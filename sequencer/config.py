"""Configuration: the only reader of the configuration file, the environment and the key files.

A TOML file names everything; a relative path is relative to the file. `ZKCLOB_<NAME>` in the environment takes the
place of a top-level setting of that name, except of the proof mode. Nothing has a hidden default that could change what
is proven or to whom money goes: chain, contract and program come from the deployment file, the proof mode is always
written out in the file.
"""

import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from eth_account import Account

DEVELOPMENT_CHAIN_ID: Final = 31337
ENVIRONMENT_PREFIX: Final = "ZKCLOB_"
_ONLY_IN_THE_FILE: Final = {"proof_mode", "seal", "batch", "limits", "worker", "relay"}
_PUBLIC_MNEMONIC: Final = "test test test test test test test test test test test junk"
_PUBLIC_KEYS: Final = 20

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Hex32 = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{64}$")]
HexAddress = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")]


class ConfigError(Exception):
    """The configuration cannot be used; the message names the setting."""


class ProofMode(StrEnum):
    """How batches are proven."""

    EXECUTE = "execute"
    """The real guest runs in the SP1 executor, no proof is made; only the mock verifier accepts it."""
    CPU = "cpu"
    """Groth16 proofs, made on the processor."""
    CUDA = "cuda"
    """Groth16 proofs, made on a graphics card."""
    NETWORK = "network"
    """Groth16 proofs, bought from Succinct's prover network."""


class VerifierKind(StrEnum):
    """The contract that checks what the workers made."""

    MOCK = "mock"
    """Accepts what anyone can make."""
    LOCAL = "local"
    """Checks Groth16 proofs under a key that was made on a machine of our own: whoever made it can forge them."""
    SP1 = "sp1"
    """Checks Groth16 proofs under SP1's production key."""


class DataCarrier(StrEnum):
    """What brings the data of batches to L1."""

    CALLDATA = "calldata"
    """The call that settles. It stays on L1."""
    BLOBS = "blobs"
    """Blobs of its transaction (EIP-4844). They are cheaper; L1 forgets them after weeks."""


_JOB_LIMITS_S: Final = {
    ProofMode.EXECUTE: 10 * 60,
    ProofMode.CPU: 12 * 3600,
    ProofMode.CUDA: 2 * 3600,
    ProofMode.NETWORK: 6 * 3600,
}
"""Several times what a full batch takes; to wait in vain costs only time."""


class SealPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the open block ends: whichever comes first."""

    interval_ms: Positive = 1_000
    max_transactions: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1_000
    """A block is sealed earlier if more might not fit the data of one batch."""


class BatchPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When sealed blocks become a batch: whichever comes first."""

    max_age_ms: Positive = 5_000
    max_transactions: Positive = 2_000
    max_prover_gas: Positive = 100_000_000
    """By the estimate of `prover_gas`. A block that costs more alone is a batch of its own."""


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bucket of `burst` tokens that fills at `per_s` a second; 0: the default."""

    per_s: NotNegative = 0
    burst: NotNegative = 0


_RATES: Final = {
    "client": Rate(2_000, 10_000),
    "client_cancels": Rate(2_000, 10_000),
    "client_reads": Rate(500, 2_000),
    "client_prover": Rate(500, 2_000),
    "account": Rate(500, 2_000),
    "account_cancels": Rate(500, 2_000),
}


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much one client (an IP address) and one account may ask for, and how many connections there may be."""

    enabled: bool = True
    """False turns the rates off, for measurements; the connections stay limited."""
    client: Rate = Rate()
    """Signed transactions other than cancels."""
    client_cancels: Rate = Rate()
    client_reads: Rate = Rate()
    client_prover: Rate = Rate()
    """The prover queue."""
    account: Rate = Rate()
    """Signed transactions other than cancels; a batch counts as its actions."""
    account_cancels: Rate = Rate()
    connections: Positive = 4_096
    """Fewer if the system does not give as many file descriptors."""
    connections_per_client: Positive = 2_048
    websockets: Positive = 2_048
    """Of the connections, those that may be WebSockets."""
    websockets_per_client: Positive = 256
    proxies: list[str] = []
    """IP addresses whose `X-Forwarded-For` is believed."""

    def rate(self, name: str) -> Rate:
        """The rate of the buckets that are called `name`."""
        given: Rate = getattr(self, name)
        default = _RATES[name]
        return Rate(given.per_s or default.per_s, given.burst or default.burst)


class RelayMode(StrEnum):
    """Whether settled withdrawals are claimed for their recipients."""

    OFF = "off"
    FREE = "free"
    """All of them, without a fee."""
    FEE = "fee"
    """Those that brought the fee of their token, which is taken."""


class Relay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who claims settled withdrawals, and for what."""

    mode: RelayMode = RelayMode.OFF
    key_file: Path | None = None
    """Of its own: transactions of the poster's key would take the relayer's nonces, and the other way round."""
    fee_recipient: HexAddress | None = None
    """The account of the key unless given."""
    min_fees: dict[Annotated[int, msgspec.Meta(ge=1, le=255)], NotNegative] = {}
    """By token, in base units; other tokens are not claimed for a fee."""
    claims_max: Annotated[int, msgspec.Meta(ge=1, le=50)] = 20
    """In one transaction."""


class LocalWorker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The prover worker that runs as a child of the sequencer."""

    program: Path
    elf: Path
    prover: Path | None = None
    """What makes the proofs, for `--prover` of the program; executing needs none."""
    name: str = "local"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data_dir: Path
    deployment: Path
    rpc_url: str
    poster_key_file: Path
    receipt_key_file: Path
    """Of the key that signs receipts: a key of its own, as traders keep what it signs as evidence."""
    prover_token_file: Path
    proof_mode: ProofMode
    data_carrier: DataCarrier = DataCarrier.CALLDATA
    host: str = "127.0.0.1"
    port: Port = 8080
    inbox_confirmations: NotNegative = 12
    """Blocks on top of an inbox entry's block before the entry is sequenced."""
    settle_confirmations: NotNegative = 12
    """Blocks on top of a settlement's block before it counts."""
    l1_poll_ms: Positive = 2_000
    admission_queue: Positive = 4_096
    """Transactions that may wait for the writer; above it the answer is BUSY."""
    lease_ms: Positive = 30_000
    """How long a prover worker keeps a job without a heartbeat."""
    job_limit_s: NotNegative = 0
    """How long a prover worker keeps a job with heartbeats; 0: by the proof mode."""
    seal: SealPolicy = SealPolicy()
    batch: BatchPolicy = BatchPolicy()
    limits: Limits = Limits()
    worker: LocalWorker | None = None
    relay: Relay = Relay()

    @property
    def job_limit_ms(self) -> int:
        """How long one job may take."""
        return 1000 * (self.job_limit_s or _JOB_LIMITS_S[self.proof_mode])


class DeployedToken(msgspec.Struct, frozen=True):
    """A token's name, which the chain does not hold."""

    id: int
    symbol: str


class DeployedMarket(msgspec.Struct, frozen=True):
    """A market's name, which the chain does not hold."""

    id: int
    symbol: str


class Delays(msgspec.Struct, frozen=True):
    """The contract's delays, in seconds and in its order; see contracts/src/types/Configuration.sol."""

    inclusion: NotNegative
    """An inbox entry that has waited for longer is overdue."""
    deadline: NotNegative
    """One that has waited for so long lets anyone freeze the exchange."""
    exit: NotNegative
    timelock: NotNegative
    poster: NotNegative
    halt: NotNegative


class Deployment(msgspec.Struct, frozen=True):
    """What `scripts/deploy.py` wrote about the contract on L1."""

    chain_id: Positive
    exchange: HexAddress
    vkey: Hex32
    genesis_root: Hex32
    block: NotNegative
    """Block of the contract's creation."""
    poster: HexAddress
    verifier: HexAddress
    verifier_kind: VerifierKind
    delays: Delays
    tokens: list[DeployedToken] = []
    markets: list[DeployedMarket] = []

    @property
    def contract(self) -> bytes:
        """Address of the exchange, 20 bytes."""
        return bytes.fromhex(self.exchange[2:])

    @property
    def program_vkey(self) -> bytes:
        """Verifying key of the guest program, 32 bytes."""
        return bytes.fromhex(self.vkey[2:])


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration at `path`. Raises ConfigError."""
    try:
        settings = tomllib.loads(path.read_text())
        return _resolved(
            msgspec.convert(settings | _overrides(environment), Config, dec_hook=_path, strict=False),
            path.resolve().parent,
        )
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from error


def load_deployment(path: Path) -> Deployment:
    """The deployment file. Raises ConfigError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Deployment)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def require_safe(config: Config, deployment: Deployment) -> None:
    """Raises ConfigError when the proof mode, the verifier, the chain and the worker do not fit each other."""
    mode, kind, chain = config.proof_mode, deployment.verifier_kind, deployment.chain_id
    if kind is not VerifierKind.SP1 and chain != DEVELOPMENT_CHAIN_ID:
        raise ConfigError(
            f"the verifier '{kind}' accepts forged proofs: refused on chain {chain}, it is for development on "
            f"{DEVELOPMENT_CHAIN_ID}; deploy with --verifier sp1"
        )
    if (mode is ProofMode.EXECUTE) != (kind is VerifierKind.MOCK):
        raise ConfigError(
            f"proof_mode '{mode}' does not fit the deployment's verifier '{kind}': 'execute' makes no proof and needs "
            "'mock'; 'cpu', 'cuda' and 'network' need 'sp1' or 'local'"
        )
    if config.relay.mode is not RelayMode.OFF and config.relay.key_file is None:
        raise ConfigError(f"relay.mode '{config.relay.mode}' needs relay.key_file")
    if (config.relay.mode is RelayMode.FEE) != bool(config.relay.min_fees):
        raise ConfigError("relay.min_fees is for relay.mode 'fee', which needs it: no token would be claimed")
    if mode is ProofMode.EXECUTE and config.worker is not None and config.worker.prover is not None:
        raise ConfigError("proof_mode 'execute' makes no proof: leave out worker.prover")


def read_key(path: Path, chain_id: int) -> bytes:
    """A private key (32 bytes) from a file with its hexadecimal digits. Raises ConfigError.

    Keys that everybody knows are refused off the development chain.
    """
    try:
        key = bytes.fromhex(path.read_text().strip().removeprefix("0x"))
        address = Account.from_key(key).address
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no private key ({type(error).__name__})") from error
    if chain_id != DEVELOPMENT_CHAIN_ID and address in _public_addresses():
        raise ConfigError(f"{path}: everybody knows the key of {address}, refused on chain {chain_id}")
    return key


def read_token(path: Path) -> str:
    """The prover queue's bearer token. Raises ConfigError when it could be guessed."""
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if len(token) < 16 or not token.isascii() or not token.isprintable():
        raise ConfigError(f"{path}: the prover token needs 16 or more printable characters")
    return token


def _overrides(environment: Mapping[str, str]) -> dict[str, str]:
    names = {field.name for field in msgspec.structs.fields(Config)} - _ONLY_IN_THE_FILE
    found = {name: environment.get(ENVIRONMENT_PREFIX + name.upper()) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str):
        raise NotImplementedError
    return Path(value)


def _resolved(config: Config, folder: Path) -> Config:
    """`config` with its paths relative to `folder`."""
    worker = config.worker
    if worker is not None:
        prover = None if worker.prover is None else folder / worker.prover
        worker = msgspec.structs.replace(
            worker, program=folder / worker.program, elf=folder / worker.elf, prover=prover
        )
    relay = config.relay
    if relay.key_file is not None:
        relay = msgspec.structs.replace(relay, key_file=folder / relay.key_file)
    paths: dict[str, Any] = {
        name: folder / getattr(config, name)
        for name in ("data_dir", "deployment", "poster_key_file", "receipt_key_file", "prover_token_file")
    }
    return msgspec.structs.replace(config, worker=worker, relay=relay, **paths)


def _public_addresses() -> set[str]:
    """Addresses of the accounts that Anvil, Hardhat and ape hand out."""
    Account.enable_unaudited_hdwallet_features()
    return {
        Account.from_mnemonic(_PUBLIC_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}").address
        for index in range(_PUBLIC_KEYS)
    }
