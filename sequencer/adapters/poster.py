"""Puts proven batches on L1, each once.

What is settled is what the contract says; the poster's own records only say which transactions may be under way.
An attempt is stored before it is sent, so that after a crash each of them can be found, sent again (the same bytes)
or replaced (the same nonce). Only one transaction per nonce can enter the chain, and `settle` binds the previous state
root, so two attempts never settle twice.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from sequencer.adapters.contract_watch import FROZEN, another_program
from sequencer.adapters.l1 import (
    BatchClaim,
    BlockHeader,
    Fees,
    Head,
    L1Error,
    NonceUsed,
    Receipt,
    ReplacementUnderpriced,
    Reverted,
    Signer,
)
from sequencer.core.carriers import BLOBS
from sequencer.kzg import Sidecar
from sequencer.ports import Attempt, AttemptStore, Clock, Health, Settled, Settlement, SettlementRefused

log = logging.getLogger(__name__)

BACK_OFF_MAX_MS: Final = 10_000
PASSING_REVERTS: Final = ("TimestampAhead", "InboxCursorAhead", "NotPoster", "SettlementHalted", "NotOpen")
"""Reverts that end by themselves or by what the governor does: L1's time goes on, a reorganisation or a halt ends. Who
is not the poster may settle while an inbox entry is overdue.
"""


class SettlementChain(Protocol):
    """L1, as the poster uses it. Methods may block; they raise L1Error."""

    def head(self) -> Head: ...
    def latest_block(self) -> BlockHeader: ...
    def program_vkey(self) -> bytes: ...
    def settle_call(self, claim: BatchClaim, data: bytes, proof: bytes) -> bytes: ...
    def settle_blobs_call(self, claim: BatchClaim, sidecar: Sidecar, proof: bytes) -> bytes: ...
    def estimate_gas(
        self, sender: str, call: bytes, versioned_hashes: Sequence[bytes] = (), max_blob_fee: int = 0
    ) -> int: ...
    def fees(self, *, blobs: bool = False) -> Fees: ...
    def next_nonce(self, account: str) -> int: ...
    def send(self, raw: bytes) -> None: ...
    def receipt(self, tx_hash: bytes) -> Receipt | None: ...


class Sidecars(Protocol):
    """Who makes what a transaction with blobs is made of."""

    async def sidecar(self, data: bytes) -> Sidecar: ...


class Poster:
    """The port `Settler` over an RPC node."""

    def __init__(
        self,
        chain: SettlementChain,
        signer: Signer,
        sidecars: Sidecars,
        store: AttemptStore,
        clock: Clock,
        *,
        program_vkey: bytes,
        confirmations: int,
        poll_ms: int,
        replace_after_ms: int = 60_000,
    ) -> None:
        """`program_vkey`: of the program that the proofs are of.
        `confirmations`: blocks on top of a settlement before it counts.
        `replace_after_ms`: how long a transaction may wait before its fees are raised.
        """
        self._chain = chain
        self._signer = signer
        self._sidecars = sidecars
        self._store = store
        self._clock = clock
        self._program_vkey = program_vkey
        self._confirmations = confirmations
        self._poll_ms = poll_ms
        self._replace_after_ms = replace_after_ms
        self._sent_ms: dict[bytes, int] = {}
        self._health = Health()

    def health(self) -> Health:
        """The latest failure, until L1 answers again."""
        return self._health

    async def settle(self, settlement: Settlement) -> Settled:
        """Returns when the batch is settled and deep enough. Raises SettlementRefused."""
        pause_ms = self._poll_ms
        while True:
            try:
                settled = await self._step(settlement)
                self._health = Health()
                if settled is not None:
                    return settled
                pause_ms = self._poll_ms
            except L1Error as error:
                self._report(settlement.number, error)
                pause_ms = min(pause_ms * 2, max(BACK_OFF_MAX_MS, self._poll_ms))
            await self._clock.sleep(pause_ms)

    async def _step(self, settlement: Settlement) -> Settled | None:
        """Looks at the contract and does the one thing that is due. None: not settled yet, look again."""
        # Before the head: a transaction that enters the chain between the two is then seen as settled, never as lost.
        nonce = await asyncio.to_thread(self._chain.next_nonce, self._signer.address)
        head = await asyncio.to_thread(self._chain.head)
        if head.batch_number > settlement.number:
            # A batch is recorded as settled before the next one is sent: nobody but a stranger is ahead.
            raise SettlementRefused(
                f"L1 is at batch {head.batch_number}, {settlement.number} is not settled here: "
                "another sequencer settles, or this database is not the newest"
            )
        if head.batch_number == settlement.number:
            return await self._found_settled(settlement, head)
        if head.batch_number < settlement.number - 1:
            await self._send_again(head.batch_number + 1)
            return None
        if head.state_root != settlement.prev_state_root:
            raise SettlementRefused(
                f"batch {settlement.number} starts at state 0x{settlement.prev_state_root.hex()}, "
                f"but L1 is at 0x{head.state_root.hex()}"
            )
        attempts = await self._store.attempts(settlement.number)
        await self._attempt(settlement, attempts, nonce)
        return None

    # ----------------------------------------------------------------- settled

    async def _found_settled(self, settlement: Settlement, head: Head) -> Settled | None:
        if head.state_root != settlement.new_state_root:
            raise SettlementRefused(
                f"L1 settled batch {settlement.number} with state 0x{head.state_root.hex()}, "
                f"not 0x{settlement.new_state_root.hex()}"
            )
        self._sent_ms.clear()  # should a reorganisation take it back, it is sent again at once
        newest = (await asyncio.to_thread(self._chain.latest_block)).number
        receipt = await self._successful_receipt(settlement.number)
        if receipt is None:
            return Settled(settlement.number, None, None, newest)
        if newest - receipt.block_number < self._confirmations:
            return None
        return Settled(settlement.number, receipt.tx_hash, receipt.gas_used, receipt.block_number)

    async def _successful_receipt(self, batch: int) -> Receipt | None:
        for attempt in reversed(await self._store.attempts(batch)):
            receipt = await asyncio.to_thread(self._chain.receipt, attempt.tx_hash)
            if receipt is not None and receipt.succeeded:
                return receipt
        return None

    async def _send_again(self, batch: int) -> None:
        """A reorganisation took back an earlier batch: its transactions, as they were, go to L1 again."""
        log.warning("L1 lost the settlement of batch %d: sending it again", batch)
        attempts = await self._store.attempts(batch)
        if not attempts:
            raise SettlementRefused(f"L1 is before batch {batch}, of which no transaction is recorded here")
        for attempt in attempts:
            await self._send(attempt)

    # ---------------------------------------------------------------- attempts

    async def _attempt(self, settlement: Settlement, attempts: list[Attempt], nonce: int) -> None:
        """A first transaction, the same again, or one with higher fees in its place. `nonce`: of the next one."""
        live = [attempt for attempt in attempts if attempt.nonce >= nonce]
        if not live:
            if attempts:
                log.error("no transaction for batch %d settled it: trying anew", settlement.number)
            await self._send_new(settlement, nonce, None)
            return
        last = live[-1]
        sent_ms = self._sent_ms.get(last.tx_hash)
        if sent_ms is None:
            await self._send(last)
        elif self._clock.now_ms() - sent_ms >= self._replace_after_ms:
            await self._send_new(settlement, last.nonce, last)

    async def _send_new(self, settlement: Settlement, nonce: int, replaced: Attempt | None) -> None:
        sidecar = None
        if settlement.data_carrier == BLOBS:
            sidecar = await self._sidecars.sidecar(settlement.data)
        fees = await asyncio.to_thread(self._chain.fees, blobs=sidecar is not None)
        if replaced is not None:
            offered = Fees(replaced.max_fee, replaced.priority_fee, replaced.max_blob_fee)
            if sidecar is not None and offered.cover(fees):
                # Nodes replace blobs for twice the fees only: that would soon be too much for a market that is calm.
                await self._send(replaced)
                return
            fees = offered.raised(fees)
            log.warning(
                "settlement of batch %d waits: raising its fee to %d", settlement.number, fees.max_fee
            )
        call = self._call(settlement, sidecar)
        gas = await self._estimated_gas(settlement.number, call, sidecar, fees)
        tx_hash, raw = self._signer.sign(nonce, call, gas, fees, sidecar)
        attempt = Attempt(
            settlement.number, nonce, tx_hash, raw, fees.max_fee, fees.priority_fee, fees.max_blob_fee
        )
        await self._store.record_attempt(attempt)
        await self._send(attempt)

    def _call(self, settlement: Settlement, sidecar: Sidecar | None) -> bytes:
        claim = _claim(settlement)
        if sidecar is None:
            return self._chain.settle_call(claim, settlement.data, settlement.proof)
        return self._chain.settle_blobs_call(claim, sidecar, settlement.proof)

    async def _estimated_gas(self, batch: int, call: bytes, sidecar: Sidecar | None, fees: Fees) -> int:
        """Raises SettlementRefused if the contract refuses the call for good, Reverted if it may yet take it."""
        versioned_hashes = sidecar.versioned_hashes if sidecar is not None else []
        try:
            return await asyncio.to_thread(
                self._chain.estimate_gas, self._signer.address, call, versioned_hashes, fees.max_blob_fee
            )
        except Reverted as error:
            if str(error).startswith(PASSING_REVERTS):
                raise
            if str(error).startswith("AlreadyFrozen"):
                raise SettlementRefused(f"batch {batch} is not settled: {FROZEN}") from error
            await self._require_our_program()
            raise SettlementRefused(f"L1 refuses batch {batch}: {error}") from error

    async def _require_our_program(self) -> None:
        """Raises SettlementRefused if governance replaced the program whose proofs L1 takes."""
        found = await asyncio.to_thread(self._chain.program_vkey)
        if found != self._program_vkey:
            raise SettlementRefused(another_program(found, self._program_vkey))

    async def _send(self, attempt: Attempt) -> None:
        try:
            await asyncio.to_thread(self._chain.send, attempt.raw)
        except (NonceUsed, ReplacementUnderpriced) as error:
            # Another attempt is in the chain or under way; the contract's head will tell.
            log.info("settlement 0x%s was not taken: %s", attempt.tx_hash.hex(), error)
        self._sent_ms[attempt.tx_hash] = self._clock.now_ms()

    def _report(self, batch: int, error: L1Error) -> None:
        if str(error) != self._health.last_error:
            log.error("settlement of batch %d: %s", batch, error)
        self._health = self._health.after_failure(str(error), self._clock.now_ms())


def _claim(settlement: Settlement) -> BatchClaim:
    return BatchClaim(
        new_state_root=settlement.new_state_root,
        inbox_cursor=settlement.inbox_cursor,
        outbox_root=settlement.outbox_root,
        outbox_count=settlement.outbox_count,
        block_number=settlement.block_number,
        timestamp=settlement.timestamp,
        end_seq=settlement.end_seq,
        digests_hash=settlement.digests_hash,
    )
