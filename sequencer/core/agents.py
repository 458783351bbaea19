"""Agents of an account, and nonces made unusable (docs/protocol.md, sections 4.6 and 4.8)."""

from sequencer.core.constants import (
    LAST_AGENT_LANE,
    MAX_AGENTS,
    MAX_NONCE_JUMP,
    NONCE_SEQUENCE_MASK,
    OWNER_LANES,
    ZERO_ADDRESS,
)
from sequencer.core.context import Context
from sequencer.core.errors import Code, Rejection
from sequencer.core.ledger import Account, Agent, split_nonce
from sequencer.core.state import State
from sequencer.core.types import (
    Address,
    ApproveAgent,
    ForceApproveAgent,
    InvalidateNonces,
    Result,
    RevokeAgent,
)


def approve(state: State, account: Account, tx: ApproveAgent | ForceApproveAgent, context: Context) -> Result:
    """Give an agent rights, or other ones; raises `Rejection`, with nothing changed, for a no-op."""
    _check_agent(state, tx)
    agent = account.agents.get(tx.agent)
    if agent is not None:
        agent.expiry, agent.markets = tx.expiry, tx.markets
    else:
        _check_room(account)
        account.agents[tx.agent] = Agent(account.next_agent_lane, tx.expiry, tx.markets)
        account.next_agent_lane += 1
    return Result(context.seq, Code.OK)


def _check_agent(state: State, tx: ApproveAgent | ForceApproveAgent) -> None:
    now = state.meta.timestamp
    if tx.agent in (ZERO_ADDRESS, tx.account) or not tx.markets or tx.expiry < now:
        raise Rejection(
            Code.INVALID_AGENT,
            f"an agent is another address, has at least one market and an expiry of at least {now}",
            {"time": str(now), "expiry": str(tx.expiry), "markets": str(tx.markets)},
        )


def _check_room(account: Account) -> None:
    if len(account.agents) >= MAX_AGENTS or account.next_agent_lane > LAST_AGENT_LANE:
        raise Rejection(
            Code.TOO_MANY_AGENTS,
            f"an account has at most {MAX_AGENTS} agents",
            {"maximum": str(MAX_AGENTS), "agents": str(len(account.agents))},
        )


def revoke(account: Account, tx: RevokeAgent, context: Context) -> Result:
    """Take an agent's rights away; raises `Rejection`, with nothing changed, for a no-op."""
    if tx.agent not in account.agents:
        raise Rejection(
            Code.UNKNOWN_AGENT, "the account must have this agent", {"agent": f"0x{tx.agent.hex()}"}
        )
    _forget(account, tx.agent)
    return Result(context.seq, Code.OK)


def revoke_all(account: Account) -> None:
    """Take all agents' rights away."""
    for agent in list(account.agents):
        _forget(account, agent)


def _forget(account: Account, agent: Address) -> None:
    """A lane is never given again, so nothing that the agent signed can be used later."""
    account.lanes.pop(account.agents.pop(agent).lane, None)


def invalidate(account: Account, tx: InvalidateNonces, context: Context) -> Result:
    """Make the nonces below a floor unusable; raises `Rejection`, with nothing changed, for a no-op."""
    number, sequence = split_nonce(tx.floor)
    if number not in _lanes(account):
        raise Rejection(
            Code.INVALID_FLOOR,
            f"lane {number} is neither the owner's nor one of its agents'",
            {"lane": str(number)},
        )
    highest = _top_after(account, number, tx.nonce) + MAX_NONCE_JUMP
    if sequence > highest:
        raise Rejection(
            Code.INVALID_FLOOR,
            f"the floor of lane {number} must be at most {highest}",
            {"lane": str(number), "maximum": str(highest), "given": str(sequence)},
        )
    lane = account.lane(number)
    own_number, own = split_nonce(tx.nonce)
    if own_number == number:
        lane.use(own)  # before the lane is raised (section 4.1); to use it again later changes nothing
    lane.raise_to(sequence)
    return Result(context.seq, Code.OK)


def _top_after(account: Account, number: int, nonce: int) -> int:
    """The lane's `top` once `nonce`, which may be of another lane, is used."""
    lane = account.lanes.get(number)
    used_number, used = split_nonce(nonce)
    return max(lane.top if lane else 0, used + 1 if used_number == number else 0)


def invalidate_all(account: Account) -> None:
    """Make every nonce unusable that could be used now."""
    for number in _lanes(account):
        lane = account.lane(number)
        floor = lane.top + MAX_NONCE_JUMP + 1
        if floor <= NONCE_SEQUENCE_MASK:
            lane.raise_to(floor)


def _lanes(account: Account) -> list[int]:
    """The numbers of all lanes in which nonces can be used."""
    return [*range(OWNER_LANES), *(agent.lane for agent in account.agents.values())]
