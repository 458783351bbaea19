"""The API's description: it is that of the code, and what the API answers is as described."""

import asyncio
import json
import re
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from scripts import make_openapi
from sequencer.adapters.http import answers as served
from sequencer.adapters.http.openapi import describe
from sequencer.adapters.http.routes import ROUTES
from sequencer.client import answers as understood
from sequencer.core.codec import encode_inbox_deposit
from sequencer.core.errors import Code
from sequencer.core.types import (
    ApproveAgent,
    Batch,
    CancelAll,
    Deposit,
    InvalidateNonces,
    ReplaceOrder,
    RevokeAgent,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Transfer,
)
from tests.bodies import request
from tests.world import (
    ALICE,
    BOB,
    ETH,
    MARKET,
    START_MS,
    STRANGER,
    TOKEN,
    USDC,
    VKEY,
    Api,
    World,
    eventually,
    order_body,
)

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = describe()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
WORKER = {"Authorization": f"Bearer {TOKEN}"}


def codes(operation: dict[str, Any], status: int) -> set[str]:
    """The codes of an error answer."""
    schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
    return set(schema["allOf"][1]["properties"]["code"]["enum"])


def test_the_committed_description_is_that_of_the_code() -> None:
    assert make_openapi.main(["--check"]) == 0


def test_every_code_that_the_api_can_answer_is_described() -> None:
    described = {
        code
        for _, _, operation in OPERATIONS
        for status in operation["responses"]
        if int(status) >= 400
        for code in codes(operation, int(status))
    }
    sources = (path.read_text() for path in (ROOT / "sequencer" / "adapters" / "http").glob("*.py"))
    raised = {code for text in sources for code in re.findall(r'"([A-Z]{3,}(?:_[A-Z]+)+|BUSY|HALTED)"', text)}
    without_route = {"METHOD_NOT_ALLOWED", "HEAD_TOO_SLOW", "POST_ONLY"}
    assert raised - without_route <= described
    # Nobody sends what the inbox and the sequencer itself add.
    never = {"OK", "UNKNOWN_OPERATION", "INVALID_LISTING", "NOT_EXPIRED", "NO_ACCOUNT"}
    assert {code.name for code in Code} - never <= described


def test_the_client_understands_what_is_served() -> None:
    for name, view in vars(understood).items():
        if name.startswith("_") or not isinstance(view, type) or not issubclass(view, msgspec.Struct):
            continue
        wider: Any = {"OrderInfo": served.OrderRecord, "Withdrawn": served.Accepted}.get(name) or getattr(
            served, name
        )
        fields = {field.encode_name for field in msgspec.structs.fields(wider)}
        assert {field.encode_name for field in msgspec.structs.fields(view)} <= fields, name


# ---------------------------------------------------------------- what is answered


