"""The client signs exactly what it sends, and says what went wrong."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from sequencer.client import ApiError, Client, Unreachable, Wallet
from sequencer.client.client import ClientError
from sequencer.client.decimals import DecimalError
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
from tests.client.conftest import EXCHANGE, StandIn

WALLET = Wallet(b"\x07" * 32)
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
    account = {
        "account": ADDRESS,
        "balances": [],
        "nonces": [{"lane": 0, "next": "5"}, {"lane": 2, "next": "9"}],
    }
    stand_in.answers |= {
        f"GET /v1/accounts/{ADDRESS}": (200, account),
        "POST /v1/orders": (200, PLACED),
        "POST /v1/cancels": (200, CANCELLED),
        "POST /v1/withdrawals": (200, SEQUENCED),
    }
    with Client(stand_in.url, WALLET) as found:
        yield found


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
    assert int(stand_in.posted[0][1]["nonce"]) == 2 << 48 | 9


def test_nonce_used_elsewhere_is_asked_for_anew(client: Client, stand_in: StandIn) -> None:
    client.cancel_client_order(1)
    stand_in.refuse("POST /v1/cancels", 422, "NONCE_USED")
    with pytest.raises(ApiError):
        client.cancel_client_order(1)
    stand_in.answers["POST /v1/cancels"] = (200, CANCELLED)
    client.cancel_client_order(1)
    assert [int(body["nonce"]) for _, body in stand_in.posted] == [5, 6, 5]


def test_account_without_deposit_starts_at_nonce_zero(client: Client, stand_in: StandIn) -> None:
    stand_in.refuse(f"GET /v1/accounts/{ADDRESS}", 404, "UNKNOWN_ACCOUNT")
    client.cancel_client_order(1)
    assert stand_in.posted[0][1]["nonce"] == "0"


def test_refusal_carries_code_and_details(client: Client, stand_in: StandIn) -> None:
    stand_in.refuse("POST /v1/withdrawals", 422, "INSUFFICIENT_BALANCE")
    with pytest.raises(ApiError) as caught:
        client.withdraw("ETH", Decimal(1))
    assert (caught.value.status, caught.value.code, caught.value.details) == (
        422,
        "INSUFFICIENT_BALANCE",
        {"next": "5"},
    )


def test_sequencer_that_is_gone_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        Client("http://127.0.0.1:1").health()


@pytest.mark.parametrize("answer", [{}, [], {"chainId": "x"}, None])
def test_answer_that_does_not_fit_is_an_error(stand_in: StandIn, answer: object) -> None:
    stand_in.answers["GET /v1/info"] = (200, answer)
    with pytest.raises(ClientError):
        _ = Client(stand_in.url).info


def test_unknown_market_names_the_known_ones(client: Client) -> None:
    with pytest.raises(ClientError, match=r"ETH/USDC \(1\)"):
        client.market("BTC/USDC")
