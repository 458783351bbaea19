"""Who may ask how much: buckets on their own, and the API that charges them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from zkclob_native import recover_many

from sequencer.adapters.history import History, Page
from sequencer.adapters.http.limits import (
    BYTES_PER_TOKEN,
    READS_AT_ONCE_MAX,
    Buckets,
    caller_address,
    client_of,
)
from sequencer.config import Limits, Rate
from sequencer.core.types import Batch, CancelAll, Side
from tests.bodies import request
from tests.properties.replica import Signer
from tests.sockets import connected
from tests.world import ALICE, BOB, STRANGER, Api, World, eventually

RECOVER = "sequencer.adapters.recovery.recover_many"
FEW = Rate(2, 3)
MANY = Rate(1_000, 1_000)


def limits(**rates: Rate) -> Limits:
    """Only what is named is scarce."""
    families = ("client", "client_cancels", "client_reads", "client_prover", "account", "account_cancels")
    return Limits(**dict.fromkeys(families, MANY) | rates)  # type: ignore[arg-type]


def order(world: World, signer: Signer = ALICE, by: Signer | None = None) -> tuple[str, dict[str, Any]]:
    """A bid that rests; `by`: who signs it."""
    return request(world.order(signer, Side.BID, 250_000, 100), by or signer)


def cancel_all(world: World) -> tuple[str, dict[str, Any]]:
    """Alice cancels all."""
    return request(CancelAll(**world.head(ALICE), market=0), ALICE)


def batch(world: World, orders: int, cancels: int) -> tuple[str, dict[str, Any]]:
    """A batch of Alice's, of so many actions of each sort."""
    head = world.head(ALICE)
    one = world.order(ALICE, Side.BID, 250_000, 100)
    world._sequences[ALICE.address] -= 1
    actions = (one,) * orders + (CancelAll(**head, market=0),) * cancels
    return request(Batch(**head, actions=actions), ALICE)


def orders(world: World, count: int) -> Batch:
    """So many bids of Alice that rest."""
    return Batch(
        **world.head(ALICE),
        actions=tuple(world.order(ALICE, Side.BID, 240_000 + i, 100) for i in range(count)),
    )


# ---------------------------------------------------------------- buckets


def test_a_bucket_empties_and_fills() -> None:
    buckets = Buckets(Rate(2, 3))
    assert [buckets.take("a", 1, 0) for _ in range(3)] == [(0, (3, 2, 1)), (0, (3, 1, 1)), (0, (3, 0, 2))]
    assert buckets.take("a", 1, 0) == (500, (3, 0, 2))
    assert buckets.take("b", 1, 0)[0] == 0
    assert buckets.take("a", 1, 499)[0] == 1
    assert buckets.take("a", 1, 500)[0] == 0
    assert buckets.take("a", 3, 10**9) == (0, (3, 0, 2))


def test_a_bucket_never_holds_more_than_it_can() -> None:
    buckets = Buckets(Rate(2, 3))
    assert buckets.look("a", 3, 0) == (0, (3, 3, 0))
    assert buckets.take("a", 1, 10**12) == (0, (3, 2, 1))
    buckets.drain("a", 100, 10**12)
    assert buckets.take("a", 1, 10**12)[0] == 500


def test_more_than_a_bucket_holds_costs_all_of_it() -> None:
    buckets = Buckets(Rate(2, 3))
    assert buckets.take("a", 64, 0) == (0, (3, 0, 2))
    assert buckets.take("a", 64, 0)[0] == 1_500


def test_a_clock_that_is_set_back_adds_nothing() -> None:
    buckets = Buckets(Rate(1, 1))
    assert buckets.take("a", 1, 10_000)[0] == 0
    assert buckets.take("a", 1, 5_000)[0] == 1_000
    assert buckets.take("a", 1, 10_999)[0] == 1
    assert buckets.take("a", 1, 11_000)[0] == 0


def test_slow_rates_lose_no_fraction() -> None:
    buckets = Buckets(Rate(3, 1))
    assert buckets.take("a", 1, 0)[0] == 0
    assert buckets.take("a", 1, 333)[0] == 1
    assert buckets.take("a", 1, 334)[0] == 0


