"""Every kind of signed transaction over real HTTP, and every code that one can be refused with."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sequencer.adapters.http.routes import TRANSACTIONS
from sequencer.core.codec import encode_inbox_list_market, encode_inbox_set_market
from sequencer.core.constants import MAX_AGENTS, MAX_NONCE_JUMP, MAX_OPEN_ORDERS, MAX_U64, NONCE_WINDOW
from sequencer.core.signing import digest
from sequencer.core.types import (
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    InvalidateNonces,
    ListMarket,
    MarketStatus,
    ReplaceOrder,
    RevokeAgent,
    SelfTrade,
    SetMarket,
    Side,
    TimeInForce,
    Transaction,
    Transfer,
)
from tests.bodies import request
from tests.properties.replica import SEPARATOR, Signer
from tests.world import ALICE, BOB, ETH, FEES, MARKET, START_MS, STRANGER, USDC, Api, World

NOW = START_MS // 1000
AGENT = Signer(0xA6E)
ONE_ETH = 10**18
BID, ASK = Side.BID, Side.ASK


async def send(api: Api, tx: Transaction, signer: Signer, **changes: Any) -> tuple[int, Any]:
    """Status and answer of a transaction."""
    path, body = request(tx, signer)
    return await api.post(path, body | changes)


async def accepted(api: Api, tx: Transaction, signer: Signer) -> Any:
    """The answer of a transaction that is accepted."""
    status, answer = await send(api, tx, signer)
    assert status == 200, answer
    assert answer["digest"] == f"0x{digest(SEPARATOR, tx).hex()}"
    return answer


def order_id(answer: Any) -> bytes:
    """The order that an answer names."""
    return bytes.fromhex(answer["orderId"][2:])


def by_agent(world: World, lane: int = 256, sequence: int = 0) -> dict[str, Any]:
    """The first fields of what Alice's agent signs."""
    return {
        "account": ALICE.address,
        "signer": AGENT.address,
        "nonce": lane << 48 | sequence,
        "deadline": MAX_U64,
    }


def replacement(
    world: World, signer: Signer, old: bytes, price: int, size: int, **changes: Any
) -> ReplaceOrder:
    """A GTC replacement of an order of 100 lots."""
    fields = {
        "order_id": old,
        "time_in_force": TimeInForce.GTC,
        "self_trade": SelfTrade.CANCEL_TAKER,
        "price": price,
        "size": size,
        "expected_size": 100,
        "client_order_id": 0,
    }
    return ReplaceOrder(**world.head(signer) | fields | changes)


def approval(world: World, markets: int = 1, expiry: int = NOW + 60, **changes: Any) -> ApproveAgent:
    """Alice gives her agent rights."""
    return ApproveAgent(
        **world.head(ALICE) | {"agent": AGENT.address, "expiry": expiry, "markets": markets} | changes
    )


def transfer(world: World, amount: int, **changes: Any) -> Transfer:
    """Alice pays Bob in USDC."""
    return Transfer(**world.head(ALICE) | {"to": BOB.address, "token": USDC, "amount": amount} | changes)


# ---------------------------------------------------------------- what is answered


@pytest.mark.parametrize(
    ("force", "status", "rests"),
    [
        (TimeInForce.GTC, "resting", True),
        (TimeInForce.GTT, "resting", True),
        (TimeInForce.POST_ONLY, "resting", True),
        (TimeInForce.POST_ONLY_GTT, "resting", True),
        (TimeInForce.IOC, "cancelled", False),
    ],
)
async def test_times_in_force(tmp_path: Path, force: TimeInForce, status: str, rests: bool) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        tx = world.order(ALICE, BID, 250_000, 100, time_in_force=force, deadline=NOW + 5)
        assert (await accepted(api, tx, ALICE))["status"] == status
        _, orders = await api.get(f"/v1/accounts/0x{ALICE.address.hex()}/orders")
        assert [order["timeInForce"] for order in orders] == [force.name] * rests


