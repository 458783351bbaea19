"""Validity of signed transactions, block times and sequence numbers."""

from typing import Any

import pytest
from msgspec.structs import replace

from sequencer.core.constants import MAX_NONCE_JUMP
from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
from sequencer.core.transition import accept, apply, open_block
from tests.core.exchange import ALICE, BOB, NOW, STRANGER, Trader


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": STRANGER, "signer": BOB, "deadline": 0}, Code.UNKNOWN_ACCOUNT),
        ({"signer": BOB, "deadline": 0}, Code.SIGNER_NOT_AUTHORIZED),
        ({"deadline": NOW - 1, "nonce": 8 << 48}, Code.DEADLINE_PASSED),
        ({"nonce": 8 << 48}, Code.NONCE_LANE),
        ({"nonce": 256 << 48}, Code.NONCE_LANE),
        ({"nonce": MAX_NONCE_JUMP + 301}, Code.NONCE_TOO_HIGH),
        ({"nonce": 7 << 48 | MAX_NONCE_JUMP + 1}, Code.NONCE_TOO_HIGH),
        ({"nonce": 0}, Code.NONCE_TOO_LOW),
        ({"nonce": 299}, Code.NONCE_USED),
    ],
)
def test_what_is_invalid_is_refused_and_changes_nothing(
    state: State, alice: Trader, changes: dict[str, Any], code: Code
) -> None:
    apply(state, replace(alice.buy(1000, 1), nonce=299))
    state.take_writes()
    meta = replace(state.meta)
    tx = replace(alice.buy(1000, 1), nonce=300)
    for attempt in (accept, apply):
        with pytest.raises(Rejection) as rejected:
            attempt(state, replace(tx, **changes))
        assert rejected.value.code is code
        assert rejected.value.code.invalid
    assert (state.meta, state.take_writes()) == (meta, [])
    accept(state, tx)


def test_a_deadline_is_the_last_time_that_counts(state: State, alice: Trader) -> None:
    assert apply(state, replace(alice.buy(1000, 1), deadline=NOW)).code is Code.OK


def test_a_no_op_uses_its_nonce_and_a_sequence_number(state: State, alice: Trader) -> None:
    tx = alice.buy(0, 1)
    seq = state.meta.next_seq
    assert apply(state, tx).seq == seq
    assert state.meta.next_seq == seq + 1
    with pytest.raises(Rejection) as rejected:
        apply(state, replace(tx, price=1000))
    assert rejected.value.code is Code.NONCE_USED


def test_accept_refuses_a_no_op_and_changes_nothing(state: State, alice: Trader) -> None:
    no_op = alice.buy(0, 1)
    state.take_writes()
    meta = replace(state.meta)
    with pytest.raises(Rejection) as rejected:
        accept(state, no_op)
    assert rejected.value.code is Code.ZERO_PRICE
    assert (state.meta, state.take_writes()) == (meta, [])
    assert state.accounts[ALICE].lanes == {}
    assert accept(state, replace(no_op, price=1000)).seq == meta.next_seq


def test_order_ids_follow_sequence_numbers(state: State, alice: Trader) -> None:
    results = [apply(state, alice.buy(1000, 1)) for _ in range(2)]
    assert [int.from_bytes((result.order_id or b"")[16:], "big") for result in results] == [
        result.seq * 64 for result in results
    ]


def test_block_time_does_not_go_back(state: State) -> None:
    number = state.meta.block_number
    with pytest.raises(ValueError, match=str(NOW)):
        open_block(state, NOW - 1)
    open_block(state, NOW)
    assert (state.meta.block_number, state.meta.timestamp) == (number + 1, NOW)