def test_the_bucket_that_is_forgotten_is_the_one_used_least_recently() -> None:
    buckets = Buckets(Rate(1, 1), buckets_max=2)
    for owner in ("a", "b", "a", "c"):
        buckets.take(owner, 1, 0)
    assert len(buckets) == 2
    assert buckets.take("a", 1, 0)[0] > 0
    assert buckets.take("b", 1, 0)[0] == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("::ffff:192.0.2.7", None, "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("fe80::1%eth0", None, "fe80::/64"),
        ("", None, ""),
    ],
)
def test_who_the_client_is(peer: str, forwarded: str | None, client: str) -> None:
    assert caller_address(peer, forwarded, frozenset({"10.0.0.1"})) == client
    assert len(client_of("x" * 10_000)) == 0


# ---------------------------------------------------------------- the API


async def asked(api: Api, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    """Status, headers and answer of a POST."""
    async with api.session.post(path, json=body) as response:
        return response.status, dict(response.headers), await response.json()


async def test_an_account_that_asks_too_much_is_told_when_there_is_room(tmp_path: Path) -> None:
    async with World(tmp_path, limits=limits(account=FEW)).serving() as api:
        world = api.world
        await world.list_and_fund()
        for left in ("2", "1", "0"):
            status, headers, _ = await asked(api, *order(world))
            assert (status, headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == (
                200,
                "3",
                left,
            )
        refused = order(world)
        status, headers, error = await asked(api, *refused)
        assert (status, error["code"], headers["Retry-After"]) == (429, "RATE_LIMITED", "1")
        assert headers["X-RateLimit-Reset"] == "2"
        assert error["details"] == {"bucket": "account", "limit": "3", "retry_after": "1"}
        assert (await api.post(*order(world, BOB)))[0] == 200
        world.clock.advance(500)
        assert (await api.post(*refused))[0] == 200


async def test_cancels_and_orders_do_not_share_a_bucket(tmp_path: Path) -> None:
    scarce = limits(account=FEW, account_cancels=FEW, client=Rate(1, 4))
    async with World(tmp_path, limits=scarce).serving() as api:
        world = api.world
        await world.list_and_fund()
        assert [(await api.post(*order(world)))[0] for _ in range(4)] == [200, 200, 200, 429]
        assert [(await api.post(*cancel_all(world)))[0] for _ in range(4)] == [200, 200, 200, 429]
        status, error = await api.post(*order(world, BOB))
        assert (status, error["details"]["bucket"]) == (429, "client")


async def test_a_batch_costs_its_actions_and_one_of_cancels_is_a_cancel(tmp_path: Path) -> None:
    scarce = limits(account=Rate(1, 10), account_cancels=Rate(1, 10))
    async with World(tmp_path, limits=scarce).serving() as api:
        world = api.world
        await world.list_and_fund()
        status, headers, _ = await asked(api, *batch(world, orders=4, cancels=3))
        assert (status, headers["X-RateLimit-Remaining"]) == (200, "3")
        status, headers, error = await asked(api, *batch(world, orders=1, cancels=3))
        assert (status, headers["Retry-After"], error["details"]["bucket"]) == (429, "1", "account")
        status, headers, _ = await asked(api, *batch(world, orders=0, cancels=4))
        assert (status, headers["X-RateLimit-Remaining"]) == (200, "6")


async def test_a_stranger_takes_nothing_from_an_account_and_pays_himself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovered: list[bytes] = []

    def counted(items: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes] | None]:
        recovered.extend(digest for digest, _ in items)
        return recover_many(items)

    monkeypatch.setattr(RECOVER, counted)
    async with World(tmp_path, limits=limits(account=FEW, client=Rate(1, 60))).serving() as api:
        world = api.world
        await world.list_and_fund()
        forged = order(world, ALICE, by=STRANGER)
        codes = [(await api.post(*forged))[1]["code"] for _ in range(8)]
        assert codes == ["BAD_SIGNATURE"] * 6 + ["RATE_LIMITED"] * 2
        assert len(recovered) == 6
        world.clock.advance(4_000)
        status, headers, _ = await asked(api, *order(world))
        assert (status, headers["X-RateLimit-Remaining"]) == (200, "2")


async def test_what_cannot_be_valid_costs_no_recovery_and_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_items: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes] | None]:
        raise AssertionError("a signature was recovered")

    async with World(tmp_path, limits=limits(account=Rate(1, 1))).serving() as api:
        world = api.world
        await world.list_and_fund()
        replayed = order(world)
        assert (await api.post(*replayed))[0] == 200
        world.clock.advance(1_000)
        monkeypatch.setattr(RECOVER, never)
        path, body = order(world)
        mine = body | {"signer": f"0x{STRANGER.address.hex()}"}
        for asked_for, code in (
            (replayed, "NONCE_USED"),
            ((path, mine), "SIGNER_NOT_AUTHORIZED"),
            (order(world, STRANGER), "UNKNOWN_ACCOUNT"),
        ):
            assert (await api.post(*asked_for))[1]["code"] == code
        monkeypatch.undo()
        assert (await api.post(path, body))[0] == 200


