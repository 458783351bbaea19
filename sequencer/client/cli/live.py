"""What goes on, in the terminal: the order book, and every channel of the feed."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import click
import msgspec

from sequencer.client.answers import Level, json_form
from sequencer.client.cli.output import table
from sequencer.client.cli.session import Session, command, examples, pass_session
from sequencer.client.client import PlainStream
from sequencer.client.decimals import plain
from sequencer.client.events import CHANNELS, PRIVATE, Ended, Event, event_form
from sequencer.client.local_book import LocalBook

CLEAR: Final = "\x1b[H\x1b[2J"
FRAME_S: Final = 0.1
"""The shortest time between two pictures of a book."""

updates_option = click.option(
    "--updates", type=click.IntRange(1), help="End after so many; go on until interrupted unless given."
)


@command()
@click.argument("market")
@click.option(
    "--depth", type=click.IntRange(1, 1000), default=10, show_default=True, help="Price levels per side."
)
@click.option("--follow", is_flag=True, help="Show it live; with --json, a line for each state.")
@updates_option
@pass_session
@examples("book ETH/USDC", "book ETH/USDC --follow --depth 20", "book 1 --follow --json --updates 5")
def book(session: Session, market: str, depth: int, follow: bool, updates: int | None) -> None:
    """The order book of MARKET, best prices in the middle."""
    if follow:
        with suppress(KeyboardInterrupt):
            _follow_book(session, market, depth, updates)
        return
    found = session.client.book(market, depth)
    session.show(found, book_table(found.bids, found.asks))


def _follow_book(session: Session, market: str, depth: int, updates: int | None) -> None:
    with session.client.stream() as stream:
        found = stream.subscribe_book(market)
        for shown, _ in enumerate(_paced(stream), 1):
            if session.as_json:
                _print_line(_book_form(found, depth))
            else:
                click.echo(CLEAR + "\n".join(_picture(market, found, depth)))
            if shown == updates:
                return


def _paced(stream: PlainStream) -> Iterator[None]:
    """Gives one turn for all the events of a short time."""
    for event in stream:
        _require_goes_on(event)
        end = time.monotonic() + FRAME_S
        while (left_s := end - time.monotonic()) > 0:
            following = stream.next(left_s)
            if following is not None:
                _require_goes_on(following)
        yield


def _picture(market: str, found: LocalBook, depth: int) -> list[str]:
    state = "" if found.is_current else "  (old: connecting again)"
    spread = "" if found.spread is None else f"  spread {plain(found.spread)}"
    return [f"{market}  seq {found.seq}{spread}{state}", *book_table(found.bids(depth), found.asks(depth))]


def _book_form(found: LocalBook, depth: int) -> dict[str, object]:
    return {
        "market": found.market,
        "seq": str(found.seq),
        "current": found.is_current,
        "bids": json_form(found.bids(depth)),
        "asks": json_form(found.asks(depth)),
    }


def book_table(bids: list[Level], asks: list[Level]) -> list[str]:
    """A book as lines; levels are given best first."""
    rows = [("ask", plain(x.price), plain(x.size), str(x.orders)) for x in reversed(asks)]
    rows += [("bid", plain(x.price), plain(x.size), str(x.orders)) for x in bids]
    return table(("", "price", "size", "orders"), rows)


@command()
@click.argument("channel", type=click.Choice(list(CHANNELS)))
@click.argument("market", required=False)
@click.option("--resolution", help="Of candles: 1m, 5m, 15m, 1h, 4h or 1d.")
@updates_option
@pass_session
@examples(
    "follow trades ETH/USDC",
    "follow candles ETH/USDC --resolution 1m",
    "follow orders --updates 10",
    "follow blocks",
)
def follow(
    session: Session, channel: str, market: str | None, resolution: str | None, updates: int | None
) -> None:
    """What happens from now on, one JSON object a line.

    CHANNEL is one of a MARKET, or one of the key's account. Lost and new connections and gaps are lines too.
    """
    client = session.trader if channel in PRIVATE else session.client
    with suppress(KeyboardInterrupt), client.stream() as stream:
        stream.subscribe(channel, market, resolution=resolution)
        for shown, event in enumerate(stream, 1):
            _print_line(event_form(event))
            _require_goes_on(event)
            if shown == updates:
                return


def _require_goes_on(event: Event) -> None:
    if isinstance(event, Ended):
        raise click.ClickException(f"{event.topic} ended: {event.reason}")


def _print_line(value: object) -> None:
    click.echo(msgspec.json.encode(value).decode())


COMMANDS = (book, follow)
