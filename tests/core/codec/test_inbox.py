"""Entries of the inbox to bytes and back."""

import pytest

from sequencer.core.codec import (
    encode_inbox_deposit,
    encode_inbox_forced,
    encode_inbox_list_market,
    encode_inbox_list_token,
    encode_inbox_set_market,
    parse_inbox_entry,
)
from sequencer.core.types import (
    Deposit,
    ForceApproveAgent,
    ForceCancelAll,
    ForceExit,
    ForceRevokeAgents,
    ParsedEntry,
    SetMarket,
    UnknownEntry,
)
from tests.core.exchange import ALICE, BOB, LIST_BASE, LIST_MARKET

DEPOSIT = Deposit(7, 2, ALICE, 2**127 + 1)
SET_MARKET = SetMarket(8, 3, 255, 2**127 + 2, 4, 5, 6, BOB)
FORCED = (
    ForceExit(9, ALICE),
    ForceCancelAll(10, ALICE),
    ForceApproveAgent(11, ALICE, BOB, 12, 2**255 + 1),
    ForceRevokeAgents(13, ALICE),
)
ENTRIES: list[tuple[ParsedEntry, bytes]] = [
    (DEPOSIT, encode_inbox_deposit(DEPOSIT)),
    (LIST_BASE, encode_inbox_list_token(LIST_BASE)),
    (LIST_MARKET, encode_inbox_list_market(LIST_MARKET)),
    (SET_MARKET, encode_inbox_set_market(SET_MARKET)),
    *((entry, encode_inbox_forced(entry)) for entry in FORCED),
]


@pytest.mark.parametrize(("entry", "encoded"), ENTRIES)
def test_entries_are_read_as_written(entry: ParsedEntry, encoded: bytes) -> None:
    assert parse_inbox_entry(encoded) == entry


def test_deposit_bytes() -> None:
    expected = "01" + f"{7:016x}" + f"{2:08x}" + ALICE.hex() + f"{2**127 + 1:032x}"
    assert encode_inbox_deposit(DEPOSIT).hex() == expected


def test_bytes_of_a_forced_approval_and_of_new_terms() -> None:
    approval = "04" + f"{11:016x}" + ALICE.hex() + BOB.hex() + f"{12:016x}" + f"{2**255 + 1:064x}"
    assert encode_inbox_forced(FORCED[2]).hex() == approval
    terms = (
        "08" + f"{8:016x}" + f"{3:08x}" + "ff" + f"{2**127 + 2:032x}" + f"{4:08x}{5:08x}{6:08x}" + BOB.hex()
    )
    assert encode_inbox_set_market(SET_MARKET).hex() == terms


@pytest.mark.parametrize(("entry", "encoded"), ENTRIES)
def test_another_length_or_kind_is_unknown(entry: ParsedEntry, encoded: bytes) -> None:
    time = int.from_bytes(encoded[1:9], "big")
    for changed in (encoded[:-1], encoded + b"\0", b"\x00" + encoded[1:], b"\x09" + encoded[1:]):
        assert parse_inbox_entry(changed) == UnknownEntry(time)


@pytest.mark.parametrize("length", range(9))
def test_an_entry_too_short_for_a_time_has_none(length: int) -> None:
    assert parse_inbox_entry(b"\x01" * length) == UnknownEntry(0)
