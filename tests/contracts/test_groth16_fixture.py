"""Groth16 proofs on a real chain: each fixture is accepted as it is, and with any byte changed it is refused.

A fixture is a folder of `tests/vectors`. The production verifier checks it, or the one of the keys in the folder.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract

from scripts import local_verifier
from scripts.local_verifier import LocalVerifier

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "tests/vectors").glob("groth16*/fixture.json"))
GUEST = ROOT / "sp1_program/elf"
CALLS_IN_A_BATCH = 250

Deploy = Callable[..., Any]

pytestmark = pytest.mark.e2e


class Fixture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`fixture.json`."""

    verifier_kind: str
    program: str
    guest_sha256: str | None
    vkey: str
    public_values: str
    proof: str


@dataclass(frozen=True)
class Claim:
    """What a verifier is asked to accept."""

    vkey: bytes
    public_values: bytes
    proof: bytes


def selector(error: str) -> bytes:
    return keccak(text=error)[:4]


INVALID = {selector("ProofInvalid()")}
NOT_IN_FIELD = {selector("PublicInputNotInField()")}
# Where each part of a proof ends, and what it is refused with.
PARTS = [
    (4, {selector("WrongSelector(bytes4)")}),
    (36, {selector("NonZeroExitCode(uint256)")}),
    (68, {selector("WrongVkRoot(bytes32)")}),
    (100, INVALID | NOT_IN_FIELD),  # the nonce is a public input
    (356, INVALID),
]


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture(scope="module")
def fixture(folder: Path) -> Fixture:
    return msgspec.json.decode((folder / "fixture.json").read_bytes(), type=Fixture)


@pytest.fixture(scope="module")
def claim(fixture: Fixture) -> Claim:
    """What the fixture proves."""
    return Claim(*(bytes.fromhex(part[2:]) for part in (fixture.vkey, fixture.public_values, fixture.proof)))


@pytest.fixture(scope="module")
def verifier(folder: Path, fixture: Fixture, deploy: Deploy) -> Contract:
    if fixture.verifier_kind == "sp1":
        deployed: Contract = deploy("SP1Verifier")
        return deployed
    assert fixture.verifier_kind == "local"
    return deploy_local(local_verifier.load(folder), deploy)


def deploy_local(keys: LocalVerifier, deploy: Deploy) -> Contract:
    groth16 = deploy(keys.artifact)
    deployed: Contract = deploy("LocalSP1Verifier", groth16.address, keys.verifier_hash, keys.vk_root)
    return deployed


def answers(chain: Web3, verifier: Contract, claims: list[Claim]) -> Iterator[bytes]:
    """What the verifier answers to each claim: nothing if it accepts, else the first bytes of its error."""
    url = chain.provider.endpoint_uri  # type: ignore[attr-defined]  # it is an HTTPProvider
    for start in range(0, len(claims), CALLS_IN_A_BATCH):
        batch = [
            request(verifier, number, claim)
            for number, claim in enumerate(claims[start : start + CALLS_IN_A_BATCH])
        ]
        replies = requests.post(url, json=batch, timeout=60).json()
        assert [reply["id"] for reply in replies] == list(range(len(batch)))
        yield from (answer(reply) for reply in replies)


def request(verifier: Contract, number: int, claim: Claim) -> dict[str, Any]:
    """An `eth_call`."""
    arguments = [claim.vkey, claim.public_values, claim.proof]
    data = verifier.encode_abi("verifyProof(bytes32,bytes,bytes)", args=arguments)
    call = {"to": verifier.address, "data": data}
    return {"jsonrpc": "2.0", "id": number, "method": "eth_call", "params": [call, "latest"]}


def answer(reply: dict[str, Any]) -> bytes:
    """Raises KeyError for an error that is not the contract's."""
    if "result" in reply:
        assert reply["result"] == "0x"
        return b""
    return bytes.fromhex(reply["error"]["data"][2:10])


def changes(whole: bytes) -> Iterator[tuple[int, bytes]]:
    """Each byte replaced by a random other one, and each with one bit changed; with the byte's place."""
    chosen = random.Random(6)
    for place, byte in enumerate(whole):
        for change in (chosen.randrange(1, 256), 1 << chosen.randrange(8)):
            yield place, whole[:place] + bytes([byte ^ change]) + whole[place + 1 :]


def test_there_is_a_fixture() -> None:
    assert [folder.name for folder in FOLDERS if folder.name == "groth16_toy"]


def test_the_proof_is_accepted(chain: Web3, verifier: Contract, claim: Claim) -> None:
    assert len(claim.proof) == PARTS[-1][0]
    assert list(answers(chain, verifier, [claim])) == [b""]


def test_any_change_of_the_proof_is_refused(chain: Web3, verifier: Contract, claim: Claim) -> None:
    changed = list(changes(claim.proof))
    given = answers(chain, verifier, [replace(claim, proof=proof) for _, proof in changed])
    for (place, _), error in zip(changed, given, strict=True):
        expected = next(errors for end, errors in PARTS if place < end)
        assert error in expected, f"byte {place}"


def test_any_change_of_the_public_values_is_refused(chain: Web3, verifier: Contract, claim: Claim) -> None:
    values = [value for _, value in changes(claim.public_values)]
    values += [claim.public_values[:-1], claim.public_values + b"\0"]
    claims = [replace(claim, public_values=value) for value in values]
    assert set(answers(chain, verifier, claims)) == INVALID


def test_any_change_of_the_program_is_refused(chain: Web3, verifier: Contract, claim: Claim) -> None:
    claims = [replace(claim, vkey=vkey) for _, vkey in changes(claim.vkey)]
    assert set(answers(chain, verifier, claims)) <= INVALID | NOT_IN_FIELD


def test_another_length_is_refused(chain: Web3, verifier: Contract, claim: Claim) -> None:
    lengths = [claim.proof[:-1], claim.proof + b"\0", claim.proof[1:], b"\0" + claim.proof, b""]
    claims = [replace(claim, proof=proof) for proof in lengths]
    assert set(answers(chain, verifier, claims)) == {selector("WrongProofLength(uint256)")}


def test_the_program_is_the_guest_that_the_fixture_names(fixture: Fixture) -> None:
    """A proof of another guest stays a good one: its key is only known while that guest is the committed one."""
    manifest = json.loads((GUEST / "manifest.json").read_text())
    committed = "0x" + sha256((GUEST / "zkclob-program").read_bytes()).hexdigest()
    assert (fixture.guest_sha256 == committed) == (fixture.vkey == manifest["vkey"])