async def test_reads_are_limited_by_client_before_anything_else(tmp_path: Path) -> None:
    async with World(tmp_path, limits=limits(client_reads=FEW)).serving() as api:
        paths = ("/v1/markets", "/v1/nothing", "/v1/accounts/0x12")
        assert [(await api.get(path))[0] for path in paths] == [200, 404, 400]
        assert (await api.get("/v1/nothing"))[0] == 429
        assert (await api.post("/v1/prover/lease", {}))[1]["code"] == "UNAUTHORIZED"
        api.world.clock.advance(500)
        assert (await api.get("/v1/markets"))[0] == 200


async def test_a_client_is_charged_before_its_body_is_decoded(tmp_path: Path) -> None:
    async with World(tmp_path, limits=limits(client=FEW)).serving() as api:
        answered = [(await api.post("/v1/orders", b"{"))[1]["code"] for _ in range(4)]
        assert answered == ["MALFORMED_JSON"] * 3 + ["RATE_LIMITED"]


async def test_the_limits_are_shown_unless_there_are_none(tmp_path: Path) -> None:
    async with World(tmp_path, limits=limits(account=FEW)).serving() as api:
        _, info = await api.get("/v1/info")
        assert info["limits"]["rates"]["account"] == {"perSecond": 2, "burst": 3}
        assert info["limits"]["actionsPerBatch"] == 64
    async with World(tmp_path).serving() as api, api.session.get("/v1/info") as response:
        assert (await response.json())["limits"]["rates"] is None
        assert "X-RateLimit-Limit" not in response.headers


async def test_a_long_answer_costs_more_than_a_short_one(tmp_path: Path) -> None:
    async with World(tmp_path, limits=limits(client_reads=Rate(1, 100))).serving() as api:
        world = api.world
        await world.list_and_fund()
        for _ in range(4):
            await world.submit(ALICE, orders(world, 60))
        account = f"/v1/accounts/0x{ALICE.address.hex()}"
        remaining, more = [], 0
        for path in ("/v1/time", f"{account}/orders", "/v1/time"):
            async with api.session.get(path) as response:
                size = len(await response.read())
                remaining.append(int(response.headers["X-RateLimit-Remaining"]))
            if "orders" in path:
                more = size // BYTES_PER_TOKEN
        assert more > 1
        assert remaining == [99, 98 - more, 97 - more]
        async with connected(api) as client:
            await client.log_in(ALICE)
            await client.ask("subscribe", channel="orders", account=f"0x{ALICE.address.hex()}")
        async with api.session.get("/v1/time") as response:
            assert int(response.headers["X-RateLimit-Remaining"]) < 97 - more - 3


async def test_a_client_s_many_reads_wait_for_themselves_not_others_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, working = asyncio.Event(), 0

    async def slow(*_: object) -> Page:
        nonlocal working
        working += 1
        await release.wait()
        return Page([], None)

    monkeypatch.setattr(History, "blocks", slow)
    async with World(tmp_path, limits=Limits(proxies=["127.0.0.1"])).serving() as api:
        many = [
            asyncio.create_task(api.get("/v1/blocks", **{"X-Forwarded-For": "192.0.2.1"}))
            for _ in range(READS_AT_ONCE_MAX + 5)
        ]
        await eventually(lambda: working == READS_AT_ONCE_MAX)
        other = asyncio.create_task(api.get("/v1/blocks", **{"X-Forwarded-For": "192.0.2.2"}))
        await eventually(lambda: working == READS_AT_ONCE_MAX + 1)
        release.set()
        assert {status for status, _ in [await other, *await asyncio.gather(*many)]} == {200}
        assert working == READS_AT_ONCE_MAX + 6
