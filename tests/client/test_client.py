"""The client signs exactly what it sends, and says what went wrong."""

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from sequencer.client import ApiError, Client, OutcomeUnknown, Unreachable
from sequencer.client.actions import CancelClient
from sequencer.client.decimals import DecimalError
from sequencer.client.errors import AnswerLost, ClientError, NotConnected, Refused
from sequencer.core import signing
from sequencer.core.types import (
    CancelClientOrder,
    CancelOrder,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Withdraw,
)
from tests.client.conftest import EXCHANGE, RememberingWallet, StandIn, receipt, refusal

WALLET = RememberingWallet(b"\x07" * 32)
ADDRESS = f"0x{WALLET.address.hex()}"
SEQUENCED = {"seq": "12", "digest": "0x" + "00" * 32, "block": "3"}
PLACED = SEQUENCED | {
    "orderId": "0x" + "00" * 24,
    "status": "resting",
    "filled": "0.1",
    "remaining": "0.15",
    "fills": [{"price": "2500.5", "size": "0.1", "fee": "0.0001", "feeToken": 1}],
}
CANCELLED = SEQUENCED | {"orderId": "0x" + "00" * 24, "status": "cancelled", "remaining": "0.15"}


@pytest.fixture
def client(stand_in: StandIn) -> Iterator[Client]:
    stand_in.answer(f"GET /v1/accounts/{ADDRESS}", account(5))
    stand_in.answer(f"GET /v1/accounts/{ADDRESS}/triggers", [])
    stand_in.wallet = WALLET
    stand_in.answer("POST /v1/orders", PLACED)
    stand_in.answer("POST /v1/cancels", CANCELLED)
    stand_in.answer("POST /v1/withdrawals", SEQUENCED)
    with Client(stand_in.url, WALLET) as found:
        yield found


def account(next_nonce: int) -> dict[str, Any]:
    """An account whose lane 0 is at `next_nonce`."""
    lanes = [{"lane": 0, "next": str(next_nonce)}, {"lane": 2, "next": "9"}]
    return {"account": ADDRESS, "balances": [], "nonces": lanes}


def nonces(stand_in: StandIn) -> list[int]:
    """Of what was posted."""
    return [int(body["nonce"]) for _, body in stand_in.posted]


def require_signed(body: dict[str, Any], tx: Transaction) -> None:
    """The body's signature is that of the struct, as eth-account hashes it."""
    message = encode_typed_data(full_message=signing.typed_data(31337, bytes.fromhex(EXCHANGE[2:]), tx))
    assert Account.recover_message(message, signature=body["signature"]) == WALLET.l1.address
    assert body["nonce"] == str(tx.nonce)
    assert body["deadline"] == str(tx.deadline)
    assert body["account"] == body["signer"] == ADDRESS


def test_order_is_signed_in_ticks_and_lots_and_sent_in_decimals(client: Client, stand_in: StandIn) -> None:
    placed = client.place_order(
        "eth/usdc", "sell", Decimal("2500.5"), Decimal("0.25"), client_order_id=7, deadline=1_790_000_000
    )
    path, body = stand_in.posted[0]
    head = (WALLET.address, WALLET.address, 5, 1_790_000_000)
    order = PlaceOrder(*head, 1, Side.ASK, TimeInForce.GTC, SelfTrade.CANCEL_TAKER, 250_050, 2_500, 7)
    require_signed(body, order)
    assert path == "/v1/orders"
    assert (body["price"], body["size"], body["side"], body["clientOrderId"]) == (
        "2500.5",
        "0.25",
        "sell",
        "7",
    )
    assert (placed.seq, placed.filled, placed.fills[0].fee) == (12, Decimal("0.1"), Decimal("0.0001"))


def test_cancels_are_signed(client: Client, stand_in: StandIn) -> None:
    client.cancel(b"\x05" * 24, deadline=9)
    client.cancel_client_order(77, deadline=9)
    by_id, by_client_id = (body for _, body in stand_in.posted)
    require_signed(by_id, CancelOrder(WALLET.address, WALLET.address, 5, 9, b"\x05" * 24))
    require_signed(by_client_id, CancelClientOrder(WALLET.address, WALLET.address, 6, 9, 77))


def test_withdrawal_is_signed_in_base_units(client: Client, stand_in: StandIn) -> None:
    client.withdraw("USDC", Decimal("100.5"), deadline=9)
    head = (WALLET.address, WALLET.address, 5, 9)
    require_signed(stand_in.posted[0][1], Withdraw(*head, 2, 100_500_000, WALLET.address, 0))


