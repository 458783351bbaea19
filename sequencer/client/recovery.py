"""The results of transactions whose answers were lost, as far as the exchange's history tells them."""

from typing import Protocol

from sequencer.client import answers
from sequencer.client.actions import Hex
from sequencer.client.wire import Submission
from sequencer.core.types import (
    ApproveAgent,
    CancelClientOrder,
    CancelOrder,
    InvalidateNonces,
    PlaceOrder,
    ReplaceOrder,
    RevokeAgent,
    Transfer,
    Withdraw,
)


class History(Protocol):
    """Where it is looked up."""

    async def order(self, order_id: Hex) -> answers.OrderRecord:
        """An order, resting or ended."""
        ...

    async def receipt(self, seq: int) -> answers.Receipt:
        """The receipt of a signed transaction."""
        ...

    async def agents(self, address: Hex | None = None) -> list[answers.Agent]:
        """The agents of an account."""
        ...


async def recovered(
    history: History, submission: Submission, info: answers.TransactionInfo
) -> answers.Accepted | None:
    """The answer as it would have been, an order's as it is now; None if it cannot be told. Raises ClientError."""
    if info.code != "OK":
        return None
    head = info.seq, f"0x{submission.digest.hex()}", info.block, await history.receipt(info.seq)
    match submission.tx:
        case PlaceOrder() if info.order_id is not None:
            found = await history.order(info.order_id)
            return answers.Placed(
                *head, found.order_id, found.status, found.filled, found.remaining, fills=[]
            )
        case ReplaceOrder() as tx if info.order_id is not None:
            found = await history.order(info.order_id)
            kept_place = found.order_id == f"0x{tx.order_id.hex()}"
            return answers.Replaced(
                *head, found.order_id, found.status, found.filled, found.remaining, [], kept_place
            )
        case CancelOrder() | CancelClientOrder() if info.order_id is not None:
            found = await history.order(info.order_id)
            return answers.Cancelled(*head, found.order_id, found.remaining)
        case ApproveAgent() as tx:
            agents = await history.agents(tx.account)
            lanes = [known.lane for known in agents if known.agent == f"0x{tx.agent.hex()}"]
            return answers.AgentApproved(*head, lanes[0] if lanes else None)
        case Withdraw() | Transfer() | RevokeAgent() | InvalidateNonces():
            return answers.Accepted(*head)
        case _:
            return None
