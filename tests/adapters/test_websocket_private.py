"""Private channels: who may read them, until when, and what they say."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from msgspec.structs import replace

from sequencer.core.codec import encode_inbox_forced, encode_inbox_set_market
from sequencer.core.constants import MAX_U64
from sequencer.core.signing import LOGIN_FIELDS, login_digest
from sequencer.core.types import (
    ApproveAgent,
    Batch,
    CancelAll,
    ForceExit,
    PlaceOrder,
    ReplaceOrder,
    RevokeAgent,
    SelfTrade,
    SetMarket,
    Side,
    TimeInForce,
    Transfer,
)
from tests.properties.replica import CHAIN_ID, CONTRACT, SEPARATOR, Signer
from tests.sockets import HOUR_S, Socket, connected, login_args
from tests.world import ALICE, BOB, ETH, MARKET, START_MS, STRANGER, USDC, World

NOW = START_MS // 1000
AGENT = Signer(0xA6E27)
ALICE_HEX = f"0x{ALICE.address.hex()}"


async def follow(socket: Socket, account: Signer = ALICE, signer: Signer | None = None) -> None:
    """Logs in and reads all of an account's channels; the snapshots are read."""
    await socket.log_in(account, signer)
    for channel in ("orders", "fills", "balances"):
        await socket.ask("subscribe", channel=channel, account=f"0x{account.address.hex()}")
    await socket.read()


async def told(socket: Socket, channel: str) -> list[Any]:
    """What one channel sent until now, its lists joined."""
    name = {"orders": "events", "fills": "fills", "balances": "balances"}[channel]
    messages = [m for m in await socket.read() if m.get("channel") == channel]
    return [thing for message in messages for thing in message[name]]


def approval(world: World, expiry: int = MAX_U64) -> ApproveAgent:
    """Alice lets the agent trade everywhere."""
    return ApproveAgent(**world.head(ALICE), agent=AGENT.address, expiry=expiry, markets=1)


# ---------------------------------------------------------------------- login


def test_a_login_is_the_typed_data_that_wallets_sign() -> None:
    """Against eth-account, which knows nothing of the exchange."""
    account, expiry = Account.from_key(b"\x11" * 32), NOW + 60
    address = bytes.fromhex(account.address[2:])
    message = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Login": [{"name": name, "type": kind} for name, kind in LOGIN_FIELDS],
        },
        "primaryType": "Login",
        "domain": {
            "name": "ZKCLOB",
            "version": "1",
            "chainId": CHAIN_ID,
            "verifyingContract": f"0x{CONTRACT.hex()}",
        },
        "message": {"account": ALICE_HEX, "signer": account.address, "expiry": expiry},
    }
    signed = account.sign_message(encode_typed_data(full_message=message))
    assert signed.message_hash == login_digest(SEPARATOR, ALICE.address, address, expiry)


