"""Reads the contract's inbox and hands its entries to the node.

The watcher keeps the newest blocks as a chain of hashes and reads the events of each by its hash, so that what it
holds is always one branch, whatever the RPC node switches to between two calls. A block that left the chain is
dropped with its entries; those of its replacement are read in its place. Indices must be contiguous and each entry
must continue the hash chain. An entry is handed over when `confirmations` blocks are on top of its block; it is pending
before. An entry that is read again is handed over again: the node ignores the same one and halts for another.

The node is told up to when it knows the inbox. That is by our clock: a chain may be quiet, and an RPC node that stands
still without an error is not told apart from one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from sequencer.adapters.l1 import BlockHeader, InboxEvent, L1Error
from sequencer.core.constants import ZERO_HASH
from sequencer.core.inbox import next_inbox_hash
from sequencer.ports import Clock, Health, InboxPosition, InboxSink, L1InboxEntry, NodeHalted

log = logging.getLogger(__name__)

BACK_OFF_MAX_MS: Final = 10_000
HANDED_OVER_MAX: Final = 256
"""Inbox entries at a time."""
BLOCKS_KEPT: Final = 64
"""Blocks below the confirmed ones that are kept to find where a reorganisation begins."""


class InboxChain(Protocol):
    """L1, as the watcher reads it. Methods may block; they raise L1Error."""

    @property
    def address(self) -> str: ...
    def latest_block(self) -> BlockHeader: ...
    def block_at(self, number: int) -> BlockHeader | None: ...
    def inbox_events(self, block_hash: bytes) -> list[InboxEvent]: ...
    def inbox_hash(self, count: int) -> bytes: ...


class InconsistentL1(L1Error):  # noqa: N818 - a state, named as it is shown
    """The RPC node's answers contradict each other."""


@dataclass(frozen=True, slots=True)
class _SeenBlock:
    """A block of the branch that is followed, with the inbox as it is after it."""

    header: BlockHeader
    count: int
    chain_hash: bytes


