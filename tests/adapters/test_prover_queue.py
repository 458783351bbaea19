"""The prover queue: workers that die, lie, dawdle or fail cost time and nothing else."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sequencer.adapters.hold_off import FAILURES_AT_ONCE, FIRST_MS
from sequencer.adapters.prover_queue import (
    GROTH16_PROOF_LENGTH,
    Lease,
    LeaseLost,
    ProverQueue,
    UnknownJob,
    WrongProgram,
    WrongProof,
)
from sequencer.config import ProofMode, VerifierKind
from sequencer.ports import Proof, ProverJob
from tests.world import (
    JOB_LIMIT_MS,
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
    """A queue with some jobs, and what was accepted for them."""

    def __init__(self, mode: ProofMode = ProofMode.EXECUTE, jobs: int = 1) -> None:
        self.clock = ManualClock()
        self.queue = ProverQueue(
            self.clock, CountedRandomness(), mode, VKEY, lease_ms=LEASE_MS, job_limit_ms=JOB_LIMIT_MS
        )
        self.accepted: list[Proof] = []
        for number in range(1, jobs + 1):
            self.queue.add(ProverJob(number, VALUES), self._accept)

    async def _accept(self, proof: Proof) -> None:
        self.accepted.append(proof)

    def ask(self, worker: str) -> Lease | None:
        """What a worker gets that asks for a job."""
        return self.queue.lease(worker, [self.queue.mode], VKEY)

    def lease(self, worker: str = "one") -> Lease:
        """A lease that must be there."""
        lease = self.ask(worker)
        assert lease is not None
        return lease

    def fail(self, worker: str = "one", times: int = 1) -> None:
        """A worker takes jobs and gives up."""
        for _ in range(times):
            lease = self.lease(worker)
            self.queue.failure(lease.batch, lease.token, "the executor is not there")

    @property
    def error(self) -> str:
        """What the queue reports."""
        return self.queue.health().last_error or ""


async def test_a_result_is_taken_once_and_made_into_what_the_verifier_takes() -> None:
    desk = Desk()
    lease = desk.lease()
    await desk.queue.result(1, lease.token, VALUES, PROOF)
    (accepted,) = desk.accepted
    assert accepted.proof == b"MOCK" + hashlib.sha256(VALUES).digest() + VKEY
    assert (accepted.worker, accepted.cycles) == ("one", 1_000)
    with pytest.raises(LeaseLost):
        await desk.queue.result(1, lease.token, VALUES, PROOF)
    with pytest.raises(LeaseLost):
        desk.queue.failure(1, lease.token, "too late")
    assert desk.ask("two") is None
    desk.queue.verified(1)
    with pytest.raises(UnknownJob):
        await desk.queue.result(1, lease.token, VALUES, PROOF)
    assert (desk.queue.waiting(), len(desk.accepted)) == (0, 1)


async def test_a_job_is_leased_to_one_worker_until_the_lease_runs_out() -> None:
    desk = Desk()
    first = desk.lease()
    assert desk.ask("two") is None
    desk.clock.advance(LEASE_MS - 1)
    desk.queue.heartbeat(1, first.token)
    desk.clock.advance(LEASE_MS - 1)
    assert desk.ask("two") is None
    desk.clock.advance(1)
    second = desk.lease("two")
    assert "failure 1, one: the lease ran out" in desk.error
    with pytest.raises(LeaseLost):
        desk.queue.heartbeat(1, first.token)
    with pytest.raises(LeaseLost):
        await desk.queue.result(1, first.token, VALUES, PROOF)
    await desk.queue.result(1, second.token, VALUES, PROOF)
    assert desk.accepted[0].worker == "two"


async def test_a_worker_that_was_silent_goes_on_if_nobody_took_its_job() -> None:
    desk = Desk()
    lease = desk.lease()
    desk.clock.advance(2 * LEASE_MS)
    desk.queue.heartbeat(1, lease.token)
    assert desk.ask("two") is None
    desk.clock.advance(2 * LEASE_MS)
    await desk.queue.result(1, lease.token, VALUES, PROOF)
    assert desk.accepted[0].worker == "one"


@pytest.mark.parametrize("asked_by", ["a heartbeat", "another worker"])
def test_a_worker_that_only_heartbeats_loses_the_job_in_the_end(asked_by: str) -> None:
    desk = Desk()
    lease = desk.lease()
    for _ in range(JOB_LIMIT_MS // (LEASE_MS // 2) - 1):
        desk.clock.advance(LEASE_MS // 2)
        desk.queue.heartbeat(1, lease.token)
        assert desk.ask("two") is None
    desk.clock.advance(LEASE_MS // 2)
    if asked_by == "a heartbeat":
        with pytest.raises(LeaseLost):
            desk.queue.heartbeat(1, lease.token)
    assert desk.lease("two").batch == 1
    assert f"one: not done after {JOB_LIMIT_MS // 1000} s" in desk.error
    with pytest.raises(LeaseLost):
        desk.queue.heartbeat(1, lease.token)


async def test_other_public_values_are_refused_and_free_the_job() -> None:
    desk = Desk()
    lease = desk.lease()
    with pytest.raises(WrongProof):
        await desk.queue.result(1, lease.token, VALUES[:-1] + b"\x00", PROOF)
    assert desk.accepted == []
    assert "public values" in desk.error
    await desk.queue.result(1, desk.lease("two").token, VALUES, PROOF)
    desk.queue.verified(1)
    assert desk.error == ""


async def test_a_proof_that_the_verifier_refuses_frees_the_job_and_counts_against_its_worker() -> None:
    desk = Desk()
    for _ in range(FAILURES_AT_ONCE):
        await desk.queue.result(1, desk.lease("liar").token, VALUES, PROOF)
        assert desk.ask("honest") is None
        desk.queue.refused(1, "ProofInvalid()")
    assert "failure 3, liar: the verifier refuses the proof: ProofInvalid()" in desk.error
    assert desk.queue.held_off() == ["liar"]
    assert desk.ask("liar") is None
    await desk.queue.result(1, desk.lease("honest").token, VALUES, PROOF)
    desk.queue.verified(1)
    assert (desk.queue.waiting(), desk.error) == (0, "")


async def test_a_proof_from_before_a_restart_waits_for_the_verifier_only() -> None:
    desk = Desk(jobs=0)
    desk.queue.add(ProverJob(1, VALUES, delivered_by="liar"), desk._accept)
    assert desk.ask("honest") is None
    with pytest.raises(LeaseLost):
        await desk.queue.result(1, "", VALUES, PROOF)
    desk.queue.refused(1, "ProofInvalid()")
    assert "liar" in desk.error
    assert desk.lease("honest").batch == 1


def test_a_worker_that_always_fails_waits_for_growing_times_and_holds_up_nobody() -> None:
    desk = Desk()
    desk.fail("bad", FAILURES_AT_ONCE)
    for pause_ms in (FIRST_MS, 2 * FIRST_MS, 4 * FIRST_MS):
        desk.clock.advance(pause_ms - 1)
        assert desk.ask("bad") is None
        assert desk.queue.held_off() == ["bad"]
        desk.clock.advance(1)
        assert desk.queue.held_off() == []
        desk.fail("bad")
    assert "failure 6" in desk.error
    assert desk.lease("good").batch == 1


async def test_a_success_ends_a_row_of_failures() -> None:
    desk = Desk(jobs=2)
    desk.fail("one", FAILURES_AT_ONCE - 1)
    lease = desk.lease("one")
    await desk.queue.result(lease.batch, lease.token, VALUES, PROOF)
    desk.queue.verified(lease.batch)
    desk.fail("one", FAILURES_AT_ONCE - 1)
    assert desk.queue.held_off() == []


async def test_a_job_that_always_fails_is_kept_and_comes_after_those_that_did_not_fail() -> None:
    desk = Desk(jobs=2)
    desk.fail("one")
    assert [desk.lease("one").batch, desk.lease("two").batch] == [2, 1]
    await desk.queue.result(2, desk.queue._jobs[2].lease, VALUES, PROOF)
    desk.queue.verified(2)
    desk.clock.advance(LEASE_MS)
    assert desk.lease("one").batch == 1
    assert desk.queue.waiting() == 1


def test_a_worker_that_died_goes_on_with_the_job_that_it_had() -> None:
    desk = Desk(jobs=3)
    assert [desk.lease("one").batch, desk.lease("two").batch] == [1, 2]
    desk.clock.advance(LEASE_MS)
    assert [desk.lease("two").batch, desk.lease("three").batch] == [2, 1]
    assert desk.queue.held_off() == []


def test_a_worker_has_one_job_at_a_time() -> None:
    desk = Desk(jobs=2)
    lease = desk.lease("one")
    assert desk.ask("one") is None
    assert desk.lease("two").batch == 2
    desk.queue.failure(1, lease.token, "out of memory")
    assert desk.lease("one").batch == 1


def test_a_worker_that_takes_jobs_and_falls_silent_is_held_off() -> None:
    desk = Desk(jobs=2)
    for _ in range(FAILURES_AT_ONCE):
        assert desk.lease("silent").batch == 1
        desk.clock.advance(LEASE_MS)
    assert desk.ask("silent") is None
    assert desk.queue.held_off() == ["silent"]
    assert desk.lease("good").batch == 1


async def test_workers_that_are_mended_settle_what_failed_before() -> None:
    desk = Desk()
    desk.fail(times=FAILURES_AT_ONCE)
    desk.clock.advance(FIRST_MS)
    await desk.queue.result(1, desk.lease().token, VALUES, PROOF)
    desk.queue.verified(1)
    assert (len(desk.accepted), desk.error) == (1, "")


def test_a_worker_needs_the_program_and_the_mode() -> None:
    desk = Desk()
    with pytest.raises(WrongProgram):
        desk.queue.lease("one", ["execute"], b"\x08" * 32)
    assert desk.queue.lease("one", ["cpu", "cuda", "network"], VKEY) is None
    assert desk.queue.lease("one", ["cpu", "execute"], VKEY) is not None


@pytest.mark.parametrize(
    ("mode", "proof"),
    [
        (ProofMode.EXECUTE, b"\x01"),
        (ProofMode.CPU, b""),
        (ProofMode.CUDA, b"MOCK"),
        (ProofMode.NETWORK, bytes(GROTH16_PROOF_LENGTH + 1)),
    ],
)
async def test_a_proof_of_another_mode_is_refused(mode: ProofMode, proof: bytes) -> None:
    desk = Desk(mode)
    with pytest.raises(WrongProof):
        await desk.queue.result(1, desk.lease().token, VALUES, Proof(proof, "", 1, 1, 1, 1))
    assert desk.accepted == []
    assert f"a proof of {len(proof)} bytes" in desk.error


@pytest.mark.parametrize("mode", [ProofMode.CPU, ProofMode.CUDA, ProofMode.NETWORK])
async def test_a_groth16_proof_is_passed_on_as_it_is(mode: ProofMode) -> None:
    desk = Desk(mode)
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
    desk.queue.heartbeat(1, lease.token)


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
        assert api.world.verifier.seen == [(batch.public_values, api.world.settler.settlements[0].proof)]
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
        for name in ("", "a" * 101, "two words", "line\nend"):
            status, error = await lease_over_http(api, worker=name)
            assert (status, error["details"]["field"]) == (400, "worker")
        status, error = await lease_over_http(api, modes="execute")
        assert (status, error["code"], error["details"]["field"]) == (400, "WRONG_TYPE", "modes")
        status, error = await api.get("/v1/prover/jobs/9/witness", **AUTHORIZED)
        assert (status, error["code"]) == (404, "NOT_FOUND")
        status, error = await api.post(
            "/v1/prover/jobs/9/failure", {"lease": "x", "message": ""}, **AUTHORIZED
        )
        assert (status, error["code"]) == (409, "LEASE_LOST")


async def test_hostile_sizes_are_refused_and_leave_the_job_with_its_worker(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        await api.world.close_batch()
        _, job = await lease_over_http(api)
        honest = result_body(job["lease"], api.world.store.unsettled()[0].public_values)
        for changes in (
            {"proof": "0x" + "00" * 20_000},
            {"public_values": "0x" + "00" * 20_000},
            {"cycles": str(2**64)},
            {"prover_gas": "9" * 5_000},
            {"execute_ms": 2**32},
            {"peak_rss_mb": -1},
            {"lease": "x" * 65},
        ):
            status, _ = await api.post("/v1/prover/jobs/1/result", honest | changes, **AUTHORIZED)
            assert status in (400, 413), changes
        status, _ = await lease_over_http(api, modes=["execute"] * 17)
        assert status == 400
        assert await api.post("/v1/prover/jobs/1/result", honest, **AUTHORIZED) == (204, None)


async def test_health_names_the_mode_and_the_workers_that_are_held_off(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        await api.world.close_batch()
        for _ in range(FAILURES_AT_ONCE):
            _, job = await lease_over_http(api, worker="liar")
            wrong = result_body(job["lease"], b"\x00" * 448)
            await api.post("/v1/prover/jobs/1/result", wrong, **AUTHORIZED)
        assert await lease_over_http(api, worker="liar") == (204, None)
        _, health = await api.get("/v1/health")
        assert (health["prover"]["mode"], health["prover"]["heldOff"]) == ("execute", ["liar"])
        assert (health["status"], health["prover"]["waiting"]) == ("degraded", 1)


@pytest.mark.parametrize(
    ("mode", "kind", "shown_mode", "shown_status"),
    [
        (ProofMode.EXECUTE, VerifierKind.MOCK, "executed", "executed"),
        (ProofMode.CPU, VerifierKind.LOCAL, "real, local keys", "proven"),
        (ProofMode.NETWORK, VerifierKind.SP1, "real", "proven"),
    ],
)
async def test_what_a_proof_is_worth_is_shown_wherever_there_is_one(
    tmp_path: Path, mode: ProofMode, kind: VerifierKind, shown_mode: str, shown_status: str
) -> None:
    async with World(tmp_path, proof_mode=mode, verifier_kind=kind).serving() as api:
        world = api.world
        world.settler.answering.clear()
        await world.list_and_fund()
        await world.close_batch()
        proof = b"" if mode is ProofMode.EXECUTE else bytes(GROTH16_PROOF_LENGTH)
        await world.prove(replace(PROOF, proof=proof))
        await eventually(lambda: world.queue.waiting() == 0)
        assert (await api.get("/v1/info"))[1]["proofMode"] == shown_mode
        assert (await api.get("/v1/health"))[1]["prover"]["mode"] == mode
        _, batch = await api.get("/v1/batches/1")
        assert (batch["proofMode"], batch["status"]) == (shown_mode, shown_status)
        (snapshot,) = world.block_feed.snapshot()
        told = json.loads(snapshot[snapshot.index(b"{") :])["batch"]
        assert (told["proofMode"], told["status"]) == (shown_mode, shown_status)
