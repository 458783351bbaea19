"""The relayer against a chain that refuses, delays and loses claims, and against its own crashes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from sequencer.adapters.history import History
from sequencer.adapters.l1 import (
    BlockHeader,
    Fees,
    L1Unavailable,
    LeafClaim,
    Receipt,
    ReplacementUnderpriced,
    Signer,
)
from sequencer.adapters.relayer import FIRST_PAUSE_MS, QUEUE_MAX, Relayer, RelayPolicy
from sequencer.ports import RelayState, RelayStatus, UnpaidLeaf
from tests.world import ALICE, USDC, World, eventually

CONTRACT = "0x" + "11" * 20
RECIPIENT = "0x" + "22" * 20
KEY = b"\x01" * 32
REPLACE_AFTER_MS = 60_000
SIGNER = Signer(KEY, 31337, CONTRACT)


def leaf(number: int, token: int = 1, fee: int = 0) -> UnpaidLeaf:
    """The leaf `number` of batch 1."""
    return UnpaidLeaf(number + 1, 0, 1, number, bytes(20), token, 1_000, fee)


@dataclass
class FakeL1:
    """Pays what a transaction claims when it is mined: at once, unless `holds`. A call is its leaves' numbers."""

    refused: set[int] = field(default_factory=set)
    holds: bool = False
    down: bool = False
    nonce: int = 0
    block: int = 10
    paid: list[int] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    pool: list[bytes] = field(default_factory=list)
    mined: dict[bytes, Receipt] = field(default_factory=dict)

    def latest_block(self) -> BlockHeader:
        return BlockHeader(self.block, bytes(32), bytes(32), 0, bytes(256))

    def is_claimed(self, batch_number: int, index: int) -> bool:
        if self.down:
            raise L1Unavailable("connection refused")
        return index in self.paid

    def claim_many_call(self, claims: Sequence[LeafClaim], fee_recipient: str) -> bytes:
        self.recipients.append(fee_recipient)
        return b"".join(claim.index.to_bytes(4) for claim in claims)

    def claims_paid(self, sender: str, call: bytes, gas: int) -> int:
        return len(set(numbers(call)) - self.refused - set(self.paid))

    def fees(self) -> Fees:
        return Fees(1_000, 10)

    def next_nonce(self, account: str) -> int:
        return self.nonce

    def send(self, raw: bytes) -> None:
        same = [old for old in self.pool if decoded(old)[0] == decoded(raw)[0] and old != raw]
        if any(decoded(old)[2] * 9 > decoded(raw)[2] * 8 for old in same):
            raise ReplacementUnderpriced("replacement transaction underpriced")
        self.pool = [old for old in self.pool if old not in same and old != raw] + [raw]
        if not self.holds:
            self.mine(raw)

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        return self.mined.get(tx_hash)

    def mine(self, raw: bytes) -> None:
        """Puts a transaction into a block."""
        nonce, call, _ = decoded(raw)
        assert nonce == self.nonce
        self.pool.remove(raw)
        self.nonce += 1
        self.block += 1
        self.paid += [n for n in numbers(call) if n not in self.refused and n not in self.paid]
        self.mined[keccak(raw)] = Receipt(keccak(raw), True, 100_000, self.block, bytes(32))

    def lose(self) -> None:
        """A reorganisation takes back the newest transaction."""
        self.nonce -= 1
        self.mined.popitem()
        self.paid.clear()


def numbers(call: bytes) -> list[int]:
    return [int.from_bytes(call[at : at + 4]) for at in range(0, len(call), 4)]