async def test_private_channels_need_a_login(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        await api.world.list_and_fund()
        error = await socket.fail("subscribe", channel="orders", account=ALICE_HEX)
        assert error["code"] == "NOT_LOGGED_IN"
        await socket.log_in(BOB)
        error = await socket.fail("subscribe", channel="orders", account=ALICE_HEX)
        assert error["code"] == "NOT_LOGGED_IN"
        async with connected(api) as other:
            await other.log_in(ALICE)
            error = await socket.fail("subscribe", channel="orders", account=ALICE_HEX)
            assert error["code"] == "NOT_LOGGED_IN"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"expiry": str(NOW)}, "OUT_OF_RANGE"),
        ({"expiry": str(NOW + 86_401)}, "OUT_OF_RANGE"),
        ({"expiry": str(NOW + 60)}, "BAD_SIGNATURE"),
        ({"account": f"0x{BOB.address.hex()}"}, "BAD_SIGNATURE"),
        ({"signer": f"0x{BOB.address.hex()}"}, "BAD_SIGNATURE"),
        ({"signature": "0x" + "00" * 65}, "BAD_SIGNATURE"),
        ({"signature": "0x00"}, "WRONG_TYPE"),
        ({"account": "0x00"}, "WRONG_TYPE"),
        ({"expiry": 5}, "WRONG_TYPE"),
        ({"more": 5}, "UNKNOWN_FIELD"),
    ],
)
async def test_a_login_that_is_not_right_is_refused(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        await api.world.list_and_fund()
        error = await socket.fail("login", **login_args(ALICE, ALICE) | changes)
        assert error["code"] == code
        error = await socket.fail("subscribe", channel="orders", account=ALICE_HEX)
        assert error["code"] == "NOT_LOGGED_IN"


async def test_a_stranger_cannot_log_in_for_an_account(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        await api.world.list_and_fund()
        error = await socket.fail("login", **login_args(ALICE, STRANGER))
        assert error["code"] == "SIGNER_NOT_AUTHORIZED"


async def test_nothing_private_is_sent_after_the_login_is_over(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await follow(socket)
        world.clock.advance(HOUR_S * 1_000)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        assert len(await told(socket, "orders")) == 1
        world.clock.advance(1_000)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        messages = [m for m in await socket.read() if m.get("type") != "heartbeat"]
        assert messages == [{"type": "logged_out", "account": ALICE_HEX, "reason": "expired"}]
        error = await socket.fail("subscribe", channel="orders", account=ALICE_HEX)
        assert error["code"] == "NOT_LOGGED_IN"


async def test_an_idle_login_ends_with_a_heartbeat(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        await api.world.list_and_fund()
        await socket.log_in(ALICE)
        api.world.clock.advance((HOUR_S + 1) * 1_000)
        assert (await socket.receive())["type"] == "logged_out"
        assert (await socket.receive())["type"] == "heartbeat"


async def test_a_login_can_be_prolonged_and_ended(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await follow(socket)
        await socket.ask("login", **login_args(ALICE, ALICE, NOW + 2 * HOUR_S))
        world.clock.advance((HOUR_S + 1) * 1_000)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        assert len(await told(socket, "orders")) == 1
        await socket.ask("logout", account=ALICE_HEX)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        assert await told(socket, "orders") == []
        assert (await socket.fail("logout", account=ALICE_HEX))["code"] == "NOT_LOGGED_IN"


async def test_an_agent_reads_its_owner_until_it_is_revoked(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await world.submit(ALICE, approval(world))
        await follow(socket, ALICE, AGENT)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        assert len(await told(socket, "orders")) == 1
        await world.submit(ALICE, RevokeAgent(**world.head(ALICE), agent=AGENT.address))
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        assert await socket.read() == [{"type": "logged_out", "account": ALICE_HEX, "reason": "not_an_agent"}]


async def test_an_agents_own_expiry_ends_its_login(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await world.submit(ALICE, approval(world, NOW + 3))
        await follow(socket, ALICE, AGENT)
        world.clock.advance(4_000)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        (ended,) = await socket.read()
        assert ended["reason"] == "agent_expired"


# --------------------------------------------------------------------- events


async def test_orders_fills_and_balances_of_both_sides(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await follow(socket, ALICE)
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100, client_order_id=7))
        maker = await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 40))
        order_id = f"0x{maker.result.fills[0].maker_order_id.hex()}"
        new, trade, (fill,), balances = await all_of(socket)
        common = {
            "orderId": order_id, "clientOrderId": "7", "market": 1, "side": "buy", "timeInForce": "GTC",
            "expiry": None, "price": "2500", "size": "0.01", "time": NOW,
        }  # fmt: skip
        assert new == common | {
            "event": "new", "status": "open", "seq": "8", "filled": "0", "remaining": "0.01",
        }  # fmt: skip
        assert trade == common | {
            "event": "trade", "status": "open", "seq": "9", "filled": "0.004", "remaining": "0.006",
            "item": 0, "lastPrice": "2500", "lastSize": "0.004",
        }  # fmt: skip
        assert fill == {
            "seq": "9", "item": 0, "market": 1, "orderId": order_id, "clientOrderId": "7", "side": "buy",
            "role": "maker", "price": "2500", "size": "0.004", "quote": "10", "fee": "0.0000008", "feeToken": ETH,
            "time": NOW,
        }  # fmt: skip
        assert balances[-1] == {
            "token": USDC, "total": "999990", "locked": "15", "available": "999975"
        }  # fmt: skip


async def all_of(socket: Socket) -> tuple[Any, Any, list[Any], list[Any]]:
    """Two order events, the fills and the balances."""
    messages = await socket.read()
    events = [event for m in messages if m["channel"] == "orders" for event in m["events"]]
    fills = [fill for m in messages if m["channel"] == "fills" for fill in m["fills"]]
    balances = [balance for m in messages if m["channel"] == "balances" for balance in m["balances"]]
    new, trade = events
    return new, trade, fills, balances


async def test_a_taker_is_told_of_all_that_it_met(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 60))
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_100, 60))
        await follow(socket)
        tx = world.order(ALICE, Side.BID, 250_200, 150, time_in_force=TimeInForce.IOC)
        await world.submit(ALICE, tx)
        messages = await socket.read()
        assert [(m["channel"], m["seq"]) for m in messages] == [
            ("orders", "10"), ("fills", "10"), ("balances", "10"),
        ]  # fmt: skip
        events = messages[0]["events"]
        assert [(e["event"], e["status"], e["filled"], e["remaining"]) for e in events] == [
            ("new", "open", "0", "0.015"),
            ("trade", "open", "0.006", "0.009"),
            ("trade", "open", "0.012", "0.003"),
            ("cancelled", "cancelled", "0.012", "0.003"),
        ]
        assert events[-1]["reason"] == "immediate"
        assert [(f["item"], f["role"], f["price"]) for f in messages[1]["fills"]] == [
            (0, "taker", "2500"), (1, "taker", "2501"),
        ]  # fmt: skip


async def ends(socket: Socket) -> list[tuple[Any, ...]]:
    """Event, reason and what remains of what was told of orders."""
    return [(e["event"], e.get("reason"), e["remaining"]) for e in await told(socket, "orders")]


async def test_every_way_in_which_an_order_changes_or_ends(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await follow(socket)

        async def rest(**changes: Any) -> bytes:
            placed = await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100, **changes))
            await socket.read()
            assert placed.result.order_id is not None
            return placed.result.order_id

        def replacement(order_id: bytes, price: int, size: int) -> ReplaceOrder:
            return ReplaceOrder(
                **world.head(ALICE), order_id=order_id, time_in_force=TimeInForce.GTC,
                self_trade=SelfTrade.CANCEL_TAKER, price=price, size=size, expected_size=100, client_order_id=3,
            )  # fmt: skip

        order_id = await rest()
        await world.submit(ALICE, replacement(order_id, 250_000, 80))
        (event,) = await told(socket, "orders")
        assert (event["event"], event["status"], event["remaining"]) == ("replaced", "open", "0.008")
        assert (event["clientOrderId"], event["orderId"]) == ("3", f"0x{order_id.hex()}")

        moved = await world.submit(ALICE, replacement(order_id, 250_100, 100))
        old, new = await told(socket, "orders")
        assert (old["event"], old["status"], old["replacedBy"]) == ("replaced", "replaced", new["orderId"])
        assert (new["event"], new["replaces"]) == ("new", f"0x{order_id.hex()}")
        assert (new["price"], new["remaining"]) == ("2501", "0.008")
        assert moved.result.order_id is not None

        await world.submit(ALICE, world.cancel(ALICE, moved.result.order_id))
        assert await ends(socket) == [("cancelled", "cancelled", "0.008")]

        await rest()
        tx = world.order(ALICE, Side.ASK, 250_000, 40, self_trade=SelfTrade.DECREMENT_BOTH)
        await world.submit(ALICE, tx)
        assert await ends(socket) == [
            ("new", None, "0.004"),
            ("reduced", "self_trade", "0.006"),
            ("cancelled", "self_trade", "0.004"),
        ]
        await world.submit(ALICE, CancelAll(**world.head(ALICE), market=MARKET))
        assert await ends(socket) == [("cancelled", "cancelled", "0.006")]

        await rest(time_in_force=TimeInForce.GTT, deadline=NOW + 1)
        world.clock.advance(2_000)
        while (found := await ends(socket)) == []:
            world.clock.advance(0)
        assert found == [("expired", "expired", "0.01")]

        await rest()
        await world.submit_inbox(encode_inbox_forced(ForceExit(NOW, ALICE.address)))
        messages = await socket.read()
        (event,) = messages[0]["events"]
        assert (event["event"], event["reason"]) == ("cancelled", "forced")
        assert [(b["token"], b["total"]) for b in messages[1]["balances"]] == [(ETH, "0"), (USDC, "0")]


