"""What the API shows of everything that can happen, over real HTTP."""

import asyncio
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from sequencer.adapters.http.formats import LEDGER_TYPES
from sequencer.core.codec import (
    encode_inbox_forced,
    encode_inbox_set_market,
)
from sequencer.core.errors import Rejection
from sequencer.core.signing import digest
from sequencer.core.types import (
    ApproveAgent,
    Batch,
    CancelOrder,
    ExpireOrder,
    ForceExit,
    ForceRevokeAgents,
    InboxEntry,
    InvalidateNonces,
    ReplaceOrder,
    RevokeAgent,
    SelfTrade,
    SetMarket,
    Side,
    TimeInForce,
    Transaction,
    Transfer,
)
from sequencer.node import Accepted
from tests.properties.flow import Flow
from tests.properties.replica import SEPARATOR, Signer
from tests.world import ALICE, BOB, ETH, FEES, MARKET, START_MS, STRANGER, USDC, Api, World, eventually

NOW = START_MS // 1000
AGENT = Signer(0xA6E)
BID, ASK = Side.BID, Side.ASK


def hexed(value: bytes) -> str:
    return f"0x{value.hex()}"


def path_of(signer: Signer, rest: str = "") -> str:
    """Path of an account."""
    return f"/v1/accounts/{hexed(signer.address)}{rest}"


async def get(api: Api, path: str) -> Any:
    """The answer of a read that succeeds."""
    status, answer = await api.get(path)
    assert status == 200, answer
    return answer


async def get_all(api: Api, path: str, name: str, limit: int = 3) -> list[Any]:
    """All pages of a list."""
    found: list[Any] = []
    query = ("&" if "?" in path else "?") + f"limit={limit}"
    cursor = ""
    while True:
        page = await get(api, f"{path}{query}{cursor}")
        assert len(page[name]) <= limit
        found += page[name]
        assert page["has_more"] == (page["next"] is not None)
        if not page["has_more"]:
            return found
        cursor = f"&before={page['next']}"


async def place(
    world: World, signer: Signer, side: Side, price: int = 250_000, size: int = 100, **changes: Any
) -> str:
    """Places an order; gives its id."""
    accepted = await world.submit(signer, world.order(signer, side, price, size, **changes))
    assert accepted.result.order_id is not None
    return hexed(accepted.result.order_id)


def replacement(world: World, old: str, price: int, size: int, expected: int = 100, **changes: Any) -> Any:
    """Alice replaces an order by a GTC one."""
    return ReplaceOrder(
        **world.head(ALICE)
        | {
            "order_id": bytes.fromhex(old[2:]),
            "time_in_force": TimeInForce.GTC,
            "self_trade": SelfTrade.CANCEL_TAKER,
            "price": price,
            "size": size,
            "expected_size": expected,
            "client_order_id": 0,
        }
        | changes
    )