class Checked:
    """Asks the API and holds every answer against the description."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.seen: set[tuple[str, str, int]] = set()

    async def ask(self, method: str, path: str, given: dict[str, Any], body: Any = None, **query: Any) -> Any:
        """The decoded answer of a described route."""
        url = path.format(**given)
        async with self._api.session.request(
            method, url, json=body, params=query, headers=WORKER
        ) as response:
            operation = DOCUMENT["paths"][path][method.lower()]
            described = operation["responses"][str(response.status)]
            self.seen.add((method, path, response.status))
            if "content" not in described:
                return None
            ((media_type, content),) = described["content"].items()
            assert response.content_type == media_type
            if media_type != "application/json":
                return await response.read()
            decoded = await response.json()
        jsonschema_rs.Draft202012Validator(
            content["schema"] | {"components": DOCUMENT["components"]}
        ).validate(decoded)
        return decoded


async def traded(world: World, api: Checked) -> dict[str, Any]:
    """Alice's order meets Bob's, rests, and is batched; gives what stands in paths."""
    await world.list_and_fund()
    await world.submit_inbox(encode_inbox_deposit(Deposit(START_MS // 1000, 9, ALICE.address, 5)))
    bid = world.order(ALICE, Side.BID, 250_000, 200, client_order_id=7)
    await api.ask("POST", "/v1/orders", {}, order_body(bid, ALICE, "2500", "0.02", clientOrderId="7"))
    ask = world.order(BOB, Side.ASK, 250_000, 100)
    placed = await api.ask("POST", "/v1/orders", {}, order_body(ask, BOB, "2500", "0.01"))
    await world.submit(ALICE, world.withdrawal(ALICE, USDC, 1_500_000))
    switch, trigger = await deferred(world, api)
    await world.close_batch()
    return {
        "switch": switch["id"],
        "trigger": trigger["id"],
        "address": f"0x{ALICE.address.hex()}",
        "clientOrderId": "7",
        "digest": placed["digest"],
        "id": MARKET,
        "job": 1,
        "number": 1,
        "orderId": placed["orderId"],
        "seq": int(placed["seq"]),
    }


async def test_every_answer_is_as_described(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as served_api:
        world, api = served_api.world, Checked(served_api)
        given = await traded(world, api)
        await send_every_kind(world, api)
        await read_everything(api, given)
        await work(world, api)
        await eventually(lambda: not world.store.unsettled())
        await change_deferred(api, given)
        await read_everything(api, given)
        expected = {
            (method, path, min(int(status) for status in operation["responses"]))
            for method, path, operation in OPERATIONS
        }
        assert expected <= api.seen


async def deferred(world: World, api: Checked) -> tuple[Any, Any]:
    """A dead-man switch and a trigger of Alice's."""
    _, way_out = request(CancelAll(**world.head(ALICE), market=0), ALICE)
    body = {"cancelAll": way_out, "timeoutSeconds": 86_400}
    switch = await api.ask("POST", "/v1/dead-man-switches", {}, body)
    _, order = request(world.order(ALICE, Side.ASK, 200_000, 100), ALICE)
    terms = {"market": MARKET, "triggerPrice": "2000", "direction": "falling"}
    return switch, await api.ask("POST", "/v1/triggers", {}, terms | {"order": order})


async def change_deferred(api: Checked, given: dict[str, Any]) -> None:
    """Renews and disarms."""
    path = "/v1/dead-man-switches/{switch}"
    await api.ask("POST", f"{path}/renewal", given)
    for deletable in (path, "/v1/triggers/{trigger}"):
        assert (await api.ask("DELETE", deletable, given))["status"] == "disarmed"
        assert (await api.ask("DELETE", deletable, given))["code"] == "NOT_ARMED"
    assert (await api.ask("POST", f"{path}/renewal", given))["code"] == "NOT_ARMED"


async def read_everything(api: Checked, given: dict[str, Any]) -> None:
    """Every GET."""
    for method, path, _ in OPERATIONS:
        if method == "GET":
            await api.ask(method, path, given)
    nothing = {"address": "0x" + "77" * 20, "digest": "0x" + "77" * 32, "id": 77, "job": 77, "number": 77}
    nothing |= {"clientOrderId": "77", "orderId": "0x" + "77" * 24, "seq": 77}
    nothing |= {"switch": "7" * 32, "trigger": "7" * 32}
    for method, path, operation in OPERATIONS:
        if method == "GET" and "404" in operation["responses"]:
            await api.ask(method, path, nothing)
            assert (method, path, 404) in api.seen


