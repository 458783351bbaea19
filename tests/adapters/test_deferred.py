"""Dead-man switches and triggers: when they fire, that they do after a restart, and what becomes of them."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sequencer.adapters import deferred as engine
from sequencer.adapters import deferred_rows
from sequencer.adapters.deferred_rows import Deferred
from sequencer.core.constants import NONCE_WINDOW
from sequencer.core.signing import digest
from sequencer.core.types import Batch, CancelAll, PlaceOrder, Side, TimeInForce
from tests.bodies import request
from tests.properties.replica import SEPARATOR, Signer
from tests.world import ALICE, BOB, MARKET, START_MS, STRANGER, Api, World, eventually

NOW = START_MS // 1000
SWITCHES, TRIGGERS = "/v1/dead-man-switches", "/v1/triggers"
BID, ASK = Side.BID, Side.ASK


def cancel_all(world: World, **changes: Any) -> CancelAll:
    """Alice's signed way out."""
    return CancelAll(**world.head(ALICE) | {"market": 0} | changes)


def stop(world: World, **changes: Any) -> PlaceOrder:
    """Alice sells 0.01 ETH at 2,400 or better, at once."""
    order = world.order(ALICE, ASK, 240_000, 100, time_in_force=TimeInForce.IOC)
    return msgspec.structs.replace(order, **changes)


def armed_by(
    tx: PlaceOrder | Batch | CancelAll, signer: Signer = ALICE, **terms: Any
) -> tuple[str, dict[str, Any]]:
    """Path and body for arming: a switch of 10 s, or a trigger when the price falls to 2,450."""
    _, body = request(tx, signer)
    if isinstance(tx, CancelAll):
        return SWITCHES, {"cancelAll": body, "timeoutSeconds": 10} | terms
    name = "batch" if isinstance(tx, Batch) else "order"
    return TRIGGERS, {"market": MARKET, "triggerPrice": "2450", "direction": "falling", name: body} | terms


async def armed(api: Api, tx: PlaceOrder | Batch | CancelAll, **terms: Any) -> str:
    """Where the armed thing is."""
    path, body = armed_by(tx, **terms)
    status, answer = await api.post(path, body)
    assert (status, answer["status"]) == (200, "armed"), answer
    assert answer["digest"] == f"0x{digest(SEPARATOR, tx).hex()}"
    return f"{path}/{answer['id']}"


async def delete(api: Api, path: str) -> tuple[int, Any]:
    """Disarms."""
    async with api.session.delete(path) as response:
        return response.status, await response.json()


async def state_of(api: Api, path: str, *expected: str) -> Any:
    """The answer once its status is one of these."""
    async with asyncio.timeout(10):
        while True:
            _, answer = await api.get(path)
            if answer["status"] in expected:
                return answer
            await asyncio.sleep(0.001)


async def trade(world: World, price: int) -> None:
    """Alice and Bob meet at `price`."""
    await world.submit(ALICE, world.order(ALICE, BID, price, 100))
    await world.submit(BOB, world.order(BOB, ASK, price, 100))


async def settle(world: World) -> None:
    """Lets the task that looks at times work and go to sleep again."""
    for _ in range(20):
        await asyncio.sleep(0)


async def pass_time(world: World, seconds: int) -> None:
    """Time passes a second at a time."""
    for _ in range(seconds):
        world.clock.advance(1_000)
        await settle(world)


async def open_orders(api: Api) -> int:
    """How many Alice has."""
    _, answer = await api.get(f"/v1/accounts/0x{ALICE.address.hex()}/orders")
    return len(answer if isinstance(answer, list) else answer["orders"])


# ---------------------------------------------------------------- switches