def picked(value: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(value[name] for name in names)


# ---------------------------------------------------------------- orders


async def test_a_resting_order_is_shown_with_all_its_terms(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        key = await place(
            world,
            ALICE,
            BID,
            time_in_force=TimeInForce.POST_ONLY_GTT,
            self_trade=SelfTrade.CANCEL_BOTH,
            client_order_id=7,
            deadline=NOW + 60,
        )
        (order,) = await get(api, path_of(ALICE, "/orders"))
        assert order == {
            "orderId": key,
            "seq": "8",
            "account": hexed(ALICE.address),
            "market": MARKET,
            "side": "buy",
            "timeInForce": "POST_ONLY_GTT",
            "selfTrade": "cancel_both",
            "price": "2500",
            "size": "0.01",
            "filled": "0",
            "filledQuote": "0",
            "remaining": "0.01",
            "lost": "0",
            "status": "resting",
            "reason": None,
            "clientOrderId": "7",
            "expiry": str(NOW + 60),
            "created": NOW,
            "updated": NOW,
            "updatedSeq": "8",
            "endedBy": None,
            "replacedBy": None,
        }
        assert await get(api, f"/v1/orders/{key}") == order
        assert await get(api, path_of(ALICE, "/client-orders/7")) == order
        assert (await get(api, path_of(ALICE, "/orders/history")))["orders"] == [order]


async def test_a_fill_changes_the_maker_and_ends_the_taker(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        maker = await place(world, ALICE, BID, client_order_id=7)
        world.clock.advance(3_000)
        await world.seal()
        taker = await place(world, BOB, ASK, 240_000, 50)
        shown = await get(api, f"/v1/orders/{maker}")
        assert picked(shown, "status", "size", "filled", "remaining") == ("resting", "0.01", "0.005", "0.005")
        assert picked(shown, "created", "updated", "updatedSeq") == (NOW, NOW + 4, "9")
        shown = await get(api, f"/v1/orders/{taker}")
        assert picked(shown, "status", "reason", "filled", "endedBy") == ("filled", "filled", "0.005", "9")
        fill = {"seq": "9", "item": 0, "market": 1, "price": "2500", "size": "0.005", "quote": "12.5"}
        fill["time"] = NOW + 4
        assert (await get(api, path_of(ALICE, "/fills")))["fills"] == [
            fill
            | {
                "orderId": maker,
                "clientOrderId": "7",
                "side": "buy",
                "role": "maker",
                "fee": "0.000001",
                "feeToken": ETH,
            }
        ]
        assert (await get(api, path_of(BOB, "/fills?market=1")))["fills"] == [
            fill
            | {
                "orderId": taker,
                "clientOrderId": "0",
                "side": "sell",
                "role": "taker",
                "fee": "0.00625",
                "feeToken": USDC,
            }
        ]
        assert (await get(api, path_of(BOB, "/fills?market=2")))["fills"] == []


async def test_a_replacement_in_place_changes_the_order(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        key = await place(world, ALICE, BID, client_order_id=7)
        await place(world, BOB, ASK, size=40)
        terms = {"time_in_force": TimeInForce.GTT, "client_order_id": 8, "deadline": NOW + 9}
        await world.submit(ALICE, replacement(world, key, 250_000, 70, **terms))
        order = await get(api, f"/v1/orders/{key}")
        assert picked(order, "status", "size", "filled", "remaining", "lost") == (
            "resting",
            "0.007",
            "0.004",
            "0.003",
            "0.003",
        )
        assert picked(order, "timeInForce", "expiry", "clientOrderId") == ("GTT", str(NOW + 9), "8")
        assert await get(api, path_of(ALICE, "/client-orders/8")) == order
        assert (await api.get(path_of(ALICE, "/client-orders/7")))[0] == 404


async def test_a_replacement_that_moves_leads_to_the_new_order(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        old = await place(world, ALICE, BID, client_order_id=7)
        await place(world, BOB, ASK, size=40)
        await place(world, BOB, ASK, 251_000, size=50)
        moved = await world.submit(ALICE, replacement(world, old, 251_000, 150, client_order_id=7))
        ended = await get(api, f"/v1/orders/{old}")
        assert picked(ended, "status", "reason", "filled", "remaining") == (
            "replaced",
            "replaced",
            "0.004",
            "0.006",
        )
        new = await get(api, f"/v1/orders/{ended['replacedBy']}")
        assert picked(new, "seq", "status", "size", "filled", "remaining") == (
            str(moved.result.seq),
            "resting",
            "0.011",
            "0.005",
            "0.006",
        )
        assert ended["endedBy"] == new["seq"]
        assert await get(api, path_of(ALICE, "/client-orders/7")) == new
        history = (await get(api, path_of(ALICE, "/orders/history?status=replaced")))["orders"]
        assert history == [ended]


async def test_a_replacement_by_nothing_cancels(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        key = await place(world, ALICE, BID)
        await place(world, BOB, ASK, size=40)
        await world.submit(ALICE, replacement(world, key, 250_000, 40))
        order = await get(api, f"/v1/orders/{key}")
        assert picked(order, "status", "reason", "remaining") == ("cancelled", "cancelled", "0.006")


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        (SelfTrade.CANCEL_TAKER, ("resting", None, "0.01", "0"), ("cancelled", "self_trade", "0.004")),
        (SelfTrade.CANCEL_MAKER, ("cancelled", "self_trade", "0.01", "0"), ("resting", None, "0.004")),
        (
            SelfTrade.CANCEL_BOTH,
            ("cancelled", "self_trade", "0.01", "0"),
            ("cancelled", "self_trade", "0.004"),
        ),
        (SelfTrade.DECREMENT_BOTH, ("resting", None, "0.006", "0.004"), ("cancelled", "self_trade", "0.004")),
    ],
)
async def test_self_trade_prevention_is_the_reason(
    tmp_path: Path, mode: SelfTrade, maker: tuple[Any, ...], taker: tuple[Any, ...]
) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        own = await place(world, ALICE, BID)
        new = await place(world, ALICE, ASK, size=40, self_trade=mode)
        shown = await get(api, f"/v1/orders/{own}")
        assert picked(shown, "status", "reason", "remaining", "lost") == maker
        shown = await get(api, f"/v1/orders/{new}")
        assert picked(shown, "status", "reason", "remaining") == taker


async def test_orders_end_by_time_by_force_and_by_what_they_are(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        expiring = await place(world, ALICE, BID, time_in_force=TimeInForce.GTT, deadline=NOW + 1)
        immediate = await place(world, ALICE, ASK, 260_000, time_in_force=TimeInForce.IOC)
        forced = await place(world, ALICE, BID, 240_000)
        cancelled = await place(world, ALICE, BID, 230_000)
        await world.submit(ALICE, world.cancel(ALICE, bytes.fromhex(cancelled[2:])))
        world.clock.advance(3_000)
        await eventually(lambda: bytes.fromhex(expiring[2:]) not in world.node.latest.orders)
        await world.submit_inbox(encode_inbox_forced(ForceExit(NOW, ALICE.address)))
        ends = {
            key: picked(await get(api, f"/v1/orders/{key}"), "status", "reason")
            for key in (expiring, immediate, forced, cancelled)
        }
        assert ends == {
            expiring: ("expired", "expired"),
            immediate: ("cancelled", "immediate"),
            forced: ("cancelled", "forced"),
            cancelled: ("cancelled", "cancelled"),
        }
        withdrawals = (await get(api, path_of(ALICE, "/withdrawals")))["withdrawals"]
        assert [picked(x, "kind", "token", "amount") for x in withdrawals] == [
            ("forced_exit", USDC, "1000000"),
            ("forced_exit", ETH, "100"),
        ]
        account = await get(api, path_of(ALICE))
        assert (account["balances"], account["openOrders"]) == ([], 0)
        entries = (await get(api, path_of(ALICE, "/ledger")))["entries"]
        assert [picked(x, "type", "amount") for x in entries] == [
            ("forced_exit", "-1000000"),
            ("forced_exit", "-100"),
            ("deposit", "1000000"),
            ("deposit", "100"),
        ]


async def test_a_batch_is_shown_item_by_item(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        old = await place(world, BOB, ASK, size=50)
        await place(world, BOB, ASK, 250_100, size=50)
        head = world.head(ALICE)
        actions = tuple(
            replace(world.order(ALICE, BID, 250_200, size), nonce=head["nonce"]) for size in (50, 90)
        )
        batch = Batch(**head, actions=(*actions, CancelOrder(**head, order_id=bytes.fromhex(old[2:]))))
        accepted = await world.submit(ALICE, batch)
        first, second = (hexed(result.order_id) for result in accepted.result.items[:2] if result.order_id)
        shown = await get(api, f"/v1/transactions/{hexed(accepted.receipt.digest)}")
        assert picked(shown, "kind", "code", "account", "orderId") == (
            "batch",
            "OK",
            hexed(ALICE.address),
            None,
        )
        assert shown["items"] == [
            {"kind": "place_order", "code": "OK", "orderId": first},
            {"kind": "place_order", "code": "OK", "orderId": second},
            {"kind": "cancel_order", "code": "UNKNOWN_ORDER", "orderId": old},
        ]
        fills = await get_all(api, path_of(ALICE, "/fills"), "fills", limit=1)
        assert [picked(x, "item", "orderId", "size") for x in fills] == [
            (1, second, "0.005"),
            (0, first, "0.005"),
        ]
        orders = (await get(api, path_of(ALICE, "/orders/history")))["orders"]
        assert [picked(x, "orderId", "seq", "status") for x in orders] == [
            (second, shown["seq"], "resting"),
            (first, shown["seq"], "filled"),
        ]


async def test_a_client_order_id_that_was_used_before_names_the_latest(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        resting = await place(world, ALICE, BID, client_order_id=5)
        ended = ""
        for _ in range(2):
            ended = await place(world, ALICE, BID, client_order_id=7)
            await world.submit(ALICE, world.cancel(ALICE, bytes.fromhex(ended[2:])))
        assert (await get(api, path_of(ALICE, "/client-orders/7")))["orderId"] == ended
        await world.submit(ALICE, replacement(world, resting, 250_000, 100, client_order_id=7))
        assert (await get(api, path_of(ALICE, "/client-orders/7")))["orderId"] == resting
        assert (await api.get(path_of(BOB, "/client-orders/7")))[0] == 404


async def test_pages_neither_lose_nor_double_rows_while_new_ones_arrive(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        for number in range(7):
            await place(world, ALICE, BID, 200_000 + number)
            await place(world, BOB, ASK, 200_000, 50, time_in_force=TimeInForce.IOC)
        for name, path in (
            ("orders", path_of(ALICE, "/orders/history")),
            ("orders", path_of(BOB, "/orders/history?status=filled")),
            ("fills", path_of(BOB, "/fills")),
            ("trades", "/v1/markets/1/trades"),
            ("entries", path_of(BOB, "/ledger")),
        ):
            expected = await get_all(api, path, name, limit=1_000)
            seen = []
            cursor = ""
            while True:
                page = await get(api, f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")
                seen += page[name]
                await place(world, ALICE, BID, 210_000)
                await place(world, BOB, ASK, 210_000, time_in_force=TimeInForce.IOC)
                if not page["has_more"]:
                    break
                cursor = f"&before={page['next']}"
            assert seen == expected


async def test_filters_choose_orders(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        resting = await place(world, ALICE, BID)
        gone = await place(world, ALICE, BID, 240_000)
        await world.submit(ALICE, world.cancel(ALICE, bytes.fromhex(gone[2:])))
        for query, expected in (
            ("", [gone, resting]),
            ("?status=resting", [resting]),
            ("?status=cancelled&market=1", [gone]),
            ("?status=filled", []),
            ("?market=2", []),
        ):
            orders = (await get(api, path_of(ALICE, f"/orders/history{query}")))["orders"]
            assert [order["orderId"] for order in orders] == expected
        assert await get(api, path_of(ALICE, "/orders?market=2")) == []
        status, error = await api.get(path_of(ALICE, "/orders/history?status=open"))
        assert (status, error["code"]) == (400, "OUT_OF_RANGE")


# ---------------------------------------------------------------- accounts


async def test_nonces_that_were_skipped_are_free(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        for nonce in (0, 3, 2 << 48 | 1):
            await place(world, ALICE, BID, nonce=nonce)
        account = await get(api, path_of(ALICE))
        assert account["nonces"] == [
            {"lane": 0, "next": "4", "highest": str(4 + 2**20), "free": ["1", "2"]},
            {"lane": 2, "next": "2", "highest": str(2 + 2**20), "free": ["0"]},
        ]
        for free in (1, 2, 2 << 48):
            await place(world, ALICE, BID, nonce=free)
        await world.submit(ALICE, replace(InvalidateNonces(**world.head(ALICE), floor=200), nonce=4))
        account = await get(api, path_of(ALICE))
        assert [picked(lane, "next", "free") for lane in account["nonces"]] == [("200", []), ("2", [])]


async def test_agents_are_shown_by_account_and_by_key(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        for signer, markets in ((ALICE, 1), (BOB, 1 << 1 | 1 << 255)):
            tx = ApproveAgent(**world.head(signer), agent=AGENT.address, expiry=NOW + 60, markets=markets)
            await world.submit(signer, tx)
        alice, bob = ([x["agents"], x["nonces"]] for x in [await get(api, path_of(y)) for y in (ALICE, BOB)])
        agent = {"agent": hexed(AGENT.address), "lane": 256, "expiry": str(NOW + 60), "markets": "all"}
        assert alice[0] == [agent]
        assert bob[0] == [agent | {"markets": [1, 255]}]
        lane = {"lane": 256, "next": "0", "highest": str(2**20), "free": []}
        assert lane in alice[1]
        path = f"/v1/agents/{hexed(AGENT.address)}"
        accounts = await get_all(api, path, "accounts", limit=1)
        assert accounts == [
            {"account": hexed(BOB.address), "expiry": str(NOW + 60), "markets": [1, 255], "nonces": lane},
            {"account": hexed(ALICE.address), "expiry": str(NOW + 60), "markets": "all", "nonces": lane},
        ]
        await world.submit(ALICE, RevokeAgent(**world.head(ALICE), agent=AGENT.address))
        assert len((await get(api, path))["accounts"]) == 1
        await world.submit_inbox(encode_inbox_forced(ForceRevokeAgents(NOW, BOB.address)))
        assert (await get(api, path))["accounts"] == []


async def test_transfers_are_seen_from_both_sides(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        tx = Transfer(**world.head(ALICE), to=STRANGER.address, token=USDC, amount=1_500_000)
        await world.submit(ALICE, tx)
        expected = {
            "seq": "8",
            "account": hexed(ALICE.address),
            "to": hexed(STRANGER.address),
            "token": USDC,
            "amount": "1.5",
            "time": NOW,
        }
        for signer, type_, amount, other in (
            (ALICE, "transfer_out", "-1.5", STRANGER),
            (STRANGER, "transfer_in", "1.5", ALICE),
        ):
            assert (await get(api, path_of(signer, "/transfers")))["transfers"] == [expected]
            entry = (await get(api, path_of(signer, "/ledger?limit=1")))["entries"][0]
            assert picked(entry, "type", "amount", "seq", "id") == (type_, amount, "8", "8-0-0")
            assert entry["counterparty"] == hexed(other.address)


async def test_the_ledger_of_a_trade(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        maker = await place(world, ALICE, BID)
        taker = await place(world, BOB, ASK)
        ledgers = {}
        for account in (ALICE.address, BOB.address, FEES):
            answer = await get(api, f"/v1/accounts/{hexed(account)}/ledger?limit=3")
            ledgers[account] = [
                picked(x, "id", "type", "token", "amount", "orderId") for x in answer["entries"]
            ]
        assert ledgers == {
            ALICE.address: [
                ("9-0-2", "fee", ETH, "-0.000002", maker),
                ("9-0-1", "trade", ETH, "0.01", maker),
                ("9-0-0", "trade", USDC, "-25", maker),
            ],
            BOB.address: [
                ("9-0-2", "fee", USDC, "-0.0125", taker),
                ("9-0-1", "trade", USDC, "25", taker),
                ("9-0-0", "trade", ETH, "-0.01", taker),
            ],
            FEES: [
                ("9-0-4", "fee_income", USDC, "0.0125", None),
                ("9-0-3", "fee_income", ETH, "0.000002", None),
            ],
        }


async def test_fees_go_to_the_fee_account_of_their_time_even_if_it_trades(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await trade(world, 250_000, 100)
        terms = SetMarket(NOW, MARKET, 1, 0, 200, 500, 0, ALICE.address)
        await world.submit_inbox(encode_inbox_set_market(terms))
        await trade(world, 250_000, 100)
        earlier = await get_all(api, f"/v1/accounts/{hexed(FEES)}/ledger", "entries", limit=1)
        assert [entry["id"] for entry in earlier] == ["9-0-4", "9-0-3"]
        later = await get_all(api, path_of(ALICE, "/ledger"), "entries", limit=1)
        assert [picked(entry, "id", "type", "amount") for entry in later[:6]] == [
            ("12-0-4", "fee_income", "0.000005"),
            ("12-0-3", "fee_income", "0.005"),
            ("12-0-2", "fee", "-0.005"),
            ("12-0-1", "trade", "25"),
            ("12-0-0", "trade", "-0.01"),
            ("9-0-2", "fee", "-0.005"),
        ]


# ---------------------------------------------------------------- markets


async def trade(world: World, price: int, size: int) -> None:
    """Bob buys what Alice sells."""
    await place(world, ALICE, ASK, price, size)
    await place(world, BOB, BID, price, size)


async def test_candles_of_every_resolution(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        start = NOW - NOW % 86_400 + 86_400
        world.clock.advance((start - NOW) * 1000)
        await world.list_and_fund()
        for minute, price, size in (
            (0, 250_000, 100),
            (0, 251_000, 50),
            (1, 249_000, 50),
            (7, 252_000, 50),
            (299, 248_000, 50),
        ):
            if (ahead := start + minute * 60 - world.clock.now_ms() // 1000) > 0:
                await world.seal()
                world.clock.advance((ahead - 1) * 1000)
            await trade(world, price, size)
        path = "/v1/markets/1/candles"
        minutes = await get_all(api, f"{path}?resolution=1m", "candles")
        assert minutes == [
            [start + 299 * 60, "2480", "2480", "2480", "2480", "0.005", "12.4", 1],
            [start + 7 * 60, "2520", "2520", "2520", "2520", "0.005", "12.6", 1],
            [start + 60, "2490", "2490", "2490", "2490", "0.005", "12.45", 1],
            [start, "2500", "2510", "2500", "2510", "0.015", "37.55", 2],
        ]
        fives = await get_all(api, f"{path}?resolution=5m", "candles", limit=1)
        assert [x[0] - start for x in fives] == [295 * 60, 300, 0]
        assert fives[2][1:] == ["2500", "2510", "2490", "2490", "0.02", "50", 3]
        for resolution, expected in (
            ("15m", [(285 * 60, 1), (0, 4)]),
            ("1h", [(4 * 3_600, 1), (0, 4)]),
            ("4h", [(4 * 3_600, 1), (0, 4)]),
        ):
            found = await get_all(api, f"{path}?resolution={resolution}", "candles", limit=1)
            assert [(x[0] - start, x[7]) for x in found] == expected
        days = await get_all(api, f"{path}?resolution=1d", "candles")
        assert days == [[start, "2500", "2520", "2480", "2480", "0.03", "75", 5]]
        within = await get(api, f"{path}?from={start + 1}&to={start + 419}")
        assert [x[0] - start for x in within["candles"]] == [60]
        within = await get(api, f"{path}?from={start}&to={start + 420}")
        assert [x[0] - start for x in within["candles"]] == [420, 60, 0]
        status, error = await api.get(f"{path}?from=2&to=1")
        assert (status, error["code"]) == (400, "OUT_OF_RANGE")


async def test_a_ticker_is_of_the_last_24_hours(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        (empty,) = await get(api, "/v1/tickers")
        assert picked(empty, "last", "open", "bid", "change", "volume", "trades") == (
            None,
            None,
            None,
            None,
            "0",
            0,
        )
        await trade(world, 200_000, 100)
        for minutes, price in ((121, 250_000), (780, 260_000), (1_379, 240_000)):
            await world.seal()
            world.clock.advance(minutes * 60_000 - (world.clock.now_ms() - START_MS))
            await trade(world, price, 100)
        await place(world, ALICE, BID, 239_000, 70)
        await place(world, BOB, ASK, 241_000, 80)
        world.clock.advance(7_200_000)
        ticker = await get(api, "/v1/markets/1/ticker")
        assert ticker == {
            "market": 1,
            "symbol": "ETH/USDC",
            "time": world.clock.now_ms() // 1000,
            "bid": "2390",
            "bidSize": "0.007",
            "ask": "2410",
            "askSize": "0.008",
            "last": "2400",
            "open": "2500",
            "high": "2600",
            "low": "2400",
            "change": "-100",
            "changeRate": "-0.04",
            "volume": "0.03",
            "quoteVolume": "75",
            "trades": 3,
        }
        assert await get(api, "/v1/tickers") == [ticker]
        world.clock.advance(86_400_000)
        ticker = await get(api, "/v1/markets/1/ticker")
        assert picked(ticker, "last", "open", "volume") == ("2400", None, "0")


async def test_a_market_and_the_time(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        assert [await get(api, "/v1/markets/1")] == await get(api, "/v1/markets")
        assert (await api.get("/v1/markets/2"))[0] == 404
        assert await get(api, "/v1/time") == {"time": NOW, "timeMs": START_MS}


# ---------------------------------------------------------------- a random flow


class Crowd:
    """Accounts that do everything, through a node."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = Random(seed)
        self.signers = {signer.address: signer for signer in (Signer(2_000 + n) for n in range(6))}
        self.flow = Flow(seed, list(self.signers))
        self._inbox = asyncio.Lock()

    async def start(self) -> None:
        time = self.world.clock.now_ms() // 1000
        await self.world.submit_inbox(*self.flow.opening_entries(time))

    async def run(self, size: int) -> None:
        """So many transactions, several in a group, and time that passes."""
        for _ in range(size // 4):
            if self.random.random() < 0.05:
                self.world.clock.advance(self.random.choice((1_000, 40_000)))
            await asyncio.gather(*(self._next() for _ in range(4)))

    async def _next(self) -> None:
        tx = self.flow.next(self.world.node.latest)
        match tx:
            case InboxEntry():
                async with self._inbox:
                    await self.world.submit_inbox(tx.data)
            case ExpireOrder():
                pass
            case _:
                await self._submit(tx)

    async def _submit(self, tx: Transaction) -> Accepted | None:
        signer, signed = self.signers[tx.signer], digest(SEPARATOR, tx)
        try:
            return await self.world.node.submit(tx, signed, signer.public_key, signer.sign(signed))
        except Rejection:
            return None


async def test_what_is_shown_of_a_random_flow_adds_up(tmp_path: Path) -> None:
    """Also after a restart in the middle of a block."""
    async with World(tmp_path).running() as world:
        crowd = Crowd(world, 11)
        await crowd.start()
        await crowd.run(800)
    async with World(tmp_path, clock=world.clock).serving() as api:
        crowd.world = api.world
        await crowd.run(1_600)
        assert api.world.node.halt_reason is None
        totals, resting = {}, {}
        async with api.world.node.reading() as state:
            for address, account in state.accounts.items():
                totals[address] = {t: b.total for t, b in account.balances.items() if b.total}
                resting[address] = {order.id: order.remaining for order in state.open_orders(address)}
            units = {token.id: token.decimals for token in state.tokens.values()}
        for address in totals:
            await check_account(api, address, totals[address], resting[address], units)
        types = Counter[str]()
        for address in crowd.signers:
            entries = await get_all(api, f"/v1/accounts/{hexed(address)}/ledger", "entries", limit=1_000)
            types.update(entry["type"] for entry in entries)
        assert types.keys() == set(LEDGER_TYPES) - {"fee_income"}


async def check_account(
    api: Api, address: bytes, totals: dict[int, int], resting: dict[bytes, int], units: dict[int, int]
) -> None:
    """Ledger, orders and fills of an account agree with one another and with the state."""
    path = f"/v1/accounts/{hexed(address)}"
    entries = await get_all(api, f"{path}/ledger", "entries", limit=97)
    assert len({entry["id"] for entry in entries}) == len(entries)
    places = [tuple(map(int, entry["id"].split("-"))) for entry in entries]
    assert places == sorted(places, reverse=True)
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for entry in entries:
        sums[entry["token"]] += Decimal(entry["amount"]).scaleb(units[entry["token"]])
    assert {token: int(total) for token, total in sums.items() if total} == totals
    shown = await get(api, f"{path}/orders")
    assert [order["orderId"] for order in shown] == [hexed(key) for key in resting]
    history = await get_all(api, f"{path}/orders/history", "orders", limit=89)
    assert [order for order in reversed(history) if order["status"] == "resting"] == shown
    filled: dict[str, Decimal] = defaultdict(Decimal)
    paid: dict[str, Decimal] = defaultdict(Decimal)
    for fill in await get_all(api, f"{path}/fills", "fills", limit=83):
        filled[fill["orderId"]] += Decimal(fill["size"])
        paid[fill["orderId"]] += Decimal(fill["quote"])
    assert filled == {
        order["orderId"]: Decimal(order["filled"]) for order in history if order["filled"] != "0"
    }
    for order in history:
        assert Decimal(order["filledQuote"]) == paid[order["orderId"]]
        assert Decimal(order["size"]) == Decimal(order["filled"]) + Decimal(order["remaining"])