class L1Watcher:
    """The port `Watcher` over an RPC node."""

    def __init__(
        self,
        chain: InboxChain,
        sink: InboxSink,
        clock: Clock,
        *,
        first_block: int,
        confirmations: int,
        poll_ms: int,
    ) -> None:
        """`first_block`: the block that created the contract."""
        self._chain = chain
        self._sink = sink
        self._clock = clock
        self._first_block = first_block
        self._confirmations = confirmations
        self._poll_ms = poll_ms
        self._contract = bytes.fromhex(chain.address[2:])
        self._blocks: deque[_SeenBlock] = deque()
        self._pending: deque[L1InboxEntry] = deque()
        self._agreed_tip = b""
        self._read_at = 0
        self._health = Health()

    async def run(self) -> None:
        """Works until it is cancelled; failures are shown in `health` and retried with growing pauses."""
        pause_ms = self._poll_ms
        while True:
            try:
                await self.poll()
                self._health = Health()
                pause_ms = self._poll_ms
            except (L1Error, NodeHalted) as error:
                self._report(error)
                pause_ms = min(pause_ms * 2, max(BACK_OFF_MAX_MS, self._poll_ms))
            await self._clock.sleep(pause_ms)

    def pending(self) -> Sequence[L1InboxEntry]:
        """Entries that are not deep enough yet or that the node did not take yet."""
        return tuple(self._pending)

    def health(self) -> Health:
        """The latest failure, until a poll succeeds."""
        return self._health

    async def poll(self) -> None:
        """Follows the chain to its newest block and hands over what is deep enough.

        Raises L1Error; NodeHalted when the node stopped, which it is told to do when a sequenced entry changed.
        """
        began = self._clock.now_ms() // 1000
        latest = await asyncio.to_thread(self._chain.latest_block)
        if latest.hash != self._agreed_tip:
            await self._drop_replaced_blocks()
            await self._read_up_to(latest)
            await self._compare_with_contract()
            self._agreed_tip = self._blocks[-1].header.hash
        if latest.hash == self._agreed_tip:
            self._read_at = began
        await self._hand_over()

    # ---------------------------------------------------------------- the branch

    async def _drop_replaced_blocks(self) -> None:
        """Drops seen blocks that are no longer in the chain, newest first."""
        while self._blocks:
            seen = self._blocks[-1].header
            current = await asyncio.to_thread(self._chain.block_at, seen.number)
            if current is not None and current.hash == seen.hash:
                return
            log.warning("L1 block %d (0x%s) was replaced", seen.number, seen.hash.hex())
            self._blocks.pop()
            self._pending = deque(e for e in self._pending if e.l1_block < seen.number)

    async def _read_up_to(self, latest: BlockHeader) -> None:
        """Appends the blocks that follow, as long as each is the child of the one before."""
        if not self._blocks:
            self._pending.clear()
            await self._read_first()
        while self._blocks and self._blocks[-1].header.number < latest.number:
            tip = self._blocks[-1]
            header = await asyncio.to_thread(self._chain.block_at, tip.header.number + 1)
            if header is None or header.parent_hash != tip.header.hash:
                return  # the chain is changing under us; the next poll starts where it branches off
            self._append(header, await self._events(header), tip.count, tip.chain_hash)
            if len(self._blocks) > self._confirmations + BLOCKS_KEPT:
                self._blocks.popleft()

    async def _read_first(self) -> None:
        """Starts in the block of the last sequenced entry, or, if that left the chain, at the contract's creation."""
        position = self._sink.inbox_position()
        if position.l1_block_hash:
            header = await asyncio.to_thread(self._chain.block_at, position.l1_block)
            if header is not None and header.hash == position.l1_block_hash:
                events = await self._events(header)
                self._append(header, *_after(position, events))
                return
            log.warning(
                "L1 block %d of the last sequenced entry is gone: reading all again", position.l1_block
            )
        header = await asyncio.to_thread(self._chain.block_at, self._first_block)
        if header is None:
            raise InconsistentL1(f"L1 does not have block {self._first_block}, which created the contract")
        self._append(header, await self._events(header), 0, ZERO_HASH)

    async def _events(self, header: BlockHeader) -> list[InboxEvent]:
        if not header.may_log(self._contract):
            return []
        return await asyncio.to_thread(self._chain.inbox_events, header.hash)

    def _append(
        self, header: BlockHeader, events: Sequence[InboxEvent], count: int, chain_hash: bytes
    ) -> None:
        """Takes a block as the new tip. Raises InconsistentL1 if its entries do not continue the inbox."""
        entries = []
        for event in events:
            chain_hash = next_inbox_hash(chain_hash, event.entry)
            if event.index != count or event.chain_hash != chain_hash:
                raise InconsistentL1(
                    f"inbox entry {event.index} of L1 block {header.number} does not continue the inbox at {count}"
                )
            count += 1
            entries.append(L1InboxEntry(event.index, event.entry, chain_hash, header.number, header.hash))
        self._blocks.append(_SeenBlock(header, count, chain_hash))
        self._pending.extend(entries)

    async def _compare_with_contract(self) -> None:
        """The contract's own hash of the inbox, where we stand and where the node stands.

        Zero for what the node has sequenced means that a reorganisation took entries back, which may yet return;
        another hash means that they changed for good.
        """
        tip = self._blocks[-1]
        if await self._contract_hash(tip.count) != tip.chain_hash:
            self._blocks.clear()
            raise InconsistentL1(
                f"the contract's hash of {tip.count} inbox entries is not that of its events"
            )
        position = self._sink.inbox_position()
        found = await self._contract_hash(position.count)
        if found == position.chain_hash:
            return
        reason = (
            f"L1 took back sequenced inbox entries: it no longer has the {position.count} that were sequenced"
        )
        if found != ZERO_HASH:
            self._sink.halt(reason)
        raise InconsistentL1(reason)

    async def _contract_hash(self, count: int) -> bytes:
        return await asyncio.to_thread(self._chain.inbox_hash, count)

    # ---------------------------------------------------------------- hand-over

    async def _hand_over(self) -> None:
        """Many at a time: a batch that leaves entries behind that are overdue is refused by the contract."""
        confirmed = self._blocks[-1].header.number - self._confirmations
        self._tell_known()
        while deep := [
            entry for entry in islice(self._pending, HANDED_OVER_MAX) if entry.l1_block <= confirmed
        ]:
            await self._sink.submit_inbox(*deep)
            for _ in deep:
                self._pending.popleft()
            self._tell_known()

    def _tell_known(self) -> None:
        self._sink.inbox_read(self._read_at, self._pending[0] if self._pending else None)

    def _report(self, error: Exception) -> None:
        if str(error) != self._health.last_error:
            log.error("L1 watcher: %s", error)
        self._health = self._health.after_failure(str(error), self._clock.now_ms())


def _after(position: InboxPosition, events: list[InboxEvent]) -> tuple[list[InboxEvent], int, bytes]:
    """The events that follow a position, with the count and hash they continue."""
    return [event for event in events if event.index >= position.count], position.count, position.chain_hash
