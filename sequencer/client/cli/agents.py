"""Agents, and nonces made unusable."""

import click

from sequencer.client.cli.output import clock, more, table
from sequencer.client.cli.parameters import ADDRESS, SEQUENCE, TIME
from sequencer.client.cli.session import JsonGroup, Session, command, examples, page_options, pass_session


@click.group(cls=JsonGroup)
def agents() -> None:
    """Keys that may trade, but not withdraw, for an account."""


@agents.command()
@click.argument("agent", type=ADDRESS)
@click.option("--expiry", type=TIME, default="30d", show_default=True, help="Until when it may trade.")
@click.option("--market", "markets", multiple=True, help="A market it may trade in; all unless given.")
@pass_session
@examples(
    "agents approve 0x4a62316623ad457f02cdc5d997ded67a383ec569 --expiry 7d --market ETH/USDC",
    "--key bot --account 0x… order ETH/USDC buy 1 2500  # the agent's key, for its owner's account",
)
def approve(session: Session, agent: bytes, expiry: int, markets: tuple[str, ...]) -> None:
    """Let the key AGENT trade for the key's account; again: with another expiry or other markets."""
    done = session.trader.approve_agent(agent, expiry, markets or None)
    session.show(done, [f"0x{agent.hex()} may trade until {clock(expiry)} in lane {done.lane}"])


@agents.command()
@click.argument("agent", type=ADDRESS)
@pass_session
@examples("agents revoke 0x4a62316623ad457f02cdc5d997ded67a383ec569")
def revoke(session: Session, agent: bytes) -> None:
    """Take the rights of the key AGENT away."""
    done = session.trader.revoke_agent(agent)
    session.show(done, [f"0x{agent.hex()} has no rights any more"])


@agents.command("list")
@click.argument("account", type=ADDRESS, required=False)
@pass_session
@examples("agents list", "agents list --json")
def list_(session: Session, account: bytes | None) -> None:
    """The keys that may trade for the key's account, or for ACCOUNT."""
    found = session.client.agents(account or session.address)
    rows = [(a.agent, str(a.lane), clock(a.expiry), _scope(session, a.markets)) for a in found]
    session.show(found, table(("agent", "lane", "until", "markets"), rows))


@agents.command()
@click.argument("agent", type=ADDRESS, required=False)
@page_options
@pass_session
@examples("agents owners", "--key bot agents owners --json")
def owners(session: Session, agent: bytes | None, limit: int, before: str | None) -> None:
    """The accounts that the key, or AGENT, may trade for."""
    page = session.client.principals(agent or session.own_address, limit=limit, before=before)
    rows = [
        (p.account, str(p.nonces.lane), clock(p.expiry), _scope(session, p.markets)) for p in page.accounts
    ]
    session.show(page, [*table(("account", "lane", "until", "markets"), rows), *more(page)])


def _scope(session: Session, markets: list[int] | str) -> str:
    return markets if isinstance(markets, str) else ", ".join(map(session.market, markets))


@command("invalidate-nonces")
@click.argument("floor", type=SEQUENCE)
@click.option(
    "--of-lane", type=click.IntRange(0, 65_535), help="Lane; the one that is signed in unless given."
)
@pass_session
@examples("invalidate-nonces 1000", "invalidate-nonces 50 --of-lane 256")
def invalidate_nonces(session: Session, floor: int, of_lane: int | None) -> None:
    """Make every sequence below FLOOR in a lane unusable: what was signed with it can never arrive."""
    done = session.trader.invalidate_nonces(floor, lane=of_lane)
    session.show(done, [f"nothing below {floor} can be used any more"])


COMMANDS = (agents, invalidate_nonces)
