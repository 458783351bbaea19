"""The order book in the terminal."""

import click

from sequencer.client.answers import Level
from sequencer.client.cli.output import table
from sequencer.client.cli.session import Session, command, examples, pass_session
from sequencer.client.decimals import plain


@command()
@click.argument("market")
@click.option(
    "--depth", type=click.IntRange(1, 1000), default=10, show_default=True, help="Price levels per side."
)
@pass_session
@examples("book ETH/USDC", "book ETH/USDC --depth 50 --json")
def book(session: Session, market: str, depth: int) -> None:
    """The order book of MARKET, best prices in the middle."""
    found = session.client.book(market, depth)
    session.show(found, book_table(found.bids, found.asks))


def book_table(bids: list[Level], asks: list[Level]) -> list[str]:
    """A book as lines; levels are given best first."""
    rows = [("ask", plain(x.price), plain(x.size), str(x.orders)) for x in reversed(asks)]
    rows += [("bid", plain(x.price), plain(x.size), str(x.orders)) for x in bids]
    return table(("", "price", "size", "orders"), rows)


COMMANDS = (book,)
