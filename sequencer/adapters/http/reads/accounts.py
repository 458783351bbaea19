"""Accounts: balances, nonces and agents."""

from typing import Final, Literal

from aiohttp import web

from sequencer.adapters.http import answers, fields
from sequencer.adapters.http.context import CONTEXT, answer, hex_bytes
from sequencer.adapters.http.reads import query
from sequencer.core.constants import MAX_MARKET_ID, MAX_NONCE_JUMP, NONCE_WINDOW
from sequencer.core.decimals import amount_unit
from sequencer.core.ledger import Account, Agent, Lane
from sequencer.core.types import Address, Token

_UNUSED: Final = Lane()


async def account(request: web.Request) -> web.Response:
    """GET /v1/accounts/{address}"""
    async with request.app[CONTEXT].node.reading() as state:
        address, found = query.path_account(state, request)
        balances = [
            _balance(state.tokens[token], balance.total, balance.locked)
            for token, balance in sorted(found.balances.items())
            if balance.total
        ]
        shown = answers.Account(
            account=hex_bytes(address),
            balances=balances,
            open_orders=len(found.orders),
            nonces=[_lane(number, lane) for number, lane in sorted(_lanes(found).items())],
            agents=[_agent(key, agent) for key, agent in sorted(found.agents.items())],
        )
    return answer(shown)


def _balance(token: Token, total: int, locked: int) -> answers.Balance:
    unit = amount_unit(token)
    return answers.Balance(
        token=token.id,
        total=unit.format(total),
        locked=unit.format(locked),
        available=unit.format(total - locked),
    )


def _lanes(account: Account) -> dict[int, Lane]:
    """The lanes that were used, and those of agents."""
    return {agent.lane: _UNUSED for agent in account.agents.values()} | account.lanes


def _lane(number: int, lane: Lane) -> answers.NonceLane:
    below = min(lane.top, NONCE_WINDOW)
    free = (lane.top - 1 - bit for bit in reversed(range(below)) if not lane.window >> bit & 1)
    return answers.NonceLane(
        lane=number,
        next=str(lane.top),
        highest=str(lane.top + MAX_NONCE_JUMP),
        free=[str(sequence) for sequence in free],
    )


def _agent(key: Address, agent: Agent) -> answers.Agent:
    return answers.Agent(
        agent=hex_bytes(key), lane=agent.lane, expiry=str(agent.expiry), markets=_scope(agent.markets)
    )


def _scope(markets: int) -> list[int] | Literal["all"]:
    """The markets of a bit map; bit 0 stands for all."""
    if markets & 1:
        return "all"
    return [market for market in range(1, MAX_MARKET_ID + 1) if markets >> market & 1]


async def agent(request: web.Request) -> web.Response:
    """GET /v1/agents/{address}"""
    context = request.app[CONTEXT]
    key = fields.address("address", request.match_info["address"])
    page = await context.history.principals(key, query.limit(request), query.before(request))
    async with context.node.reading() as state:
        # One that lost its rights since it was read is left out.
        accounts = ((row["account"], state.accounts[row["account"]]) for row in page.rows)
        shown = [_principal(*each, key) for each in accounts if key in each[1].agents]
    return answer(answers.Principals(accounts=shown, **query.paging(page, "id")))


def _principal(address: Address, account: Account, key: Address) -> answers.Principal:
    agent = account.agents[key]
    return answers.Principal(
        account=hex_bytes(address),
        expiry=str(agent.expiry),
        markets=_scope(agent.markets),
        nonces=_lane(agent.lane, account.lanes.get(agent.lane, _UNUSED)),
    )
