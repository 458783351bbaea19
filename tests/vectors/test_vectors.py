"""The committed vectors are current, and hold for outside oracles and for the Rust core."""

import json
from typing import Any

import pytest
import zkclob_native as native
from eth_account import Account
from eth_account.messages import encode_typed_data

from scripts.make_vectors import FILES, ROOT, render
from sequencer.core.signing import struct_typed_data
from tests.vectors import transactions


def load(name: str) -> Any:
    return json.loads((ROOT / "tests" / "vectors" / name).read_text())


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def tree_of(pre: Any) -> native.StateTree:
    tree = native.StateTree()
    tree.apply(writes(pre["writes"]), unhex(pre["meta"]))
    return tree


def writes(rows: Any) -> list[tuple[int, bytes, bytes | None]]:
    return [(int(number), unhex(key), None if value is None else unhex(value)) for number, key, value in rows]


def named(cases: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


BATCHES = load("batches.json")
DATA = load("data.json")
EIP712 = load("eip712.json")


@pytest.mark.parametrize("path", FILES)
def test_the_committed_file_is_current(path: str) -> None:
    assert (ROOT / path).read_text() == render(path), "run `make vectors`"


@pytest.mark.parametrize("case", EIP712["cases"], ids=lambda case: case["primary_type"])
def test_eth_account_makes_the_same_digest_and_signature(case: Any) -> None:
    kinds = dict(field.split(" ")[::-1] for field in case["type_string"].split("(")[1].rstrip(")").split(","))
    message = {
        name: int(value) if kinds[name].startswith("uint") else unhex(value)
        for name, value in case["message"].items()
    }
    contract = unhex(EIP712["contract"])
    full = struct_typed_data(int(EIP712["chain_id"]), contract, case["primary_type"], message)
    signed = Account.sign_message(encode_typed_data(full_message=full), EIP712["private_key"])
    assert signed.message_hash == unhex(case["digest"])
    assert signed.signature == unhex(case["signature"])


@named([case for case in BATCHES["cases"] if case["post"]])
def test_a_valid_batch_gives_its_post_values(case: Any) -> None:
    prepared = prepare(case)
    post = case["post"]
    assert prepared.public_values == unhex(post["public_values"])
    assert prepared.block_roots == [unhex(root) for root in post["block_roots"]]
    assert prepared.results == [int(code) for code in post["results"]]
    assert prepared.outbox == [unhex(leaf) for leaf in post["outbox"]]


@named([case for case in BATCHES["cases"] if not case["post"]])
def test_an_invalid_batch_is_refused(case: Any) -> None:
    with pytest.raises(ValueError, match=r"^(?!does not decode)."):
        prepare(case)


def prepare(case: Any) -> native.Prepared:
    tree = tree_of(case["pre"])
    assert tree.root == unhex(case["pre"]["root"])
    signatures = [(unhex(signed["public_key"]), unhex(signed["signature"])) for signed in case["signatures"]]
    entries = [unhex(entry) for entry in case["inbox"]]
    removed = [unhex(order_id) for order_id in case["removed"]]
    separator = unhex(BATCHES["domain_separator"])
    return native.prepare(tree, separator, unhex(case["data"]), entries, signatures, removed)


@named(DATA["malformed"])
def test_malformed_data_does_not_decode(case: Any) -> None:
    with pytest.raises(ValueError, match="does not decode"):
        native.prepare(native.StateTree(), bytes(32), unhex(case["data"]), [], [], [])


@pytest.mark.parametrize("name", transactions.WELL_FORMED)
def test_what_the_malformed_ones_are_changes_of_decodes(name: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!does not decode)."):
        native.prepare(native.StateTree(), bytes(32), transactions.well_formed()[name], [], [], [])


@named(DATA["valid"])
def test_valid_data_decodes(case: Any) -> None:
    """On the empty state it is refused later: for its numbers, signatures or inbox."""
    with pytest.raises(ValueError, match=r"^(?!does not decode)."):
        native.prepare(native.StateTree(), bytes(32), unhex(case["data"]), [], [], [])


def test_state_roots_follow_the_writes() -> None:
    tree = native.StateTree()
    for step in load("state.json")["steps"]:
        assert tree.apply(writes(step["writes"]), unhex(step["meta"])) == unhex(step["root"])


@pytest.mark.parametrize("tree", load("outbox.json")["trees"], ids=lambda tree: str(len(tree["leaves"])))
def test_rust_makes_the_same_outbox_trees(tree: Any) -> None:
    leaves = [unhex(leaf["leaf"]) for leaf in tree["leaves"]]
    assert native.merkle_root(leaves) == unhex(tree["root"])
    for index, leaf in enumerate(tree["leaves"]):
        assert native.merkle_proof(leaves, index) == [unhex(sibling) for sibling in leaf["proof"]]
        assert native.keccak256(unhex(leaf["encoded"])) == leaves[index]
