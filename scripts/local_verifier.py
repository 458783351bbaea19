"""Reads and compiles the contract of Groth16 keys that were made on a machine of our own.

Such keys are for the development chain alone: whoever made them can forge proofs. A folder of them holds
`Groth16Verifier.sol`, as gnark exports it, and `verifier.json` with `verifier_hash` (SHA-256 of the verifying key),
`vk_root`, `sp1_version` and `circuit_version`.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import solcx
from solcx.exceptions import SolcError

from sequencer.config import Hex32

ROOT: Final = Path(__file__).resolve().parent.parent
SOLC: Final = ROOT / "contracts/node_modules/.bin/solc"
MANIFEST: Final = ROOT / "sp1_program/elf/manifest.json"
SOURCE: Final = "Groth16Verifier.sol"
VERIFY: Final = "verifyProof(uint256[8],uint256[5])"

# Of the verifying key and the recursion programs of circuit v6.1.0, the only version this project accepts.
SP1_VERIFIER_HASH: Final = bytes.fromhex("4388a21c687fdd5f218d7e3d13190cac4c5355818d3605fd5fb811df468ee696")
SP1_VK_ROOT: Final = bytes.fromhex("002f850ee998974d6cc00e50cd0814b098c05bfade466d28573240d057f25352")
STALE_SELECTOR: Final = bytes.fromhex("2b4aeaf7")
"""Of a production key before v6.1.0: those circuits are unsound."""


class LocalVerifierError(click.ClickException):
    """The folder holds no verifier that may be deployed; the message says why."""


class Versions(msgspec.Struct, frozen=True):
    """Which SP1 something was made for or with."""

    sp1_version: str
    circuit_version: str


class Keys(Versions, frozen=True):
    """`verifier.json`."""

    verifier_hash: Hex32
    vk_root: Hex32


@dataclass(frozen=True)
class LocalVerifier:
    """A compiled verifier of local keys. `artifact` is in forge's form."""

    verifier_hash: bytes
    vk_root: bytes
    artifact: dict[str, Any]


def load(folder: Path) -> LocalVerifier:
    """Reads, checks and compiles what is in `folder`. Raises `LocalVerifierError`."""
    keys = read_keys(folder / "verifier.json")
    source = read(folder / SOURCE).decode(errors="replace")
    return LocalVerifier(
        bytes.fromhex(keys.verifier_hash[2:]), bytes.fromhex(keys.vk_root[2:]), compiled(source)
    )


def read(path: Path) -> bytes:
    """The bytes of a file. Raises `LocalVerifierError`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalVerifierError(
            f"{path}: {error.strerror}; --local-verifier names the keys' folder"
        ) from error


def read_keys(path: Path) -> Keys:
    """What `verifier.json` says. Raises `LocalVerifierError` if it is not of keys for the committed guest's SP1."""
    try:
        keys = msgspec.json.decode(read(path), type=Keys)
    except msgspec.DecodeError as error:
        raise LocalVerifierError(f"{path}: {error}") from error
    guest = msgspec.json.decode(MANIFEST.read_bytes(), type=Versions)
    for name in Versions.__struct_fields__:
        made, wanted = getattr(keys, name), getattr(guest, name)
        if made != wanted:
            raise LocalVerifierError(f"{path}: {name} is {made}, the guest's is {wanted}: make the keys anew")
    refuse_known(bytes.fromhex(keys.verifier_hash[2:]))
    return keys


def refuse_known(verifier_hash: bytes) -> None:
    """Raises `LocalVerifierError` for the hashes of keys that were not made locally."""
    if verifier_hash == SP1_VERIFIER_HASH:
        raise LocalVerifierError("the hash is that of SP1's production key: use --verifier sp1")
    if verifier_hash[:4] == STALE_SELECTOR:
        raise LocalVerifierError("the hash is that of a production key of an unsound circuit before v6.1.0")


def compiled(source: str) -> dict[str, Any]:
    """The one contract in `source` that checks a proof, built with forge's settings. Raises `LocalVerifierError`."""
    try:
        output = solcx.compile_standard(standard_input(source), solc_binary=SOLC)
    except SolcError as error:
        raise LocalVerifierError(f"{SOURCE} does not compile:\n{error}") from error
    contracts = output["contracts"][SOURCE].values()
    found = [built for built in contracts if VERIFY in built["evm"]["methodIdentifiers"]]
    if len(found) != 1:
        raise LocalVerifierError(f"{SOURCE} has {len(found)} contracts with {VERIFY}, not one")
    return {
        "abi": found[0]["abi"],
        "bytecode": {"object": "0x" + found[0]["evm"]["bytecode"]["object"]},
        "deployedBytecode": {"object": "0x" + found[0]["evm"]["deployedBytecode"]["object"]},
    }


def standard_input(source: str) -> dict[str, Any]:
    """What the compiler is given: nothing but this file, so it can import nothing."""
    profile = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    kinds = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers"]
    return {
        "language": "Solidity",
        "sources": {SOURCE: {"content": source}},
        "settings": {
            "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
            "evmVersion": profile["evm_version"],
            "metadata": {"bytecodeHash": profile["bytecode_hash"], "appendCBOR": profile["cbor_metadata"]},
            "outputSelection": {"*": {"*": kinds}},
        },
    }
