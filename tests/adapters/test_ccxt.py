"""docs/ccxt.md is true: every request in it is answered, with every field that it names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sequencer.adapters.http.reads.orders import STATUSES
from sequencer.core.types import (
    Batch,
    CancelAll,
    PlaceOrder,
    ReplaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Transfer,
)
from tests.bodies import request
from tests.world import ALICE, BOB, MARKET, USDC, Api, World

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ccxt.md").read_text()
PUBLIC = "time status currencies markets tradingFees ticker tickers orderBook trades OHLCV"
PRIVATE = "balance order openOrders orders closedOrders canceledOrders myTrades deposits withdrawals transfers ledger"
METHODS = {
    *(f"fetch{name[0].upper()}{name[1:]}" for name in f"{PUBLIC} {PRIVATE}".split()),
    "createOrder",
    "createOrders",
    "cancelOrder",
    "cancelOrders",
    "cancelAllOrders",
    "editOrder",
    "withdraw",
    "transfer",
}
UNIFIED_STATUSES = {"open", "closed", "canceled", "expired"}

MAY_BE_NULL = {"orderId", "counterparty"}
"""Of a ledger's entry."""


class Row(NamedTuple):
    """A method: what to ask, which list of the answer to look into, and the fields there."""

    method: str
    verb: str
    path: str
    listed: str | None
    fields: dict[str, list[str]]


def rows() -> Iterator[Row]:
    """The rows of all tables of methods."""
    for name, call, fields in re.findall(
        r"^\| `(\w+)` \| `([A-Z]+ /\S+)` \| (.+) \|$", DOCUMENT, re.MULTILINE
    ):
        verb, path = call.split()
        listed = re.match(r"`(\w*)\[\]` ", fields)
        pairs = re.findall(r"([\w.]+)=(`[\w`-]+`)", fields)
        found = {unified: re.findall(r"\w+", ours) for unified, ours in pairs}
        yield Row(name, verb, path, listed[1] if listed else None, found)


ROWS = list(rows())


def test_the_tables_have_every_method_once() -> None:
    assert sorted(row.method for row in ROWS) == sorted(METHODS)
    assert all(row.fields for row in ROWS)


def test_every_status_of_an_order_has_a_unified_one() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|$", DOCUMENT, re.MULTILINE))
    assert table.keys() == STATUSES.keys()
    assert set(table.values()) == UNIFIED_STATUSES


async def traded(world: World) -> dict[str, Any]:
    """Something of everything that is read; gives what stands in paths."""
    await world.list_and_fund()
    maker = await world.submit(ALICE, world.order(ALICE, Side.BID, 250_000, 200))
    await world.submit(BOB, world.order(BOB, Side.ASK, 250_000, 100))
    await world.submit(ALICE, world.order(ALICE, Side.ASK, 260_000, 90, time_in_force=TimeInForce.IOC))
    await world.submit(ALICE, world.order(ALICE, Side.ASK, 260_000, 90))
    await world.submit(BOB, world.order(BOB, Side.BID, 260_000, 90))
    await world.submit(BOB, world.order(BOB, Side.ASK, 270_000, 90))
    await world.submit(ALICE, world.withdrawal(ALICE, USDC, 1_500_000))
    await world.submit(ALICE, transfer(world))
    assert maker.result.order_id is not None
    return {
        "address": f"0x{ALICE.address.hex()}",
        "id": MARKET,
        "orderId": f"0x{maker.result.order_id.hex()}",
    }


def transfer(world: World) -> Transfer:
    return Transfer(**world.head(ALICE), to=BOB.address, token=USDC, amount=5)


async def resting(world: World) -> bytes:
    """An order of Alice's."""
    accepted = await world.submit(ALICE, world.order(ALICE, Side.BID, 240_000, 100))
    assert accepted.result.order_id is not None
    return accepted.result.order_id


async def transaction(world: World, method: str) -> Transaction:
    """What a method has signed."""
    head, own = world.head(ALICE), await resting(world)
    new = PlaceOrder(
        **head,
        market=MARKET,
        side=Side.BID,
        time_in_force=TimeInForce.GTC,
        self_trade=SelfTrade.CANCEL_TAKER,
        price=240_000,
        size=100,
        client_order_id=0,
    )
    match method:
        case "createOrder":
            return new
        case "createOrders":
            return Batch(**head, actions=(new, new))
        case "cancelOrder":
            return world.cancel(ALICE, own)
        case "cancelOrders":
            return Batch(**head, actions=(world.cancel(ALICE, own),))
        case "cancelAllOrders":
            return CancelAll(**head, market=MARKET)
        case "editOrder":
            return ReplaceOrder(
                **head,
                order_id=own,
                time_in_force=TimeInForce.GTC,
                self_trade=SelfTrade.CANCEL_TAKER,
                price=230_000,
                size=100,
                expected_size=100,
                client_order_id=0,
            )
        case "withdraw":
            return world.withdrawal(ALICE, USDC, 7)
        case _:
            return transfer(world)


async def answered(api: Api, row: Row, given: dict[str, Any]) -> Any:
    """The answer to a row's request, with status 200."""
    if row.verb == "GET":
        status, answer = await api.get(row.path.format(**given))
    else:
        path, body = request(await transaction(api.world, row.method), ALICE)
        assert path == row.path
        status, answer = await api.post(path, body)
    assert status == 200, answer
    return answer


@pytest.mark.parametrize("row", ROWS, ids=[row.method for row in ROWS])
async def test_a_method_is_answered_with_its_fields(tmp_path: Path, row: Row) -> None:
    async with World(tmp_path).serving() as api:
        given = await traded(api.world)
        answer = await answered(api, row, given)
        found = [answer] if row.listed is None else answer[row.listed] if row.listed else answer
        for name in (name for ours in row.fields.values() for name in ours):
            values = [each[int(name)] if name.isdigit() else each[name] for each in found]
            assert values
            assert name in MAY_BE_NULL or None not in values, name


async def test_candles_are_rows_of_ohlcv(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await traded(api.world)
        _, answer = await api.get("/v1/markets/1/candles")
        ((time, *prices_and_volume, _, _),) = answer["candles"]
        assert prices_and_volume == ["2500", "2600", "2500", "2600", "0.019"]
        assert time == api.world.clock.now_ms() // 60_000 * 60
