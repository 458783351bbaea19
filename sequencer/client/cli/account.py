"""Reads about an account: that of --account, else of the key, unless another is named."""

import click

from sequencer.client.answers import OrderInfo
from sequencer.client.cli.output import table
from sequencer.client.cli.parameters import ADDRESS, ORDER_ID
from sequencer.client.cli.session import Session, command, examples, pass_session
from sequencer.client.decimals import plain


@command()
@click.argument("account", type=ADDRESS, required=False)
@pass_session
@examples("balances", "balances 0x4a62316623ad457f02cdc5d997ded67a383ec569 --json")
def balances(session: Session, account: bytes | None) -> None:
    """Balances of the key's account, or of ACCOUNT."""
    found = session.client.account(account or session.address)
    rows = [
        (session.token(b.token), plain(b.total), plain(b.locked), plain(b.available)) for b in found.balances
    ]
    session.show(found, table(("token", "total", "locked", "available"), rows))


@command()
@click.argument("account", type=ADDRESS, required=False)
@pass_session
@examples("orders", "orders --json")
def orders(session: Session, account: bytes | None) -> None:
    """Open orders of the key's account, or of ACCOUNT."""
    found = session.client.orders(account or session.address)
    session.show(found, order_table(session, found))


def order_table(session: Session, orders: list[OrderInfo]) -> list[str]:
    """Orders as lines."""
    rows = [
        (
            o.order_id,
            str(o.client_order_id or ""),
            session.market(o.market),
            o.side,
            plain(o.price),
            plain(o.remaining),
        )
        for o in orders
    ]
    return table(("order id", "client id", "market", "side", "price", "remaining"), rows)


@command("order-status")
@click.argument("order_id", type=ORDER_ID)
@pass_session
@examples("order-status 0x0000000000000002fffffffffffe795f0000000000000200")
def order_status(session: Session, order_id: bytes) -> None:
    """What became of the order ORDER_ID."""
    found = session.client.order(order_id)
    filled = "" if found.filled is None else f"filled {plain(found.filled)}, "
    line = (
        f"{found.status}: {found.side} {session.market(found.market)} at {plain(found.price)}, "
        f"{filled}remaining {plain(found.remaining)}"
    )
    session.show(found, [line])


@command()
@click.argument("account", type=ADDRESS, required=False)
@pass_session
@examples("deposits", "deposits --json")
def deposits(session: Session, account: bytes | None) -> None:
    """What was paid in from L1 for the key's account, or for ACCOUNT."""
    found = session.client.deposits(account or session.address)
    rows = [(str(d.index), session.token(d.token), plain(d.amount), d.status) for d in found]
    session.show(found, table(("index", "token", "amount", "status"), rows))


@command()
@click.argument("account", type=ADDRESS, required=False)
@pass_session
@examples("withdrawals", "withdrawals --json")
def withdrawals(session: Session, account: bytes | None) -> None:
    """Withdrawals of the key's account, or of ACCOUNT."""
    found = session.client.withdrawals(account or session.address)
    rows = [(str(w.seq), session.token(w.token), plain(w.amount), w.status) for w in found]
    session.show(found, table(("seq", "token", "amount", "status"), rows))


COMMANDS = (balances, orders, order_status, deposits, withdrawals)
