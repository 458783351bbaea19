"""The API over real HTTP: what it answers, and that whatever it refuses changed nothing."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from zkclob_native import keccak256

from sequencer.adapters import history
from sequencer.core.codec import encode_inbox_deposit
from sequencer.core.constants import MAX_U64, MAX_U128
from sequencer.core.outbox import OutboxTree
from sequencer.core.signing import digest
from sequencer.core.types import CancelClientOrder, CancelOrder, Deposit, Side, TimeInForce, Withdraw
from tests.properties.replica import SEPARATOR, Signer
from tests.world import (
    ALICE,
    BOB,
    ETH,
    MARKET,
    START_MS,
    STRANGER,
    USDC,
    Api,
    World,
    eventually,
    order_body,
    signed_body,
)


def bid(world: World, **changes: Any) -> dict[str, Any]:
    """Alice bids 2,500 USDC for 0.01 ETH."""
    return order_body(world.order(ALICE, Side.BID, 250_000, 100), ALICE, "2500", "0.01") | changes


async def placed(api: Api, world: World, signer: Signer, side: Side, **changes: Any) -> Any:
    """An order for 0.01 ETH at 2,500 USDC; its answer."""
    tx = world.order(signer, side, 250_000, 100, **changes)
    extra = {"clientOrderId": str(tx.client_order_id)} if tx.client_order_id else {}
    status, body = await api.post("/v1/orders", order_body(tx, signer, "2500", "0.01", **extra))
    assert status == 200, body
    return body


# ---------------------------------------------------------------- transactions


async def test_an_order_rests_and_another_meets_it(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        maker = await placed(api, world, ALICE, Side.BID, client_order_id=7)
        assert (maker["status"], maker["filled"], maker["remaining"]) == ("resting", "0", "0.01")
        assert (maker["seq"], maker["block"]) == ("8", "1")
        tx = world.order(BOB, Side.ASK, 249_999, 50)
        status, taker = await api.post("/v1/orders", order_body(tx, BOB, "2499.99", "0.005"))
        assert status == 200
        assert taker["status"] == "filled"
        assert taker["fills"] == [{"price": "2500", "size": "0.005", "fee": "0.00625", "feeToken": USDC}]
        _, book = await api.get(f"/v1/markets/{MARKET}/book")
        assert book == {
            "market": MARKET,
            "seq": "9",
            "time": START_MS // 1000,
            "bids": [["2500", "0.005", 1]],
            "asks": [],
        }
        _, order = await api.get(f"/v1/orders/{maker['orderId']}")
        assert (order["status"], order["filled"], order["remaining"]) == ("resting", "0.005", "0.005")
        assert order["clientOrderId"] == "7"
        _, ended = await api.get(f"/v1/orders/{taker['orderId']}")
        assert (ended["status"], ended["filled"], ended["remaining"]) == ("filled", "0.005", "0")


async def test_cancels_by_either_id(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        first = await placed(api, world, ALICE, Side.BID)
        await placed(api, world, ALICE, Side.BID, client_order_id=MAX_U128)
        by_id = CancelOrder(**world.head(ALICE), order_id=bytes.fromhex(first["orderId"][2:]))
        body = signed_body(by_id, ALICE) | {"orderId": first["orderId"]}
        status, cancelled = await api.post("/v1/cancels", body)
        assert (status, cancelled["status"], cancelled["remaining"]) == (200, "cancelled", "0.01")
        by_client = CancelClientOrder(**world.head(ALICE), client_order_id=MAX_U128)
        body = signed_body(by_client, ALICE) | {"clientOrderId": str(MAX_U128)}
        assert (await api.post("/v1/cancels", body))[0] == 200
        assert (await api.get(f"/v1/accounts/0x{ALICE.address.hex()}/orders")) == (200, [])
        status, again = await api.post("/v1/cancels", body | signed_body(next_head(world, by_client), ALICE))
        assert (status, again["code"]) == (422, "UNKNOWN_ORDER")
        _, order = await api.get(f"/v1/orders/{first['orderId']}")
        assert (order["status"], order["endedBy"]) == ("cancelled", cancelled["seq"])


def next_head(world: World, tx: CancelClientOrder) -> CancelClientOrder:
    """The same cancel under a new nonce."""
    return CancelClientOrder(**world.head(ALICE), client_order_id=tx.client_order_id)


async def test_an_ioc_order_never_rests(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        answer = await placed(api, world, ALICE, Side.BID, time_in_force=TimeInForce.IOC)
        assert (answer["status"], answer["filled"], answer["remaining"]) == ("cancelled", "0", "0.01")
        _, order = await api.get(f"/v1/orders/{answer['orderId']}")
        assert (order["status"], order["remaining"]) == ("cancelled", "0.01")


async def test_a_withdrawal_is_followed_from_acceptance_to_the_claim(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        tx = Withdraw(
            **world.head(ALICE), token=USDC, amount=1_500_000, recipient=BOB.address, max_relay_fee=0
        )
        body = signed_body(tx, ALICE) | {
            "token": USDC,
            "amount": "1.5",
            "recipient": f"0x{BOB.address.hex().upper()}",
            "maxRelayFee": "0",
        }
        status, accepted = await api.post("/v1/withdrawals", body)
        assert status == 200, accepted
        path = f"/v1/accounts/0x{ALICE.address.hex()}/withdrawals"
        seen = [(await api.get(path))[1]["withdrawals"][0]["status"]]
        await world.close_batch()
        seen.append((await api.get(path))[1]["withdrawals"][0]["status"])
        transaction = f"/v1/transactions/{accepted['digest']}"
        assert (await api.get(transaction))[1]["status"] == "sealed"
        await world.prove()
        await eventually(lambda: not world.store.unsettled())
        (withdrawal,) = (await api.get(path))[1]["withdrawals"]
        seen.append(withdrawal["status"])
        assert (await api.get(transaction))[1]["status"] == "settled"
        world.settler.claimed.add((1, 0))
        seen.append((await api.get(path))[1]["withdrawals"][0]["status"])
        assert seen == ["accepted", "sealed", "settled", "claimed"]
        assert withdrawal["claim"] == {"batch": "1", "index": "0", "proof": []}
        assert withdrawal["amount"] == "1.5"
        _, batch = await api.get("/v1/batches/1")
        assert (batch["status"], batch["proofMode"], batch["cycles"]) == ("settled", "executed", "1000")
        assert batch["l1Gas"] == "300000"


async def test_the_outbox_of_a_batch_is_hashed_once_however_often_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = []

    def build(leaves: list[bytes]) -> OutboxTree:
        trees.append(leaves)
        return OutboxTree(leaves)

    monkeypatch.setattr(history, "OutboxTree", build)
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        for amount in range(1, 6):
            await world.submit(ALICE, world.withdrawal(ALICE, USDC, amount))
        await world.close_batch()
        await world.prove()
        await eventually(lambda: not world.store.unsettled())
        path = f"/v1/accounts/0x{ALICE.address.hex()}/withdrawals"
        await api.get(path)
        claims = (await api.get(path))[1]["withdrawals"]
        (leaves,) = trees
        for withdrawal in claims:
            node = leaves[int(withdrawal["claim"]["index"])]
            for sibling in withdrawal["claim"]["proof"]:
                node = keccak256(b"".join(sorted((node, bytes.fromhex(sibling[2:])))))
            assert node == world.settler.settlements[0].outbox_root
        assert [withdrawal["claim"]["index"] for withdrawal in claims] == ["4", "3", "2", "1", "0"]


# ---------------------------------------------------------------- refusals


REFUSALS: list[tuple[str, dict[str, Any], int, str, str | None]] = [
    ("missing", {"price": ...}, 400, "MISSING_FIELD", "price"),
    ("unknown", {"prize": "1"}, 400, "UNKNOWN_FIELD", "prize"),
    ("number for string", {"price": 2500}, 400, "WRONG_TYPE", "price"),
    ("float market", {"market": 1.5}, 400, "WRONG_TYPE", "market"),
    ("null", {"size": None}, 400, "WRONG_TYPE", "size"),
    ("exponent", {"price": "2.5e3"}, 400, "WRONG_TYPE", "price"),
    ("sign", {"price": "-2500"}, 400, "WRONG_TYPE", "price"),
    ("not a number", {"size": "NaN"}, 400, "WRONG_TYPE", "size"),
    ("other digits", {"nonce": "٣"}, 400, "WRONG_TYPE", "nonce"),
    ("short address", {"account": "0x12"}, 400, "WRONG_TYPE", "account"),
    ("not hexadecimal", {"signer": "0x" + "zz" * 20}, 400, "WRONG_TYPE", "signer"),
    ("short signature", {"signature": "0x" + "11" * 64}, 400, "WRONG_TYPE", "signature"),
    ("nonce too wide", {"nonce": str(MAX_U64 + 1)}, 400, "OUT_OF_RANGE", "nonce"),
    ("market too wide", {"market": 2**32}, 400, "OUT_OF_RANGE", "market"),
    ("market below zero", {"market": -1}, 400, "OUT_OF_RANGE", "market"),
    ("side", {"side": "long"}, 400, "OUT_OF_RANGE", "side"),
    ("time in force", {"timeInForce": "GTD"}, 400, "OUT_OF_RANGE", "timeInForce"),
    ("self trade", {"selfTrade": "allow"}, 400, "OUT_OF_RANGE", "selfTrade"),
    ("price too large", {"price": "1" + "0" * 30}, 400, "OUT_OF_RANGE", "price"),
    ("client id too wide", {"clientOrderId": str(MAX_U128 + 1)}, 400, "OUT_OF_RANGE", "clientOrderId"),
    ("off tick", {"price": "2500.005"}, 400, "OFF_TICK", "price"),
    ("off lot", {"size": "0.00015"}, 400, "OFF_LOT", "size"),
    ("unknown market", {"market": 9}, 422, "UNKNOWN_MARKET", None),
    ("other fields were signed", {"price": "2500.01"}, 400, "BAD_SIGNATURE", None),
    ("another signer", {"signer": f"0x{BOB.address.hex()}"}, 422, "SIGNER_NOT_AUTHORIZED", None),
    ("no signature", {"signature": "0x" + "00" * 65}, 400, "BAD_SIGNATURE", None),
]


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"), [x[1:] for x in REFUSALS], ids=[x[0] for x in REFUSALS]
)
async def test_bad_input_names_what_is_wrong_and_changes_nothing(
    tmp_path: Path, changes: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        before = await world.fingerprint()
        good = bid(world)
        bad = {name: value for name, value in (good | changes).items() if value is not ...}
        answered, error = await api.post("/v1/orders", bad)
        assert (answered, error["code"]) == (status, code), error
        assert set(error) == {"code", "message", "request_id", "details"}
        if field is not None:
            assert error["details"]["field"] == field
        assert await world.fingerprint() == before
        assert (await api.post("/v1/orders", good))[0] == 200


async def test_off_tick_and_off_lot_name_the_nearest_values(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        _, error = await api.post("/v1/orders", bid(world, price="2500.019"))
        assert error["details"] | {"field": "price"} == {
            "field": "price",
            "given": "2500.019",
            "step": "0.01",
            "below": "2500.01",
            "above": "2500.02",
        }
        _, error = await api.post("/v1/orders", bid(world, size="0.00005"))
        assert (error["details"]["below"], error["details"]["above"]) == ("0", "0.0001")


async def test_a_signature_by_another_key_tells_who_signed_what(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        tx = world.order(ALICE, Side.BID, 250_000, 100)
        _, error = await api.post("/v1/orders", order_body(tx, BOB, "2500", "0.01"))
        assert error["details"] == {
            "expected_signer": f"0x{ALICE.address.hex()}",
            "recovered": f"0x{BOB.address.hex()}",
            "digest": f"0x{digest(SEPARATOR, tx).hex()}",
        }


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"", 400, "MALFORMED_JSON"),
        (b"{", 400, "MALFORMED_JSON"),
        (b'{"price": NaN}', 400, "MALFORMED_JSON"),
        (b"\xff\xfe", 400, "MALFORMED_JSON"),
        (b"[" * 16_000, 400, "WRONG_TYPE"),
        (b"[]", 400, "WRONG_TYPE"),
        (b" " * (16 * 1024 + 1), 413, "BODY_TOO_LARGE"),
    ],
)
async def test_a_body_that_is_no_order_is_refused(tmp_path: Path, raw: bytes, status: int, code: str) -> None:
    async with World(tmp_path).serving() as api:
        answered, error = await api.post("/v1/orders", raw)
        assert (answered, error["code"]) == (status, code)


async def test_a_field_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        body = bid(api.world)
        twice = json.dumps(body)[:-1] + f', "\\u006eonce": "{body["nonce"]}"}}'
        status, error = await api.post("/v1/orders", twice.encode())
        assert (status, error["code"], error["details"]) == (400, "MALFORMED_JSON", {"field": "nonce"})
        assert (await api.post("/v1/orders", body))[0] == 200


async def test_what_the_rules_refuse_is_422_with_its_code(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        tx = world.order(ALICE, Side.BID, 250_000, 1)
        status, error = await api.post("/v1/orders", order_body(tx, ALICE, "2500", "0.0001"))
        assert (status, error["code"]) == (422, "BELOW_MINIMUM")
        assert error["details"] == {"minimum": "10000000", "given": "250000"}
        tx = world.order(STRANGER, Side.BID, 250_000, 100)
        status, error = await api.post("/v1/orders", order_body(tx, STRANGER, "2500", "0.01"))
        assert (status, error["code"]) == (422, "UNKNOWN_ACCOUNT")


async def test_cancels_need_exactly_one_id(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        head = signed_body(CancelClientOrder(**world.head(ALICE), client_order_id=1), ALICE)
        _, error = await api.post("/v1/cancels", head)
        assert (error["code"], error["details"]["field"]) == ("MISSING_FIELD", "orderId")
        both = head | {"clientOrderId": "1", "orderId": "0x" + "00" * 24}
        _, error = await api.post("/v1/cancels", both)
        assert (error["code"], error["details"]["field"]) == ("UNKNOWN_FIELD", "clientOrderId")


async def test_an_amount_with_too_many_digits_is_out_of_range(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        tx = world.withdrawal(ALICE, USDC, 1)
        body = {"token": USDC, "amount": "0.0000015", "recipient": "0x" + "11" * 20, "maxRelayFee": "0"}
        _, error = await api.post("/v1/withdrawals", signed_body(tx, ALICE) | body)
        assert (error["code"], error["details"]["below"]) == ("OUT_OF_RANGE", "0.000001")


async def test_a_full_queue_is_503_with_a_time_to_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(tmp_path, max_waiting=1).serving() as api:
        world = api.world
        await world.list_and_fund()
        held, release = world.hold_commits(monkeypatch)
        first = asyncio.create_task(api.post("/v1/orders", bid(world)))
        await held.wait()
        second = asyncio.create_task(api.post("/v1/orders", bid(world)))
        await eventually(lambda: len(world.node._waiting) == 1)
        refused = bid(world)
        async with api.session.post("/v1/orders", json=refused) as response:
            assert (response.status, (await response.json())["code"]) == (503, "BUSY")
            assert response.headers["Retry-After"] == "1"
        release.set()
        assert (await first)[0] == (await second)[0] == 200
        assert (await api.post("/v1/orders", refused))[0] == 200


async def test_a_halted_node_says_so(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        world.node.halt("a test stopped it")
        status, error = await api.post("/v1/orders", bid(world))
        assert (status, error["code"]) == (503, "HALTED")
        assert "a test stopped it" in error["message"]
        _, health = await api.get("/v1/health")
        assert (health["status"], health["haltReason"]) == ("halted", "a test stopped it")
        assert (await api.get("/v1/markets"))[0] == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/nothing", 404, "NOT_FOUND"),
        ("/v1/markets/9/book", 404, "UNKNOWN_MARKET"),
        ("/v1/markets/x/book", 400, "WRONG_TYPE"),
        ("/v1/markets/1/book?depth=0", 400, "OUT_OF_RANGE"),
        ("/v1/markets/1/book?depth=100000", 400, "OUT_OF_RANGE"),
        ("/v1/markets/1/trades?before=oops", 400, "OUT_OF_RANGE"),
        ("/v1/markets/1/trades?limit=-1", 400, "WRONG_TYPE"),
        ("/v1/accounts/0x12", 400, "WRONG_TYPE"),
        (f"/v1/accounts/0x{'99' * 20}", 404, "UNKNOWN_ACCOUNT"),
        (f"/v1/orders/0x{'00' * 24}", 404, "NOT_FOUND"),
        (f"/v1/transactions/0x{'00' * 32}", 404, "NOT_FOUND"),
        ("/v1/blocks/77", 404, "NOT_FOUND"),
        ("/v1/batches/99999999999999999999", 400, "OUT_OF_RANGE"),
        ("/v1/orders", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_a_read_of_what_is_not_there(tmp_path: Path, path: str, status: int, code: str) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        answered, error = await api.get(path)
        assert (answered, error["code"]) == (status, code)


# ---------------------------------------------------------------- reads


async def test_markets_tokens_and_info(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        _, (market,) = await api.get("/v1/markets")
        assert market == {
            "id": 1,
            "symbol": "ETH/USDC",
            "base": ETH,
            "quote": USDC,
            "tickSize": "0.01",
            "lotSize": "0.0001",
            "tickValue": "1",
            "lotUnits": "100000000000000",
            "minNotional": "10",
            "makerFee": "0.0002",
            "takerFee": "0.0005",
            "priceBand": None,
            "status": "active",
            "lastPrice": None,
        }
        _, tokens = await api.get("/v1/tokens")
        assert [(x["symbol"], x["decimals"]) for x in tokens] == [("ETH", 18), ("USDC", 6)]
        _, info = await api.get("/v1/info")
        assert (info["chainId"], info["proofMode"]) == (31337, "executed")
        assert info["domainSeparator"] == f"0x{SEPARATOR.hex()}"


async def test_an_account_has_balances_and_nonces(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        await placed(api, world, ALICE, Side.BID)
        _, account = await api.get(f"/v1/accounts/0x{ALICE.address.hex()}")
        assert account["balances"] == [
            {"token": ETH, "total": "100", "locked": "0", "available": "100"},
            {"token": USDC, "total": "1000000", "locked": "25", "available": "999975"},
        ]
        assert account["nonces"] == [{"lane": 0, "next": "1", "highest": str(1 + 2**20), "free": []}]
        assert (account["openOrders"], account["agents"]) == (1, [])


async def test_deposits_are_pending_then_credited_or_refunded(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        unlisted = encode_inbox_deposit(Deposit(START_MS // 1000, 9, STRANGER.address, 77))
        waiting = world.entry(unlisted)
        world.watcher.waiting = [waiting]
        path = f"/v1/accounts/0x{STRANGER.address.hex()}/deposits"
        assert [x["status"] for x in (await api.get(path))[1]["deposits"]] == ["pending"]
        await world.node.submit_inbox(waiting)
        (deposit,) = (await api.get(path))[1]["deposits"]
        world.watcher.waiting = []
        assert (deposit["seq"], deposit["status"], deposit["amountUnits"]) == ("8", "refunded", "77")
        _, alice = await api.get(f"/v1/accounts/0x{ALICE.address.hex()}/deposits")
        assert [(x["index"], x["status"]) for x in alice["deposits"]] == [
            ("4", "credited"),
            ("3", "credited"),
        ]


async def test_trades_come_in_pages_without_gaps(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        for _ in range(5):
            await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 40))
        await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 200))
        seen: list[tuple[str, int]] = []
        query = ""
        while True:
            _, page = await api.get(f"/v1/markets/1/trades?limit=2{query}")
            seen += [(x["seq"], x["item"]) for x in page["trades"]]
            if not page["has_more"]:
                break
            query = f"&before={page['next']}"
        assert seen == [("13", item) for item in (4, 3, 2, 1, 0)]
        _, (market,) = await api.get("/v1/markets")
        assert market["lastPrice"] == "2500"


async def test_blocks_appear_with_their_root(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        assert (await api.get("/v1/blocks"))[1]["blocks"] == []
        await world.seal()
        await eventually(world.pipeline_idle)
        _, block = await api.get("/v1/blocks/1")
        assert (block["firstSeq"], block["endSeq"], block["batch"]) == ("1", "8", None)
        assert len(block["stateRoot"]) == 66


async def test_every_answer_has_a_request_id(tmp_path: Path) -> None:
    async with (
        World(tmp_path).serving() as api,
        api.session.get("/v1/markets/x/book") as response,
    ):
        assert response.headers["X-Request-Id"] == json.loads(await response.read())["request_id"]
