"""What became of an accepted transaction, as the API answers it."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from sequencer.adapters.http import answers
from sequencer.adapters.http.context import hex_bytes
from sequencer.adapters.http.units import MarketUnits, market_units
from sequencer.adapters.receipts import ReceiptSigner
from sequencer.core.book import parse_order_id
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.types import (
    Action,
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    Fill,
    Order,
    OrderId,
    PlaceOrder,
    Receipt,
    ReplaceOrder,
    Result,
    Side,
    Transaction,
)
from sequencer.node import Accepted

_OK: Final = Code.OK


UnitsOf = Callable[[int], MarketUnits]
"""The units of a market by its number."""


def placed(state: State, tx: PlaceOrder, accepted: Accepted, receipt: answers.Receipt) -> answers.Placed:
    """The new order and what it met."""
    units = market_units(state, tx.market)
    return answers.Placed(**_head(accepted, receipt), **_order_outcome(units, tx.side, accepted.result))


def cancelled(
    state: State, _tx: CancelOrder | CancelClientOrder, accepted: Accepted, receipt: answers.Receipt
) -> answers.Cancelled:
    """The order that is gone."""
    return answers.Cancelled(
        **_head(accepted, receipt), **_cancel_outcome(partial(market_units, state), accepted.result)
    )


def cancelled_all(
    state: State, _tx: CancelAll, accepted: Accepted, receipt: answers.Receipt
) -> answers.CancelledAll:
    """The orders that are gone."""
    return answers.CancelledAll(
        **_head(accepted, receipt), cancelled=_orders(partial(market_units, state), accepted.result.removed)
    )


def replaced(
    state: State, tx: ReplaceOrder, accepted: Accepted, receipt: answers.Receipt
) -> answers.Replaced:
    """The order that stands now and what it met."""
    return answers.Replaced(
        **_head(accepted, receipt), **_replace_outcome(partial(market_units, state), tx, accepted.result)
    )


def batch(state: State, tx: Batch, accepted: Accepted, receipt: answers.Receipt) -> answers.BatchResults:
    """A result for each action, in their order."""
    units_of = cache(partial(market_units, state))
    pairs = zip(tx.actions, accepted.result.items, strict=True)
    return answers.BatchResults(
        **_head(accepted, receipt), results=[_item(units_of, action, result) for action, result in pairs]
    )


def agent_approved(
    state: State, tx: ApproveAgent, accepted: Accepted, receipt: answers.Receipt
) -> answers.AgentApproved:
    """The agent's nonce lane; null if it was revoked meanwhile."""
    agent = state.accounts[tx.account].agents.get(tx.agent)
    return answers.AgentApproved(**_head(accepted, receipt), lane=None if agent is None else agent.lane)


def sequenced(
    _state: State, _tx: Transaction, accepted: Accepted, receipt: answers.Receipt
) -> answers.Accepted:
    """That it is durable says all."""
    return answers.Accepted(**_head(accepted, receipt))


def signed_receipt(signer: ReceiptSigner, receipt: Receipt) -> answers.Receipt:
    """A receipt with its signature; what it is of is durable."""
    return answers.Receipt(
        seq=str(receipt.seq),
        digest=hex_bytes(receipt.digest),
        inbox_hash=hex_bytes(receipt.inbox_hash),
        time=receipt.time,
        signature=hex_bytes(signer.sign(receipt)),
    )


def _head(accepted: Accepted, receipt: answers.Receipt) -> dict[str, Any]:
    """The fields that every answer to a transaction has."""
    return {
        "seq": receipt.seq,
        "digest": receipt.digest,
        "block": str(accepted.block),
        "receipt": receipt,
    }


def _item(units_of: UnitsOf, action: Action, result: Result) -> answers.ItemResult:
    if result.code is not _OK:
        return answers.ItemResult(code=result.code.name)
    return answers.ItemResult(code="OK", **_item_outcome(units_of, action, result))


def _item_outcome(units_of: UnitsOf, action: Action, result: Result) -> dict[str, Any]:
    match action:
        case PlaceOrder():
            return _order_outcome(units_of(action.market), action.side, result)
        case ReplaceOrder():
            return _replace_outcome(units_of, action, result)
        case CancelAll():
            return {"cancelled": _orders(units_of, result.removed)}
        case _:
            return _cancel_outcome(units_of, result)


def _order_outcome(units: MarketUnits, side: Side, result: Result) -> dict[str, Any]:
    return {
        "order_id": hex_bytes(_order_id(result)),
        "status": _status(result),
        "filled": units.size(result.filled),
        "remaining": units.size(result.remaining),
        "fills": _fills(units, side, result.fills) if result.fills else [],
    }


def _fills(units: MarketUnits, side: Side, fills: tuple[Fill, ...]) -> list[answers.Fill]:
    received, fees = units.received(side)
    return [
        answers.Fill(
            price=units.price(fill.price),
            size=units.size(fill.size),
            fee=fees.format(fill.taker_fee),
            fee_token=received.id,
        )
        for fill in fills
    ]


def _replace_outcome(units_of: UnitsOf, tx: ReplaceOrder, result: Result) -> dict[str, Any]:
    number, side, *_ = parse_order_id(tx.order_id)
    kept_place = result.resting and result.order_id == tx.order_id
    return _order_outcome(units_of(number), side, result) | {"kept_place": kept_place}


def _cancel_outcome(units_of: UnitsOf, result: Result) -> dict[str, Any]:
    order_id = _order_id(result)
    number, *_ = parse_order_id(order_id)
    remaining = units_of(number).size(result.remaining)
    return {"order_id": hex_bytes(order_id), "status": "cancelled", "remaining": remaining}


def _orders(units_of: UnitsOf, removed: tuple[Order, ...]) -> list[answers.CancelledOrder]:
    return [
        answers.CancelledOrder(
            order_id=hex_bytes(order.id),
            market=order.market,
            remaining=units_of(order.market).size(order.remaining),
        )
        for order in removed
    ]


def _order_id(result: Result) -> OrderId:
    if result.order_id is None:
        raise ValueError(f"transaction {result.seq} names no order")
    return result.order_id


def _status(result: Result) -> str:
    if result.resting:
        return "resting"
    return "cancelled" if result.remaining else "filled"
