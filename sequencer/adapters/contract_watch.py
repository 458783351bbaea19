"""Looks after what the contract says of itself: is it frozen or halted, does it still take this program's proofs, how
long does the oldest entry of its inbox wait, and what does governance do.

A freeze, or another program or verifier, is for good: the node is halted, so that nobody trades what can never be
settled. An entry that has waited for a quarter of the deadline, or for half of the time after which it is overdue, is
an alarm in `health`.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, Protocol

from sequencer.adapters.l1 import BlockHeader, ContractFacts, L1Error
from sequencer.config import Delays
from sequencer.ports import Clock, Health

log = logging.getLogger(__name__)

FROZEN: Final = (
    "the exchange is frozen on L1: nothing is settled any more, users get out with escape, refund and claim"
)
DEADLINE_PART, INCLUSION_PART = 4, 2
"""Of the deadline and of the time for inclusion: after whichever comes first an unsettled entry is an alarm."""
BACK_OFF_MAX_MS: Final = 60_000


def another_program(on_l1: bytes, ours: bytes) -> str:
    """What is said when governance replaced the program."""
    return (
        f"L1 takes proofs of the program 0x{on_l1.hex()} only, this is 0x{ours.hex()}: "
        "start the version that has it, with it in the deployment file"
    )


class WatchedContract(Protocol):
    """L1, as it is needed here. Methods may block; they raise L1Error."""

    def latest_block(self) -> BlockHeader: ...
    def facts(self) -> ContractFacts: ...
    def governance_events(self, first_block: int, last_block: int) -> list[str]: ...


class Haltable(Protocol):
    """The node."""

    def halt(self, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class OldestEntry:
    """The first inbox entry that is not settled; times in Unix seconds."""

    index: int
    time: int
    overdue_at: int
    """From then on anyone may settle it, and nothing else is settled before it."""
    freezable_at: int
    """From then on anyone may freeze the exchange, unless it is settled."""


class ContractWatch:
    """Watches one contract, for as long as it runs."""

    def __init__(
        self,
        contract: WatchedContract,
        node: Haltable,
        clock: Clock,
        *,
        verifier: str,
        program_vkey: bytes,
        delays: Delays,
        poll_ms: int,
    ) -> None:
        """`verifier`, `program_vkey`, `delays`: as the deployment file has them."""
        self._contract = contract
        self._node = node
        self._clock = clock
        self._verifier = verifier.lower()
        self._program_vkey = program_vkey
        self._delays = delays
        self._poll_ms = poll_ms
        self._read_up_to: int | None = None
        self._facts: ContractFacts | None = None
        self._health = Health()

    @property
    def facts(self) -> ContractFacts | None:
        """What the contract said last, if anything."""
        return self._facts

    @property
    def oldest(self) -> OldestEntry | None:
        """The oldest entry that is not settled, if there is one."""
        facts = self._facts
        if facts is None or facts.oldest_time is None:
            return None
        time = facts.oldest_time
        return OldestEntry(
            facts.inbox_cursor, time, time + self._delays.inclusion, time + self._delays.deadline
        )

    def health(self) -> Health:
        """That L1 fails, or that an entry waits for too long."""
        return self._health

    async def run(self) -> None:
        """Works until it is cancelled; failures are shown in `health` and retried with growing pauses."""
        pause_ms = self._poll_ms
        while True:
            try:
                await self.poll()
                pause_ms = self._poll_ms
            except L1Error as error:
                self._fail(str(error))
                pause_ms = min(pause_ms * 2, max(BACK_OFF_MAX_MS, self._poll_ms))
            await self._clock.sleep(pause_ms)

    async def poll(self) -> None:
        """Looks once. Raises L1Error."""
        newest = await asyncio.to_thread(self._contract.latest_block)
        await self._log_governance(newest.number)
        self._facts = facts = await asyncio.to_thread(self._contract.facts)
        self._require_usable(facts)
        alarm = self._alarm(max(newest.timestamp, self._clock.now_ms() // 1000))
        if alarm is None:
            self._health = Health()
        else:
            self._fail(alarm)

    async def _log_governance(self, newest: int) -> None:
        if self._read_up_to is not None and newest > self._read_up_to:
            events = await asyncio.to_thread(self._contract.governance_events, self._read_up_to + 1, newest)
            for event in events:
                log.warning("governance: %s", event)
        self._read_up_to = newest

    def _require_usable(self, facts: ContractFacts) -> None:
        if facts.frozen:
            self._node.halt(FROZEN)
        elif facts.program_vkey != self._program_vkey:
            self._node.halt(another_program(facts.program_vkey, self._program_vkey))
        elif facts.verifier.lower() != self._verifier:
            self._node.halt(
                f"the verifier on L1 is {facts.verifier}, the deployment file has {self._verifier}: "
                "change the file and start again"
            )

    def _alarm(self, now: int) -> str | None:
        oldest = self.oldest
        patience = min(self._delays.deadline // DEADLINE_PART, self._delays.inclusion // INCLUSION_PART)
        if oldest is None or now - oldest.time < patience:
            return None
        return (
            f"inbox entry {oldest.index} has waited for its settlement since {oldest.time}: it is overdue from "
            f"{oldest.overdue_at} on (Unix seconds), and from {oldest.freezable_at} on anyone may freeze the exchange"
        )

    def _fail(self, reason: str) -> None:
        if reason != self._health.last_error:
            log.error("contract: %s", reason)
        self._health = self._health.after_failure(reason, self._clock.now_ms())
