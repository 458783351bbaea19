"""The watcher against a chain that reorganises, lies and goes away."""

from dataclasses import dataclass, field, replace

import pytest
from zkclob_native import keccak256

from sequencer.adapters.l1 import BlockHeader, InboxEvent, L1Unavailable
from sequencer.adapters.l1_watcher import InconsistentL1, L1Watcher
from sequencer.core.constants import ZERO_HASH
from sequencer.ports import InboxPosition, L1InboxEntry, NodeHalted

CONTRACT = "0x" + "11" * 20
FULL_BLOOM = b"\xff" * 256
EMPTY_BLOOM = bytes(256)


@dataclass
class FakeBlock:
    header: BlockHeader
    events: list[InboxEvent]


class FakeChain:
    """A chain with the contract created in block 1. `fork` replaces its end, `down` makes the node unreachable."""

    address = CONTRACT

    def __init__(self) -> None:
        self.blocks: list[FakeBlock] = []
        self.down = False
        self.event_reads = 0
        self.mine()
        self.mine()

    def mine(self, *entries: bytes, branch: str = "") -> None:
        """Appends a block that puts `entries` into the inbox."""
        index, chain_hash = self._inbox()
        events = []
        for entry in entries:
            chain_hash = keccak256(chain_hash + entry)
            events.append(InboxEvent(index, chain_hash, entry))
            index += 1
        number = len(self.blocks)
        parent = self.blocks[-1].header.hash if self.blocks else ZERO_HASH
        block_hash = keccak256(parent + b"".join(entries) + branch.encode())
        bloom = FULL_BLOOM if entries else EMPTY_BLOOM
        self.blocks.append(FakeBlock(BlockHeader(number, block_hash, parent, 1_000 + number, bloom), events))

    def fork(self, depth: int) -> None:
        """Takes the newest `depth` blocks away."""
        del self.blocks[-depth:]

    def _inbox(self) -> tuple[int, bytes]:
        events = [event for block in self.blocks for event in block.events]
        return (events[-1].index + 1, events[-1].chain_hash) if events else (0, ZERO_HASH)

    def _answer(self) -> None:
        if self.down:
            raise L1Unavailable("connection refused")

    def latest_block(self) -> BlockHeader:
        self._answer()
        return self.blocks[-1].header

    def block_at(self, number: int) -> BlockHeader | None:
        self._answer()
        return self.blocks[number].header if number < len(self.blocks) else None

    def inbox_events(self, block_hash: bytes) -> list[InboxEvent]:
        self._answer()
        self.event_reads += 1
        for block in self.blocks:
            if block.header.hash == block_hash:
                return block.events
        raise L1Unavailable("unknown block")

    def inbox_hash(self, count: int) -> bytes:
        self._answer()
        hashes = [ZERO_HASH] + [event.chain_hash for block in self.blocks for event in block.events]
        return hashes[count] if count < len(hashes) else ZERO_HASH


@dataclass
class FakeNode:
    """Sequences entries as the node does: the same again is ignored, another one halts it."""

    entries: list[L1InboxEntry] = field(default_factory=list)
    halted: str | None = None
    told: list[tuple[int, bytes | None]] = field(default_factory=list)

    def inbox_position(self) -> InboxPosition:
        if not self.entries:
            return InboxPosition(0, ZERO_HASH, 0, b"")
        last = self.entries[-1]
        return InboxPosition(len(self.entries), last.chain_hash, last.l1_block, last.l1_block_hash)

    async def submit_inbox(self, *entries: L1InboxEntry) -> None:
        for entry in entries:
            self._sequence(entry)

    def _sequence(self, entry: L1InboxEntry) -> None:
        if entry.index < len(self.entries):
            if self.entries[entry.index].chain_hash == entry.chain_hash:
                return
            self.halt("another entry")
        if self.halted:
            raise NodeHalted(self.halted)
        assert entry.index == len(self.entries)
        self.entries.append(entry)

    def inbox_read(self, time: int, waiting: L1InboxEntry | None) -> None:
        self.told.append((time, None if waiting is None else waiting.entry))

    def halt(self, reason: str) -> None:
        self.halted = reason

    def sequenced(self) -> list[bytes]:
        return [entry.entry for entry in self.entries]


