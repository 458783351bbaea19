"""The state transition (docs/protocol.md, section 4): a block is opened, then its transactions are applied in turn.

A signed transaction is *valid* and then sequenced, its nonce used, with `OK` or the code of a typed no-op; or
*invalid*, and then `Rejection` is raised and nothing changes. Signatures are checked by the caller.
"""

from collections.abc import Iterator

from sequencer.core import agents, cancels, inbox, transfers
from sequencer.core.codec.inbox import parse_inbox_entry
from sequencer.core.constants import OWNER_LANES
from sequencer.core.context import OWNER_SCOPE, Context
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account, Lane, split_nonce
from sequencer.core.orders import place
from sequencer.core.replacing import replace
from sequencer.core.state import State
from sequencer.core.types import (
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    ExpireOrder,
    ForceCancelAll,
    ForceExit,
    InboxEntry,
    InvalidateNonces,
    OrderId,
    PlaceOrder,
    ReplaceOrder,
    Result,
    RevokeAgent,
    Sequenceable,
    Transaction,
    Transfer,
    Withdraw,
)

_UNUSED_LANE = Lane()
_OWNER_LANES = range(OWNER_LANES)


def open_block(state: State, timestamp: int) -> None:
    """Begin the next block. `ValueError` if its time is before the previous block's."""
    meta = state.meta
    if timestamp < meta.timestamp:
        raise ValueError(f"block time must be at least {meta.timestamp}, not {timestamp}")
    meta.block_number += 1
    meta.timestamp = timestamp


def accept(state: State, tx: Transaction) -> Result:
    """Sequence `tx`. Raises `Rejection`, with nothing changed, if it is invalid or would be a no-op."""
    account, scope = check_valid(state, tx)
    result = _carry_out(state, account, tx, Context(state.meta.next_seq, scope))
    _use(state, account, tx)
    return result


def apply(state: State, tx: Transaction) -> Result:
    """Sequence `tx`. Raises `Rejection`, with nothing changed, if it is invalid."""
    try:
        return accept(state, tx)
    except Rejection as rejection:
        if rejection.code.invalid:
            raise
        return Result(_use(state, state.accounts[tx.account], tx), rejection.code)


def _carry_out(state: State, account: Account, tx: Transaction, context: Context) -> Result:
    match tx:
        case PlaceOrder():
            return place(state, account, tx, context)
        case CancelOrder():
            return cancels.cancel(state, tx, context)
        case CancelClientOrder():
            return cancels.cancel_client(state, tx, context)
        case CancelAll():
            return cancels.cancel_all(state, account, tx, context)
        case ReplaceOrder():
            return replace(state, account, tx, context)
        case Batch():
            return Result(context.seq, Code.OK, items=tuple(_items(state, account, tx, context)))
        case Withdraw():
            return transfers.withdraw(state, account, tx, context)
        case Transfer():
            return transfers.transfer(state, account, tx, context)
        case ApproveAgent():
            return agents.approve(state, account, tx, context)
        case RevokeAgent():
            return agents.revoke(account, tx, context)
        case InvalidateNonces():
            return agents.invalidate(account, tx, context)


def _items(state: State, account: Account, tx: Batch, context: Context) -> Iterator[Result]:
    """Carry out the actions of a batch, each with a result of its own."""
    for item, action in enumerate(tx.actions):
        context.item = item
        try:
            yield _carry_out(state, account, action, context)
        except Rejection as rejection:
            yield Result(context.seq, rejection.code)


def apply_inbox(state: State, entry: bytes) -> Result:
    """Sequence the next entry of the inbox. `ValueError` if the block is older than the entry."""
    parsed = parse_inbox_entry(entry)
    meta = state.meta
    if parsed.time > meta.timestamp:
        raise ValueError(f"block time must be at least the entry's {parsed.time}, not {meta.timestamp}")
    meta.inbox_cursor += 1
    meta.inbox_hash = inbox.next_inbox_hash(meta.inbox_hash, entry)
    return inbox.apply_entry(state, parsed, state.take_seq())


def apply_expiry(state: State, tx: ExpireOrder) -> Result:
    """Sequence the end of an order. Raises `Rejection`, with nothing changed, if its time is not over."""
    result = cancels.expire(state, tx, state.meta.next_seq)
    state.take_seq()
    return result


def check_valid(state: State, tx: Transaction) -> tuple[Account, int]:
    """The account of `tx` and its signer's scope; raises `Rejection` if no block can hold `tx`.

    The signature is not looked at.
    """
    account = state.accounts.get(tx.account)
    if account is None:
        raise Rejection(
            Code.UNKNOWN_ACCOUNT,
            "the account must have received a deposit first",
            {"account": f"0x{tx.account.hex()}"},
        )
    lane, sequence = split_nonce(tx.nonce)
    if tx.signer == tx.account:
        scope, lanes = OWNER_SCOPE, _OWNER_LANES
    else:
        scope, agent_lane = _check_agent(state, account, tx)
        lanes = range(agent_lane, agent_lane + 1)
    if state.meta.timestamp > tx.deadline:
        raise Rejection(
            Code.DEADLINE_PASSED,
            f"deadline must be at least {state.meta.timestamp}, the time of the block",
            {"time": str(state.meta.timestamp), "given": str(tx.deadline)},
        )
    if lane not in lanes:
        allowed = (
            f"0 to {OWNER_LANES - 1} for the owner" if lanes is _OWNER_LANES else f"{lanes[0]} for this agent"
        )
        raise Rejection(Code.NONCE_LANE, f"the nonce lane is {allowed}, not {lane}", {"lane": str(lane)})
    account.lanes.get(lane, _UNUSED_LANE).check(lane, sequence)
    return account, scope


_TRADING = (PlaceOrder, CancelOrder, CancelClientOrder, CancelAll, ReplaceOrder, Batch)
"""What an agent may sign."""


def _check_agent(state: State, account: Account, tx: Transaction) -> tuple[int, int]:
    """Scope and lane of the agent that signed `tx`; raises `Rejection` if it may not sign this."""
    agent = account.agents.get(tx.signer)
    if agent is None:
        reason = f"signer must be the account 0x{tx.account.hex()} or an agent of it"
    elif not isinstance(tx, _TRADING):
        reason = "an agent may only trade: the account itself must sign this"
    elif state.meta.timestamp > agent.expiry:
        reason = f"the agent's rights ended at {agent.expiry}"
    else:
        return agent.markets, agent.lane
    raise Rejection(Code.SIGNER_NOT_AUTHORIZED, reason, {"signer": f"0x{tx.signer.hex()}"})


def _use(state: State, account: Account, tx: Transaction) -> int:
    """Use up the next sequence number, which it gives, and the nonce of `tx`."""
    number, sequence = split_nonce(tx.nonce)
    account.lane(number).use(sequence)
    state.touch(tx.account)
    return state.take_seq()


def removed_ids(tx: Sequenceable, result: Result) -> list[OrderId]:
    """The orders that `tx` removed without naming them: what a witness needs to be told (section 10)."""
    match tx:
        case CancelAll():
            return [order.id for order in result.removed]
        case Batch():
            pairs = zip(tx.actions, result.items, strict=True)
            return [key for action, item in pairs for key in removed_ids(action, item)]
        case InboxEntry() if isinstance(parse_inbox_entry(tx.data), ForceExit | ForceCancelAll):
            return [order.id for order in result.removed]
        case _:
            return []
