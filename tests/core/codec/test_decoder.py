"""Data of L1 is read back as it was written, and nothing else is read."""

import json
from random import Random
from typing import Any

import pytest

from scripts.make_vectors import ROOT
from sequencer.core.codec import decode_data, encode_data
from sequencer.core.types import Block, InboxEntry
from tests.properties.flow import Flow
from tests.properties.replica import Replica, Signer

DATA = json.loads((ROOT / "tests" / "vectors" / "data.json").read_text())
START = 1_700_000_000


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def named(cases: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


def entries(case: Any) -> list[bytes]:
    transactions = [tx for block in case["blocks"] for tx in block["transactions"]]
    return [unhex(tx["data"]) for tx in transactions if tx["type"] == "InboxEntry"]


@named(DATA["valid"])
def test_data_has_one_form(case: Any) -> None:
    data = unhex(case["data"])
    decoded = decode_data(data, entries(case))
    assert decoded.first_seq == int(case["first_seq"])
    assert [block.number for block in decoded.blocks] == [int(block["number"]) for block in case["blocks"]]
    assert encode_data(decoded.first_seq, decoded.blocks) == data


@named(DATA["malformed"])
def test_malformed_data_is_refused(case: Any) -> None:
    with pytest.raises(ValueError):
        decode_data(unhex(case["data"]), [b"\x01"] * 8)


def test_every_kind_of_transaction_comes_back() -> None:
    signers = [Signer(1_000 + number) for number in range(8)]
    replica, flow = Replica(signers), Flow(7, [signer.address for signer in signers])
    replica.open_block(START)
    for entry in flow.opening_entries(START):
        replica.sequence(InboxEntry(entry))
    for number in range(2_000):
        if number % 50 == 0:
            replica.open_block(START + number)
        replica.sequence(flow.next(replica.state))
    replica.seal_block()
    written = replica.blocks
    consumed = [tx.data for block in written for tx in block.transactions if isinstance(tx, InboxEntry)]
    assert decode_data(encode_data(1, written), consumed).blocks == written


def test_data_of_entries_that_are_not_there_is_refused() -> None:
    data = encode_data(1, [Block(1, 0, [InboxEntry(b"\x01"), InboxEntry(b"\x01")])])
    with pytest.raises(ValueError, match="not there"):
        decode_data(data, [b"\x01"])


def test_no_changed_byte_is_read_as_something_that_is_written_otherwise() -> None:
    random = Random(3)
    cases = [unhex(case["data"]) for case in DATA["valid"]]
    for _ in range(5_000):
        changed = bytearray(random.choice(cases))
        changed[random.randrange(len(changed))] = random.randrange(256)
        try:
            decoded = decode_data(bytes(changed), [b"\x01"] * 300)
        except ValueError:
            continue
        assert encode_data(decoded.first_seq, decoded.blocks) == bytes(changed)
