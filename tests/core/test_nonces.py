"""Nonces: any order within the window, lanes of their own, floors."""

from contextlib import suppress
from itertools import product

import pytest
from msgspec.structs import replace

from sequencer.core.codec import encode_inbox_deposit, encode_inbox_forced, encode_inbox_list_token
from sequencer.core.constants import FIRST_AGENT_LANE, MAX_NONCE_JUMP, NONCE_SEQUENCE_MASK, NONCE_WINDOW
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Lane
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_inbox
from sequencer.core.types import Deposit, ForceCancelAll, InboxEntry, InvalidateNonces, ListToken, Transaction
from tests.core.exchange import ALICE, NOW, STRANGER, Trader
from tests.properties.replica import Replica, Signer


def lane(number: int, sequence: int) -> int:
    """The nonce of this sequence in a lane."""
    return number << 48 | sequence


def send(state: State, alice: Trader, *nonces: int) -> None:
    """Sequences a transaction of each nonce."""
    for nonce in nonces:
        assert apply(state, numbered(alice, nonce)).code is Code.OK


def numbered(alice: Trader, nonce: int) -> Transaction:
    return replace(alice.cancel_all(), nonce=nonce)


def refused(state: State, alice: Trader, nonce: int) -> Code:
    """Why no block can hold a transaction of this nonce."""
    with pytest.raises(Rejection) as rejected:
        apply(state, numbered(alice, nonce))
    return rejected.value.code


def test_nonces_come_in_any_order_and_each_once(state: State, alice: Trader) -> None:
    send(state, alice, 3, 0, 2, 10)
    send(state, alice, 1, 9)
    for nonce in (0, 1, 2, 3, 9, 10):
        assert refused(state, alice, nonce) is Code.NONCE_USED
    send(state, alice, 4, 11)


def test_the_window_ends_128_below_the_next_nonce(state: State, alice: Trader) -> None:
    send(state, alice, 1000)
    assert refused(state, alice, 1000 - NONCE_WINDOW) is Code.NONCE_TOO_LOW
    send(state, alice, 1001 - NONCE_WINDOW)


def test_a_nonce_jumps_up_to_2_to_the_20(state: State, alice: Trader) -> None:
    assert refused(state, alice, MAX_NONCE_JUMP + 1) is Code.NONCE_TOO_HIGH
    send(state, alice, MAX_NONCE_JUMP)
    assert refused(state, alice, 2 * MAX_NONCE_JUMP + 2) is Code.NONCE_TOO_HIGH
    send(state, alice, 2 * MAX_NONCE_JUMP + 1)


def test_lanes_do_not_know_each_other(state: State, alice: Trader) -> None:
    send(state, alice, *(lane(number, 5) for number in range(8)))
    send(state, alice, *(lane(number, 4) for number in range(8)))
    assert refused(state, alice, lane(7, 5)) is Code.NONCE_USED
    assert refused(state, alice, lane(8, 0)) is Code.NONCE_LANE


def test_a_floor_ends_all_nonces_below_it(state: State, alice: Trader) -> None:
    send(state, alice, lane(1, 7))
    assert apply(state, alice.invalidate(lane(1, 20))).code is Code.OK
    for sequence in (0, 6, 8, 19):
        assert refused(state, alice, lane(1, sequence)) is Code.NONCE_USED
    send(state, alice, lane(1, 20))


def test_a_floor_below_the_highest_nonce_leaves_those_between(state: State, alice: Trader) -> None:
    send(state, alice, lane(1, 20))
    assert apply(state, alice.invalidate(lane(1, 10))).code is Code.OK
    assert refused(state, alice, lane(1, 9)) is Code.NONCE_USED
    send(state, alice, lane(1, 10), lane(1, 19))


@pytest.mark.parametrize(
    ("floor", "code"),
    [
        (lane(3, MAX_NONCE_JUMP), Code.OK),
        (lane(3, MAX_NONCE_JUMP + 1), Code.INVALID_FLOOR),
        (lane(8, 0), Code.INVALID_FLOOR),
        (lane(FIRST_AGENT_LANE, 0), Code.OK),
        (lane(FIRST_AGENT_LANE + 1, 0), Code.INVALID_FLOOR),
        # of its own lane, where its nonce, the second, counts as used
        (lane(0, MAX_NONCE_JUMP + 2), Code.OK),
        (lane(0, MAX_NONCE_JUMP + 3), Code.INVALID_FLOOR),
    ],
)
def test_a_floor_is_in_a_lane_of_the_account_and_not_too_high(
    state: State, alice: Trader, floor: int, code: Code
) -> None:
    apply(state, alice.approve(STRANGER, 0))
    assert apply(state, alice.invalidate(floor)).code is code


