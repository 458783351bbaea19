"""The poster against a chain that loses, delays and refuses transactions, and against its own crashes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from sequencer.adapters.l1 import (
    BatchClaim,
    BlockHeader,
    Fees,
    Head,
    L1Unavailable,
    NonceUsed,
    Receipt,
    Reverted,
    Signer,
)
from sequencer.adapters.poster import Poster
from sequencer.core.carriers import BLOBS, CALLDATA
from sequencer.core.codec.blobs import BLOB_LENGTH
from sequencer.kzg import OpenedBlob, Sidecar
from sequencer.ports import Attempt, Settled, Settlement, SettlementRefused

CONTRACT = "0x" + "11" * 20
KEY = b"\x01" * 32
VKEY = b"\x07" * 32
REPLACE_AFTER_MS = 60_000


def root(number: int) -> bytes:
    return bytes([number]) * 32


def settlement(number: int, carrier: int = CALLDATA) -> Settlement:
    return Settlement(
        number=number,
        prev_state_root=root(number - 1),
        new_state_root=root(number),
        inbox_cursor=1,
        outbox_root=bytes(32),
        outbox_count=0,
        block_number=number,
        timestamp=100 + number,
        first_seq=number,
        end_seq=number + 1,
        digests_hash=bytes(32),
        data_carrier=carrier,
        data=b"data",
        proof=b"proof",
    )


@dataclass
class FakeL1:
    """A contract and a pool. A transaction is mined when it is sent, unless `holds`; `call` is its batch number."""

    holds: bool = False
    down: bool = False
    refusal: str | None = None
    vkey: bytes = VKEY
    market: Fees = Fees(1_000, 10, 7)  # noqa: RUF009 - frozen
    settled: int = 0
    nonce: int = 0
    block: int = 10
    signer: Signer = field(default_factory=lambda: Signer(KEY, 31337, CONTRACT))
    pool: list[bytes] = field(default_factory=list)
    mined: dict[bytes, Receipt] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=lambda: {0: root(0)})

    def _answer(self) -> None:
        if self.down:
            raise L1Unavailable("connection refused")

    def head(self) -> Head:
        self._answer()
        return Head(self.roots[self.settled], self.settled, 0, self.settled, 100, self.settled + 1)

    def program_vkey(self) -> bytes:
        return self.vkey

    def latest_block(self) -> BlockHeader:
        self._answer()
        return BlockHeader(self.block, bytes(32), bytes(32), 0, bytes(256))

    def settle_call(self, claim: BatchClaim, data: bytes, proof: bytes) -> bytes:
        return claim.new_state_root

    def settle_blobs_call(self, claim: BatchClaim, sidecar: Sidecar, proof: bytes) -> bytes:
        return claim.new_state_root

    def estimate_gas(
        self, sender: str, call: bytes, versioned_hashes: Sequence[bytes] = (), max_blob_fee: int = 0
    ) -> int:
        self._answer()
        if self.refusal is not None:
            raise Reverted(self.refusal)
        return 1_000_000

    def fees(self, *, blobs: bool = False) -> Fees:
        self._answer()
        return replace(self.market, max_blob_fee=self.market.max_blob_fee if blobs else 0)

    def next_nonce(self, account: str) -> int:
        self._answer()
        return self.nonce

    def send(self, raw: bytes) -> None:
        self._answer()
        if raw not in self.pool:
            self.pool.append(raw)
        if not self.holds:
            self.mine(raw)

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        self._answer()
        return self.mined.get(tx_hash)

    def mine(self, raw: bytes) -> None:
        """Puts a transaction of the pool into a block."""
        tx_hash, nonce, call = decoded(raw)
        if nonce < self.nonce:
            raise NonceUsed("nonce too low")
        self.pool.remove(raw)
        self.block += 1
        self.nonce += 1
        self.settled += 1
        self.roots[self.settled] = call
        self.mined[tx_hash] = Receipt(tx_hash, True, 200_000, self.block, bytes(32))

    def lose(self) -> None:
        """A reorganisation takes the newest settlement back; the pool forgets it."""
        self.settled -= 1
        self.nonce -= 1
        self.mined.popitem()
        self.pool.clear()


def decoded(raw: bytes) -> tuple[bytes, int, bytes]:
    """Hash, nonce and calldata of a raw EIP-1559 transaction, or of one with blobs as nodes take it."""
    if raw[0] == 3:
        own, version, *_ = rlp.decode(raw[1:])
        assert version == b"\x01"
        raw = b"\x03" + rlp.encode(own)
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return keccak(raw), fields["nonce"], bytes(fields["data"])


@dataclass
class FakeStore:
    """Keeps attempts."""

    kept: list[Attempt] = field(default_factory=list)

    async def record_attempt(self, attempt: Attempt) -> None:
        self.kept.append(attempt)

    async def attempts(self, batch: int) -> list[Attempt]:
        return [attempt for attempt in self.kept if attempt.batch == batch]


class FakeSidecars:
    """Stands for blobs; what is in them plays no part here."""

    async def sidecar(self, data: bytes) -> Sidecar:
        opened = OpenedBlob(bytes(BLOB_LENGTH), bytes(48), 0, bytes(48))
        return Sidecar(keccak(data), (opened,), (bytes(48),) * 128)


class Crash(Exception):  # noqa: N818 - an event of the test, not an error
    """The process ends here."""


@dataclass
class FakeClock:
    """Time passes only in `sleep`, where `then` may change the world or end it."""

    then: dict[int, Callable[[], None]] = field(default_factory=dict)
    time_ms: int = 0
    naps: int = 0
    slept: list[int] = field(default_factory=list)

    def now_ms(self) -> int:
        return self.time_ms

    async def sleep(self, duration_ms: int) -> None:
        self.time_ms += duration_ms
        self.naps += 1
        self.slept.append(duration_ms)
        action = self.then.get(self.naps)
        if action is not None:
            action()
        if self.naps > 1_000:
            raise Crash


def crash() -> None:
    raise Crash


def poster(chain: FakeL1, store: FakeStore, clock: FakeClock | None = None, confirmations: int = 0) -> Poster:
    return Poster(
        chain,
        chain.signer,
        FakeSidecars(),
        store,
        clock or FakeClock(),
        program_vkey=VKEY,
        confirmations=confirmations,
        poll_ms=250,
        replace_after_ms=REPLACE_AFTER_MS,
    )


async def test_settles_once_and_reports_the_transaction() -> None:
    chain, store = FakeL1(), FakeStore()
    settled = await poster(chain, store).settle(settlement(1))
    assert settled == Settled(1, store.kept[0].tx_hash, 200_000, 11)
    assert len(store.kept) == 1


async def test_attempt_is_stored_before_it_is_sent() -> None:
    chain = FakeL1()

    class CrashingStore(FakeStore):
        async def record_attempt(self, attempt: Attempt) -> None:
            raise Crash

    with pytest.raises(Crash):
        await poster(chain, CrashingStore()).settle(settlement(1))
    assert chain.pool == []
    assert chain.settled == 0


async def test_crash_between_store_and_send_sends_the_same_bytes() -> None:
    chain, store = FakeL1(), FakeStore()
    chain.send = lambda raw: crash()  # type: ignore[method-assign]
    with pytest.raises(Crash):
        await poster(chain, store).settle(settlement(1))
    del chain.send
    settled = await poster(chain, store).settle(settlement(1))
    assert len(store.kept) == 1
    assert settled.tx_hash == store.kept[0].tx_hash


async def test_restart_after_settlement_sends_nothing() -> None:
    chain, store = FakeL1(), FakeStore()
    await poster(chain, store).settle(settlement(1))
    again = await poster(chain, store).settle(settlement(1))
    assert again.tx_hash == store.kept[0].tx_hash
    assert (chain.settled, len(store.kept)) == (1, 1)


async def test_batch_settled_by_a_lost_attempt_is_fine() -> None:
    chain = FakeL1(settled=1, roots={0: root(0), 1: root(1)})
    assert await poster(chain, FakeStore()).settle(settlement(1)) == Settled(1, None, None, 10)


async def test_stuck_transaction_is_replaced_at_the_same_nonce_with_an_eighth_more() -> None:
    chain, store = FakeL1(holds=True), FakeStore()
    clock = FakeClock({REPLACE_AFTER_MS // 250 + 4: lambda: chain.mine(chain.pool[-1])})
    settled = await poster(chain, store, clock).settle(settlement(1))
    first, second = store.kept
    assert second.nonce == first.nonce
    assert second.max_fee * 8 >= first.max_fee * 9
    assert second.priority_fee * 8 >= first.priority_fee * 9
    assert settled.tx_hash == second.tx_hash


async def test_transaction_that_is_mined_between_two_looks_at_l1_is_not_sent_anew() -> None:
    class MinedAfterTheHead(FakeL1):
        def head(self) -> Head:
            before = super().head()
            for raw in self.pool:
                self.mine(raw)
            return before

    chain, store = MinedAfterTheHead(holds=True), FakeStore()
    settled = await poster(chain, store).settle(settlement(1))
    assert [attempt.tx_hash for attempt in store.kept] == [settled.tx_hash]


async def test_data_in_blobs_is_settled_by_a_transaction_that_has_them() -> None:
    chain, store = FakeL1(), FakeStore()
    settled = await poster(chain, store).settle(settlement(1, BLOBS))
    (attempt,) = store.kept
    assert (attempt.raw[0], attempt.max_blob_fee, settled.tx_hash) == (3, 7, attempt.tx_hash)


async def test_stuck_blobs_are_replaced_for_twice_all_fees_when_the_market_asks_for_more() -> None:
    chain, store = FakeL1(holds=True), FakeStore()

    def rise() -> None:
        chain.market = Fees(1_000, 10, 8)

    one_round = REPLACE_AFTER_MS // 250 + 4
    clock = FakeClock(
        {
            one_round: rise,
            2 * one_round: lambda: chain.mine(chain.pool[-1]),
        }
    )
    settled = await poster(chain, store, clock).settle(settlement(1, BLOBS))
    first, second = store.kept
    assert second.nonce == first.nonce
    assert second.max_fee >= 2 * first.max_fee
    assert second.priority_fee >= 2 * first.priority_fee
    assert second.max_blob_fee >= 2 * first.max_blob_fee
    assert settled.tx_hash == second.tx_hash


async def test_stuck_blobs_that_pay_enough_are_only_sent_again() -> None:
    chain, store = FakeL1(holds=True), FakeStore()
    sent: list[bytes] = []
    deliver = chain.send

    def send(raw: bytes) -> None:
        sent.append(raw)
        deliver(raw)

    chain.send = send  # type: ignore[method-assign]
    clock = FakeClock({3 * REPLACE_AFTER_MS // 250: lambda: chain.mine(chain.pool[0])})
    await poster(chain, store, clock).settle(settlement(1, BLOBS))
    assert len(store.kept) == 1
    assert len(sent) >= 2
    assert set(sent) == {store.kept[0].raw}


async def test_replaced_transaction_that_is_mined_after_all_counts() -> None:
    chain, store = FakeL1(holds=True), FakeStore()
    clock = FakeClock({REPLACE_AFTER_MS // 250 + 4: lambda: chain.mine(chain.pool[0])})
    settled = await poster(chain, store, clock).settle(settlement(1))
    assert settled.tx_hash == store.kept[0].tx_hash
    assert chain.settled == 1


async def test_unreachable_node_is_retried_and_shown() -> None:
    chain, store = FakeL1(down=True), FakeStore()
    seen: list[str | None] = []

    def recover() -> None:
        seen.append(post.health().last_error)
        chain.down = False

    clock = FakeClock({3: recover})
    post = poster(chain, store, clock)
    await post.settle(settlement(1))
    assert seen == ["connection refused"]
    assert post.health().last_error is None
    assert clock.slept[:3] == [500, 1_000, 2_000]


async def test_node_that_goes_away_while_sending_gets_the_same_transaction_again() -> None:
    chain, store = FakeL1(), FakeStore()
    deliver = chain.send

    def fail(raw: bytes) -> None:
        chain.send = deliver  # type: ignore[method-assign]
        raise L1Unavailable("connection reset")

    chain.send = fail  # type: ignore[method-assign]
    await poster(chain, store).settle(settlement(1))
    assert len(store.kept) == 1
    assert chain.settled == 1


async def test_reorganisation_before_the_settlement_is_deep_posts_it_again() -> None:
    chain, store = FakeL1(), FakeStore()

    def deepen() -> None:
        chain.block += 2

    clock = FakeClock({2: chain.lose, 5: deepen})
    settled = await poster(chain, store, clock, confirmations=2).settle(settlement(1))
    assert chain.settled == 1
    assert settled.tx_hash == store.kept[0].tx_hash


async def test_reorganisation_that_takes_back_an_earlier_batch_posts_both_again() -> None:
    chain, store = FakeL1(), FakeStore()
    post = poster(chain, store)
    await post.settle(settlement(1))
    chain.lose()
    await post.settle(settlement(2))
    assert chain.settled == 2
    assert (chain.roots[1], chain.roots[2]) == (root(1), root(2))


@pytest.mark.parametrize(
    "passing",
    [
        "TimestampAhead(timestamp=9, current=8)",
        "InboxCursorAhead(cursor=2, length=1)",
        "SettlementHalted(until=9)",
        "NotPoster(caller=0x11)",
    ],
)
async def test_revert_that_passes_is_waited_for(passing: str) -> None:
    chain, store = FakeL1(refusal=passing), FakeStore()

    def accept() -> None:
        chain.refusal = None

    await poster(chain, store, FakeClock({2: accept})).settle(settlement(1))
    assert chain.settled == 1


async def test_revert_for_good_is_reported_with_the_contract_error() -> None:
    chain = FakeL1(refusal="InvalidMockProof()")
    with pytest.raises(SettlementRefused, match=r"InvalidMockProof\(\)"):
        await poster(chain, FakeStore()).settle(settlement(1))


async def test_a_frozen_exchange_is_called_so() -> None:
    with pytest.raises(SettlementRefused, match="the exchange is frozen on L1"):
        await poster(FakeL1(refusal="AlreadyFrozen()"), FakeStore()).settle(settlement(1))


async def test_that_another_program_is_the_contracts_now_is_said() -> None:
    chain = FakeL1(refusal="InvalidMockProof()", vkey=b"\x08" * 32)
    with pytest.raises(SettlementRefused, match=f"program 0x{'08' * 32} only, this is 0x{'07' * 32}"):
        await poster(chain, FakeStore()).settle(settlement(1))


async def test_other_state_on_l1_is_refused() -> None:
    chain = FakeL1(roots={0: b"\xff" * 32})
    with pytest.raises(SettlementRefused, match="starts at state"):
        await poster(chain, FakeStore()).settle(settlement(1))
    settled_otherwise = FakeL1(settled=1, roots={0: root(0), 1: b"\xff" * 32})
    with pytest.raises(SettlementRefused, match="L1 settled batch 1"):
        await poster(settled_otherwise, FakeStore()).settle(settlement(1))


async def test_an_exchange_that_another_sequencer_settled_is_left_alone() -> None:
    ahead = FakeL1(settled=2, roots={0: root(0), 1: root(1), 2: root(2)})
    with pytest.raises(SettlementRefused, match="another sequencer"):
        await poster(ahead, FakeStore()).settle(settlement(1))
    assert ahead.pool == []


def test_raised_fees_follow_a_market_that_asks_for_more() -> None:
    assert Fees(800, 80).raised(Fees(5_000, 10)) == Fees(5_000, 91)
    assert Fees(1, 1).raised(Fees(1, 1)) == Fees(2, 2)
    assert Fees(800, 80, 3).raised(Fees(5_000, 10, 4)) == Fees(5_000, 161, 6)