def decoded(raw: bytes) -> tuple[int, bytes, int]:
    """Nonce, calldata and fee of a raw transaction."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return fields["nonce"], bytes(fields["data"]), fields["maxFeePerGas"]


@dataclass
class FakeDatabase:
    """The ports Outbox and PaidStore."""

    leaves: list[UnpaidLeaf] = field(default_factory=list)
    claimed: list[tuple[int, int]] = field(default_factory=list)

    async def unpaid(self, after: tuple[int, int], limit: int) -> list[UnpaidLeaf]:
        later = [x for x in self.leaves if (x.seq, x.item) > after and (x.seq, x.item) not in self.claimed]
        return later[:limit]

    async def outbox_proofs(self, leaves: Sequence[tuple[int, int]]) -> list[list[bytes]]:
        return [[] for _ in leaves]

    async def mark_claimed(self, seq: int, item: int) -> None:
        self.claimed.append((seq, item))


@dataclass
class FakeClock:
    time_ms: int = 0

    def now_ms(self) -> int:
        return self.time_ms

    async def sleep(self, duration_ms: int) -> None:
        self.time_ms += duration_ms


class Scene:
    """A relayer with what is around it."""

    def __init__(self, count: int = 0, policy: RelayPolicy | None = None, confirmations: int = 0) -> None:
        self.chain, self.clock = FakeL1(), FakeClock()
        self.database = FakeDatabase([leaf(n) for n in range(count)])
        self._policy = policy or RelayPolicy.free(claims_max=3)
        self._confirmations = confirmations
        self.restart()

    def restart(self) -> None:
        self.relayer = Relayer(
            self.chain,
            SIGNER,
            self.database,
            self.database,
            self.clock,
            self._policy,
            confirmations=self._confirmations,
            poll_ms=250,
            replace_after_ms=REPLACE_AFTER_MS,
        )

    async def steps(self, count: int) -> None:
        for _ in range(count):
            await self.relayer.step()

    def state(self, number: int) -> RelayState:
        found = self.database.leaves[number]
        return self.relayer.state((found.batch, found.index), found.token, found.max_relay_fee)


async def test_everything_that_is_settled_is_paid_in_groups() -> None:
    scene = Scene(7)
    await scene.steps(4)
    assert scene.chain.paid == list(range(7))
    assert scene.chain.nonce == 3
    assert scene.database.claimed == [(n + 1, 0) for n in range(7)]
    scene.database.leaves.append(leaf(7))
    await scene.steps(2)
    assert scene.chain.paid[-1] == 7


async def test_only_what_brings_its_fee_is_claimed_for_a_fee() -> None:
    scene = Scene(policy=RelayPolicy(RECIPIENT, {1: 50, 2: 0}, claims_max=9))
    scene.database.leaves = [leaf(0, 1, 49), leaf(1, 1, 50), leaf(2, 2, 0), leaf(3, 3, 900)]
    await scene.steps(2)
    assert scene.chain.paid == [1, 2]
    assert set(scene.chain.recipients) == {RECIPIENT}
    assert [scene.state(n).status for n in (0, 3)] == [RelayStatus.FEE_TOO_LOW] * 2


async def test_a_leaf_that_cannot_be_paid_holds_up_no_other_and_is_tried_again() -> None:
    scene = Scene(5)
    scene.chain.refused = {0, 1, 2}
    await scene.steps(2)
    assert scene.chain.paid == [3, 4]
    assert scene.state(0).status is RelayStatus.FAILING
    scene.chain.refused = {0}
    await scene.steps(2)
    assert scene.chain.nonce == 1
    scene.clock.time_ms += FIRST_PAUSE_MS
    await scene.steps(2)
    assert scene.chain.paid == [3, 4, 1, 2]


async def test_the_pauses_of_a_leaf_that_cannot_be_paid_double() -> None:
    scene = Scene(1)
    scene.chain.refused = {0}
    tried: list[int] = []

    def refuse(sender: str, call: bytes, gas: int) -> int:
        tried.append(scene.clock.time_ms)
        return 0

    scene.chain.claims_paid = refuse  # type: ignore[method-assign]
    for _ in range(20):
        await scene.relayer.step()
        scene.clock.time_ms += FIRST_PAUSE_MS
    assert [at // FIRST_PAUSE_MS for at in tried] == [0, 1, 3, 7, 15]


async def test_a_leaf_that_is_not_paid_after_all_waits() -> None:
    scene = Scene(2)
    scene.chain.holds = True
    await scene.steps(1)
    scene.chain.refused = {0}
    scene.chain.mine(scene.chain.pool[0])
    await scene.steps(1)
    assert scene.database.claimed == [(2, 0)]
    assert "not paid in 0x" in (scene.state(0).error or "")


async def test_a_leaf_that_somebody_else_claimed_is_not_claimed_again() -> None:
    scene = Scene(2)
    scene.chain.paid = [0]
    await scene.steps(1)
    assert [numbers(decoded(raw)[1]) for raw in scene.chain.pool] == []
    assert scene.database.claimed[0] == (1, 0)
    assert scene.chain.paid == [0, 1]


async def test_a_claim_counts_when_it_is_deep_enough_and_one_that_was_taken_back_is_sent_again() -> None:
    scene = Scene(1, confirmations=2)
    await scene.steps(2)
    assert scene.database.claimed == []
    assert scene.state(0).status is RelayStatus.SENT
    scene.chain.lose()
    scene.clock.time_ms += REPLACE_AFTER_MS
    await scene.steps(1)
    scene.chain.block += 2
    await scene.steps(1)
    assert scene.chain.paid == [0]
    assert scene.database.claimed == [(1, 0)]


async def test_a_transaction_that_waits_is_replaced_with_an_eighth_more() -> None:
    scene = Scene(1)
    scene.chain.holds = True
    await scene.steps(1)
    (first,) = scene.chain.pool
    scene.clock.time_ms += REPLACE_AFTER_MS
    await scene.steps(1)
    (second,) = scene.chain.pool
    assert decoded(second)[0] == decoded(first)[0]
    assert decoded(second)[2] * 8 >= decoded(first)[2] * 9
    scene.chain.mine(second)
    await scene.steps(1)
    assert scene.database.claimed == [(1, 0)]


async def test_after_a_crash_what_was_under_way_is_replaced_and_everybody_is_paid_once() -> None:
    scene = Scene(4)
    scene.chain.holds = True
    await scene.steps(1)
    scene.database.leaves.insert(0, leaf(9))
    scene.restart()
    await scene.steps(1)
    assert (
        len(scene.chain.pool) == 1
    )  # the first one is still there: the new one pays too little to replace it
    scene.clock.time_ms += REPLACE_AFTER_MS
    await scene.steps(1)
    scene.chain.holds = False
    scene.chain.mine(scene.chain.pool[0])
    await scene.steps(4)
    assert sorted(scene.chain.paid) == [0, 1, 2, 3, 9]
    assert len(scene.database.claimed) == 5


async def test_after_a_crash_what_was_paid_meanwhile_is_not_sent_again() -> None:
    scene = Scene(2)
    scene.chain.holds = True
    await scene.steps(1)
    scene.restart()
    scene.chain.mine(scene.chain.pool[0])
    await scene.steps(1)
    assert scene.chain.nonce == 1
    assert scene.database.claimed == [(1, 0), (2, 0)]


async def test_a_failing_node_is_shown_until_it_answers() -> None:
    scene = Scene(1)
    scene.chain.down = True
    slept: list[int] = []

    class Stop(Exception):  # noqa: N818 - an event of the test
        pass

    async def sleep(duration_ms: int) -> None:
        slept.append(duration_ms)
        if len(slept) == 3:
            assert scene.relayer.health().last_error == "connection refused"
            scene.chain.down = False
        if len(slept) == 5:
            raise Stop

    scene.clock.sleep = sleep  # type: ignore[method-assign]
    with pytest.raises(Stop):
        await scene.relayer.run()
    assert slept[:3] == [500, 1_000, 2_000]
    assert scene.relayer.health().last_error is None
    assert scene.chain.paid == [0]


async def test_leaves_that_cannot_be_paid_do_not_fill_the_queue() -> None:
    scene = Scene(QUEUE_MAX + 200, policy=RelayPolicy.free(claims_max=50))
    scene.chain.refused = set(range(QUEUE_MAX + 199))
    for _ in range(3):
        await scene.relayer.step()
    assert QUEUE_MAX + 199 in scene.chain.paid


async def test_what_the_database_has_is_claimed_and_shown(tmp_path: Path) -> None:
    world = World(tmp_path)
    history, chain = History(world.store.path), FakeL1(refused={1})
    policy = RelayPolicy(RECIPIENT, {USDC: 100}, claims_max=9)
    relayer = world.relayer = Relayer(
        chain, SIGNER, history, world.store, world.clock, policy, confirmations=0, poll_ms=250
    )
    path = f"/v1/accounts/0x{ALICE.address.hex()}/withdrawals"

    async with world.serving() as api:

        async def shown() -> list[dict[str, Any]]:
            return [x.get("relay") for x in (await api.get(path))[1]["withdrawals"][::-1]]

        await world.list_and_fund()
        for fee in (100, 200, 99):
            await world.submit(ALICE, world.withdrawal(ALICE, USDC, 1_000, fee))
        await relayer.step()
        assert [x["status"] for x in await shown()] == ["waiting", "waiting", "fee_too_low"]
        await world.close_batch()
        await world.prove()
        await eventually(lambda: not world.store.unsettled())
        await relayer.step()
        first, second, _ = await shown()
        assert first == {
            "status": "sent",
            "transaction": f"0x{next(iter(chain.mined)).hex()}",
            "lastError": None,
        }
        assert (second["status"], second["transaction"]) == ("failing", None)
        assert "refuses" in second["lastError"]
        await relayer.step()
        withdrawals = (await api.get(path))[1]["withdrawals"]
        assert [x["status"] for x in withdrawals] == ["settled", "settled", "claimed"]
        assert "relay" not in withdrawals[2]
        assert chain.paid == [0]
        assert (await api.get("/v1/info"))[1]["relay"] == {"minFees": [{"token": USDC, "amountUnits": "100"}]}
    history.close()