def test_the_floor_of_an_agents_lane_ends_what_it_signed(state: State, alice: Trader) -> None:
    apply(state, alice.approve(STRANGER, 0))
    agent = Trader(STRANGER, ALICE, FIRST_AGENT_LANE)
    signed = agent.buy(1000, 1)
    apply(state, alice.invalidate(lane(FIRST_AGENT_LANE, 1)))
    with pytest.raises(Rejection) as rejected:
        apply(state, signed)
    assert rejected.value.code is Code.NONCE_USED
    assert apply(state, agent.buy(1000, 1)).code is Code.OK


def test_a_forced_cancel_ends_all_that_was_signed(state: State, alice: Trader) -> None:
    """In every lane, of the owner and of an agent, used or not."""
    apply(state, alice.approve(STRANGER, 0))
    agent = Trader(STRANGER, ALICE, FIRST_AGENT_LANE)
    signed = [numbered(alice, lane(number, MAX_NONCE_JUMP)) for number in range(8)]
    signed += [replace(agent.buy(1000, 1), nonce=lane(FIRST_AGENT_LANE, MAX_NONCE_JUMP))]
    entry = encode_inbox_forced(ForceCancelAll(NOW, ALICE))
    assert apply_inbox(state, entry).code is Code.OK
    for tx in signed:
        with pytest.raises(Rejection) as rejected:
            apply(state, tx)
        assert rejected.value.code in (Code.NONCE_USED, Code.NONCE_TOO_LOW)
    send(state, alice, lane(7, MAX_NONCE_JUMP + 1))


def test_a_lane_near_its_end_is_not_raised_past_it(state: State, alice: Trader) -> None:
    lanes = state.accounts[ALICE].lanes
    last = NONCE_SEQUENCE_MASK - MAX_NONCE_JUMP - 1
    lanes[0], lanes[1] = Lane(last, 1), Lane(last + 1, 1)
    apply_inbox(state, encode_inbox_forced(ForceCancelAll(NOW, ALICE)))
    assert (lanes[0].top, lanes[1].top) == (NONCE_SEQUENCE_MASK, last + 1)


@pytest.mark.parametrize("sequence", [0, 1, 130])
def test_a_first_nonce_that_sets_a_floor_of_0_counts_as_used_before_it(sequence: int) -> None:
    """Once the two implementations disagreed here: a lane without a nonce stays as it is, but this one has one."""
    everything_below_0 = (1 << 128) - (1 << min(sequence + 1, 128))
    assert lane_after_floors([(lane(2, sequence), lane(2, 0))]) == Lane(sequence + 1, everything_below_0 | 1)


def test_python_and_rust_agree_on_every_floor() -> None:
    edges = (0, 1, 5, 127, 128, 129, 300)
    for before, own, floor in product(edges, edges, edges):
        if own != before:
            lane_after_floors([(lane(1, before), lane(2, 0)), (lane(1, own), lane(1, floor))])


def lane_after_floors(floors: list[tuple[int, int]]) -> Lane:
    """The last floor's lane after a batch that sets `floors` with these nonces, on which Rust agrees.

    A nonce that cannot be used any more is left out.
    """
    signer = Signer(1)
    replica = Replica([signer])
    replica.open_block(NOW)
    for entry in (
        encode_inbox_list_token(ListToken(NOW, 1, bytes(20), 18)),
        encode_inbox_deposit(Deposit(NOW, 1, signer.address, 1)),
    ):
        replica.sequence(InboxEntry(entry))
    for nonce, floor in floors:
        with suppress(Rejection):
            replica.sequence(InvalidateNonces(signer.address, signer.address, nonce, NOW, floor))
    replica.seal_batch()
    return replica.state.accounts[signer.address].lanes[floors[-1][1] >> 48]
