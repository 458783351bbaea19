"""`docs/signing-vectors.json` by outside oracles: a client that agrees with the file agrees with the exchange."""

import json
import re
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from scripts.make_vectors import ROOT, SIGNING
from sequencer.core import signing

VECTORS = json.loads((ROOT / SIGNING).read_text())
CASES = VECTORS["cases"]
WIDTHS = {"uint8": 1, "uint32": 4, "uint64": 8, "uint128": 16, "bytes24": 24}


def named(cases: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


@named(CASES)
def test_eth_account_signs_the_same(case: Any) -> None:
    signable = encode_typed_data(full_message=case["typed_data"])
    key = VECTORS["keys"][case["key"]]
    signed = Account.sign_message(signable, key["private_key"])
    assert f"0x{signed.message_hash.hex()}" == case["digest"]
    assert f"0x{signed.signature.hex()}" == case["signature"]
    assert f"0x{signable.header.hex()}" == VECTORS["domain_separator"]
    assert Account.recover_message(signable, signature=case["signature"]).lower() == key["address"]
    assert case["typed_data"]["message"].get("signer", key["address"]) == key["address"]
    assert case["typed_data"]["domain"] == VECTORS["domain"]


@named(CASES)
def test_type_strings_are_those_of_the_typed_data(case: Any) -> None:
    name = case["typed_data"]["primaryType"]
    fields = ",".join(f"{field['type']} {field['name']}" for field in case["typed_data"]["types"][name])
    assert case["type_string"] == f"{name}({fields})"
    assert case["type_hash"] == f"0x{keccak(case['type_string'].encode()).hex()}"


@named([case for case in CASES if "actions" in case])
def test_actions_are_their_fields_one_after_the_other(case: Any) -> None:
    """Encoded a second time, from the fields and the types of the structs alone."""
    for action in case["actions"]:
        kind, fields = signing.TYPES[action["type"]]
        encoded = bytes([kind]) + b"".join(
            packed(solidity_type, action["fields"][field]) for field, solidity_type in fields[4:]
        )
        assert action["encoded"] == f"0x{encoded.hex()}"
    joined = "".join(action["encoded"][2:] for action in case["actions"])
    assert case["typed_data"]["message"]["actions"] == f"0x{joined}"


def packed(solidity_type: str, value: Any) -> bytes:
    if solidity_type == "bytes24":
        return bytes.fromhex(value[2:])
    return int(value).to_bytes(WIDTHS[solidity_type], "big")


def test_every_signed_type_has_a_case() -> None:
    assert {case["typed_data"]["primaryType"] for case in CASES} == {*signing.TYPES, "Login", "Receipt"}


def test_the_page_shows_what_the_file_holds() -> None:
    page = (ROOT / "docs" / "signing.md").read_text()
    shown = re.findall(r"0x[0-9a-f]{40,}", page)
    assert shown
    assert [value for value in shown if value not in json.dumps(VECTORS)] == []
