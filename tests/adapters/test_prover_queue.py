"""The prover queue: leases, retries, and only the right public values."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from sequencer.adapters.prover_queue import (
    FAILURES_AT_ONCE,
    GROTH16_PROOF_LENGTH,
    RETRY_MS,
    Lease,
    LeaseLost,
    ProverQueue,
    UnknownJob,
    WrongProgram,
    WrongProof,
)
from sequencer.config import ProofMode
from sequencer.ports import Proof, ProverJob
from tests.world import (
    LEASE_MS,
    PROOF,
    TOKEN,
    VKEY,
    Api,
    CountedRandomness,
    ManualClock,
    World,
    eventually,
)

VALUES = b"\x05" * 448
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


class Desk:
    """A queue with one job, and what was accepted for it."""

    def __init__(self, mode: ProofMode = ProofMode.EXECUTE) -> None:
        self.clock = ManualClock()
        self.queue = ProverQueue(self.clock, CountedRandomness(), mode, VKEY, lease_ms=LEASE_MS)
        self.accepted: list[Proof] = []
        self.queue.add(ProverJob(1, VALUES), self._accept)

    async def _accept(self, proof: Proof) -> None:
        self.accepted.append(proof)

    def lease(self, worker: str = "one") -> Lease:
        """A lease that must be there."""
        lease = self.queue.lease(worker, [self.queue.mode], VKEY)
        assert lease is not None
        return lease


async def test_a_result_is_taken_once_and_made_into_what_the_verifier_takes() -> None:
    desk = Desk()
    lease = desk.lease()
    await desk.queue.result(1, lease.token, VALUES, PROOF)
    (accepted,) = desk.accepted
    assert accepted.proof == b"MOCK" + hashlib.sha256(VALUES).digest() + VKEY
    assert (accepted.worker, accepted.cycles) == ("one", 1_000)
    with pytest.raises(UnknownJob):
        await desk.queue.result(1, lease.token, VALUES, PROOF)
    assert desk.queue.lease("one", ["execute"], VKEY) is None


async def test_a_job_is_leased_to_one_worker_until_the_lease_runs_out() -> None:
    desk = Desk()
    first = desk.lease()
    assert desk.queue.lease("two", ["execute"], VKEY) is None
    desk.clock.advance(LEASE_MS - 1)
    desk.queue.heartbeat(1, first.token)
    desk.clock.advance(LEASE_MS - 1)
    assert desk.queue.lease("two", ["execute"], VKEY) is None
    desk.clock.advance(1)
    with pytest.raises(LeaseLost):
        desk.queue.heartbeat(1, first.token)
    second = desk.lease("two")
    with pytest.raises(LeaseLost):
        await desk.queue.result(1, first.token, VALUES, PROOF)
    await desk.queue.result(1, second.token, VALUES, PROOF)
    assert desk.accepted[0].worker == "two"


async def test_other_public_values_are_refused_and_free_the_job() -> None:
    desk = Desk()
    lease = desk.lease()
    with pytest.raises(WrongProof):
        await desk.queue.result(1, lease.token, VALUES[:-1] + b"\x00", PROOF)
    assert desk.accepted == []
    assert "public values" in (desk.queue.health().last_error or "")
    await desk.queue.result(1, desk.lease("two").token, VALUES, PROOF)
    assert desk.queue.health().last_error is None


def test_a_job_that_always_fails_is_reported_and_given_out_more_rarely() -> None:
    desk = Desk()
    for _ in range(FAILURES_AT_ONCE):
        desk.queue.failure(1, desk.lease().token, "the executor is not there")
    assert "failure 5" in (desk.queue.health().last_error or "")
    for _ in range(2):
        assert desk.queue.lease("one", ["execute"], VKEY) is None
        with pytest.raises(LeaseLost):
            desk.queue.heartbeat(1, "")
        desk.clock.advance(RETRY_MS)
        desk.queue.failure(1, desk.lease().token, "the executor is not there")
    assert desk.queue.waiting() == 1


async def test_workers_that_are_mended_settle_what_failed_before() -> None:
    desk = Desk()
    for _ in range(FAILURES_AT_ONCE):
        desk.queue.failure(1, desk.lease().token, "the executor is not there")
    desk.clock.advance(RETRY_MS)
    await desk.queue.result(1, desk.lease().token, VALUES, PROOF)
    assert (len(desk.accepted), desk.queue.health().last_error) == (1, None)


def test_a_worker_needs_the_program_and_the_mode() -> None:
    desk = Desk()
    with pytest.raises(WrongProgram):
        desk.queue.lease("one", ["execute"], b"\x08" * 32)
    assert desk.queue.lease("one", ["cpu"], VKEY) is None


@pytest.mark.parametrize(
    ("mode", "proof"), [(ProofMode.EXECUTE, b"\x01"), (ProofMode.CPU, b""), (ProofMode.CPU, b"MOCK")]
)
async def test_a_proof_of_another_mode_is_refused(mode: ProofMode, proof: bytes) -> None:
    desk = Desk(mode)
    with pytest.raises(WrongProof):
        await desk.queue.result(1, desk.lease().token, VALUES, Proof(proof, "", 1, 1, 1, 1))
    assert desk.accepted == []


async def test_a_groth16_proof_is_passed_on_as_it_is() -> None:
    desk = Desk(ProofMode.CPU)
    proof = b"\x43" * GROTH16_PROOF_LENGTH
    await desk.queue.result(1, desk.lease().token, VALUES, Proof(proof, "", 1, 1, 1, 1))
    assert desk.accepted[0].proof == proof


async def test_the_job_stays_when_the_result_cannot_be_stored() -> None:
    desk = Desk()

    async def fail(proof: Proof) -> None:
        raise OSError("no space left on device")

    desk.queue.add(ProverJob(1, VALUES), fail)
    lease = desk.lease()
    with pytest.raises(OSError, match="space"):
        await desk.queue.result(1, lease.token, VALUES, PROOF)
    assert desk.queue.waiting() == 1


# ---------------------------------------------------------------- over HTTP


async def lease_over_http(api: Api, **changes: Any) -> tuple[int, Any]:
    """Asks for a job."""
    body = {"worker": "w", "modes": ["execute"], "vkey": f"0x{VKEY.hex()}"} | changes
    return await api.post("/v1/prover/lease", body, **AUTHORIZED)


def result_body(lease: str, values: bytes) -> dict[str, Any]:
    """The body of a result."""
    return {
        "lease": lease,
        "public_values": f"0x{values.hex()}",
        "proof": "0x",
        "cycles": "123",
        "prover_gas": str(2**63),
        "execute_ms": 5,
        "peak_rss_mb": 6,
    }


async def test_a_worker_proves_a_batch_over_http(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        assert await lease_over_http(api) == (204, None)
        await api.world.list_and_fund()
        await api.world.close_batch()
        status, job = await lease_over_http(api)
        assert (status, job["job"], job["mode"], job["lease_seconds"]) == (200, "1", "execute", 30)
        async with api.session.get("/v1/prover/jobs/1/witness", headers=AUTHORIZED) as response:
            witness = await response.read()
            assert response.content_type == "application/octet-stream"
        assert len(witness) == job["witness_bytes"]
        lease = {"lease": job["lease"]}
        assert await api.post("/v1/prover/jobs/1/heartbeat", lease, **AUTHORIZED) == (204, None)
        (batch,) = api.world.store.unsettled()
        wrong = result_body(job["lease"], b"\x00" * 448)
        status, error = await api.post("/v1/prover/jobs/1/result", wrong, **AUTHORIZED)
        assert (status, error["code"]) == (400, "WRONG_PROOF")
        status, error = await api.post("/v1/prover/jobs/1/heartbeat", lease, **AUTHORIZED)
        assert (status, error["code"]) == (409, "LEASE_LOST")
        assert (await api.get("/v1/health"))[1]["status"] == "degraded"
        _, job = await lease_over_http(api)
        right = result_body(job["lease"], batch.public_values)
        assert await api.post("/v1/prover/jobs/1/result", right, **AUTHORIZED) == (204, None)
        await eventually(lambda: not api.world.store.unsettled())
        _, shown = await api.get("/v1/batches/1")
        assert (shown["cycles"], shown["proverGas"], shown["worker"]) == ("123", str(2**63), "w")
        assert (await api.get("/v1/health"))[1]["status"] == "ok"


async def test_the_queue_needs_its_token(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            status, error = await api.post("/v1/prover/lease", {}, **headers)
            assert (status, error["code"]) == (401, "UNAUTHORIZED")
            status, error = await api.get("/v1/prover/jobs/1/witness", **headers)
            assert (status, error["code"]) == (401, "UNAUTHORIZED")


async def test_bad_worker_requests_are_named(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        status, error = await lease_over_http(api, vkey=f"0x{'08' * 32}")
        assert (status, error["code"]) == (400, "WRONG_PROGRAM")
        status, error = await lease_over_http(api, modes="execute")
        assert (status, error["code"], error["details"]["field"]) == (400, "WRONG_TYPE", "modes")
        status, error = await api.get("/v1/prover/jobs/9/witness", **AUTHORIZED)
        assert (status, error["code"]) == (404, "NOT_FOUND")
        status, error = await api.post(
            "/v1/prover/jobs/9/failure", {"lease": "x", "message": ""}, **AUTHORIZED
        )
        assert (status, error["code"]) == (409, "LEASE_LOST")
