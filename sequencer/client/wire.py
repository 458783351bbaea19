"""Signed transactions as the API takes them; no input or output here.

A `Submission` is the same over REST and over a socket, and can be sent again as it is: its nonce makes a second
acceptance impossible.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sequencer.client import answers
from sequencer.client.actions import SELF_TRADES, SIDES, TIMES_IN_FORCE
from sequencer.client.answers import Market, Token
from sequencer.client.decimals import from_steps, from_units
from sequencer.client.wallet import Wallet
from sequencer.core import signing
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

Terms = Market | Token | None
"""What the decimals of a transaction count in."""
Fields = dict[str, Any]


class Operation(msgspec.Struct, frozen=True):
    """A kind of transaction: its name, its address and the type of its answer."""

    name: str
    path: str
    answer: type[answers.Accepted]


OPERATIONS: Final[Mapping[type, Operation]] = {
    PlaceOrder: Operation("place_order", "/v1/orders", answers.Placed),
    CancelOrder: Operation("cancel_order", "/v1/cancels", answers.Cancelled),
    CancelClientOrder: Operation("cancel_order", "/v1/cancels", answers.Cancelled),
    CancelAll: Operation("cancel_all", "/v1/cancel-all", answers.CancelledAll),
    ReplaceOrder: Operation("replace_order", "/v1/replacements", answers.Replaced),
    Batch: Operation("batch", "/v1/order-batches", answers.BatchResults),
    Withdraw: Operation("withdraw", "/v1/withdrawals", answers.Accepted),
    Transfer: Operation("transfer", "/v1/transfers", answers.Accepted),
    ApproveAgent: Operation("approve_agent", "/v1/agents", answers.AgentApproved),
    RevokeAgent: Operation("revoke_agent", "/v1/agent-revocations", answers.Accepted),
    InvalidateNonces: Operation("invalidate_nonces", "/v1/nonce-invalidations", answers.Accepted),
}
ALL_MARKETS: Final = 1
"""The bit map of an agent for every market."""
_SIDE_NAMES: Final = {member: name for name, member in SIDES.items()}
_FORCE_NAMES: Final = {member: name for name, member in TIMES_IN_FORCE.items()}
_SELF_TRADE_NAMES: Final = {member: name for name, member in SELF_TRADES.items()}


class Submission(msgspec.Struct, frozen=True):
    """A signed transaction, ready to be sent. `digest`: 32 bytes, by which it can be looked up."""

    tx: Transaction
    digest: bytes
    body: Fields

    @property
    def operation(self) -> Operation:
        """Of its kind."""
        return OPERATIONS[type(self.tx)]


def sign(separator: bytes, wallet: Wallet, tx: Transaction, terms: Terms) -> Submission:
    """Signs a transaction under the domain. `terms`: the market or token that it counts in.

    Raises `ValueError` for a field outside the range of its type.
    """
    digest = signing.digest(separator, tx)
    head = {
        "account": _hex(tx.account),
        "signer": _hex(tx.signer),
        "nonce": str(tx.nonce),
        "deadline": str(tx.deadline),
    }
    return Submission(tx, digest, head | _fields(tx, terms) | {"signature": _hex(wallet.sign(digest))})


def _fields(tx: Transaction, terms: Terms) -> Fields:
    """What the body has besides the first four fields and the signature."""
    return _WRITERS[type(tx)](tx, terms)


def _place_order(tx: PlaceOrder, market: Market) -> Fields:
    return {"market": tx.market, "side": _SIDE_NAMES[tx.side], **_order(tx, market)}


def _replace_order(tx: ReplaceOrder, market: Market) -> Fields:
    expected = from_steps(tx.expected_size, market.lot_size)
    return {"orderId": _hex(tx.order_id), "expectedSize": expected, **_order(tx, market)}


def _order(tx: PlaceOrder | ReplaceOrder, market: Market) -> Fields:
    return {
        "timeInForce": _FORCE_NAMES[tx.time_in_force],
        "selfTrade": _SELF_TRADE_NAMES[tx.self_trade],
        "price": from_steps(tx.price, market.tick_size),
        "size": from_steps(tx.size, market.lot_size),
        "clientOrderId": str(tx.client_order_id),
    }


def _withdraw(tx: Withdraw, token: Token) -> Fields:
    return {
        "token": tx.token,
        "amount": from_units(tx.amount, token.decimals),
        "recipient": _hex(tx.recipient),
        "maxRelayFee": from_units(tx.max_relay_fee, token.decimals),
    }


def _transfer(tx: Transfer, token: Token) -> Fields:
    return {"to": _hex(tx.to), "token": tx.token, "amount": from_units(tx.amount, token.decimals)}


def _approve_agent(tx: ApproveAgent, _: None) -> Fields:
    return {"agent": _hex(tx.agent), "expiry": str(tx.expiry), "markets": market_list(tx.markets)}


_WRITERS: Final[Mapping[type, Callable[[Any, Any], Fields]]] = {
    PlaceOrder: _place_order,
    CancelOrder: lambda tx, _: {"orderId": _hex(tx.order_id)},
    CancelClientOrder: lambda tx, _: {"clientOrderId": str(tx.client_order_id)},
    CancelAll: lambda tx, _: {"market": tx.market},
    ReplaceOrder: _replace_order,
    Batch: lambda tx, _: {"actions": _hex(encode_actions(tx.actions))},
    Withdraw: _withdraw,
    Transfer: _transfer,
    ApproveAgent: _approve_agent,
    RevokeAgent: lambda tx, _: {"agent": _hex(tx.agent)},
    InvalidateNonces: lambda tx, _: {"floor": str(tx.floor)},
}


def market_list(bit_map: int) -> list[int] | str:
    """The markets of an agent: their numbers, or "all"."""
    return "all" if bit_map == ALL_MARKETS else [bit for bit in range(256) if bit_map >> bit & 1]


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"
