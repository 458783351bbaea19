"""Jobs for prover workers, which pull them over HTTP (docs/api.md).

A job is a batch. A worker leases it and keeps the lease by heartbeats, for as long as a job may take; a lease that ran
out is given to the next who asks. A worker that dies, lies or does nothing costs time and nothing else:

    it dies or falls silent         its lease runs out
    it only heartbeats              the job is taken from it after the longest time that one may take
    it brings other public values   refused: only those that both implementations agreed on are taken
    it brings another proof         refused: the verifier on L1 is asked before anything is posted
    it answers too late             refused if another worker has the job, else taken
    it fails again and again        it gets other jobs first, and none for growing times (see `hold_off`)

A job is never given up: what is wrong may be the workers' machine. Leases live in memory only: after a restart every
job without a proof is free again.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Final

from sequencer.adapters.hold_off import HoldOff
from sequencer.config import ProofMode
from sequencer.ports import Clock, Health, Proof, ProverJob, Randomness

log = logging.getLogger(__name__)

GROTH16_PROOF_LENGTH: Final = 356
MOCK_SELECTOR: Final = b"MOCK"


class UnknownJob(Exception):  # noqa: N818 - answers to a worker, not faults of the program
    """No job has this number; it may be proven already."""


class LeaseLost(Exception):  # noqa: N818
    """The job was taken from the worker, or it never had it."""


class WrongProgram(Exception):  # noqa: N818
    """The worker has another guest program; the message names both keys."""


class WrongProof(Exception):  # noqa: N818
    """The result is not that of this batch."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that one worker has for some time."""

    batch: int
    token: str


@dataclass(slots=True)
class _Job:
    job: ProverJob
    accept: Callable[[Proof], Awaitable[None]]
    worker: str = ""
    """Who has it, or had it last."""
    lease: str = ""
    leased_ms: int = 0
    deadline_ms: int = 0
    delivered: bool = False
    """Its proof is being stored or verified."""
    failures: int = 0
    failed_by: Counter[str] = field(default_factory=Counter)
    """Not by those who fell silent: they may go on."""

    def is_leased(self, now_ms: int) -> bool:
        """Whether somebody has it whose lease has not run out."""
        return bool(self.lease) and now_ms < self.deadline_ms


