"""What the contract says of itself, and what follows from it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sequencer.ports import Health
from tests.world import DEPLOYMENT, START_MS, World

NOW = START_MS // 1000
DELAYS = DEPLOYMENT.delays


async def test_an_entry_that_waits_for_half_of_its_time_is_an_alarm(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world, watch = api.world, api.world.contract_watch

        async def shown() -> dict[str, Any]:
            health: dict[str, Any] = (await api.get("/v1/health"))[1]
            return health

        assert (await shown())["l1Contract"]["oldestEntry"] is None
        world.contract.now = replace(world.contract.now, inbox_cursor=3, inbox_length=8, oldest_time=NOW)
        await watch.poll()
        health = await shown()
        assert health["status"] == "ok"
        assert health["l1Contract"] == {
            "lastError": None,
            "since": None,
            "frozen": False,
            "haltedUntil": 0,
            "unsettledEntries": "5",
            "oldestEntry": {
                "index": "3",
                "time": NOW,
                "overdueAt": NOW + DELAYS.inclusion,
                "freezableAt": NOW + DELAYS.deadline,
            },
        }
        world.clock.advance(DELAYS.inclusion // 2 * 1000 - 1)
        await watch.poll()
        assert (await shown())["status"] == "ok"
        world.clock.advance(1)
        await watch.poll()
        health = await shown()
        assert health["status"] == "degraded"
        assert f"from {NOW + DELAYS.deadline} on" in health["l1Contract"]["lastError"]
        world.contract.now = replace(world.contract.now, inbox_cursor=8, oldest_time=None)
        await watch.poll()
        assert (await shown())["status"] == "ok"


@pytest.mark.parametrize("block_time", [NOW, NOW + DELAYS.deadline])
async def test_the_alarm_follows_whichever_clock_is_ahead(tmp_path: Path, block_time: int) -> None:
    world = World(tmp_path)
    world.contract.now = replace(world.contract.now, inbox_length=1, oldest_time=NOW)
    world.contract.block = replace(world.contract.block, timestamp=block_time)
    await world.contract_watch.poll()
    assert (world.contract_watch.health() == Health()) == (block_time == NOW)
    world.store.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frozen": True}, "frozen on L1"),
        ({"program_vkey": b"\x08" * 32}, f"L1 takes proofs of the program 0x{'08' * 32} only"),
        ({"verifier": "0x" + "44" * 20}, "the verifier on L1 is"),
        ({"halted_until": NOW + 1}, None),
    ],
)
async def test_what_is_for_good_halts_the_node(tmp_path: Path, change: Any, reason: str | None) -> None:
    world = World(tmp_path)
    world.contract.now = replace(world.contract.now, **change)
    await world.contract_watch.poll()
    halted = world.node.halt_reason
    assert halted is None if reason is None else reason in (halted or "")
    world.store.close()


async def test_acts_of_governance_are_in_the_log_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    world.contract.events = ["Scheduled(...)", "Executed(...)"]
    for block in (1, 2, 2, 3):
        world.contract.block = replace(world.contract.block, number=block)
        await world.contract_watch.poll()
    assert [x.message for x in caplog.records if "governance" in x.message] == [
        "governance: Scheduled(...)",
        "governance: Executed(...)",
    ]
    world.store.close()