async def test_a_switch_that_is_not_renewed_cancels_all(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await world.submit(ALICE, world.order(ALICE, BID, 250_000, 100))
        path = await armed(api, cancel_all(world))
        await pass_time(world, 9)
        status, renewed = await api.post(f"{path}/renewal", b"")
        assert (status, renewed["status"], renewed["due"]) == (200, "armed", NOW + 19)
        await pass_time(world, 9)
        assert (await api.get(path))[1]["status"] == "armed"
        assert await open_orders(api) == 1
        await pass_time(world, 1)
        fired = await state_of(api, path, "fired")
        assert (fired["ended"], fired["code"]) == (NOW + 19, None)
        _, transaction = await api.get(f"/v1/transactions/{fired['digest']}")
        assert (transaction["seq"], transaction["code"]) == (fired["seq"], "OK")
        assert await open_orders(api) == 0
        status, error = await api.post(f"{path}/renewal", b"")
        assert (status, error["code"], error["details"]) == (409, "NOT_ARMED", {"status": "fired"})


async def test_a_renewal_counts_from_now_though_the_clock_was_set_back(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        path = await armed(api, cancel_all(world))
        world.clock.advance(-60_000)
        assert (await api.post(f"{path}/renewal", b""))[1]["due"] == NOW - 50
        await settle(world)
        world.clock.advance(10_000)
        await state_of(api, path, "fired")


async def test_a_switch_that_is_disarmed_does_nothing(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        tx = cancel_all(world)
        path = await armed(api, tx)
        status, answer = await delete(api, path)
        assert (status, answer["status"], answer["ended"]) == (200, "disarmed", NOW)
        await pass_time(world, 20)
        assert (await api.get(f"/v1/transactions/{answer['digest']}"))[0] == 404
        assert (await delete(api, path))[1]["code"] == "NOT_ARMED"
        await world.submit(ALICE, tx)


async def test_a_switch_comes_before_the_deadline_of_its_transaction(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        path = await armed(api, cancel_all(world, deadline=NOW + 5), timeoutSeconds=60)
        assert (await api.post(f"{path}/renewal", b""))[1]["due"] == NOW + 4
        await pass_time(world, 4)
        assert (await state_of(api, path, "fired", "expired"))["status"] == "fired"


@pytest.mark.parametrize("down_s", [1, 30])
async def test_a_switch_and_its_renewal_survive_a_restart(tmp_path: Path, down_s: int) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await world.submit(ALICE, world.order(ALICE, BID, 250_000, 100))
        path = await armed(api, cancel_all(world))
        await pass_time(world, 9)
        assert (await api.post(f"{path}/renewal", b""))[0] == 200
    world.clock.advance(down_s * 1_000)
    async with World(tmp_path, world.clock).serving() as api:
        await settle(api.world)
        if down_s == 1:
            assert (await api.get(path))[1]["status"] == "armed"
            await pass_time(api.world, 9)
        await state_of(api, path, "fired")
        assert await open_orders(api) == 0


# ---------------------------------------------------------------- triggers


@pytest.mark.parametrize(
    ("direction", "missed", "reached"),
    [("falling", [245_001, 250_000], 245_000), ("rising", [244_999, 240_000], 245_000)],
)
async def test_a_trigger_fires_when_a_trade_reaches_its_price(
    tmp_path: Path, direction: str, missed: list[int], reached: int
) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await trade(world, reached)
        path = await armed(api, stop(world, time_in_force=TimeInForce.GTC), direction=direction)
        for price in missed:
            await trade(world, price)
        await settle(world)
        assert (await api.get(path))[1]["status"] == "armed"
        await trade(world, reached)
        fired = await state_of(api, path, "fired")
        assert (fired["triggerPrice"], fired["direction"]) == ("2450", direction)
        _, order = await api.get(f"/v1/orders/{fired['orderId']}")
        assert order["status"] == "resting"
        assert (await delete(api, path))[1]["details"] == {"status": "fired"}


async def test_a_trigger_sends_a_batch(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        head = world.head(ALICE)
        actions = (CancelAll(**head, market=0), stop(world, **head))
        path = await armed(api, Batch(**head, actions=actions))
        await trade(world, 240_000)
        fired = await state_of(api, path, "fired")
        assert (fired["orderId"], fired["seq"] is not None) == (None, True)


async def test_what_the_rules_refuse_then_is_told(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        path = await armed(api, stop(world, size=10**9))
        await trade(world, 245_000)
        refused = await state_of(api, path, "refused")
        assert (refused["code"], refused["seq"]) == ("INSUFFICIENT_BALANCE", None)
        assert "available" in refused["message"]


async def test_of_two_triggers_under_one_nonce_one_is_sent(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        loss = stop(world)
        gain = stop(world, nonce=loss.nonce, price=259_000)
        paths = [
            await armed(api, loss),
            await armed(api, gain, triggerPrice="2600", direction="rising"),
        ]
        await trade(world, 260_000)
        assert (await state_of(api, paths[1], "fired"))["seq"] is not None
        await trade(world, 240_000)
        assert (await state_of(api, paths[0], "refused"))["code"] == "NONCE_USED"


async def test_a_trigger_ends_with_the_deadline_of_its_transaction(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        path = await armed(api, stop(world, deadline=NOW + 3))
        await pass_time(world, 3)
        assert (await api.get(path))[1]["status"] == "armed"
        await pass_time(world, 1)
        assert (await state_of(api, path, "expired"))["seq"] is None
        await trade(world, 240_000)
        await settle(world)
        assert (await api.get(path))[1]["status"] == "expired"


async def test_a_trade_before_arming_does_not_count_even_if_it_is_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await world.submit(ALICE, world.order(ALICE, BID, 240_000, 100))
        held, release = world.hold_commits(monkeypatch)
        trading = asyncio.create_task(world.submit(BOB, world.order(BOB, ASK, 240_000, 50)))
        await held.wait()
        path = await armed(api, stop(world))
        release.set()
        await trading
        await settle(world)
        assert (await api.get(path))[1]["status"] == "armed"
        await world.submit(BOB, world.order(BOB, ASK, 240_000, 50))
        await state_of(api, path, "fired")


async def test_a_cascade_is_sent_though_the_node_has_little_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path, max_waiting=2).serving() as api:
        world = api.world
        await world.list_and_fund()
        paths = [await armed(api, stop(world)) for _ in range(20)]
        monkeypatch.setattr(engine, "SENT_AT_ONCE_MAX", 3)
        await trade(world, 240_000)
        assert (len(world.deferred._sending), len(world.deferred._senders)) == (20, 3)
        async with asyncio.timeout(10):
            while world.deferred._sending:
                world.clock.advance(engine.RETRY_MS)
                await asyncio.sleep(0.001)
        assert {(await api.get(path))[1]["status"] for path in paths} == {"fired"}


# ---------------------------------------------------------------- restarts


async def test_a_trigger_reached_just_before_the_end_is_sent_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await trade(world, 240_000)
        reached = await armed(api, stop(world))
        rising = await armed(api, stop(world), triggerPrice="2500", direction="rising")
        monkeypatch.setattr(world.deferred, "sequenced", lambda group: None)
        await trade(world, 244_999)
        later = await armed(api, stop(world), triggerPrice="2449.99")
        await trade(world, 245_000)
    async with World(tmp_path, world.clock).serving() as api:
        api.world._sequences = world._sequences
        await state_of(api, reached, "fired")
        await settle(api.world)
        assert [(await api.get(path))[1]["status"] for path in (rising, later)] == ["armed", "armed"]
        await trade(api.world, 244_999)
        await state_of(api, later, "fired")


async def test_what_was_sent_and_not_noted_is_found_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        path = await armed(api, stop(world, time_in_force=TimeInForce.GTC))

        async def failing(entries: Iterable[Deferred]) -> None:
            raise OSError("no space left")

        monkeypatch.setattr(world.store, "save", failing)
        await trade(world, 240_000)
        await eventually(lambda: not world.deferred._sending)
        assert (await api.get(path))[1]["status"] == "armed"
    async with World(tmp_path, world.clock).serving() as api:
        fired = await state_of(api, path, "fired")
        assert (await api.get(f"/v1/orders/{fired['orderId']}"))[1]["status"] == "resting"
        _, transaction = await api.get(f"/v1/transactions/{fired['digest']}")
        assert transaction["seq"] == fired["seq"]


async def test_what_a_halted_node_cannot_take_stays_armed(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        path = await armed(api, cancel_all(world))
        world.node.halt("a test stopped it")
        await pass_time(world, 11)
        await eventually(lambda: not world.deferred._sending)
        assert (await api.get(path))[1]["status"] == "armed"
        assert (await api.post(*armed_by(stop(world))))[1]["code"] == "HALTED"
    async with World(tmp_path, world.clock).serving() as api:
        await state_of(api, path, "fired")


# ---------------------------------------------------------------- what is refused


async def test_an_account_has_only_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "ARMED_PER_ACCOUNT_MAX", 2)
    monkeypatch.setattr(engine, "ARMED_MAX", 3)
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        paths = [await armed(api, stop(world)), await armed(api, cancel_all(world))]
        status, error = await api.post(*armed_by(stop(world)))
        assert (status, error["code"]) == (422, "TOO_MANY_DEFERRED")
        bobs = [armed_by(world.order(BOB, ASK, 240_000, 100), BOB) for _ in range(2)]
        assert (await api.post(*bobs[0]))[0] == 200
        status, error = await api.post(*bobs[1])
        assert (status, error["code"]) == (503, "BUSY")
        await delete(api, paths[0])
        await armed(api, stop(world))


async def test_what_ended_long_ago_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred_rows, "ENDED_MAX", 2)
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        paths = [await armed(api, stop(world)) for _ in range(4)]
        for path in paths[:3]:
            world.clock.advance(1)
            await delete(api, path)
        assert [(await api.get(path))[0] for path in paths] == [404, 200, 200, 200]


async def test_times_of_what_was_disarmed_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "TIMES_SLACK", 2)
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        switch = await armed(api, cancel_all(world))
        for _ in range(10):
            await delete(api, await armed(api, stop(world)))
        assert len(world.deferred._times) <= 6
        await pass_time(world, 10)
        assert (await state_of(api, switch, "fired"))["seq"] == "8"


async def test_a_list_shows_no_secret(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        trigger, switch = await armed(api, stop(world)), await armed(api, cancel_all(world))
        await delete(api, trigger)
        status, listed = await api.get(f"/v1/accounts/0x{ALICE.address.hex()}/triggers")
        assert (status, [(x["kind"], x["status"]) for x in listed]) == (
            200,
            [("dead_man_switch", "armed"), ("trigger", "disarmed")],
        )
        assert set(listed[0]) == {"kind", "digest", "nonce", "status", "armed", "ended", "seq", "code"}
        assert not any(path.rpartition("/")[2] in str(listed) for path in (trigger, switch))
        assert (await api.get(f"/v1/accounts/0x{BOB.address.hex()}/triggers"))[1] == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"timeoutSeconds": 4}, 400, "OUT_OF_RANGE"),
        ({"timeoutSeconds": 86_401}, 400, "OUT_OF_RANGE"),
        ({"timeoutSeconds": "10"}, 400, "WRONG_TYPE"),
        ({"cancelAll": {}}, 400, "MISSING_FIELD"),
        ({"order": {}}, 400, "UNKNOWN_FIELD"),
    ],
)
async def test_a_switch_that_is_none_is_refused(
    tmp_path: Path, changes: dict[str, Any], status: int, code: str
) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        path, body = armed_by(cancel_all(api.world))
        answered, error = await api.post(path, body | changes)
        assert (answered, error["code"]) == (status, code), error


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"triggerPrice": "2450.001"}, 400, "OFF_TICK"),
        ({"triggerPrice": "0"}, 400, "OUT_OF_RANGE"),
        ({"direction": "sideways"}, 400, "OUT_OF_RANGE"),
        ({"market": 9}, 422, "UNKNOWN_MARKET"),
        ({"order": None}, 400, "MISSING_FIELD"),
        ({"batch": {}}, 400, "UNKNOWN_FIELD"),
        ({"order": None, "batch": {"actions": "0x99"}}, 400, "MALFORMED_ACTIONS"),
    ],
)
async def test_a_trigger_that_is_none_is_refused(
    tmp_path: Path, changes: dict[str, Any], status: int, code: str
) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        path, body = armed_by(stop(world))
        head = world.head(ALICE)
        _, batch = request(Batch(**head, actions=(CancelAll(**head, market=0),)), ALICE)
        if "batch" in changes:
            changes = changes | {"batch": batch | changes["batch"]}
        answered, error = await api.post(path, body | changes)
        assert (answered, error["code"]) == (status, code), error