class ProverQueue:
    """The port Prover, served to workers. One proof mode, one program."""

    def __init__(
        self,
        clock: Clock,
        randomness: Randomness,
        mode: ProofMode,
        vkey: bytes,
        *,
        lease_ms: int,
        job_limit_ms: int,
    ) -> None:
        """`vkey`: verifying key (32 bytes) of the guest program that the contract has.
        `lease_ms`: how long a worker may be silent. `job_limit_ms`: how long it may take, heartbeats or not.
        """
        self._clock = clock
        self._randomness = randomness
        self._vkey = vkey
        self._job_limit_ms = job_limit_ms
        self._jobs: dict[int, _Job] = {}
        self._hold_off = HoldOff()
        self._health = Health()
        self.mode = mode
        self.lease_ms = lease_ms

    def add(self, job: ProverJob, accept: Callable[[Proof], Awaitable[None]]) -> None:
        """See Prover."""
        delivered_by = job.delivered_by
        self._jobs[job.batch] = _Job(
            job, accept, worker=delivered_by or "", delivered=delivered_by is not None
        )

    def verified(self, batch: int) -> None:
        """See Prover."""
        self._hold_off.succeeded(self._jobs.pop(batch).worker)
        self._health = Health()

    def refused(self, batch: int, reason: str) -> None:
        """See Prover."""
        job = self._jobs[batch]
        job.delivered = False
        self._failed(job, f"the verifier refuses the proof: {reason}")

    def health(self) -> Health:
        """The latest failure, until a job succeeds."""
        return self._health

    def waiting(self) -> int:
        """Jobs that are not proven."""
        return len(self._jobs)

    def held_off(self) -> list[str]:
        """Workers that get no job for now, because they failed too often in a row."""
        return self._hold_off.held(self._clock.now_ms())

    # ------------------------------------------------------------ for workers

    def lease(self, worker: str, modes: Collection[str], vkey: bytes) -> Lease | None:
        """A free job, first of those that this worker failed least, then the one that it had last: it may have kept a
        part of the proof. None if there is none for it now, or it has one already. Raises WrongProgram.
        """
        if vkey != self._vkey:
            raise WrongProgram(f"the exchange has program 0x{self._vkey.hex()}, not 0x{vkey.hex()}")
        now = self._clock.now_ms()
        if self.mode not in modes or self._hold_off.holds(worker, now):
            return None
        open_jobs = [job for job in self._jobs.values() if not job.delivered]
        free = [job for job in open_jobs if not job.is_leased(now)]
        if not free or any(job.worker == worker for job in open_jobs if job.is_leased(now)):
            return None
        job = min(free, key=lambda job: (job.failed_by[worker], job.worker != worker, job.job.batch))
        if job.lease:
            self._take_back(job)
            if self._hold_off.holds(worker, now):
                return None
        job.worker, job.lease = worker, self._randomness.token()
        job.leased_ms, job.deadline_ms = now, now + min(self.lease_ms, self._job_limit_ms)
        return Lease(job.job.batch, job.lease)

    def heartbeat(self, batch: int, lease: str) -> None:
        """Keeps a lease until the job takes too long. Raises LeaseLost, UnknownJob."""
        job, now = self._leased(batch, lease), self._clock.now_ms()
        over_ms = job.leased_ms + self._job_limit_ms
        if now >= over_ms:
            self._take_back(job)
            raise LeaseLost
        job.deadline_ms = min(now + self.lease_ms, over_ms)

    def require_job(self, batch: int) -> None:
        """Raises UnknownJob."""
        if batch not in self._jobs:
            raise UnknownJob

    async def result(self, batch: int, lease: str, public_values: bytes, proof: Proof) -> None:
        """Takes a proof; durable when it returns. `proof.proof` is empty in mode execute.

        Raises LeaseLost, UnknownJob, WrongProof.
        """
        job = self._leased(batch, lease)
        if public_values != job.job.public_values:
            self._failed(job, "the public values are not the expected ones")
            raise WrongProof("the public values are not those that both implementations agreed on")
        found = replace(proof, proof=self._verifiable(job, proof.proof), worker=job.worker)
        job.delivered = True
        try:
            await job.accept(found)
        except BaseException:
            job.delivered = False
            raise

    def failure(self, batch: int, lease: str, message: str) -> None:
        """A worker gives up; the job is free again. Raises LeaseLost, UnknownJob."""
        self._failed(self._leased(batch, lease), message)

    def _leased(self, batch: int, lease: str) -> _Job:
        """The job, if this lease is its latest: one that ran out counts until another worker has the job."""
        self.require_job(batch)
        job = self._jobs[batch]
        if job.delivered or not job.lease or job.lease != lease:
            raise LeaseLost
        return job

    def _verifiable(self, job: _Job, proof: bytes) -> bytes:
        """What the verifier on L1 takes: the proof, or the mock's bytes where none was made."""
        expected = 0 if self.mode is ProofMode.EXECUTE else GROTH16_PROOF_LENGTH
        if len(proof) != expected:
            self._failed(job, f"a proof of {len(proof)} bytes in mode {self.mode}")
            raise WrongProof(f"mode {self.mode} has proofs of {expected} bytes, not {len(proof)}")
        if self.mode is ProofMode.EXECUTE:
            return MOCK_SELECTOR + hashlib.sha256(job.job.public_values).digest() + self._vkey
        return proof

    def _take_back(self, job: _Job) -> None:
        """Ends a lease that ran out."""
        if job.deadline_ms - job.leased_ms >= self._job_limit_ms:
            self._failed(job, f"not done after {self._job_limit_ms // 1000} s")
        else:
            self._failed(job, "the lease ran out", silent=True)

    def _failed(self, job: _Job, message: str, *, silent: bool = False) -> None:
        """The job is free again. `silent`: the worker may come back and go on with it."""
        now = self._clock.now_ms()
        self._hold_off.failed(job.worker, now)
        job.lease = ""
        job.failures += 1
        if not silent:
            job.failed_by[job.worker] += 1
        text = f"batch {job.job.batch}, failure {job.failures}, {job.worker}: {message}"
        self._health = self._health.after_failure(text, now)
        log.error("prover: %s", text)
