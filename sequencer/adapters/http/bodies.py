"""Bodies of signed transactions: the JSON of a signed struct, rebuilt bit by bit into what was signed.

Each body has `transaction`, which raises ApiError for a field that is wrong and Rejection for a market or token that
does not exist.
"""

from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from sequencer.adapters.http import fields
from sequencer.adapters.http.errors import ApiError, out_of_range
from sequencer.adapters.http.formats import (
    SELF_TRADES,
    SIDES,
    TIMES_IN_FORCE,
    Address,
    Decimal,
    HexBytes,
    Number,
    OrderId,
    SelfTradeName,
    SideName,
    Signature,
    TimeInForceName,
    Uint,
)
from sequencer.adapters.http.units import market_units
from sequencer.core.book import parse_order_id
from sequencer.core.codec import decode_actions
from sequencer.core.constants import MAX_MARKET_ID, MAX_U64, MAX_U128
from sequencer.core.decimals import Unit, amount_unit
from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
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

ALL_MARKETS: Literal["all"] = "all"


class SignedBody(Protocol):
    """The body of a signed transaction."""

    signature: str

    def transaction(self, state: State, /) -> Transaction:
        """What was signed. Raises ApiError, Rejection."""
        ...


class Signed(Struct, forbid_unknown_fields=True, rename="camel"):
    """The fields that every signed transaction has."""

    account: Address
    signer: Address
    nonce: Uint
    deadline: Uint
    signature: Signature

    def head(self) -> tuple[bytes, bytes, int, int]:
        """Account, signer, nonce, deadline."""
        return (
            fields.address("account", self.account),
            fields.address("signer", self.signer),
            fields.u64("nonce", self.nonce),
            fields.u64("deadline", self.deadline),
        )


class PlaceOrderBody(Signed, kw_only=True):
    """Body of POST /v1/orders."""

    market: Number
    side: SideName
    time_in_force: TimeInForceName
    self_trade: SelfTradeName
    price: Decimal
    size: Decimal
    client_order_id: Uint = "0"

    def transaction(self, state: State) -> PlaceOrder:
        """See SignedBody."""
        units = market_units(state, self.market)
        return PlaceOrder(
            *self.head(),
            market=self.market,
            side=fields.choice("side", self.side, SIDES),
            time_in_force=fields.choice("timeInForce", self.time_in_force, TIMES_IN_FORCE),
            self_trade=fields.choice("selfTrade", self.self_trade, SELF_TRADES),
            price=fields.units("price", self.price, units.tick, MAX_U64, "OFF_TICK"),
            size=fields.units("size", self.size, units.lot, MAX_U64, "OFF_LOT"),
            client_order_id=fields.u128("clientOrderId", self.client_order_id),
        )


class CancelBody(Signed, kw_only=True):
    """Body of POST /v1/cancels: one of the two ids."""

    order_id: OrderId | None = None
    client_order_id: Uint | None = None

    def transaction(self, _state: State) -> CancelOrder | CancelClientOrder:
        """See SignedBody."""
        if self.order_id is not None and self.client_order_id is not None:
            message = "orderId and clientOrderId exclude each other"
            raise ApiError(400, "UNKNOWN_FIELD", message, {"field": "clientOrderId"})
        if self.order_id is not None:
            return CancelOrder(*self.head(), order_id=fields.fixed_bytes("orderId", self.order_id, 24))
        if self.client_order_id is not None:
            client_order_id = fields.u128("clientOrderId", self.client_order_id)
            return CancelClientOrder(*self.head(), client_order_id=client_order_id)
        raise ApiError(400, "MISSING_FIELD", "orderId or clientOrderId is missing", {"field": "orderId"})


class CancelAllBody(Signed, kw_only=True):
    """Body of POST /v1/cancel-all; market 0: all."""

    market: Number

    def transaction(self, _state: State) -> CancelAll:
        """See SignedBody."""
        return CancelAll(*self.head(), market=self.market)


