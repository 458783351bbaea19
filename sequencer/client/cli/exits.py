"""Out of the exchange, and what can be forced on L1, without the sequencer."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

from sequencer.client.cli.parameters import ADDRESS, TIME
from sequencer.client.cli.session import JsonGroup, Session, command, examples, pass_session
from sequencer.client.cli.verify import Reporter, place_of, place_options
from sequencer.client.decimals import from_units
from sequencer.client.exits import ExitDesk, Position, Stage, Step
from sequencer.client.l1 import L1Account, L1ActionError, Quote
from sequencer.core.constants import MAX_MARKET_ID
from sequencer.rebuild.follower import PAUSE_S, Follower
from sequencer.rebuild.opening import open_follower
from sequencer.rebuild.view import View

SAID: dict[Stage, str] = {
    Stage.LIVE: "the exchange is live",
    Stage.FROZEN: "the exchange is frozen",
    Stage.OUT: "nothing is left in the exchange and nothing is to be claimed",
}


@dataclass
class Leaver:
    """Takes the steps of one account. One that fails does not keep the others back, and is tried once more if it is
    still to be done: others may have been faster.
    """

    desk: ExitDesk
    follower: Follower
    l1: L1Account
    is_own: bool
    reporter: Reporter

    def __post_init__(self) -> None:
        self.refused: set[str] = set()
        """Steps that failed once."""
        self.sent: set[str] = set()
        self.failures: dict[str, str] = {}
        self.transactions: list[str] = []
        self.is_stuck = False
        """What is waited for will not come."""

    def position(self) -> Position:
        """What is to be done as of the newest block, less what failed."""
        self.follower.catch_up(on_trouble=self.reporter.trouble)
        found = self.desk.position()
        left = [step for step in found.steps if step.about not in self.failures]
        return Position(found.stage, left, found.waits_for)

    def take(self, step: Step) -> None:
        """Sends a step and waits until it is in the chain."""
        if step.about in self.sent:  # an RPC node of several that are not all at the same block
            self._refuse(step, "it was sent, but the RPC node does not show it: run this again later")
            time.sleep(PAUSE_S)
            return
        try:
            if step.only_by_account and not self.is_own:
                raise L1ActionError("only the account itself can ask for it")
            tx_hash = self.l1.act(step.function, *step.arguments, value=step.value)
        except L1ActionError as error:
            click.echo(f"{step.about}: {error}", err=True)
            self._refuse(step, str(error))
        else:
            self.sent.add(step.about)
            self.transactions.append(f"0x{tx_hash.hex()}")
            click.echo(f"{step.about}: 0x{tx_hash.hex()}", err=True)

    def _refuse(self, step: Step, reason: str) -> None:
        if step.about not in self.refused:
            self.refused.add(step.about)
            return
        self.failures[step.about] = reason
        self.is_stuck |= step.function in ("forceExit", "freeze")

    def leave(self, wait: bool) -> Position:
        """Takes every step there is, and those that come while it waits."""
        waited: str | None = None
        while True:
            position = self.position()
            for step in position.steps:
                self.take(step)
            if position.steps:
                continue
            if position.waits_for is None or not wait or self.is_stuck:
                return position
            if position.waits_for != waited:
                waited = position.waits_for
                click.echo(f"waiting for {waited}", err=True)
            time.sleep(PAUSE_S)


@command("exit")
@place_options
@click.option("--yes", is_flag=True, help="Do it. Else it is only shown what would be done, and its cost.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for what takes time.")
@pass_session
@examples(
    "exit --contract 0x5fbdb2315678afecb367f032d93f642f64180aa3",
    "exit --contract 0x5fbd… --yes",
    "--account 0x4a62316623ad457f02cdc5d997ded67a383ec569 exit --contract 0x5fbd… --yes  # help another out",
)
@click.pass_context
def exit_(context: click.Context, /, session: Session, yes: bool, wait: bool, **where: Any) -> None:
    """Take everything of the key's account out of the exchange, with nothing but L1.

    Looks where things stand and does what is next: claims, a forced exit, a freeze, an escape, refunds. It can be
    stopped and run again at any time. Exit status 1 if a step failed, or if not everything is out.
    """
    reporter = Reporter()
    place = place_of(session, **where)
    follower = open_follower(place, on_progress=reporter.progress)
    l1 = L1Account(place.rpc_url, f"0x{place.contract.hex()}", session.wallet)
    is_own = session.address == session.wallet.address
    leaver = Leaver(ExitDesk(View(follower), session.address), follower, l1, is_own, reporter)
    if not yes:
        position = leaver.position()
        session.show(*_plan(l1, position, place.contract))
        return
    position = leaver.leave(wait)
    lines = [SAID[position.stage], *_waiting(position)]
    failed = [{"step": about, "message": message} for about, message in leaver.failures.items()]
    session.show(
        {"stage": position.stage, "transactions": leaver.transactions, "failures": failed},
        lines + [f"not done: {failure['step']}: {failure['message']}" for failure in failed],
    )
    if failed or position.stage is not Stage.OUT:
        context.exit(1)


def _plan(l1: L1Account, position: Position, contract: bytes) -> tuple[dict[str, Any], list[str]]:
    """What would be done, as JSON (with the calls, for wallets that sign elsewhere) and for people."""
    rows, lines = [], [SAID[position.stage]]
    for step in position.steps:
        row: dict[str, Any] = {"step": step.about, "to": f"0x{contract.hex()}", "value": str(step.value)}
        try:
            quote = l1.quote(step.function, *step.arguments, value=step.value)
            row |= {"gas": str(quote.gas), "cost": str(quote.cost), "data": f"0x{quote.data.hex()}"}
            lines.append(f"{step.about}; {_cost(quote)}")
        except L1ActionError as error:
            row["failure"] = str(error)
            lines.append(f"{step.about}; it would fail: {error}")
        rows.append(row)
    lines += _waiting(position)
    if position.steps:
        lines.append("nothing was sent: --yes does it")
    return {"stage": position.stage, "steps": rows, "waitsFor": position.waits_for}, lines


def _cost(quote: Quote) -> str:
    return f"about {quote.gas} gas, {from_units(quote.cost, 18)} ETH"


def _waiting(position: Position) -> Iterable[str]:
    return [] if position.waits_for is None else [f"then wait for {position.waits_for}"]


# ---------------------------------------------------------------------------- forced operations


@click.group(cls=JsonGroup)
def force() -> None:
    """What an account can have done by L1, whatever the sequencer wants. Each costs a fee."""


def _account(session: Session, contract: bytes) -> L1Account:
    return L1Account(session.rpc_url, f"0x{contract.hex()}", session.wallet)


def _show(session: Session, tx_hash: bytes) -> None:
    session.show(
        {"transaction": f"0x{tx_hash.hex()}"},
        [
            f"asked for with transaction 0x{tx_hash.hex()}",
            "it holds once its inbox entry is settled; after the contract's deadline anyone can freeze instead",
        ],
    )


_contract = click.option(
    "--contract", envvar="ZKCLOB_CONTRACT", type=ADDRESS, required=True, help="The exchange on L1."
)


@force.command("exit")
@_contract
@pass_session
@examples("force exit --contract 0x5fbdb2315678afecb367f032d93f642f64180aa3")
def force_exit(session: Session, contract: bytes) -> None:
    """Have all orders removed and everything paid out. `zkclob exit` does this and what comes after it."""
    _show(session, _account(session, contract).force_exit())


@force.command("cancel-all")
@_contract
@pass_session
@examples("force cancel-all --contract 0x5fbdb2315678afecb367f032d93f642f64180aa3")
def force_cancel_all(session: Session, contract: bytes) -> None:
    """Have all orders removed, and make whatever was signed before unusable."""
    _show(session, _account(session, contract).cancel_all())


@force.command("approve-agent")
@click.argument("agent", type=ADDRESS)
@click.option("--expiry", type=TIME, default="30d", show_default=True, help="Until when it may trade.")
@click.option(
    "--market",
    "markets",
    multiple=True,
    type=click.IntRange(1, MAX_MARKET_ID),
    help="Number of a market it may trade in; all unless given.",
)
@_contract
@pass_session
@examples("force approve-agent 0x4a62316623ad457f02cdc5d997ded67a383ec569 --expiry 7d --contract 0x5fbd…")
def force_approve_agent(
    session: Session, agent: bytes, expiry: int, markets: tuple[int, ...], contract: bytes
) -> None:
    """Let the key AGENT trade for the key's account."""
    scope = sum(1 << market for market in set(markets)) or 1
    _show(session, _account(session, contract).approve_agent(agent, expiry, scope))


@force.command("revoke-agents")
@_contract
@pass_session
@examples("force revoke-agents --contract 0x5fbdb2315678afecb367f032d93f642f64180aa3")
def force_revoke_agents(session: Session, contract: bytes) -> None:
    """Take the rights of all agents away."""
    _show(session, _account(session, contract).revoke_agents())


COMMANDS = (exit_, force)
