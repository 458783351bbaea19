"""Requests that carry the test's transactions: decimals are written here by hand, not by the code under test."""

from decimal import Decimal
from typing import Any, Final

from sequencer.core.codec import encode_actions
from sequencer.core.types import (
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    InvalidateNonces,
    PlaceOrder,
    ReplaceOrder,
    RevokeAgent,
    Transaction,
    Transfer,
    Withdraw,
)
from tests.properties.replica import Signer
from tests.world import ETH, order_body, signed_body

TICK: Final = Decimal("0.01")
LOT: Final = Decimal("0.0001")
PATHS: Final = {
    PlaceOrder: "/v1/orders",
    CancelOrder: "/v1/cancels",
    CancelClientOrder: "/v1/cancels",
    CancelAll: "/v1/cancel-all",
    ReplaceOrder: "/v1/replacements",
    Batch: "/v1/order-batches",
    Withdraw: "/v1/withdrawals",
    Transfer: "/v1/transfers",
    ApproveAgent: "/v1/agents",
    RevokeAgent: "/v1/agent-revocations",
    InvalidateNonces: "/v1/nonce-invalidations",
}


def request(tx: Transaction, signer: Signer) -> tuple[str, dict[str, Any]]:
    """Path and body for a transaction in the market and the tokens of `World.list_and_fund`."""
    path = PATHS[type(tx)]
    if isinstance(tx, PlaceOrder):
        return path, order_body(tx, signer, _text(tx.price * TICK), _text(tx.size * LOT), **_client_id(tx))
    return path, signed_body(tx, signer, **_fields(tx))


def _fields(tx: Transaction) -> dict[str, Any]:
    match tx:
        case CancelOrder():
            return {"orderId": _hex(tx.order_id)}
        case CancelClientOrder():
            return {"clientOrderId": str(tx.client_order_id)}
        case CancelAll():
            return {"market": tx.market}
        case ReplaceOrder():
            return {
                "orderId": _hex(tx.order_id),
                "timeInForce": tx.time_in_force.name,
                "selfTrade": tx.self_trade.name.lower(),
                "price": _text(tx.price * TICK),
                "size": _text(tx.size * LOT),
                "expectedSize": _text(tx.expected_size * LOT),
                **_client_id(tx),
            }
        case Batch():
            return {"actions": _hex(encode_actions(tx.actions))}
        case Withdraw():
            return {
                "token": tx.token,
                "amount": _amount(tx.token, tx.amount),
                "recipient": _hex(tx.recipient),
                "maxRelayFee": _amount(tx.token, tx.max_relay_fee),
            }
        case Transfer():
            return {"to": _hex(tx.to), "token": tx.token, "amount": _amount(tx.token, tx.amount)}
        case ApproveAgent():
            return {"agent": _hex(tx.agent), "expiry": str(tx.expiry), "markets": _markets(tx.markets)}
        case RevokeAgent():
            return {"agent": _hex(tx.agent)}
        case InvalidateNonces():
            return {"floor": str(tx.floor)}
        case _:
            raise TypeError(tx)


def _markets(bit_map: int) -> list[int] | str:
    return "all" if bit_map == 1 else [bit for bit in range(256) if bit_map >> bit & 1]


def _client_id(tx: PlaceOrder | ReplaceOrder) -> dict[str, str]:
    return {"clientOrderId": str(tx.client_order_id)} if tx.client_order_id else {}


def _amount(token: int, units: int) -> str:
    return _text(Decimal(units).scaleb(-18 if token == ETH else -6))


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"