class Stopped(Exception):  # noqa: N818 - an event of the test, not an error
    """Ends a watcher that runs for ever."""


class FakeClock:
    """Time passes only in `sleep`; after `naps` of them the sleeper is stopped."""

    def __init__(self, naps: int = 0) -> None:
        self.time_ms = 0
        self.slept: list[int] = []
        self._naps = naps

    def now_ms(self) -> int:
        return self.time_ms

    async def sleep(self, duration_ms: int) -> None:
        self.slept.append(duration_ms)
        self.time_ms += duration_ms
        if len(self.slept) >= self._naps:
            raise Stopped


def watch(
    chain: FakeChain, node: FakeNode, confirmations: int = 0, clock: FakeClock | None = None
) -> L1Watcher:
    return L1Watcher(
        chain, node, clock or FakeClock(), first_block=1, confirmations=confirmations, poll_ms=500
    )


async def test_entries_arrive_in_order_once() -> None:
    chain, node = FakeChain(), FakeNode()
    watcher = watch(chain, node)
    chain.mine(b"a", b"b")
    await watcher.poll()
    chain.mine()
    chain.mine(b"c")
    await watcher.poll()
    await watcher.poll()
    assert node.sequenced() == [b"a", b"b", b"c"]
    assert watcher.pending() == ()


async def test_blocks_without_logs_of_the_contract_are_not_searched() -> None:
    chain, node = FakeChain(), FakeNode()
    for _ in range(5):
        chain.mine()
    chain.mine(b"a")
    await watch(chain, node).poll()
    assert chain.event_reads == 1


async def test_shallow_entries_are_pending() -> None:
    chain, node = FakeChain(), FakeNode()
    watcher = watch(chain, node, confirmations=2)
    chain.mine(b"a")
    chain.mine()
    await watcher.poll()
    assert [entry.entry for entry in watcher.pending()] == [b"a"]
    assert node.entries == []
    chain.mine()
    await watcher.poll()
    assert watcher.pending() == ()
    assert node.sequenced() == [b"a"]


async def test_the_node_is_told_up_to_when_it_knows_the_inbox() -> None:
    chain, node, clock = FakeChain(), FakeNode(), FakeClock()
    watcher = watch(chain, node, confirmations=1, clock=clock)
    clock.time_ms = 5_000
    chain.down = True
    with pytest.raises(L1Unavailable):
        await watcher.poll()
    assert node.told == []
    chain.down = False
    chain.mine(b"a")
    chain.mine(b"b")
    await watcher.poll()
    assert node.told == [(5, b"a"), (5, b"b")]
    clock.time_ms = 7_000
    chain.mine()
    await watcher.poll()
    assert node.told[2:] == [(7, b"b"), (7, None)]


async def test_reorganisation_above_the_confirmed_depth_replaces_pending_entries() -> None:
    chain, node = FakeChain(), FakeNode()
    watcher = watch(chain, node, confirmations=2)
    chain.mine(b"a")
    chain.mine(b"b")
    await watcher.poll()
    chain.fork(1)
    chain.mine(b"c", branch="other")
    chain.mine()
    chain.mine()
    await watcher.poll()
    assert node.sequenced() == [b"a", b"c"]


async def test_two_reorganisations_between_polls_are_seen_by_hash() -> None:
    chain, node = FakeChain(), FakeNode()
    watcher = watch(chain, node, confirmations=1)
    chain.mine(b"a")
    await watcher.poll()
    for branch, entry in (("x", b"b"), ("y", b"c")):
        chain.fork(1)
        chain.mine(entry, branch=branch)
    chain.mine()
    await watcher.poll()
    assert node.sequenced() == [b"c"]