def test_price_off_the_tick_is_refused_before_anything_is_sent(client: Client, stand_in: StandIn) -> None:
    with pytest.raises(DecimalError, match=r"take 2500\.5 or 2500\.51"):
        client.place_order(1, "buy", Decimal("2500.501"), Decimal(1))
    assert stand_in.posted == []


def test_concurrent_orders_never_share_a_nonce(client: Client, stand_in: StandIn) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in range(40):
            threads.submit(client.place_order, 1, "buy", Decimal(2500), Decimal(1))
    assert sorted(int(body["nonce"]) for _, body in stand_in.posted) == list(range(5, 45))


def test_lane_is_part_of_the_nonce(client: Client, stand_in: StandIn) -> None:
    with Client(stand_in.url, WALLET, lane=2) as other:
        other.cancel_client_order(1)
    assert nonces(stand_in) == [2 << 48 | 9]


def test_account_without_deposit_starts_at_nonce_zero(client: Client, stand_in: StandIn) -> None:
    stand_in.refuse(f"GET /v1/accounts/{ADDRESS}", 404, "UNKNOWN_ACCOUNT")
    client.cancel_client_order(1)
    assert nonces(stand_in) == [0]


# ---------------------------------------------------------------- refusals


def test_nonce_that_another_program_used_is_replaced_by_a_fresh_one(
    client: Client, stand_in: StandIn
) -> None:
    client.cancel_client_order(1)
    stand_in.before("POST /v1/cancels", 422, refusal("NONCE_USED"))
    stand_in.answer(f"GET /v1/accounts/{ADDRESS}", account(30))
    client.cancel_client_order(1)
    assert nonces(stand_in) == [5, 6, 30]


def test_lane_never_goes_backwards(client: Client, stand_in: StandIn) -> None:
    """What was handed out may be on its way while the account is read."""
    for _ in range(3):
        client.cancel_client_order(1)
    stand_in.before("POST /v1/cancels", 422, refusal("NONCE_TOO_LOW"))
    client.cancel_client_order(1)
    assert nonces(stand_in) == [5, 6, 7, 8, 9]


def test_nonces_are_not_tried_for_ever(client: Client, stand_in: StandIn) -> None:
    stand_in.refuse("POST /v1/cancels", 422, "NONCE_USED")
    with pytest.raises(Refused, match="NONCE_USED"):
        client.cancel_client_order(1)
    assert len(stand_in.posted) == 4


def test_refusal_carries_code_and_details(client: Client, stand_in: StandIn) -> None:
    stand_in.refuse("POST /v1/withdrawals", 422, "INSUFFICIENT_BALANCE")
    with pytest.raises(Refused) as caught:
        client.withdraw("ETH", Decimal(1))
    refused = caught.value
    assert (refused.status, refused.code, refused.request_id) == (422, "INSUFFICIENT_BALANCE", "r")
    assert refused.details == {"next": "5"}
    assert len(stand_in.posted) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_what_was_not_done_is_tried_again_when_the_sequencer_says(
    client: Client, stand_in: StandIn, status: int
) -> None:
    stand_in.before("POST /v1/cancels", status, refusal("BUSY"), **{"Retry-After": "1"})
    client.cancel_client_order(1)
    (_, first), (_, second) = stand_in.posted
    assert first == second


@pytest.mark.parametrize("wait", ["11", "86400", "x", ""])
def test_patience_has_an_end(client: Client, stand_in: StandIn, wait: str) -> None:
    stand_in.refuse("POST /v1/cancels", 503, "BUSY", **{"Retry-After": wait})
    with pytest.raises(ApiError, match="BUSY"):
        client.cancel_client_order(1)
    assert len(stand_in.posted) == 1


# ---------------------------------------------------------------- no answer


def test_order_without_an_answer_is_not_sent_again(client: Client, stand_in: StandIn) -> None:
    stand_in.drop("POST /v1/orders")
    with pytest.raises(OutcomeUnknown) as caught:
        client.place_order(1, "buy", Decimal(2500), Decimal(1))
    assert len(stand_in.posted) == 1
    submission = caught.value.submission
    assert f"GET /v1/transactions/0x{submission.digest.hex()}" in stand_in.asked
    assert client.resolve(submission) is None


def test_unknown_outcome_can_be_sent_again_as_it_was(client: Client, stand_in: StandIn) -> None:
    stand_in.drop("POST /v1/orders")
    with pytest.raises(OutcomeUnknown) as caught:
        client.place_order(1, "buy", Decimal(2500), Decimal(1))
    stand_in.answer("POST /v1/orders", PLACED)
    assert client.resend(caught.value.submission).seq == 12
    (_, first), (_, second) = stand_in.posted
    assert first == second


