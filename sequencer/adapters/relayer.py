"""Claims settled withdrawals for those whom they are owed to, so that they are paid without asking.

    settled, unpaid ─▶ does the policy take its fee? ─▶ would the contract pay it now? ─▶ group ─▶ `claimMany` ─▶ paid

Nothing is stored but what was paid. A claim works once, and the contract skips one that does not work, so that a
transaction sent twice costs gas only: after a crash all that is unpaid is looked at again, and a transaction that is
still under way is replaced, because the new one has its nonce. A leaf that cannot be paid now, because its recipient
refuses it, is tried again after pauses that double, and holds up no other.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sequencer.adapters.l1 import (
    BlockHeader,
    Fees,
    L1Error,
    LeafClaim,
    NonceUsed,
    Receipt,
    ReplacementUnderpriced,
    Reverted,
    Signer,
)
from sequencer.ports import Clock, Health, RelayState, RelayStatus, UnpaidLeaf

log = logging.getLogger(__name__)

BACK_OFF_MAX_MS: Final = 10_000
BASE_GAS: Final = 150_000
"""Of a transaction, whatever it claims."""
CLAIM_GAS: Final = 330_000
"""Of each claim: what the contract lets it use, and its calldata."""
PAGE: Final = 100
QUEUE_MAX: Final = 10_000
"""Leaves that are remembered. Above it those are forgotten, until a restart, that failed longest ago."""
FIRST_PAUSE_MS: Final = 60_000
LONGEST_PAUSE_MS: Final = 24 * 3_600_000
ZERO_ADDRESS: Final = "0x" + "00" * 20


class ClaimChain(Protocol):
    """L1, as the relayer uses it. Methods may block; they raise L1Error."""

    def latest_block(self) -> BlockHeader: ...
    def is_claimed(self, batch_number: int, index: int) -> bool: ...
    def claim_many_call(self, claims: Sequence[LeafClaim], fee_recipient: str) -> bytes: ...
    def claims_paid(self, sender: str, call: bytes, gas: int) -> int: ...
    def fees(self) -> Fees: ...
    def next_nonce(self, account: str) -> int: ...
    def send(self, raw: bytes) -> None: ...
    def receipt(self, tx_hash: bytes) -> Receipt | None: ...


class Outbox(Protocol):
    """What is owed, by the database."""

    async def unpaid(self, after: tuple[int, int], limit: int) -> list[UnpaidLeaf]:
        """Settled leaves that are not known to be paid, after (sequence number, item), oldest first."""
        ...

    async def outbox_proofs(self, leaves: Sequence[tuple[int, int]]) -> list[list[bytes]]:
        """Merkle proof of each leaf, given by its batch and its number in it."""
        ...


class PaidStore(Protocol):
    """Where it is kept what was paid."""

    async def mark_claimed(self, seq: int, item: int) -> None: ...


@dataclass(frozen=True, slots=True)
class RelayPolicy:
    """What is claimed: everything (`min_fees` is None), or what brings at least the fee of its token."""

    fee_recipient: str
    min_fees: Mapping[int, int] | None
    claims_max: int
    """In one transaction."""

    @classmethod
    def free(cls, claims_max: int) -> "RelayPolicy":
        """Every leaf, without a fee."""
        return cls(ZERO_ADDRESS, None, claims_max)

    def takes(self, token: int, max_relay_fee: int) -> bool:
        """Whether a leaf is claimed; a token without a fee never is, unless all are."""
        if self.min_fees is None:
            return True
        return token in self.min_fees and max_relay_fee >= self.min_fees[token]


@dataclass(slots=True)
class _Waiting:
    """A leaf in the queue."""

    leaf: UnpaidLeaf
    failures: int = 0
    due_ms: int = 0
    error: str | None = None


@dataclass(slots=True)
class _Flight:
    """The transaction that is under way: at most one, so that its nonce is the next one."""

    nonce: int
    call: bytes
    gas: int
    leaves: list[UnpaidLeaf]
    fees: Fees
    raw: bytes
    hashes: list[bytes] = field(default_factory=list)
    """Of all its attempts."""
    sent_ms: int | None = None


class Relayer:
    """Claims on L1 what a policy takes, with a key of its own."""

    def __init__(
        self,
        chain: ClaimChain,
        signer: Signer,
        outbox: Outbox,
        store: PaidStore,
        clock: Clock,
        policy: RelayPolicy,
        *,
        confirmations: int,
        poll_ms: int,
        replace_after_ms: int = 60_000,
    ) -> None:
        """`confirmations`: blocks on top of a claim before it counts.
        `replace_after_ms`: how long a transaction may wait before its fees are raised.
        """
        self._chain = chain
        self._signer = signer
        self._outbox = outbox
        self._store = store
        self._clock = clock
        self.policy = policy
        self._confirmations = confirmations
        self._poll_ms = poll_ms
        self._replace_after_ms = replace_after_ms
        self._read_up_to = (0, 0)
        self._queue: dict[tuple[int, int], _Waiting] = {}
        self._flight: _Flight | None = None
        self._health = Health()

    def health(self) -> Health:
        """The latest failure, until L1 answers again."""
        return self._health

    def state(self, leaf: tuple[int, int], token: int, max_relay_fee: int) -> RelayState:
        """How far the claim of an unpaid leaf (batch, number in it) is."""
        if not self.policy.takes(token, max_relay_fee):
            return RelayState(RelayStatus.FEE_TOO_LOW)
        flight = self._flight
        if flight is not None and any((x.batch, x.index) == leaf for x in flight.leaves):
            return RelayState(RelayStatus.SENT, flight.hashes[-1])
        waiting = self._queue.get(leaf)
        if waiting is not None and waiting.error is not None:
            return RelayState(RelayStatus.FAILING, error=waiting.error)
        return RelayState(RelayStatus.WAITING)

    async def run(self) -> None:
        """Works until it is cancelled; failures are shown in `health` and retried with growing pauses."""
        pause_ms = self._poll_ms
        while True:
            try:
                await self.step()
                self._health = Health()
                pause_ms = self._poll_ms
            except L1Error as error:
                self._report(error)
                pause_ms = min(pause_ms * 2, max(BACK_OFF_MAX_MS, self._poll_ms))
            await self._clock.sleep(pause_ms)

    async def step(self) -> None:
        """Does what is due: follows the transaction that is under way, else sends the next. Raises L1Error."""
        if self._flight is not None:
            await self._follow(self._flight)
        if self._flight is None:
            await self._read_more()
            await self._send_next()

    # ------------------------------------------------------------------- queue

    async def _read_more(self) -> None:
        """Takes what was settled since into the queue."""
        while page := await self._outbox.unpaid(self._read_up_to, PAGE):
            for leaf in page:
                if self.policy.takes(leaf.token, leaf.max_relay_fee):
                    self._queue[leaf.batch, leaf.index] = _Waiting(leaf)
            self._read_up_to = page[-1].seq, page[-1].item
            if len(self._queue) >= QUEUE_MAX and not self._forget():
                return

    def _forget(self) -> bool:
        """Makes room; False if all are still to be tried."""
        failing = [key for key, waiting in self._queue.items() if waiting.failures]
        for key in failing[: len(self._queue) - QUEUE_MAX + PAGE]:
            del self._queue[key]
        return len(self._queue) < QUEUE_MAX

    async def _paid(self, leaf: UnpaidLeaf) -> None:
        await self._store.mark_claimed(leaf.seq, leaf.item)
        self._queue.pop((leaf.batch, leaf.index), None)

    def _failed(self, leaf: UnpaidLeaf, error: str) -> None:
        """Has the leaf wait, behind all others."""
        waiting = self._queue.pop((leaf.batch, leaf.index), None) or _Waiting(leaf)
        pause_ms = min(FIRST_PAUSE_MS << min(waiting.failures, 16), LONGEST_PAUSE_MS)
        if error != waiting.error:
            log.warning("leaf %d of batch %d cannot be claimed: %s", leaf.index, leaf.batch, error)
        waiting.failures += 1
        waiting.error = error
        waiting.due_ms = self._clock.now_ms() + pause_ms
        self._queue[leaf.batch, leaf.index] = waiting

    # ------------------------------------------------------------ transactions

    async def _send_next(self) -> None:
        """Sends the claims that are due and would be paid now."""
        now_ms = self._clock.now_ms()
        due = [waiting.leaf for waiting in self._queue.values() if waiting.due_ms <= now_ms]
        leaves: list[UnpaidLeaf] = []
        claims: list[LeafClaim] = []
        for leaf in due:
            claim = await self._payable(leaf)
            if claim is not None:
                leaves.append(leaf)
                claims.append(claim)
            if len(claims) == self.policy.claims_max:
                break
        if claims:
            await self._send_claims(leaves, claims)

    async def _payable(self, leaf: UnpaidLeaf) -> LeafClaim | None:
        """The claim of a leaf, if the contract would pay it now."""
        if await asyncio.to_thread(self._chain.is_claimed, leaf.batch, leaf.index):
            await self._paid(leaf)
            return None
        (proof,) = await self._outbox.outbox_proofs([(leaf.batch, leaf.index)])
        claim = LeafClaim(
            leaf.batch, leaf.index, leaf.recipient, leaf.token, leaf.amount, leaf.max_relay_fee, tuple(proof)
        )
        call = self._chain.claim_many_call([claim], self.policy.fee_recipient)
        try:
            paid = await asyncio.to_thread(
                self._chain.claims_paid, self._signer.address, call, BASE_GAS + CLAIM_GAS
            )
        except Reverted as error:
            self._failed(leaf, str(error))
            return None
        if not paid:
            self._failed(leaf, "its recipient or its token refuses the payment")
            return None
        return claim

    async def _send_claims(self, leaves: list[UnpaidLeaf], claims: list[LeafClaim]) -> None:
        call = self._chain.claim_many_call(claims, self.policy.fee_recipient)
        gas = BASE_GAS + CLAIM_GAS * len(claims)
        nonce = await asyncio.to_thread(self._chain.next_nonce, self._signer.address)
        fees = await asyncio.to_thread(self._chain.fees)
        tx_hash, raw = self._signer.sign(nonce, call, gas, fees)
        flight = self._flight = _Flight(nonce, call, gas, leaves, fees, raw, [tx_hash])
        log.info("claiming %d withdrawals in 0x%s", len(claims), tx_hash.hex())
        await self._send(flight)

    async def _send(self, flight: _Flight) -> None:
        try:
            await asyncio.to_thread(self._chain.send, flight.raw)
        except (NonceUsed, ReplacementUnderpriced) as error:
            # One sent before a restart, or another attempt, is in the chain or under way: what is unpaid will tell.
            log.info("claims in 0x%s were not taken: %s", flight.hashes[-1].hex(), error)
        flight.sent_ms = self._clock.now_ms()

    async def _follow(self, flight: _Flight) -> None:
        """Looks what became of a transaction, and raises its fees when it waits for too long."""
        receipt = await self._receipt(flight)
        if receipt is not None:
            newest = (await asyncio.to_thread(self._chain.latest_block)).number
            if newest - receipt.block_number >= self._confirmations:
                await self._land(flight, receipt)
        elif await asyncio.to_thread(self._chain.next_nonce, self._signer.address) > flight.nonce:
            log.warning("another transaction took the place of the claims in 0x%s", flight.hashes[-1].hex())
            self._flight = None
        elif flight.sent_ms is None:
            await self._send(flight)
        elif self._clock.now_ms() - flight.sent_ms >= self._replace_after_ms:
            flight.fees = flight.fees.raised(await asyncio.to_thread(self._chain.fees))
            tx_hash, flight.raw = self._signer.sign(flight.nonce, flight.call, flight.gas, flight.fees)
            flight.hashes.append(tx_hash)
            log.warning("the claims wait: raising their fee to %d", flight.fees.max_fee)
            await self._send(flight)

    async def _receipt(self, flight: _Flight) -> Receipt | None:
        for tx_hash in reversed(flight.hashes):
            receipt = await asyncio.to_thread(self._chain.receipt, tx_hash)
            if receipt is not None:
                return receipt
        return None

    async def _land(self, flight: _Flight, receipt: Receipt) -> None:
        """What L1 says was paid is; the rest waits."""
        for leaf in flight.leaves:
            if await asyncio.to_thread(self._chain.is_claimed, leaf.batch, leaf.index):
                await self._paid(leaf)
            else:
                self._failed(leaf, f"it was not paid in 0x{receipt.tx_hash.hex()}")
        self._flight = None

    def _report(self, error: L1Error) -> None:
        if str(error) != self._health.last_error:
            log.error("relayer: %s", error)
        self._health = self._health.after_failure(str(error), self._clock.now_ms())
