"""Nonce lanes, fees and available balances."""

import pytest

from sequencer.core.constants import MAX_NONCE_JUMP, MAX_U128, NONCE_WINDOW
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account, Balance, Lane, fee, split_nonce


def used(*sequences: int) -> Lane:
    lane = Lane()
    for sequence in sequences:
        lane.check(0, sequence)
        lane.use(sequence)
    return lane


def refusal(lane: Lane, sequence: int) -> Code | None:
    try:
        lane.check(3, sequence)
    except Rejection as rejection:
        return rejection.code
    return None


def test_a_refusal_names_the_next_nonce() -> None:
    with pytest.raises(Rejection) as rejected:
        Lane(5, 1).check(3, 4)
    assert rejected.value.details == {"lane": "3", "next": str(3 << 48 | 5)}


def test_split_nonce() -> None:
    assert split_nonce(7 << 48 | 9) == (7, 9)


@pytest.mark.parametrize("top", [0, 1, 5, 1000])
def test_a_nonce_may_jump_only_so_far(top: int) -> None:
    lane = Lane(top, 0)
    assert refusal(lane, top + MAX_NONCE_JUMP) is None
    assert refusal(lane, top + MAX_NONCE_JUMP + 1) is Code.NONCE_TOO_HIGH


def test_a_nonce_can_be_used_once() -> None:
    lane = used(0, 1, 5)
    assert [refusal(lane, sequence) for sequence in range(7)] == [
        Code.NONCE_USED, Code.NONCE_USED, None, None, None, Code.NONCE_USED, None,
    ]  # fmt: skip


def test_skipped_nonces_may_be_used_within_the_window() -> None:
    lane = used(500)
    assert refusal(lane, 500 - NONCE_WINDOW) is Code.NONCE_TOO_LOW
    assert refusal(lane, 501 - NONCE_WINDOW) is None


@pytest.mark.parametrize(
    ("sequences", "top", "window"),
    [
        ((0,), 1, 0b1),
        ((0, 1), 2, 0b11),
        ((2,), 3, 0b1),
        ((2, 0), 3, 0b101),
        ((0, 127), 128, 1 | 1 << 127),
        ((0, 128), 129, 1),
        ((0, 129), 130, 1),
        (tuple(range(200)), 200, MAX_U128),
        ((3, MAX_NONCE_JUMP + 4), MAX_NONCE_JUMP + 5, 1),
    ],
)
def test_window_after_uses(sequences: tuple[int, ...], top: int, window: int) -> None:
    assert used(*sequences) == Lane(top, window)


@pytest.mark.parametrize(
    ("amount", "rate", "expected"),
    [
        (0, 10_000, 0),
        (1, 0, 0),
        (1, 1, 1),
        (1_000_000, 1, 1),
        (1_000_001, 1, 2),
        (99, 10_000, 1),
        (101, 10_000, 2),
    ],
)
def test_fees_are_rounded_up(amount: int, rate: int, expected: int) -> None:
    assert fee(amount, rate) == expected


def test_what_is_locked_is_not_available() -> None:
    account = Account(balances={1: Balance(100, 30)})
    assert (account.available(1), account.available(2)) == (70, 0)
    account.require_available(1, 70)
    with pytest.raises(Rejection) as rejected:
        account.require_available(1, 71)
    assert rejected.value.code is Code.INSUFFICIENT_BALANCE
    assert rejected.value.details == {"token": "1", "available": "70", "needed": "71"}
