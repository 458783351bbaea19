"""Proofs are shown to the verifier on L1: it may refuse; an L1 that is silent refuses nothing."""

import asyncio
from dataclasses import dataclass, field

import pytest

from sequencer.adapters.l1 import L1Error, L1Unavailable, Reverted
from sequencer.adapters.proof_verifier import BACK_OFF_MAX_MS, L1ProofVerifier
from sequencer.ports import ProofRefused
from tests.world import VKEY, ManualClock, eventually

POLL_MS = 2_000


@dataclass
class FakeChain:
    """Answers with what the test says, then accepts."""

    answers: list[L1Error] = field(default_factory=list)
    asked: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)

    def verify_proof(self, vkey: bytes, public_values: bytes, proof: bytes) -> None:
        self.asked.append((vkey, public_values, proof))
        if self.answers:
            raise self.answers.pop(0)


def verifier(chain: FakeChain, clock: ManualClock | None = None) -> L1ProofVerifier:
    return L1ProofVerifier(chain, VKEY, clock or ManualClock(), poll_ms=POLL_MS)


async def test_a_proof_that_is_accepted() -> None:
    chain = FakeChain()
    await verifier(chain).verify(b"values", b"proof")
    assert chain.asked == [(VKEY, b"values", b"proof")]


async def test_a_proof_that_is_refused() -> None:
    checked = verifier(FakeChain([Reverted("ProofInvalid()")]))
    with pytest.raises(ProofRefused, match="ProofInvalid"):
        await checked.verify(b"values", b"proof")
    assert checked.health().last_error is None


async def test_a_silent_l1_is_asked_again_after_growing_pauses() -> None:
    chain, clock = FakeChain([L1Unavailable("connection refused")] * 5), ManualClock()
    checked = verifier(chain, clock)
    verifying = asyncio.create_task(checked.verify(b"values", b"proof"))
    for asked, pause_ms in enumerate(
        (POLL_MS, 2 * POLL_MS, 4 * POLL_MS, BACK_OFF_MAX_MS, BACK_OFF_MAX_MS), 1
    ):
        await eventually(lambda: clock.sleepers() == 1)
        assert (len(chain.asked), checked.health().last_error) == (asked, "connection refused")
        clock.advance(pause_ms - 1)
        assert clock.sleepers() == 1
        clock.advance(1)
    await verifying
    assert checked.health().last_error is None


async def test_a_refusal_counts_also_after_a_silence() -> None:
    clock = ManualClock()
    checked = verifier(FakeChain([L1Unavailable("timeout"), Reverted("WrongSelector()")]), clock)
    verifying = asyncio.create_task(checked.verify(b"values", b"proof"))
    await eventually(lambda: clock.sleepers() == 1)
    clock.advance(POLL_MS)
    with pytest.raises(ProofRefused, match="WrongSelector"):
        await verifying
    assert checked.health().last_error is None
