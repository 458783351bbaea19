"""Public values against `eth_abi`, which encodes as the contract does."""

from dataclasses import astuple

import pytest
from eth_abi.abi import encode
from zkclob_native import keccak256

from sequencer.core.carriers import in_calldata
from sequencer.core.digests import digests_hash
from sequencer.core.outbox import outbox_leaf
from sequencer.core.public_values import PublicValues, public_values
from sequencer.core.types import Meta, Withdrawal
from tests.core.exchange import ALICE

_TYPES = ["bytes32"] * 3 + ["uint64", "bytes32", "uint8", "bytes32", "bytes32"] + ["uint64"] * 5 + ["bytes32"]
WITHDRAWAL = Withdrawal(ALICE, 1, 2, 0)
VALUES = public_values(
    separator=b"\x01" * 32,
    roots=(b"\x02" * 32, b"\x03" * 32),
    first_seq=70,
    meta=Meta(1, 8, 9, 73, 4, b"\x04" * 32),
    carried=in_calldata(b"data"),
    digests=[b"\x05" * 32] * 3,
    withdrawals=[WITHDRAWAL],
)


def test_encoding_is_that_of_the_contract() -> None:
    assert VALUES.encode() == encode(_TYPES, astuple(VALUES))
    assert len(VALUES.encode()) == 448


def test_decoding_gives_the_values_back() -> None:
    assert PublicValues.decode(VALUES.encode()) == VALUES
    with pytest.raises(ValueError, match="448"):
        PublicValues.decode(VALUES.encode() + b"\0")


def test_fields_are_those_of_the_batch() -> None:
    assert (VALUES.first_seq, VALUES.end_seq, VALUES.block_number, VALUES.timestamp) == (70, 73, 8, 9)
    assert (VALUES.inbox_cursor, VALUES.inbox_hash) == (4, b"\x04" * 32)
    assert (VALUES.data_carrier, VALUES.data_hash) == (0, keccak256(b"data"))
    assert (VALUES.outbox_root, VALUES.outbox_count) == (outbox_leaf(WITHDRAWAL, 0), 1)
    assert VALUES.digests_hash == digests_hash([b"\x05" * 32] * 3)
