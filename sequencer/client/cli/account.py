"""Reads about an account: that of --account, else of the key, unless another is named."""

import click

from sequencer.client.answers import OrderRecord
from sequencer.client.cli.output import clock, more, table
from sequencer.client.cli.parameters import ADDRESS, CLIENT_ID, ORDER_ID
from sequencer.client.cli.session import Session, command, examples, page_options, pass_session
from sequencer.client.decimals import plain

SOMEBODY = "0x4a62316623ad457f02cdc5d997ded67a383ec569"

account_argument = click.argument("account", type=ADDRESS, required=False)
market_option = click.option("--market", help="Only those of this market.")


@command()
@account_argument
@pass_session
@examples("balances", f"balances {SOMEBODY} --json")
def balances(session: Session, account: bytes | None) -> None:
    """Balances of the key's account, or of ACCOUNT."""
    found = session.client.account(account or session.address)
    rows = [
        (session.token(b.token), plain(b.total), plain(b.locked), plain(b.available)) for b in found.balances
    ]
    session.show(found, table(("token", "total", "locked", "available"), rows))


@command()
@account_argument
@market_option
@click.option("--history", is_flag=True, help="Those that ended too, newest first.")
@click.option(
    "--status",
    type=click.Choice(("resting", "filled", "cancelled", "expired", "replaced")),
    help="With --history: only these.",
)
@page_options
@pass_session
@examples("orders", "orders --history --status filled --market ETH/USDC", "orders --json")
def orders(
    session: Session,
    account: bytes | None,
    market: str | None,
    history: bool,
    status: str | None,
    limit: int,
    before: str | None,
) -> None:
    """Open orders of the key's account, or of ACCOUNT."""
    address = account or session.address
    if not history:
        found = session.client.orders(address, market=market)
        session.show(found, order_table(session, found))
        return
    page = session.client.order_history(address, market=market, status=status, limit=limit, before=before)
    session.show(page, [*order_table(session, page.orders), *more(page)])


def order_table(session: Session, orders: list[OrderRecord]) -> list[str]:
    """Orders as lines."""
    rows = [
        (
            o.order_id,
            str(o.client_order_id or ""),
            session.market(o.market),
            o.side,
            plain(o.price),
            plain(o.size),
            plain(o.filled),
            o.status,
        )
        for o in orders
    ]
    return table(("order id", "client id", "market", "side", "price", "size", "filled", "status"), rows)


@command("order-status")
@click.argument("order_id", type=ORDER_ID, required=False)
@click.option("--client-id", type=CLIENT_ID, help="The number the order was given.")
@pass_session
@examples("order-status 0x0000000000000002fffffffffffe795f0000000000000200", "order-status --client-id 7")
def order_status(session: Session, order_id: bytes | None, client_id: int | None) -> None:
    """What became of the order ORDER_ID, or of the one with --client-id."""
    if (order_id is None) == (client_id is None):
        raise click.UsageError("give either ORDER_ID or --client-id")
    if order_id is not None:
        found = session.client.order(order_id)
    else:
        found = session.client.client_order(client_id or 0, session.address)
    reason = f" ({found.reason})" if found.reason not in (None, found.status) else ""
    line = (
        f"{found.status}{reason}: {found.side} {session.market(found.market)} at {plain(found.price)}, "
        f"filled {plain(found.filled)}, remaining {plain(found.remaining)}"
    )
    session.show(found, [line, f"order {found.order_id}"])


@command()
@account_argument
@market_option
@page_options
@pass_session
@examples("fills", "fills --market ETH/USDC --limit 100")
def fills(
    session: Session, account: bytes | None, market: str | None, limit: int, before: str | None
) -> None:
    """Trades of the key's account, or of ACCOUNT, newest first."""
    page = session.client.fills(account or session.address, market=market, limit=limit, before=before)
    rows = [
        (
            clock(f.time),
            session.market(f.market),
            f.side,
            plain(f.price),
            plain(f.size),
            f"{plain(f.fee)} {session.token(f.fee_token)}",
            f.role,
            f.order_id,
        )
        for f in page.fills
    ]
    heads = ("time", "market", "side", "price", "size", "fee", "role", "order id")
    session.show(page, [*table(heads, rows), *more(page)])


@command()
@account_argument
@page_options
@pass_session
@examples("ledger", "ledger --limit 1000 --json")
def ledger(session: Session, account: bytes | None, limit: int, before: str | None) -> None:
    """Every change of the balances of the key's account, or of ACCOUNT, newest first."""
    page = session.client.ledger(account or session.address, limit=limit, before=before)
    rows = [
        (
            str(e.seq),
            clock(e.time),
            e.type,
            session.token(e.token),
            plain(e.amount),
            e.counterparty or e.order_id or "",
        )
        for e in page.entries
    ]
    heads = ("seq", "time", "type", "token", "amount", "order or account")
    session.show(page, [*table(heads, rows), *more(page)])


@command()
@account_argument
@page_options
@pass_session
@examples("deposits", "deposits --json")
def deposits(session: Session, account: bytes | None, limit: int, before: str | None) -> None:
    """What was paid in from L1 for the key's account, or for ACCOUNT."""
    page = session.client.deposits(account or session.address, limit=limit, before=before)
    rows = [
        (str(d.index), clock(d.time), session.token(d.token), plain(d.amount), d.status)
        for d in page.deposits
    ]
    session.show(page, [*table(("index", "time", "token", "amount", "status"), rows), *more(page)])


@command()
@account_argument
@page_options
@pass_session
@examples("withdrawals", "withdrawals --json")
def withdrawals(session: Session, account: bytes | None, limit: int, before: str | None) -> None:
    """What left the key's account, or ACCOUNT, for L1."""
    page = session.client.withdrawals(account or session.address, limit=min(limit, 100), before=before)
    rows = [
        (str(w.seq), clock(w.time), session.token(w.token), plain(w.amount), w.kind, w.status)
        for w in page.withdrawals
    ]
    session.show(page, [*table(("seq", "time", "token", "amount", "kind", "status"), rows), *more(page)])


@command()
@account_argument
@page_options
@pass_session
@examples("transfers", "transfers --json")
def transfers(session: Session, account: bytes | None, limit: int, before: str | None) -> None:
    """Payments from and to the key's account, or ACCOUNT."""
    page = session.client.transfers(account or session.address, limit=limit, before=before)
    rows = [
        (str(t.seq), clock(t.time), session.token(t.token), plain(t.amount), t.account, t.to)
        for t in page.transfers
    ]
    session.show(page, [*table(("seq", "time", "token", "amount", "from", "to"), rows), *more(page)])


COMMANDS = (balances, orders, order_status, fills, ledger, deposits, withdrawals, transfers)