async def test_sequenced_entry_that_returns_in_another_block_is_fine() -> None:
    chain, node = FakeChain(), FakeNode()
    watcher = watch(chain, node)
    chain.mine(b"a")
    await watcher.poll()
    chain.fork(1)
    chain.mine(branch="other")
    chain.mine(b"a")
    chain.mine(b"b")
    await watcher.poll()
    assert node.halted is None
    assert node.sequenced() == [b"a", b"b"]


async def test_sequenced_entry_that_changes_stops_the_node() -> None:
    chain, node = FakeChain(), FakeNode()
    watcher = watch(chain, node)
    chain.mine(b"a")
    await watcher.poll()
    chain.fork(1)
    chain.mine(b"changed")
    with pytest.raises((InconsistentL1, NodeHalted)):
        await watcher.poll()
    assert node.halted is not None
    assert node.sequenced() == [b"a"]


async def test_sequenced_entry_that_vanished_is_waited_for_and_shown() -> None:
    chain, node = FakeChain(), FakeNode()
    watcher = watch(chain, node)
    chain.mine(b"a")
    await watcher.poll()
    chain.fork(1)
    chain.mine(branch="other")
    for _ in range(2):
        with pytest.raises(InconsistentL1, match="took back"):
            await watcher.poll()
    assert node.halted is None
    chain.mine(b"a")
    await watcher.poll()
    assert node.sequenced() == [b"a"]


async def test_change_while_the_sequencer_was_down_stops_the_node() -> None:
    chain, node = FakeChain(), FakeNode()
    chain.mine(b"a")
    await watch(chain, node).poll()
    chain.fork(1)
    chain.mine(b"changed")
    with pytest.raises((InconsistentL1, NodeHalted)):
        await watch(chain, node).poll()
    assert node.halted is not None


async def test_restart_goes_on_inside_the_block_it_stopped_in() -> None:
    chain, node = FakeChain(), FakeNode()
    chain.mine(b"a", b"b", b"c")
    await watch(chain, node).poll()
    del node.entries[1:]
    chain.mine(b"d")
    await watch(chain, node).poll()
    assert node.sequenced() == [b"a", b"b", b"c", b"d"]


@pytest.mark.parametrize("lie", ["gap", "forged", "hidden"])
async def test_events_that_do_not_continue_the_inbox_are_refused(lie: str) -> None:
    chain, node = FakeChain(), FakeNode()
    chain.mine(b"a")
    chain.mine(b"b")
    first, second = chain.blocks[-2].events, chain.blocks[-1].events
    if lie == "gap":
        second[0] = replace(second[0], index=2)
    elif lie == "forged":
        second[0] = replace(second[0], entry=b"forged")
    else:
        first.clear()
    with pytest.raises(InconsistentL1, match="does not continue"):
        await watch(chain, node).poll()
    assert node.entries == []


async def test_events_must_give_the_hash_that_the_contract_holds() -> None:
    chain, node = FakeChain(), FakeNode()
    chain.mine(b"a")
    chain.inbox_hash = lambda count: b"\x01" * 32  # type: ignore[method-assign]
    with pytest.raises(InconsistentL1, match="not that of its events"):
        await watch(chain, node).poll()
    assert node.entries == []


async def test_unreachable_node_is_retried_with_growing_pauses_and_nothing_is_lost() -> None:
    chain, node = FakeChain(), FakeNode()
    clock = FakeClock(naps=8)
    watcher = watch(chain, node, clock=clock)
    chain.down = True
    with pytest.raises(Stopped):
        await watcher.run()
    assert clock.slept == [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]
    assert watcher.health().last_error == "connection refused"
    assert watcher.health().since_ms == 0
    chain.down = False
    chain.mine(b"a")
    with pytest.raises(Stopped):
        await watcher.run()
    assert watcher.health().last_error is None
    assert node.sequenced() == [b"a"]
