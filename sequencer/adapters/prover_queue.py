"""Jobs for prover workers, which pull them over HTTP (docs/api.md).

A job is a batch. A worker leases it and keeps the lease by heartbeats; a lease that ran out is given to the next who
asks. Leases live in memory only: after a restart every job that is not proven is free again. A result is taken only
with the public values that both implementations agreed on.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final

from sequencer.config import ProofMode
from sequencer.ports import Clock, Health, Proof, ProverJob, Randomness

log = logging.getLogger(__name__)

FAILURES_AT_ONCE: Final = 5
"""So often a failed job is given out again at once: another worker may do better."""
RETRY_MS: Final = 60_000
"""Pause after each further failure. It is never given up: what is wrong may be the workers' machine."""
GROTH16_PROOF_LENGTH: Final = 356
MOCK_SELECTOR: Final = b"MOCK"


class UnknownJob(Exception):  # noqa: N818 - answers to a worker, not faults of the program
    """No job has this number; it may be proven already."""


class LeaseLost(Exception):  # noqa: N818
    """The lease ran out or is not of this job."""


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
    lease: str = ""
    deadline_ms: int = 0
    worker: str = ""
    failures: int = 0
    paused_until_ms: int = 0
    accepting: bool = False


class ProverQueue:
    """The port Prover, served to workers. One proof mode, one program."""

    def __init__(
        self, clock: Clock, randomness: Randomness, mode: ProofMode, vkey: bytes, *, lease_ms: int
    ) -> None:
        """`vkey`: verifying key (32 bytes) of the guest program that the contract has."""
        self._clock = clock
        self._randomness = randomness
        self._vkey = vkey
        self._jobs: dict[int, _Job] = {}
        self._health = Health()
        self.mode = mode
        self.lease_ms = lease_ms

    def add(self, job: ProverJob, accept: Callable[[Proof], Awaitable[None]]) -> None:
        """See Prover."""
        self._jobs[job.batch] = _Job(job, accept)

    def health(self) -> Health:
        """The latest failure, until a job succeeds."""
        return self._health

    def waiting(self) -> int:
        """Jobs that are not proven."""
        return len(self._jobs)

    # ------------------------------------------------------------ for workers

    def lease(self, worker: str, modes: Collection[str], vkey: bytes) -> Lease | None:
        """The first free job; None if there is none for these modes. Raises WrongProgram."""
        if vkey != self._vkey:
            raise WrongProgram(f"the exchange has program 0x{self._vkey.hex()}, not 0x{vkey.hex()}")
        if self.mode not in modes:
            return None
        now = self._clock.now_ms()
        for number in sorted(self._jobs):
            job = self._jobs[number]
            if not job.accepting and max(job.deadline_ms, job.paused_until_ms) <= now:
                job.lease, job.worker = self._randomness.token(), worker
                job.deadline_ms = now + self.lease_ms
                return Lease(number, job.lease)
        return None

    def heartbeat(self, batch: int, lease: str) -> None:
        """Keeps a lease. Raises LeaseLost, UnknownJob."""
        self._leased(batch, lease).deadline_ms = self._clock.now_ms() + self.lease_ms

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
        accepted = Proof(
            self._verifiable(job, proof.proof),
            job.worker,
            proof.cycles,
            proof.prover_gas,
            proof.execute_ms,
            proof.peak_rss_mb,
        )
        job.accepting = True
        try:
            await job.accept(accepted)
        finally:
            job.accepting = False
        del self._jobs[batch]
        self._health = Health()

    def failure(self, batch: int, lease: str, message: str) -> None:
        """A worker gives up; the job is free again, after many failures with a pause. Raises LeaseLost, UnknownJob."""
        self._failed(self._leased(batch, lease), message)

    def _leased(self, batch: int, lease: str) -> _Job:
        self.require_job(batch)
        job = self._jobs[batch]
        if job.accepting or job.lease != lease or job.deadline_ms <= self._clock.now_ms():
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

    def _failed(self, job: _Job, message: str) -> None:
        job.failures += 1
        job.lease, job.deadline_ms = "", 0
        now = self._clock.now_ms()
        if job.failures >= FAILURES_AT_ONCE:
            job.paused_until_ms = now + RETRY_MS
        text = f"batch {job.job.batch}, failure {job.failures}, {job.worker}: {message}"
        self._health = self._health.after_failure(text, now)
        log.error("prover: %s", text)