async def send_every_kind(world: World, api: Checked) -> None:
    """Each kind of signed transaction, accepted and refused."""
    first, second = [
        await api.ask("POST", *_request(world.order(BOB, Side.ASK, 300_000, 100))) for _ in range(2)
    ]
    kept = bytes.fromhex(second["orderId"][2:])
    head = world.head(BOB)
    replacement = ReplaceOrder(
        **world.head(BOB),
        time_in_force=TimeInForce.GTC,
        self_trade=SelfTrade.CANCEL_TAKER,
        order_id=kept,
        price=300_000,
        size=50,
        expected_size=100,
        client_order_id=0,
    )
    kinds: list[Transaction] = [
        world.cancel(BOB, bytes.fromhex(first["orderId"][2:])),
        replacement,
        Batch(**head, actions=(world.cancel(BOB, bytes(24)), CancelAll(**head, market=MARKET))),
        CancelAll(**world.head(BOB), market=0),
        world.withdrawal(BOB, ETH, 10**18),
        Transfer(**world.head(BOB), to=ALICE.address, token=ETH, amount=1),
        ApproveAgent(**world.head(BOB), agent=STRANGER.address, expiry=START_MS, markets=1 << MARKET),
        RevokeAgent(**world.head(BOB), agent=STRANGER.address),
        InvalidateNonces(**world.head(BOB), floor=1),
    ]
    for tx in kinds:
        await api.ask("POST", *_request(tx))
        refused = await api.ask("POST", *_request(tx))
        assert refused["code"] == "NONCE_USED"


def _request(tx: Transaction) -> tuple[str, dict[str, Any], dict[str, Any]]:
    path, body = request(tx, BOB)
    return path, {}, body


async def work(world: World, api: Checked) -> None:
    """A worker that gives its job back, takes it again and brings the result."""
    wanted = {"worker": "test", "modes": ["execute"], "vkey": f"0x{VKEY.hex()}"}
    path = "/v1/prover/jobs/{job}/"
    job = await api.ask("POST", "/v1/prover/lease", {}, wanted)
    assert await api.ask("POST", "/v1/prover/lease", {}, wanted) is None
    lease = {"lease": job["lease"]}
    await api.ask("POST", path + "heartbeat", job, lease)
    await api.ask("POST", path + "failure", job, lease | {"message": "no"})
    await api.ask("POST", path + "heartbeat", job, lease)
    assert ("POST", path + "heartbeat", 409) in api.seen
    job = await api.ask("POST", "/v1/prover/lease", {}, wanted)
    result = {
        "lease": job["lease"],
        "public_values": f"0x{world.store.unsettled()[0].public_values.hex()}",
        "proof": "0x",
        "cycles": "1",
        "prover_gas": "1",
        "execute_ms": 1,
        "peak_rss_mb": 1,
    }
    await api.ask("POST", path + "result", job, result)


async def test_the_page_names_every_route_and_runs_nothing(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api, api.session.get("/docs") as response:
        page = await response.text()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "<script" not in page
    assert re.search("https?:", page) is None
    for route in chain.from_iterable(ROUTES.values()):
        assert f"{route.method} {route.path}</h3>" in page


# ---------------------------------------------------------------- whatever is asked

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)


@pytest.mark.slow
async def test_generated_requests_meet_no_surprise(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await traded(api.world, Checked(api))
        await schemathesis(api, tmp_path)


@pytest.mark.slow
async def test_generated_requests_about_what_is_there_meet_no_surprise(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        given = await traded(api.world, Checked(api))
        known = [f'"path.{name}" = {json.dumps(value)}' for name, value in given.items()]
        (tmp_path / "schemathesis.toml").write_text("\n".join(["[parameters]", *known]))
        await schemathesis(api, tmp_path, "--header", f"Authorization:{WORKER['Authorization']}")


async def schemathesis(api: Api, folder: Path, *more: str) -> None:
    """Has the API asked what its description allows and what it forbids."""
    async with api.session.get("/v1/openapi.json") as response:
        url = str(response.url)
    bounds = ("--phases", "coverage,fuzzing", "--max-examples", "20", "--seed", "1", "--no-color")
    program = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        *("run", url, "--checks", ",".join(CHECKS), *bounds, *more),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await program.communicate()
    assert program.returncode == 0, output.decode()
    assert api.world.node.halt_reason is None