@pytest.mark.parametrize(
    "failure", [(0, None), (200, b"{"), (500, refusal("INTERNAL")), (503, refusal("HALTED"))]
)
def test_order_that_was_accepted_without_an_answer_gives_its_result(
    client: Client, stand_in: StandIn, failure: tuple[int, Any]
) -> None:
    stand_in.before("POST /v1/orders", *failure)
    key = b"\x09" * 24
    found = {"orderId": f"0x{key.hex()}", "account": ADDRESS, "market": 1, "side": "buy", "price": "2500"}
    found |= {"remaining": "0.75", "filled": "0.25", "status": "resting", "seq": "77", "size": "1"}
    stand_in.answer(f"GET /v1/orders/0x{key.hex()}", found)
    accept_everything(stand_in)
    placed = client.place_order(1, "buy", Decimal(2500), Decimal(1))
    assert (placed.seq, placed.order_id, placed.filled) == (77, f"0x{key.hex()}", Decimal("0.25"))


def test_batch_that_was_accepted_without_an_answer_says_so(client: Client, stand_in: StandIn) -> None:
    stand_in.drop("POST /v1/order-batches")
    accept_everything(stand_in)
    with pytest.raises(AnswerLost) as caught:
        client.order_batch([CancelClient(client_order_id=1)])
    assert caught.value.transaction.seq == 77


def test_transaction_that_arrived_twice_happened_once(client: Client, stand_in: StandIn) -> None:
    """Something between may repeat a request: then its nonce is used, by itself."""
    stand_in.refuse("POST /v1/withdrawals", 422, "NONCE_USED")
    accept_everything(stand_in)
    assert client.withdraw("ETH", Decimal(1)).seq == 77
    assert len(stand_in.posted) == 1


def accept_everything(stand_in: StandIn) -> None:
    """Whatever is looked up was accepted."""
    accepted = {"seq": "77", "block": "3", "code": "OK", "status": "accepted", "orderId": "0x" + "09" * 24}

    class Everything(dict[str, Any]):
        digest = b""

        def get(self, call: str, default: Any = None) -> Any:
            if call.startswith("GET /v1/transactions/"):
                self.digest = bytes.fromhex(call.rpartition("0x")[2])
                return [(200, accepted, {})]
            if call == "GET /v1/receipts/77":
                return [(200, receipt(77, self.digest), {})]
            return super().get(call, default)

    stand_in.answers = Everything(stand_in.answers)


# ---------------------------------------------------------------- what is no sequencer


def test_sequencer_that_is_gone_is_unreachable() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(Unreachable):
        client.health()


def test_what_could_not_be_sent_is_not_looked_up(client: Client, stand_in: StandIn) -> None:
    client.cancel_client_order(1)
    stand_in.server.shutdown()
    stand_in.server.server_close()
    client._background.run(client._async.close())
    with pytest.raises(NotConnected):
        client.cancel_client_order(1)


@pytest.mark.parametrize("answer", [{}, [], {"chainId": "x"}, None, b"", b"\xff", b"[" * 5_000], ids=range(7))
def test_answer_that_does_not_fit_is_an_error(stand_in: StandIn, answer: object) -> None:
    stand_in.answer("GET /v1/info", answer)
    with Client(stand_in.url) as client, pytest.raises(ClientError):
        client.info()


@pytest.mark.parametrize("status", [301, 400, 502])
def test_failure_of_something_else_is_an_error(stand_in: StandIn, status: int) -> None:
    stand_in.answers["GET /v1/info"] = [(status, b"<html>", {"Location": "http://127.0.0.1:1/"})]
    with Client(stand_in.url) as client, pytest.raises(ClientError, match=f"answered {status}"):
        client.info()


def test_endless_answer_is_cut_off(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sequencer.client.http.ANSWER_BYTES_MAX", 1_000)
    stand_in.answer("GET /v1/info", b" " * 2_000)
    with Client(stand_in.url) as client, pytest.raises(ClientError, match="more than 1000 bytes"):
        client.info()


def test_client_without_key_says_so(stand_in: StandIn) -> None:
    with Client(stand_in.url) as client:
        with pytest.raises(ClientError, match="needs an account"):
            client.account()
        with pytest.raises(ClientError, match="needs an account"):
            client.cancel_all()
    with (
        Client(stand_in.url, account=WALLET.address) as client,
        pytest.raises(ClientError, match="needs a key"),
    ):
        client.cancel_all()


def test_client_that_is_dropped_ends_its_thread(stand_in: StandIn) -> None:
    client = Client(stand_in.url)
    client.info()
    thread = client._background._thread
    del client
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


def test_unknown_market_names_the_known_ones(client: Client) -> None:
    with pytest.raises(ClientError, match=r"ETH/USDC \(1\)"):
        client.market("BTC/USDC")
