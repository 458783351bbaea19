"""The client checks the receipt of every transaction, keeps it, and does not let a wrong one pass."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sequencer.adapters.receipts import ReceiptSigner
from sequencer.client import Client, ReceiptError
from sequencer.client.receipts import BadReceipt, read_receipts
from sequencer.core.signing import domain_separator
from tests.client.conftest import ALICE, EXCHANGE, Exchange, RememberingWallet, StandIn, receipt

WALLET = RememberingWallet(b"\x07" * 32)
ADDRESS = f"0x{WALLET.address.hex()}"
ACCEPTED = {"seq": "12", "digest": "0x" + "00" * 32, "block": "3"}
OTHER_KEY = ReceiptSigner(b"\x55" * 32, domain_separator(31337, bytes.fromhex(EXCHANGE[2:])))
OTHER_DOMAIN = ReceiptSigner(b"\x4e" * 32, domain_separator(1, bytes.fromhex(EXCHANGE[2:])))


def test_receipts_of_a_whole_sequencer_are_kept(exchange: Exchange, tmp_path: Path) -> None:
    path = tmp_path / "receipts"
    with Client(exchange.url, ALICE, receipts=path) as client:
        first = client.place_order("ETH/USDC", "buy", Decimal(2000), Decimal(1))
    with Client(exchange.url, ALICE, receipts=path) as client, client.stream() as stream:
        client.send_over(stream)
        second = client.cancel(first.order_id)
        assert client.receipt(second.seq) == second.receipt
        signer = client.info().receipt_signer
    kept = read_receipts(path)
    assert [each.receipt for each in kept] == [first.receipt, second.receipt]
    assert [each.signer for each in kept] == [signer, signer]
    for each, answer in zip(kept, (first, second), strict=True):
        each.require_promises(answer.seq, bytes.fromhex(answer.digest[2:]))


def test_the_receipt_of_an_answer_that_was_lost_is_fetched_and_kept(
    stand_in: StandIn, tmp_path: Path
) -> None:
    client = trading(stand_in, tmp_path / "receipts")
    stand_in.drop("POST /v1/withdrawals")

    class Accepted(dict[str, Any]):
        def get(self, call: str, default: Any = None) -> Any:
            if call.startswith("GET /v1/transactions/"):
                stand_in.answer("GET /v1/receipts/12", receipt(12, bytes.fromhex(call[-64:])))
                return [(200, ACCEPTED | {"code": "OK", "status": "accepted"}, {})]
            return super().get(call, default)

    stand_in.answers = Accepted(stand_in.answers)
    with client:
        assert client.withdraw("ETH", Decimal(1)).seq == 12
    assert [kept.receipt.seq for kept in read_receipts(tmp_path / "receipts")] == [12]


def trading(stand_in: StandIn, receipts: Path | None = None) -> Client:
    """A client of a stand-in that accepts withdrawals."""
    stand_in.wallet = WALLET
    account = {"account": ADDRESS, "balances": [], "nonces": []}
    stand_in.answer(f"GET /v1/accounts/{ADDRESS}", account)
    stand_in.answer("POST /v1/withdrawals", ACCEPTED)
    return Client(stand_in.url, WALLET, receipts=receipts)


def of_another(seq: int, signer: ReceiptSigner | None = None, **changes: Any) -> Any:
    """A receipt that is not of the transaction that was sent."""
    made = receipt(seq, b"\x01" * 32, signer) if signer else receipt(seq, b"\x01" * 32)
    return made | changes


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (of_another(12), "the receipt is of transaction 12, 0x01"),
        (of_another(12, OTHER_KEY), "signed by"),
        (of_another(12, OTHER_DOMAIN), "signed by"),
        (of_another(12, time=1), "signed by"),
        (of_another(12, signature="0x" + "00" * 65), "makes no sense"),
        (of_another(12, signature="0x12"), "makes no sense"),
        (of_another(12, signature="no"), "makes no sense"),
        (of_another(12, digest="0x12"), "makes no sense"),
        (of_another(12, time=-1), "makes no sense"),
    ],
)
def test_a_wrong_receipt_is_an_error_and_not_kept(
    stand_in: StandIn, tmp_path: Path, wrong: Any, message: str
) -> None:
    with trading(stand_in, tmp_path / "receipts") as client:
        stand_in.answer("POST /v1/withdrawals", ACCEPTED | {"receipt": wrong})
        with pytest.raises(ReceiptError, match=message) as caught:
            client.withdraw("ETH", Decimal(1))
    assert caught.value.answer is not None
    assert caught.value.answer.seq == 12
    assert read_receipts(tmp_path / "receipts") == []


def test_a_receipt_of_the_right_digest_in_another_place_is_wrong(stand_in: StandIn) -> None:
    """The promise is of a place: an answer that names another one is not covered by it."""

    class Elsewhere(RememberingWallet):
        def sign(self, digest: bytes) -> bytes:
            answer = ACCEPTED | {"receipt": receipt(13, digest)}
            stand_in.answer("POST /v1/withdrawals", answer)
            return super().sign(digest)

    wallet = Elsewhere(b"\x07" * 32)
    trading(stand_in).close()
    stand_in.wallet = None
    with (
        Client(stand_in.url, wallet) as client,
        pytest.raises(ReceiptError, match="the receipt is of transaction 13"),
    ):
        client.withdraw("ETH", Decimal(1))


def test_a_receipt_that_is_fetched_is_checked(stand_in: StandIn) -> None:
    with Client(stand_in.url) as client:
        stand_in.answer("GET /v1/receipts/12", receipt(12, b"\x01" * 32))
        assert client.receipt(12).seq == 12
        for wrong in (receipt(13, b"\x01" * 32), receipt(12, b"\x01" * 32, OTHER_KEY)):
            stand_in.answer("GET /v1/receipts/12", wrong)
            with pytest.raises(ReceiptError):
                client.receipt(12)


def test_a_receipt_that_cannot_be_kept_is_told(stand_in: StandIn, tmp_path: Path) -> None:
    with trading(stand_in, tmp_path / "receipts") as client:
        (tmp_path / "receipts").unlink()
        (tmp_path / "receipts").mkdir()
        with pytest.raises(ReceiptError, match="accepted as transaction 12, but"):
            client.withdraw("ETH", Decimal(1))
    with pytest.raises(IsADirectoryError):
        trading(stand_in, tmp_path / "receipts")


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"chainId": 1}', b"\xff", b""])
def test_a_line_that_is_no_receipt_is_named(stand_in: StandIn, tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "receipts"
    with trading(stand_in, path) as client:
        client.withdraw("ETH", Decimal(1))
    assert json.loads(path.read_text())["receipt"]["seq"] == "12"
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(BadReceipt, match="line 2 is no receipt"):
        read_receipts(path)
