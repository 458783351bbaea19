"""Vectors of section 3: digests and signatures of every signed type."""

from random import Random
from typing import Any

from sequencer.core import signing
from tests.properties.replica import CHAIN_ID, CONTRACT, SEPARATOR, Signer

PRIVATE_KEY = 0xAC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80
SMALL_BITS = 8


def eip712() -> dict[str, Any]:
    """Each type with small, random and largest values."""
    signer = Signer(PRIVATE_KEY)
    return {
        "chain_id": CHAIN_ID,
        "contract": CONTRACT,
        "domain_separator": SEPARATOR,
        "private_key": PRIVATE_KEY.to_bytes(32, "big"),
        "address": signer.address,
        "public_key": signer.public_key,
        "cases": [
            _case(signer, name, filling)
            for name in signing.TYPES
            for filling in ("small", "random", "largest")
        ],
    }


def _case(signer: Signer, name: str, filling: str) -> dict[str, Any]:
    kind, fields = signing.TYPES[name]
    random = Random(f"{name} {filling}")
    message = {field: _value(random, solidity_type, filling) for field, solidity_type in fields}
    message |= {"account": signer.address, "signer": signer.address}
    digest = signing.struct_digest(SEPARATOR, name, message)
    return {
        "primary_type": name,
        "kind": kind,
        "type_string": signing.TYPE_STRINGS[name],
        "type_hash": signing.TYPE_HASHES[name],
        "message": message,
        "digest": digest,
        "signature": signer.sign(digest),
    }


def _value(random: Random, solidity_type: str, filling: str) -> int | bytes:
    if solidity_type.startswith("uint"):
        bits = int(solidity_type.removeprefix("uint"))
        largest: int = (1 << bits) - 1
        return {
            "small": random.getrandbits(SMALL_BITS),
            "random": random.getrandbits(bits),
            "largest": largest,
        }[filling]
    length = {"address": 20, "bytes24": 24}.get(
        solidity_type, {"small": 0, "random": 37, "largest": 200}[filling]
    )
    return random.randbytes(length)
