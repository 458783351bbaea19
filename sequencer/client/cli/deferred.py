"""Transactions that the sequencer sends later: dead-man switches and triggers."""

from decimal import Decimal
from pathlib import Path

import click

from sequencer.client.actions import SIDES, Action, Place
from sequencer.client.answers import DeadManSwitch, Trigger
from sequencer.client.cli.batch_file import read_actions
from sequencer.client.cli.output import clock, table
from sequencer.client.cli.parameters import ADDRESS, DECIMAL, SECRET, TIME
from sequencer.client.cli.session import JsonGroup, Session, examples, pass_session
from sequencer.client.cli.trading import order_options
from sequencer.client.decimals import plain

SECRET_EXAMPLE = "0f8fad5bd9cb469fa16570867728950e"  # noqa: S105 - of nothing


@click.group("dead-man-switch", cls=JsonGroup)
def dead_man_switch() -> None:
    """Have all orders cancelled unless you renew. A service of the sequencer, outside of the proof."""


@dead_man_switch.command()
@click.argument("timeout", type=click.IntRange(5, 86_400), metavar="SECONDS")
@click.option("--market", help="Cancel in this market only.")
@click.option("--until", type=TIME, help="It is sent at the latest then; in 30 days unless given.")
@pass_session
@examples("dead-man-switch arm 60", "dead-man-switch arm 30 --market ETH/USDC --json")
def arm(session: Session, timeout: int, market: str | None, until: int | None) -> None:
    """Cancel all orders when it is not renewed for SECONDS. The id that is shown is a secret."""
    _show_switch(session, session.trader.arm_dead_man_switch(timeout, market, deadline=until))


@dead_man_switch.command()
@click.argument("switch", type=SECRET)
@pass_session
@examples(f"dead-man-switch renew {SECRET_EXAMPLE}")
def renew(session: Session, switch: bytes) -> None:
    """Begin the time-out of SWITCH again."""
    _show_switch(session, session.client.renew_dead_man_switch(switch.hex()))


@dead_man_switch.command()
@click.argument("switch", type=SECRET)
@pass_session
@examples(f"dead-man-switch show {SECRET_EXAMPLE}")
def show(session: Session, switch: bytes) -> None:
    """What became of SWITCH."""
    _show_switch(session, session.client.dead_man_switch(switch.hex()))


@dead_man_switch.command()
@click.argument("switch", type=SECRET)
@pass_session
@examples(f"dead-man-switch disarm {SECRET_EXAMPLE}")
def disarm(session: Session, switch: bytes) -> None:
    """Have SWITCH not sent any more."""
    _show_switch(session, session.client.disarm_dead_man_switch(switch.hex()))


def _show_switch(session: Session, found: DeadManSwitch) -> None:
    due = f", due {clock(found.due)} UTC" if found.status == "armed" else _outcome(found.code, found.seq)
    session.show(found, [f"{found.status}{due}", f"id {found.id} (keep it secret)"])


@click.group(cls=JsonGroup)
def triggers() -> None:
    """Have orders sent when a price is reached. A service of the sequencer, outside of the proof."""


@triggers.command("arm")
@click.argument("market")
@click.argument("direction", type=click.Choice(("rising", "falling")))
@click.argument("trigger_price", type=DECIMAL)
@click.argument("side", type=click.Choice(list(SIDES)))
@click.argument("size", type=DECIMAL)
@click.argument("price", type=DECIMAL)
@order_options("IOC", "GTC", "GTT", "FOK", "POST_ONLY", "POST_ONLY_GTT")
@pass_session
@examples(
    "triggers arm ETH/USDC falling 2400 sell 1 2350  # a stop loss",
    "triggers arm ETH/USDC rising 2800 sell 1 2790 --tif GTC",
)
def arm_trigger(
    session: Session,
    market: str,
    direction: str,
    trigger_price: Decimal,
    side: str,
    size: Decimal,
    price: Decimal,
    tif: str,
    self_trade: str,
    client_id: int | None,
    deadline: int | None,
) -> None:
    """When a trade in MARKET is at TRIGGER_PRICE or beyond, buy or sell SIZE at PRICE or better.

    The id that is shown is a secret. What backs the order must be there when it is sent.
    """
    place = Place(
        market=market,
        side=side,
        price=price,
        size=size,
        time_in_force=tif,
        self_trade=self_trade,
        client_order_id=client_id or 0,
    )
    _arm(session, market, direction, trigger_price, place, deadline)


@triggers.command("arm-batch")
@click.argument("market")
@click.argument("direction", type=click.Choice(("rising", "falling")))
@click.argument("trigger_price", type=DECIMAL)
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--deadline", type=TIME, help="Until when it may be sent; for 30 days unless given.")
@pass_session
@examples("triggers arm-batch ETH/USDC falling 2400 orders.json")
def arm_batch(
    session: Session, market: str, direction: str, trigger_price: Decimal, path: Path, deadline: int | None
) -> None:
    """When a trade in MARKET is at TRIGGER_PRICE or beyond, do the actions in FILE (see `zkclob batch`)."""
    _arm(session, market, direction, trigger_price, read_actions(path), deadline)


def _arm(
    session: Session,
    market: str,
    direction: str,
    price: Decimal,
    items: Place | list[Action],
    deadline: int | None,
) -> None:
    _show_trigger(session, session.trader.arm_trigger(market, price, direction, items, deadline=deadline))


@triggers.command("show")
@click.argument("trigger", type=SECRET)
@pass_session
@examples(f"triggers show {SECRET_EXAMPLE}")
def show_trigger(session: Session, trigger: bytes) -> None:
    """What became of TRIGGER."""
    _show_trigger(session, session.client.trigger(trigger.hex()))


@triggers.command("disarm")
@click.argument("trigger", type=SECRET)
@pass_session
@examples(f"triggers disarm {SECRET_EXAMPLE}")
def disarm_trigger(session: Session, trigger: bytes) -> None:
    """Have TRIGGER not sent any more."""
    _show_trigger(session, session.client.disarm_trigger(trigger.hex()))


@triggers.command("list")
@click.argument("account", type=ADDRESS, required=False)
@pass_session
@examples("triggers list", "triggers list --json")
def list_triggers(session: Session, account: bytes | None) -> None:
    """Switches and triggers of the key's account, or of ACCOUNT. Their ids are not shown: keep them."""
    found = session.client.deferred(account or session.address)
    rows = [
        (d.kind.replace("_", "-"), d.status, clock(d.armed), clock(d.ended), str(d.seq or ""), d.code or "")
        for d in found
    ]
    session.show(found, table(("kind", "status", "armed", "ended", "seq", "code"), rows))


def _show_trigger(session: Session, found: Trigger) -> None:
    where = f"{session.market(found.market)} {found.direction} to {plain(found.trigger_price)}"
    session.show(
        found,
        [f"{found.status}{_outcome(found.code, found.seq)}: {where}", f"id {found.id} (keep it secret)"],
    )


def _outcome(code: str | None, seq: int | None) -> str:
    if seq is not None:
        return f" as transaction {seq}"
    return f" ({code})" if code else ""


COMMANDS = (dead_man_switch, triggers)
