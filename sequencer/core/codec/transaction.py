"""A signed transaction in fixed width: `kind ‖ account ‖ signer ‖ nonce ‖ deadline ‖` its own fields.

This is the record of the journal; what goes to L1 is shorter (`data`).
"""

from struct import Struct
from typing import Final

from sequencer.core.types import (
    CancelClientOrder,
    CancelOrder,
    Kind,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Withdraw,
)

_HEAD: Final = ">B20s20sQQ"
_PLACE_ORDER: Final = Struct(f"{_HEAD}IBBBQQ16s")
_CANCEL_ORDER: Final = Struct(f"{_HEAD}24s")
_CANCEL_CLIENT_ORDER: Final = Struct(f"{_HEAD}16s")
_WITHDRAW: Final = Struct(f"{_HEAD}I16s20s16s")


def encode_transaction(tx: Transaction) -> bytes:
    """The record of `tx`."""
    match tx:
        case PlaceOrder():
            return _PLACE_ORDER.pack(
                Kind.PLACE_ORDER,
                tx.account,
                tx.signer,
                tx.nonce,
                tx.deadline,
                tx.market,
                tx.side,
                tx.time_in_force,
                tx.self_trade,
                tx.price,
                tx.size,
                tx.client_order_id.to_bytes(16, "big"),
            )
        case CancelOrder():
            return _CANCEL_ORDER.pack(
                Kind.CANCEL_ORDER, tx.account, tx.signer, tx.nonce, tx.deadline, tx.order_id
            )
        case CancelClientOrder():
            return _CANCEL_CLIENT_ORDER.pack(
                Kind.CANCEL_CLIENT_ORDER,
                tx.account,
                tx.signer,
                tx.nonce,
                tx.deadline,
                tx.client_order_id.to_bytes(16, "big"),
            )
        case Withdraw():
            return _WITHDRAW.pack(
                Kind.WITHDRAW,
                tx.account,
                tx.signer,
                tx.nonce,
                tx.deadline,
                tx.token,
                tx.amount.to_bytes(16, "big"),
                tx.recipient,
                tx.max_relay_fee.to_bytes(16, "big"),
            )


def decode_transaction(record: bytes) -> Transaction:
    """The transaction of a record; `ValueError` if it is none."""
    match record[0] if record else None, len(record):
        case Kind.PLACE_ORDER, _PLACE_ORDER.size:
            return _decode_place_order(record)
        case Kind.CANCEL_ORDER, _CANCEL_ORDER.size:
            return CancelOrder(*_CANCEL_ORDER.unpack(record)[1:])
        case Kind.CANCEL_CLIENT_ORDER, _CANCEL_CLIENT_ORDER.size:
            _, account, signer, nonce, deadline, client = _CANCEL_CLIENT_ORDER.unpack(record)
            return CancelClientOrder(account, signer, nonce, deadline, int.from_bytes(client, "big"))
        case Kind.WITHDRAW, _WITHDRAW.size:
            return _decode_withdraw(record)
        case _:
            raise ValueError(f"{record[:1].hex() or 'nothing'}, {len(record)} bytes: not a transaction")


def _decode_place_order(record: bytes) -> PlaceOrder:
    fields = _PLACE_ORDER.unpack(record)
    _, account, signer, nonce, deadline, market, side, time_in_force, self_trade, price, size, client = fields
    return PlaceOrder(
        account=account,
        signer=signer,
        nonce=nonce,
        deadline=deadline,
        market=market,
        side=Side(side),
        time_in_force=TimeInForce(time_in_force),
        self_trade=SelfTrade(self_trade),
        price=price,
        size=size,
        client_order_id=int.from_bytes(client, "big"),
    )


def _decode_withdraw(record: bytes) -> Withdraw:
    _, account, signer, nonce, deadline, token, amount, recipient, relay_fee = _WITHDRAW.unpack(record)
    return Withdraw(
        account=account,
        signer=signer,
        nonce=nonce,
        deadline=deadline,
        token=token,
        amount=int.from_bytes(amount, "big"),
        recipient=recipient,
        max_relay_fee=int.from_bytes(relay_fee, "big"),
    )
