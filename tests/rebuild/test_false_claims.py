"""Batches that are not what they claim: the mock verifier accepts what no proof could show."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sequencer.core.public_values import PublicValues
from sequencer.rebuild.errors import Mismatch
from tests.rebuild.conftest import Operator

pytestmark = pytest.mark.e2e

Pending = tuple[PublicValues, bytes]


@pytest.fixture(scope="module")
def pending(settled: Operator) -> Pending:
    """A batch that is not settled."""
    settled.l1(0).deposit(1, 10**18)
    return settled.next_batch(15)


@pytest.fixture(autouse=True)
def _undone(settled: Operator, pending: Pending) -> Iterator[None]:
    """What a test settles is taken back."""
    saved = settled.ask("evm_snapshot")
    yield
    settled.ask("evm_revert", saved)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("newStateRoot", {"new_state_root": b"\x01" * 32}),
        ("outboxRoot", {"outbox_root": b"\x01" * 32}),
        ("outboxCount", {"outbox_count": 99}),
        ("digestsHash", {"digests_hash": b"\x01" * 32}),
        ("blockNumber", {"block_number": 1 << 40}),
        ("endSeq", {"end_seq": 1 << 40}),
    ],
)
def test_a_false_claim_is_named(
    settled: Operator, pending: Pending, field: str, changes: dict[str, Any]
) -> None:
    values, data = pending
    settled.send(replace(values, **changes), data)
    with pytest.raises(Mismatch, match=field) as stopped:
        settled.follower().step()
    assert (stopped.value.batch, stopped.value.field) == (settled.batches(), field)


def test_a_false_cursor_is_named(settled: Operator, pending: Pending) -> None:
    """The batch says that it left out the entry that it consumed."""
    values, data = pending
    hashed = settled.contract.functions.inboxHash(values.inbox_cursor - 1).call()
    settled.send(replace(values, inbox_cursor=values.inbox_cursor - 1, inbox_hash=hashed), data)
    with pytest.raises(Mismatch, match="entry that is not there") as stopped:
        settled.follower().step()
    assert stopped.value.batch == settled.batches()


def test_data_that_does_not_decode_is_named(settled: Operator, pending: Pending) -> None:
    values, data = pending
    settled.send_as(values, data + b"\0")
    with pytest.raises(Mismatch, match="bytes left over") as stopped:
        settled.follower().step()
    assert stopped.value.field == "data"


def test_data_of_another_batch_is_named(settled: Operator, pending: Pending) -> None:
    follower = settled.follower()
    follower.step()
    values, _ = pending
    settled.send_as(values, follower.records.data(1) or b"")
    with pytest.raises(Mismatch) as stopped:
        follower.step()
    assert stopped.value.field in ("data", "firstSeq in data")
