"""The results of transactions whose answers were lost, as far as the exchange's history tells them."""

from typing import Protocol

from sequencer.client import answers
from sequencer.client.actions import Hex
from sequencer.client.errors import NotThere
from sequencer.client.wire import Submission
from sequencer.core.book import PLACES_PER_SEQ, order_id
from sequencer.core.types import (
    CancelOrder,
    InvalidateNonces,
    PlaceOrder,
    RevokeAgent,
    Transfer,
    Withdraw,
)


class Orders(Protocol):
    """Where orders are looked up."""

    async def order(self, order_id: Hex) -> answers.OrderRecord:
        """Raises NotThere."""
        ...


async def recovered(
    orders: Orders, submission: Submission, info: answers.TransactionInfo
) -> answers.Accepted | None:
    """The answer as it would have been, an order's as it is now; None if it cannot be told. Raises ClientError."""
    head = info.seq, f"0x{submission.digest.hex()}", info.block
    if info.code != "OK":
        return None
    match submission.tx:
        case PlaceOrder() as tx:
            key = order_id(tx.market, tx.side, tx.price, info.seq * PLACES_PER_SEQ)
            return await _placed(orders, key, head)
        case CancelOrder() as tx:
            found = await orders.order(tx.order_id)
            return answers.Cancelled(*head, found.order_id, found.remaining)
        case Withdraw() | Transfer() | RevokeAgent() | InvalidateNonces():
            return answers.Accepted(*head)
        case _:
            return None


async def _placed(orders: Orders, key: bytes, head: tuple[int, str, int]) -> answers.Placed | None:
    try:
        found = await orders.order(key)
    except NotThere:
        return None
    if found.filled is None:
        return None
    return answers.Placed(*head, found.order_id, found.status, found.filled, found.remaining, [])
