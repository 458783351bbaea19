"""Signed receipts: what an answer promises, over HTTP and WebSocket, and that it can be asked for again."""

from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from sequencer.adapters.receipts import ReceiptSigner
from sequencer.client.answers import Receipt
from sequencer.client.receipts import to_core
from sequencer.core.codec import encode_inbox_deposit
from sequencer.core.signing import digest, receipt_digest, receipt_typed_data
from sequencer.core.types import Deposit, Side
from sequencer.core.types import Receipt as Promise
from tests.bodies import request
from tests.properties.replica import CHAIN_ID, CONTRACT, SEPARATOR
from tests.sockets import connected
from tests.world import ALICE, ETH, RECEIPT_KEY, START_MS, Api, World

SIGNER = ReceiptSigner(RECEIPT_KEY, SEPARATOR)


def promise(shown: Any) -> Promise:
    """What a receipt in JSON is of, once eth-account agrees that the sequencer signed it."""
    promised = to_core(
        Receipt(int(shown["seq"]), shown["digest"], shown["inboxHash"], shown["time"], shown["signature"])
    )
    message = encode_typed_data(full_message=receipt_typed_data(CHAIN_ID, CONTRACT, promised))
    address = Account.recover_message(message, signature=shown["signature"])
    assert address.lower() == f"0x{SIGNER.address.hex()}" == Account.from_key(RECEIPT_KEY).address.lower()
    return promised


async def test_an_answer_promises_seq_digest_inbox_and_time(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        _, info = await api.get("/v1/info")
        assert info["receiptSigner"] == f"0x{SIGNER.address.hex()}"
        inbox = world.node.inbox_position().chain_hash
        tx = world.order(ALICE, Side.BID, 250_000, 100)
        path, body = request(tx, ALICE)
        status, answer = await api.post(path, body)
        assert status == 200
        assert promise(answer["receipt"]) == Promise(
            int(answer["seq"]), digest(SEPARATOR, tx), inbox, START_MS // 1000
        )


async def test_the_same_over_a_websocket(tmp_path: Path) -> None:
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        tx = api.world.order(ALICE, Side.BID, 250_000, 100)
        async with connected(api) as socket:
            result = await socket.ask("place_order", **request(tx, ALICE)[1])
        assert promise(result["receipt"]).digest == digest(SEPARATOR, tx)


async def test_a_receipt_can_be_asked_for_again_after_a_restart(tmp_path: Path) -> None:
    """Same bytes, with the inbox as it was when the transaction was sequenced."""
    given = []
    async with World(tmp_path).serving() as api:
        world = api.world
        await world.list_and_fund()
        for _ in range(3):
            given += [await acknowledged(api), await acknowledged(api)]
            time = world.clock.now_ms() // 1000
            await world.submit_inbox(encode_inbox_deposit(Deposit(time, ETH, ALICE.address, 10**18)))
            world.clock.advance(2_000)
        clock = world.clock
    assert len({receipt["inboxHash"] for receipt in given}) == 3
    async with World(tmp_path, clock).serving() as api:
        assert [(await api.get(f"/v1/receipts/{receipt['seq']}"))[1] for receipt in given] == given


async def test_only_signed_transactions_have_receipts(tmp_path: Path) -> None:
    """An inbox entry that L1 takes back would make a liar of who promised its place."""
    async with World(tmp_path).serving() as api:
        await api.world.list_and_fund()
        deposit = int((await acknowledged(api))["seq"]) - 1
        for seq in (0, deposit, deposit + 2, 2**63 - 1):
            status, error = await api.get(f"/v1/receipts/{seq}")
            assert (status, error["code"]) == (404, "NOT_FOUND")
        status, error = await api.get("/v1/receipts/x")
        assert (status, error["code"]) == (400, "WRONG_TYPE")


async def acknowledged(api: Api) -> Any:
    """The receipt of a new order."""
    tx = api.world.order(ALICE, Side.BID, 250_000, 100)
    path, body = request(tx, ALICE)
    status, answer = await api.post(path, body)
    assert status == 200
    return answer["receipt"]


@pytest.mark.parametrize(
    "receipt",
    [
        Promise(2**64, bytes(32), bytes(32), 0),
        Promise(-1, bytes(32), bytes(32), 0),
        Promise(1, bytes(31), bytes(32), 0),
        Promise(1, bytes(32), bytes(33), 0),
        Promise(1, bytes(32), bytes(32), 2**64),
    ],
)
def test_what_does_not_fit_the_struct_is_not_hashed(receipt: Promise) -> None:
    with pytest.raises(ValueError, match=r"out of range|32 bytes"):
        receipt_digest(SEPARATOR, receipt)