async def test_a_signature_is_checked_when_it_is_armed(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        used = stop(world, nonce=NONCE_WINDOW)
        await world.submit(ALICE, used)
        for tx, signer, code in (
            (stop(world), BOB, "BAD_SIGNATURE"),
            (cancel_all(world), BOB, "BAD_SIGNATURE"),
            (used, ALICE, "NONCE_USED"),
            (stop(world, deadline=NOW - 1), ALICE, "DEADLINE_PASSED"),
            (world.order(STRANGER, ASK, 240_000, 100), STRANGER, "UNKNOWN_ACCOUNT"),
            (stop(world, signer=BOB.address), BOB, "SIGNER_NOT_AUTHORIZED"),
            (stop(world, nonce=9 << 48), ALICE, "NONCE_LANE"),
            (stop(world, nonce=1 << 47), ALICE, "NONCE_TOO_HIGH"),
            (stop(world, nonce=0), ALICE, "NONCE_TOO_LOW"),
        ):
            assert (await api.post(*armed_by(tx, signer)))[1]["code"] == code
        assert (await api.get(f"/v1/accounts/0x{ALICE.address.hex()}/triggers"))[1] == []


@pytest.mark.parametrize("number", ["0" * 32, "x" * 32, "0" * 31])
async def test_an_id_that_is_none(tmp_path: Path, number: str) -> None:
    expected = (404, "NOT_FOUND") if number == "0" * 32 else (400, "WRONG_TYPE")
    async with World(tmp_path).serving() as api:
        for path in (f"{SWITCHES}/{number}", f"{TRIGGERS}/{number}"):
            for status, error in (await api.get(path), await delete(api, path)):
                assert (status, error["code"]) == expected
        status, error = await api.post(f"{SWITCHES}/{number}/renewal", b"")
        assert (status, error["code"]) == expected


async def test_a_switch_is_no_trigger(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        switch = await armed(api, cancel_all(api.world))
        number = switch.rpartition("/")[2]
        assert (await api.get(f"{TRIGGERS}/{number}"))[0] == 404
        assert (await delete(api, f"{TRIGGERS}/{number}"))[0] == 404
        assert (await api.get(switch))[1]["status"] == "armed"