class ReplaceBody(Signed, kw_only=True):
    """Body of POST /v1/replacements; `expectedSize`: the remaining size that the signer knew."""

    order_id: OrderId
    time_in_force: TimeInForceName
    self_trade: SelfTradeName
    price: Decimal
    size: Decimal
    expected_size: Decimal
    client_order_id: Uint = "0"

    def transaction(self, state: State) -> ReplaceOrder:
        """See SignedBody."""
        order_id = fields.fixed_bytes("orderId", self.order_id, 24)
        market, *_ = parse_order_id(order_id)
        if market not in state.markets:
            raise Rejection(
                Code.UNKNOWN_ORDER, "the order's market is not listed", {"order_id": self.order_id.lower()}
            )
        units = market_units(state, market)
        return ReplaceOrder(
            *self.head(),
            order_id=order_id,
            time_in_force=fields.choice("timeInForce", self.time_in_force, TIMES_IN_FORCE),
            self_trade=fields.choice("selfTrade", self.self_trade, SELF_TRADES),
            price=fields.units("price", self.price, units.tick, MAX_U64, "OFF_TICK"),
            size=fields.units("size", self.size, units.lot, MAX_U64, "OFF_LOT"),
            expected_size=fields.units("expectedSize", self.expected_size, units.lot, MAX_U64, "OFF_LOT"),
            client_order_id=fields.u128("clientOrderId", self.client_order_id),
        )


class BatchBody(Signed, kw_only=True):
    """Body of POST /v1/order-batches; `actions`: the bytes that were signed."""

    actions: HexBytes

    def transaction(self, _state: State) -> Batch:
        """See SignedBody."""
        head = self.head()
        try:
            return Batch(*head, actions=decode_actions(fields.any_bytes("actions", self.actions), head))
        except ValueError as error:
            raise ApiError(400, "MALFORMED_ACTIONS", f"actions: {error}", {"field": "actions"}) from error


class WithdrawalBody(Signed, kw_only=True):
    """Body of POST /v1/withdrawals."""

    token: Number
    amount: Decimal
    recipient: Address
    max_relay_fee: Decimal

    def transaction(self, state: State) -> Withdraw:
        """See SignedBody."""
        unit = _unit(state, self.token)
        return Withdraw(
            *self.head(),
            token=self.token,
            amount=fields.units("amount", self.amount, unit, MAX_U128, "OUT_OF_RANGE"),
            recipient=fields.address("recipient", self.recipient),
            max_relay_fee=fields.units("maxRelayFee", self.max_relay_fee, unit, MAX_U128, "OUT_OF_RANGE"),
        )


class TransferBody(Signed, kw_only=True):
    """Body of POST /v1/transfers."""

    to: Address
    token: Number
    amount: Decimal

    def transaction(self, state: State) -> Transfer:
        """See SignedBody."""
        return Transfer(
            *self.head(),
            to=fields.address("to", self.to),
            token=self.token,
            amount=fields.units("amount", self.amount, _unit(state, self.token), MAX_U128, "OUT_OF_RANGE"),
        )


MarketId = Annotated[int, Meta(ge=1, le=MAX_MARKET_ID)]
MarketIds = Annotated[
    list[MarketId],
    Meta(min_length=1, max_length=MAX_MARKET_ID, extra_json_schema={"uniqueItems": True}),
]


class ApproveAgentBody(Signed, kw_only=True):
    """Body of POST /v1/agents; `markets` is signed as the sum of 2^id, "all" as 1."""

    agent: Address
    expiry: Uint
    markets: MarketIds | Literal["all"]

    def transaction(self, _state: State) -> ApproveAgent:
        """See SignedBody."""
        return ApproveAgent(
            *self.head(),
            agent=fields.address("agent", self.agent),
            expiry=fields.u64("expiry", self.expiry),
            markets=1 if self.markets == ALL_MARKETS else _bit_map(self.markets),
        )


class RevokeAgentBody(Signed, kw_only=True):
    """Body of POST /v1/agent-revocations."""

    agent: Address

    def transaction(self, _state: State) -> RevokeAgent:
        """See SignedBody."""
        return RevokeAgent(*self.head(), agent=fields.address("agent", self.agent))


class InvalidateNoncesBody(Signed, kw_only=True):
    """Body of POST /v1/nonce-invalidations."""

    floor: Uint

    def transaction(self, _state: State) -> InvalidateNonces:
        """See SignedBody."""
        return InvalidateNonces(*self.head(), floor=fields.u64("floor", self.floor))


def _unit(state: State, number: int) -> Unit:
    """A base unit of a listed token. Raises Rejection."""
    token = state.tokens.get(number)
    if token is None:
        raise Rejection(Code.UNKNOWN_TOKEN, f"token {number} is not listed", {"token": str(number)})
    return amount_unit(token)


def _bit_map(markets: list[int]) -> int:
    """Bit `m` for market `m`."""
    if len(set(markets)) != len(markets):
        raise out_of_range("markets", "each market once", markets)
    return sum(1 << market for market in markets)