@pytest.mark.parametrize(
    ("mode", "status", "resting"),
    [
        (SelfTrade.CANCEL_TAKER, "cancelled", ["0.01"]),
        (SelfTrade.CANCEL_MAKER, "resting", ["0.004"]),
        (SelfTrade.CANCEL_BOTH, "cancelled", []),
        (SelfTrade.DECREMENT_BOTH, "cancelled", ["0.006"]),
    ],
)
async def test_self_trade_modes(tmp_path: Path, mode: SelfTrade, status: str, resting: list[str]) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await accepted(api, world.order(ALICE, BID, 250_000, 100), ALICE)
        answer = await accepted(api, world.order(ALICE, ASK, 250_000, 40, self_trade=mode), ALICE)
        assert (answer["status"], answer["filled"], answer["remaining"]) == (status, "0", "0.004")
        _, orders = await api.get(f"/v1/accounts/0x{ALICE.address.hex()}/orders")
        assert [order["remaining"] for order in orders] == resting


async def test_cancel_all_names_what_it_removed(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        first, second = [
            await accepted(api, world.order(ALICE, BID, price, 100), ALICE) for price in (249_999, 250_000)
        ]
        await accepted(api, world.order(BOB, BID, 250_000, 100), BOB)
        answer = await accepted(api, CancelAll(**world.head(ALICE), market=0), ALICE)
        assert answer["cancelled"] == [
            {"orderId": placed["orderId"], "market": MARKET, "remaining": "0.01"}
            for placed in (second, first)
        ]
        again = await accepted(api, CancelAll(**world.head(ALICE), market=MARKET), ALICE)
        assert again["cancelled"] == []
        _, orders = await api.get(f"/v1/accounts/0x{BOB.address.hex()}/orders")
        assert len(orders) == 1


async def test_a_replacement_keeps_its_place_or_moves_or_cancels(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        old = order_id(await accepted(api, world.order(ALICE, BID, 250_000, 100), ALICE))
        smaller = await accepted(api, replacement(world, ALICE, old, 250_000, 60), ALICE)
        assert (order_id(smaller), smaller["keptPlace"], smaller["status"]) == (old, True, "resting")
        assert (smaller["remaining"], smaller["filled"], smaller["fills"]) == ("0.006", "0", [])
        await accepted(api, world.order(BOB, ASK, 260_000, 100), BOB)
        moved = await accepted(api, replacement(world, ALICE, old, 260_000, 90, expected_size=60), ALICE)
        assert (order_id(moved) != old, moved["keptPlace"], moved["status"]) == (True, False, "filled")
        assert moved["fills"] == [{"price": "2600", "size": "0.009", "fee": "0.0000045", "feeToken": ETH}]
        resting = order_id(await accepted(api, world.order(ALICE, BID, 250_000, 100), ALICE))
        await accepted(api, world.order(BOB, ASK, 250_000, 70), BOB)
        gone = await accepted(api, replacement(world, ALICE, resting, 250_000, 70), ALICE)
        assert (order_id(gone), gone["status"], gone["remaining"]) == (resting, "cancelled", "0.003")
        assert gone["keptPlace"] is False


async def test_a_batch_has_a_result_for_each_action(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await accepted(api, world.order(BOB, ASK, 250_000, 40), BOB)
        old = order_id(await accepted(api, world.order(ALICE, BID, 240_000, 100), ALICE))
        head = world.head(ALICE)
        actions = (
            replace(world.order(ALICE, BID, 250_000, 100, client_order_id=7), **head),
            CancelOrder(**head, order_id=bytes(24)),
            replace(replacement(world, ALICE, old, 240_000, 50), **head),
            CancelClientOrder(**head, client_order_id=7),
            CancelAll(**head, market=MARKET),
        )
        answer = await accepted(api, Batch(**head, actions=actions), ALICE)
        place, unknown, replaced, cancelled, rest = answer["results"]
        assert place["code"] == replaced["code"] == cancelled["code"] == rest["code"] == "OK"
        assert (place["status"], place["filled"], place["remaining"]) == ("resting", "0.004", "0.006")
        assert place["fills"] == [{"price": "2500", "size": "0.004", "fee": "0.000002", "feeToken": ETH}]
        assert unknown == {"code": "UNKNOWN_ORDER"}
        assert (replaced["orderId"], replaced["keptPlace"]) == (f"0x{old.hex()}", True)
        assert cancelled == {
            "code": "OK",
            "orderId": place["orderId"],
            "status": "cancelled",
            "remaining": "0.006",
        }
        assert rest == {
            "code": "OK",
            "cancelled": [{"orderId": f"0x{old.hex()}", "market": MARKET, "remaining": "0.005"}],
        }


async def test_the_largest_batch_fits(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        old = order_id(await accepted(api, world.order(ALICE, BID, 250_000, 100), ALICE))
        head = world.head(ALICE)
        action = replace(replacement(world, ALICE, old, 250_000, 100), **head)
        answer = await accepted(api, Batch(**head, actions=(action,) * 64), ALICE)
        assert [result["code"] for result in answer["results"]] == ["OK"] * 64


@pytest.mark.parametrize(
    "actions", ["0x", "0x99", "0x01", "0x04000000", "0x0700", "0x" + "0400000000" * 65, "0x01" + "ff" * 38]
)
async def test_actions_that_are_none_are_refused(tmp_path: Path, actions: str) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        head = world.head(ALICE)
        tx = Batch(**head, actions=(CancelAll(**head, market=0),))
        status, error = await send(api, tx, ALICE, actions=actions)
        assert (status, error["code"]) == (400, "MALFORMED_ACTIONS")
        assert error["details"] == {"field": "actions"}
        assert (await send(api, tx, ALICE))[0] == 200


async def test_an_agent_trades_in_its_markets_and_in_its_lane(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        answer = await accepted(api, approval(world, markets=1 << MARKET | 1 << 255), ALICE)
        assert answer["lane"] == 256
        tx = replace(world.order(ALICE, BID, 250_000, 100), **by_agent(world))
        placed = await accepted(api, tx, AGENT)
        assert placed["status"] == "resting"
        await accepted(api, CancelOrder(**by_agent(world, sequence=1), order_id=order_id(placed)), AGENT)
        await accepted(api, RevokeAgent(**world.head(ALICE), agent=AGENT.address), ALICE)
        status, error = await send(api, replace(tx, nonce=tx.nonce + 2), AGENT)
        assert (status, error["code"]) == (422, "SIGNER_NOT_AUTHORIZED")
        assert (await accepted(api, approval(world), ALICE))["lane"] == 257
        await accepted(api, replace(tx, nonce=257 << 48), AGENT)


@pytest.mark.parametrize(
    ("markets", "code"),
    [
        ([], "OUT_OF_RANGE"),
        ([0], "OUT_OF_RANGE"),
        ([256], "OUT_OF_RANGE"),
        ([1, 1], "OUT_OF_RANGE"),
        ("some", "OUT_OF_RANGE"),
        (1, "WRONG_TYPE"),
        (["1"], "WRONG_TYPE"),
        (None, "WRONG_TYPE"),
        ([1, 2], "BAD_SIGNATURE"),
    ],
)
async def test_markets_of_an_agent_are_ids_or_all(tmp_path: Path, markets: Any, code: str) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        tx = approval(world, markets=1 << MARKET)
        status, error = await send(api, tx, ALICE, markets=markets)
        assert (status, error["code"]) == (400, code)
        assert (await send(api, tx, ALICE, markets=[MARKET]))[0] == 200


async def test_a_transfer_and_a_new_floor_for_nonces(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        answer = await accepted(api, transfer(world, 1_500_000, to=STRANGER.address), ALICE)
        assert set(answer) == {"seq", "digest", "block", "receipt"}
        _, account = await api.get(f"/v1/accounts/0x{STRANGER.address.hex()}")
        assert account["balances"] == [{"token": USDC, "total": "1.5", "locked": "0", "available": "1.5"}]
        await accepted(api, InvalidateNonces(**world.head(ALICE), floor=10), ALICE)
        status, error = await send(api, transfer(world, 1), ALICE)
        assert (status, error["code"], error["details"]["next"]) == (422, "NONCE_USED", "10")


# ---------------------------------------------------------------- what is refused

Case = Callable[[Api], Awaitable[tuple[Transaction, Signer]]]
"""Prepares an exchange and gives a transaction that it refuses."""


async def _resting(api: Api, **changes: Any) -> bytes:
    """Alice's bid for 100 lots at 2,500."""
    fields: dict[str, Any] = {"side": BID, "price": 250_000, "size": 100}
    tx = api.world.order(ALICE, **fields | changes)
    return order_id(await accepted(api, tx, ALICE))


async def _limited_agent(api: Api) -> None:
    """Alice's agent, who may trade in market 9 only."""
    await accepted(api, approval(api.world, markets=1 << 9), ALICE)


async def _set_market(api: Api, status: MarketStatus = MarketStatus.ACTIVE, band: int = 0) -> None:
    terms = SetMarket(NOW, MARKET, status, 10 * 10**6, 200, 500, band, FEES)
    await api.world.submit_inbox(encode_inbox_set_market(terms))


def _order(**changes: Any) -> Case:
    async def case(api: Api) -> tuple[Transaction, Signer]:
        fields = {"side": BID, "price": 250_000, "size": 100} | changes
        return api.world.order(ALICE, **fields), ALICE

    return case


def _with_order(make: Callable[[World, bytes], Transaction], signer: Signer = ALICE, **changes: Any) -> Case:
    """Something about an order of Alice's that rests."""

    async def case(api: Api) -> tuple[Transaction, Signer]:
        return make(api.world, await _resting(api, **changes)), signer

    return case


def _by_limited_agent(make: Callable[[World, bytes], Transaction]) -> Case:
    async def case(api: Api) -> tuple[Transaction, Signer]:
        resting = await _resting(api)
        await _limited_agent(api)
        return replace(make(api.world, resting), **by_agent(api.world)), AGENT

    return case


def _after(prepare: Callable[[Api], Awaitable[Any]], make: Callable[[World], Transaction]) -> Case:
    async def case(api: Api) -> tuple[Transaction, Signer]:
        await prepare(api)
        return make(api.world), ALICE

    return case


def _plain(make: Callable[[World], Transaction]) -> Case:
    async def case(api: Api) -> tuple[Transaction, Signer]:
        return make(api.world), ALICE

    return case


async def _closed(api: Api) -> None:
    await _set_market(api, MarketStatus.CANCEL_ONLY)


async def _banded(api: Api) -> None:
    await _resting(api)
    await accepted(api, api.world.order(BOB, ASK, 250_000, 100), BOB)
    await _set_market(api, band=1_000)


async def _cheap_market(api: Api) -> None:
    """A market in which a trader can have many orders."""
    market = ListMarket(NOW, 2, ETH, USDC, 10**14, 1, 0, 200, 500, 0, FEES)
    await api.world.submit_inbox(encode_inbox_list_market(market))


async def _full_of_orders(api: Api) -> None:
    await _cheap_market(api)
    world = api.world
    left = MAX_OPEN_ORDERS
    while left:
        head = world.head(ALICE)
        order = world.order(ALICE, BID, 1, 1, market=2)
        count = min(64, left)
        await accepted(api, Batch(**head, actions=(replace(order, **head),) * count), ALICE)
        world._sequences[ALICE.address] -= 1
        left -= count


async def _full_of_agents(api: Api) -> None:
    for number in range(MAX_AGENTS):
        await accepted(api, approval(api.world, agent=bytes([number + 1]) * 20), ALICE)


async def _offered(api: Api) -> None:
    await accepted(api, api.world.order(BOB, ASK, 250_000, 40), BOB)


async def _with_client_id(api: Api) -> None:
    await _resting(api, client_order_id=7)


def _replace_after(prepare: Callable[[Api], Awaitable[Any]], **changes: Any) -> Case:
    """Alice's order is replaced by one at another price, after something happened."""

    async def case(api: Api) -> tuple[Transaction, Signer]:
        resting = await _resting(api, price=240_000)
        await prepare(api)
        fields = {"price": 245_000, "size": 100} | changes
        return replacement(api.world, ALICE, resting, **fields), ALICE

    return case


async def _nothing(_api: Api) -> None:
    return None


HEADS: dict[str, Case] = {
    "UNKNOWN_ACCOUNT": _with_order(
        lambda world, _: world.order(STRANGER, BID, 250_000, 100), signer=STRANGER
    ),
    "SIGNER_NOT_AUTHORIZED": _with_order(
        lambda world, _: replace(world.order(ALICE, BID, 250_000, 100), signer=BOB.address), signer=BOB
    ),
    "DEADLINE_PASSED": _order(deadline=NOW - 1),
    "NONCE_LANE": _order(nonce=8 << 48),
    "NONCE_TOO_HIGH": _order(nonce=MAX_NONCE_JUMP + 1),
    "NONCE_TOO_LOW": _after(
        lambda api: accepted(
            api, replace(api.world.order(ALICE, BID, 250_000, 100), nonce=NONCE_WINDOW), ALICE
        ),
        lambda world: replace(world.order(ALICE, BID, 250_000, 100), nonce=0),
    ),
    "NONCE_USED": _after(
        lambda api: accepted(api, api.world.order(ALICE, BID, 250_000, 100, nonce=7), ALICE),
        lambda world: world.order(ALICE, BID, 250_000, 100, nonce=7),
    ),
}
"""What can be wrong with any signed transaction; shown on an order."""

KINDS: dict[str, dict[str, Case]] = {
    "/v1/orders": {
        "UNKNOWN_MARKET": _order(market=9),
        "MARKET_NOT_ACTIVE": _after(_closed, lambda world: world.order(ALICE, BID, 250_000, 100)),
        "MARKET_NOT_ALLOWED": _by_limited_agent(lambda world, _: world.order(ALICE, BID, 250_000, 100)),
        "FOK_NOT_FILLABLE": _after(
            _offered, lambda world: world.order(ALICE, BID, 250_000, 41, time_in_force=TimeInForce.FOK)
        ),
        "ZERO_PRICE": _order(price=0),
        "ZERO_SIZE": _order(size=0),
        "AMOUNT_TOO_LARGE": _order(price=MAX_U64, size=MAX_U64),
        "BELOW_MINIMUM": _order(size=1),
        "PRICE_BAND": _after(_banded, lambda world: world.order(ALICE, BID, 250_251, 100)),
        "TOO_MANY_ORDERS": _after(_full_of_orders, lambda world: world.order(ALICE, BID, 250_000, 100)),
        "CLIENT_ORDER_ID_IN_USE": _after(
            _with_client_id, lambda world: world.order(ALICE, BID, 250_000, 100, client_order_id=7)
        ),
        "INSUFFICIENT_BALANCE": _order(size=1_000_000_000),
        "POST_ONLY_WOULD_CROSS": _after(
            _offered, lambda world: world.order(ALICE, BID, 250_000, 41, time_in_force=TimeInForce.POST_ONLY)
        ),
    },
    "/v1/cancels": {
        "UNKNOWN_ORDER": _plain(lambda world: world.cancel(ALICE, bytes(24))),
        "NOT_ORDER_OWNER": _with_order(lambda world, order: world.cancel(BOB, order), signer=BOB),
        "MARKET_NOT_ALLOWED": _by_limited_agent(lambda world, order: world.cancel(ALICE, order)),
    },
    "/v1/cancel-all": {
        "MARKET_NOT_ALLOWED": _by_limited_agent(lambda world, _: CancelAll(**world.head(ALICE), market=0)),
    },
    "/v1/replacements": {
        "UNKNOWN_ORDER": _plain(lambda world: replacement(world, ALICE, bytes(24), 250_000, 100)),
        "NOT_ORDER_OWNER": _with_order(
            lambda world, order: replacement(world, BOB, order, 250_000, 100), signer=BOB
        ),
        "MARKET_NOT_ALLOWED": _by_limited_agent(
            lambda world, order: replacement(world, ALICE, order, 250_000, 50)
        ),
        "EXPECTED_SIZE_TOO_LOW": _replace_after(_nothing, expected_size=99),
        "MARKET_NOT_ACTIVE": _replace_after(_closed),
        "FOK_NOT_FILLABLE": _replace_after(_nothing, time_in_force=TimeInForce.FOK),
        "ZERO_PRICE": _replace_after(_nothing, price=0),
        "AMOUNT_TOO_LARGE": _replace_after(_nothing, price=MAX_U64, size=MAX_U64),
        "BELOW_MINIMUM": _replace_after(_nothing, size=1),
        "PRICE_BAND": _replace_after(_banded, price=250_251),
        "CLIENT_ORDER_ID_IN_USE": _replace_after(_with_client_id, client_order_id=7),
        "INSUFFICIENT_BALANCE": _replace_after(_nothing, size=1_000_000_000),
        "POST_ONLY_WOULD_CROSS": _replace_after(_offered, price=250_000, time_in_force=TimeInForce.POST_ONLY),
    },
    "/v1/order-batches": {},
    "/v1/withdrawals": {
        "UNKNOWN_TOKEN": _plain(lambda world: world.withdrawal(ALICE, 9, 1)),
        "ZERO_AMOUNT": _plain(lambda world: world.withdrawal(ALICE, USDC, 0)),
        "ZERO_RECIPIENT": _plain(
            lambda world: replace(world.withdrawal(ALICE, USDC, 1), recipient=bytes(20))
        ),
        "RELAY_FEE_TOO_HIGH": _plain(
            lambda world: replace(world.withdrawal(ALICE, USDC, 1), max_relay_fee=2)
        ),
        "INSUFFICIENT_BALANCE": _plain(lambda world: world.withdrawal(ALICE, ETH, 101 * ONE_ETH)),
    },
    "/v1/transfers": {
        "UNKNOWN_TOKEN": _plain(lambda world: transfer(world, 1, token=9)),
        "ZERO_AMOUNT": _plain(lambda world: transfer(world, 0)),
        "ZERO_RECIPIENT": _plain(lambda world: transfer(world, 1, to=bytes(20))),
        "SELF_TRANSFER": _plain(lambda world: transfer(world, 1, to=ALICE.address)),
        "INSUFFICIENT_BALANCE": _plain(lambda world: transfer(world, 10**15)),
    },
    "/v1/agents": {
        "INVALID_AGENT": _plain(lambda world: approval(world, expiry=NOW - 1)),
        "TOO_MANY_AGENTS": _after(_full_of_agents, approval),
    },
    "/v1/agent-revocations": {
        "UNKNOWN_AGENT": _plain(lambda world: RevokeAgent(**world.head(ALICE), agent=AGENT.address)),
    },
    "/v1/nonce-invalidations": {
        "INVALID_FLOOR": _plain(lambda world: InvalidateNonces(**world.head(ALICE), floor=9 << 48)),
    },
}
CASES = [("/v1/orders", code, case) for code, case in HEADS.items()] + [
    (path, code, case) for path, cases in KINDS.items() for code, case in cases.items()
]


@pytest.mark.parametrize(("path", "code", "case"), CASES, ids=[f"{path}-{code}" for path, code, _ in CASES])
async def test_a_refusal_has_its_code_and_changes_nothing(
    tmp_path: Path, path: str, code: str, case: Case
) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        tx, signer = await case(api)
        before = await api.world.fingerprint()
        asked, body = request(tx, signer)
        status, error = await api.post(path, body)
        assert (asked, status, error["code"]) == (path, 422, code), error
        assert await api.world.fingerprint() == before


def test_every_code_of_a_route_has_its_case() -> None:
    described = {route.path: set(route.errors[422]) - set(HEADS) for route in TRANSACTIONS}
    assert described == {path: set(cases) for path, cases in KINDS.items()}
    assert all(set(HEADS) <= set(route.errors[422]) for route in TRANSACTIONS)


async def test_a_signature_counts_for_every_kind(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        resting = await _resting(api)
        head = world.head(ALICE)
        every: list[Transaction] = [
            world.order(ALICE, BID, 250_000, 100),
            world.cancel(ALICE, resting),
            CancelClientOrder(**head, client_order_id=1),
            CancelAll(**head, market=0),
            replacement(world, ALICE, resting, 250_000, 100),
            Batch(**head, actions=(CancelAll(**head, market=0),)),
            world.withdrawal(ALICE, USDC, 1),
            transfer(world, 1),
            approval(world),
            RevokeAgent(**head, agent=AGENT.address),
            InvalidateNonces(**head, floor=1),
        ]
        before = await world.fingerprint()
        for tx in every:
            path, body = request(tx, BOB)
            status, error = await api.post(path, body)
            assert (status, error["code"]) == (400, "BAD_SIGNATURE"), path
            assert error["details"]["digest"] == f"0x{digest(SEPARATOR, tx).hex()}"
        assert await world.fingerprint() == before
