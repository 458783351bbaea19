"""Shows proofs to the verifier on L1 before they are posted: a call that costs nothing and changes nothing."""

import asyncio
import logging
from typing import Final, Protocol

from sequencer.adapters.l1 import L1Error, Reverted
from sequencer.ports import Clock, Health, ProofRefused

log = logging.getLogger(__name__)

BACK_OFF_MAX_MS: Final = 10_000


class VerifierChain(Protocol):
    """L1, as it is needed here. Methods may block; they raise L1Error."""

    def verify_proof(self, vkey: bytes, public_values: bytes, proof: bytes) -> None: ...


class L1ProofVerifier:
    """The port ProofVerifier over an RPC node."""

    def __init__(self, chain: VerifierChain, vkey: bytes, clock: Clock, *, poll_ms: int) -> None:
        """`vkey`: verifying key (32 bytes) of the guest program. `poll_ms`: the first pause when L1 is silent."""
        self._chain = chain
        self._vkey = vkey
        self._clock = clock
        self._poll_ms = poll_ms
        self._health = Health()

    def health(self) -> Health:
        """The latest failure, until L1 answers again."""
        return self._health

    async def verify(self, public_values: bytes, proof: bytes) -> None:
        """See ProofVerifier."""
        pause_ms = self._poll_ms
        while not await self._answered(public_values, proof):
            await self._clock.sleep(pause_ms)
            pause_ms = min(2 * pause_ms, max(BACK_OFF_MAX_MS, self._poll_ms))

    async def _answered(self, public_values: bytes, proof: bytes) -> bool:
        """Whether L1 answered. Raises ProofRefused."""
        try:
            await asyncio.to_thread(self._chain.verify_proof, self._vkey, public_values, proof)
        except Reverted as error:
            self._health = Health()
            raise ProofRefused(str(error)) from error
        except L1Error as error:
            if str(error) != self._health.last_error:
                log.error("a proof waits for the verifier: %s", error)
            self._health = self._health.after_failure(str(error), self._clock.now_ms())
            return False
        self._health = Health()
        return True