async def test_actions_of_a_batch_are_told_in_their_order(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await follow(socket)
        head = world.head(ALICE)

        def bid(price: int, size: int = 100) -> PlaceOrder:
            return PlaceOrder(
                **head, market=MARKET, side=Side.BID, time_in_force=TimeInForce.GTC,
                self_trade=SelfTrade.CANCEL_TAKER, price=price, size=size, client_order_id=0,
            )  # fmt: skip

        # The second is refused, and nothing is told of it.
        await world.submit(ALICE, Batch(**head, actions=(bid(250_000), bid(0), bid(249_900))))
        events = await told(socket, "orders")
        assert [(e["event"], e["price"], e["seq"]) for e in events] == [
            ("new", "2500", "8"), ("new", "2499", "8"),
        ]  # fmt: skip


async def test_a_transfer_is_told_to_both(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        await follow(socket, ALICE)
        await follow(socket, BOB)
        await world.submit(ALICE, Transfer(**world.head(ALICE), to=BOB.address, token=ETH, amount=10**18))
        messages = await socket.read()
        assert {m["account"]: m["balances"][0]["total"] for m in messages} == {
            ALICE_HEX: "99", f"0x{BOB.address.hex()}": "101",
        }  # fmt: skip


async def test_snapshots_and_resuming(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        async with connected(api) as socket:
            await follow(socket)
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
            seqs = {m["channel"]: m["seq"] for m in await socket.read()}
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 40))
        async with connected(api) as socket:
            await socket.log_in(ALICE)
            for channel, resume in (
                ("orders", seqs["orders"]),
                ("balances", seqs["balances"]),
                ("fills", "8"),
            ):
                reply = await socket.ask("subscribe", channel=channel, account=ALICE_HEX, resume=resume)
                assert reply["resumed"] is True
            orders, balances, fills = await socket.read()
            assert orders["events"][0]["event"] == "trade"
            assert [balance["token"] for balance in balances["balances"]] == [ETH, USDC]
            assert len(fills["fills"]) == 1
            for channel in ("orders", "fills", "balances"):
                await socket.ask("unsubscribe", channel=channel, account=ALICE_HEX)
                await socket.ask("subscribe", channel=channel, account=ALICE_HEX)
            orders, fills, balances = await socket.read()
            assert (orders["type"], orders["orders"][0]["filled"]) == ("snapshot", "0.004")
            assert (fills["type"], fills["fills"]) == ("snapshot", [])
            assert [balance["locked"] for balance in balances["balances"]] == ["0", "15"]


async def test_what_an_order_traded_is_known_after_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100))
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 40))
    async with World(tmp_path).serving() as api, connected(api) as socket:
        await socket.log_in(ALICE)
        await socket.ask("subscribe", channel="orders", account=ALICE_HEX)
        (snapshot,) = await socket.read()
        (order,) = snapshot["orders"]
        assert (order["size"], order["filled"], order["remaining"]) == ("0.01", "0.004", "0.006")


async def test_a_fee_account_is_told_what_it_received_before_it_was_replaced(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, connected(api) as socket:
        world = api.world
        await world.list_and_fund()
        terms = SetMarket(NOW, MARKET, 1, 0, 200, 500, 0, STRANGER.address)
        await world.submit_inbox(encode_inbox_set_market(terms))
        await follow(socket, STRANGER)
        replaced = replace(terms, fee_account=BOB.address)
        await asyncio.gather(
            world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 100)),
            world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 100)),
            world.submit_inbox(encode_inbox_set_market(replaced)),
        )
        shown = {item["token"]: item["total"] for item in await told(socket, "balances")}
        _, account = await api.get(f"/v1/accounts/0x{STRANGER.address.hex()}")
        assert shown == {item["token"]: item["total"] for item in account["balances"]} != {}
