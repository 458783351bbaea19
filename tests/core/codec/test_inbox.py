"""Entries of the inbox to bytes and back."""

import pytest

from sequencer.core.codec import (
    encode_inbox_deposit,
    encode_inbox_list_market,
    encode_inbox_list_token,
    parse_inbox_entry,
)
from sequencer.core.types import Deposit, UnknownEntry
from tests.core.exchange import ALICE, LIST_BASE, LIST_MARKET

DEPOSIT = Deposit(7, 2, ALICE, 2**127 + 1)
ENTRIES = [
    (DEPOSIT, encode_inbox_deposit(DEPOSIT)),
    (LIST_BASE, encode_inbox_list_token(LIST_BASE)),
    (LIST_MARKET, encode_inbox_list_market(LIST_MARKET)),
]


@pytest.mark.parametrize(("entry", "encoded"), ENTRIES)
def test_entries_are_read_as_written(entry: object, encoded: bytes) -> None:
    assert parse_inbox_entry(encoded) == entry


def test_deposit_bytes() -> None:
    expected = "01" + f"{7:016x}" + f"{2:08x}" + ALICE.hex() + f"{2**127 + 1:032x}"
    assert encode_inbox_deposit(DEPOSIT).hex() == expected


@pytest.mark.parametrize(("entry", "encoded"), ENTRIES)
def test_another_length_or_kind_is_unknown(entry: object, encoded: bytes) -> None:
    time = int.from_bytes(encoded[1:9], "big")
    for changed in (encoded[:-1], encoded + b"\0", b"\x02" + encoded[1:], b"\x00" + encoded[1:]):
        assert parse_inbox_entry(changed) == UnknownEntry(time)


@pytest.mark.parametrize("length", range(9))
def test_an_entry_too_short_for_a_time_has_none(length: int) -> None:
    assert parse_inbox_entry(b"\x01" * length) == UnknownEntry(0)
