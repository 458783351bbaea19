"""EIP-712 digests against eth-account."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
import zkclob_native as native
from eth_account import Account
from eth_account.messages import encode_typed_data
from msgspec.structs import replace

from sequencer.core import signing
from sequencer.core.types import PlaceOrder, SelfTrade, Side, TimeInForce, Transaction, Withdraw
from tests.core.exchange import ALICE, BOB, Trader
from tests.properties.replica import Signer

CHAIN_ID = 31337
CONTRACT = bytes(range(20))
SEPARATOR = signing.domain_separator(CHAIN_ID, CONTRACT)
SECRET = bytes(31) + b"\x2a"

TRANSACTIONS: list[Transaction] = [
    Trader(ALICE).buy(1, 2, client_order_id=2**128 - 1),
    PlaceOrder(
        BOB, ALICE, 2**64 - 1, 2**64 - 1, 2**32 - 1, Side.ASK, TimeInForce.POST_ONLY_GTT,
        SelfTrade.DECREMENT_BOTH, 2**64 - 1, 2**64 - 2, 0,
    ),
    Trader(ALICE).cancel(bytes(range(24))),
    Trader(BOB).cancel_client(2**100 + 3),
    Trader(BOB).withdraw(9, 2**128 - 1, max_relay_fee=2**127, recipient=ALICE),
    Trader(ALICE).cancel_all(2**32 - 1),
    Trader(ALICE).replace(bytes(range(24)), 3, 2**64 - 1, 5, client_order_id=2**127),
    Trader(ALICE).batch(
        Trader(BOB).buy(1, 2), Trader(BOB).cancel(bytes(24)), Trader(BOB).cancel_client(2**127),
        Trader(BOB).cancel_all(3), Trader(BOB).replace(bytes(24), 1, 2, 3),
    ),
    Trader(ALICE).transfer(BOB, 2**32 - 1, 2**128 - 1),
    Trader(ALICE).approve(BOB, 0, 255, expiry=2**64 - 1),
    Trader(ALICE).revoke(BOB),
    Trader(ALICE).invalidate(2**64 - 1),
]  # fmt: skip


def oracle(message: Mapping[str, Any]) -> bytes:
    """The digest that eth-account signs for a full EIP-712 message."""
    signed = Account.sign_message(encode_typed_data(full_message=dict(message)), SECRET)
    return bytes(signed.message_hash)


@pytest.mark.parametrize("tx", TRANSACTIONS, ids=lambda tx: type(tx).__name__)
def test_digest_is_that_of_eth_account(tx: Transaction) -> None:
    assert signing.digest(SEPARATOR, tx) == oracle(signing.typed_data(CHAIN_ID, CONTRACT, tx))


def test_every_type_is_tried() -> None:
    assert {type(tx).__name__ for tx in TRANSACTIONS} == set(signing.TYPES)


@pytest.mark.parametrize("name", signing.TYPES)
def test_every_type_of_the_protocol_is_that_of_eth_account(name: str) -> None:
    values = random_values(name, Random(name))
    expected = oracle(signing.struct_typed_data(CHAIN_ID, CONTRACT, name, values))
    assert signing.struct_digest(SEPARATOR, name, values) == expected


def random_values(name: str, random: Random) -> dict[str, int | bytes]:
    _, fields = signing.TYPES[name]
    return {field: random_value(kind, random) for field, kind in fields}


def random_value(kind: str, random: Random) -> int | bytes:
    if kind.startswith("uint"):
        return random.getrandbits(int(kind.removeprefix("uint")))
    return random.randbytes({"address": 20, "bytes24": 24, "bytes": 77}[kind])


def test_type_strings_are_written_without_spaces_after_commas() -> None:
    expected = "CancelAll(address account,address signer,uint64 nonce,uint64 deadline,uint32 market)"
    assert signing.TYPE_STRINGS["CancelAll"] == expected


def test_digest_depends_on_the_chain_and_the_contract() -> None:
    tx = TRANSACTIONS[0]
    separators = [signing.domain_separator(*domain) for domain in ((1, CONTRACT), (CHAIN_ID, ALICE))]
    assert len({signing.digest(separator, tx) for separator in (SEPARATOR, *separators)}) == 3


ORDER = Trader(ALICE).buy(1, 2)
WITHDRAWAL = Trader(ALICE).withdraw(1, 1)


@pytest.mark.parametrize(
    "tx",
    [
        replace(ORDER, price=2**64),
        replace(ORDER, size=-1),
        replace(ORDER, market=2**32),
        replace(ORDER, nonce=2**64),
        replace(ORDER, client_order_id=2**128),
        replace(ORDER, account=ALICE[:19]),
        replace(ORDER, signer=ALICE + b"\0"),
        replace(WITHDRAWAL, recipient=b""),
        replace(WITHDRAWAL, amount=-1),
        Trader(ALICE).cancel(bytes(23)),
    ],
)
def test_a_field_out_of_range_has_no_digest(tx: PlaceOrder | Withdraw) -> None:
    with pytest.raises(ValueError, match=r"range|bytes"):
        signing.digest(SEPARATOR, tx)


def test_a_signature_of_another_form_is_none() -> None:
    signer, digest = Signer(5), bytes(range(32))
    good = signer.sign(digest)
    assert native.recover(digest, good) == (signer.address, signer.public_key)
    for v in (0, 1, good[64] - 27, 29, 255):
        with pytest.raises(ValueError, match="v is neither"):
            native.recover(digest, good[:64] + bytes([v]))
    assert native.recover(digest, good[:64] + bytes([55 - good[64]]))[0] != signer.address
    bad = good[:64] + b"\0"
    assert native.recover_many([(digest, good), (digest, bad)]) == [native.recover(digest, good), None]
