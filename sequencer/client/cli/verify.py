"""The whole exchange rebuilt and checked from L1, without the sequencer."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from sequencer.client.cli.parameters import ADDRESS
from sequencer.client.cli.session import Session, command, examples, pass_session
from sequencer.rebuild.events import Event
from sequencer.rebuild.follower import PASSING, PAUSE_S, Follower, Progress
from sequencer.rebuild.governance import described
from sequencer.rebuild.opening import Place, open_follower
from sequencer.rebuild.server import serving, state_form
from sequencer.rebuild.view import View

Function = Callable[..., Any]


class HostAndPort(click.ParamType):
    """`HOST:PORT`."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        host, colon, port = str(value).rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65_536):
            self.fail(f"{value} is not HOST:PORT, such as 127.0.0.1:8090", param, ctx)
        return host, int(port)


def place_options(function: Function) -> Function:
    """The options that say where the exchange is on L1, and where what is read of it is kept."""
    for option in (
        click.option(
            "--from-block",
            type=click.IntRange(0),
            help="Block from which to read, not after the contract's creation. Else it is searched.",
        ),
        click.option(
            "--beacon",
            "beacon_url",
            envvar="ZKCLOB_BEACON_URL",
            help="Beacon node, for data in blobs. Else Anvil's own way is tried.",
        ),
        click.option(
            "--archive",
            envvar="ZKCLOB_ARCHIVE",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder of batches' data: looked at first, and kept up to date.",
        ),
        click.option(
            "--data",
            envvar="ZKCLOB_DATA",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder to keep what was read in, so that the next run goes on. Else it is in memory.",
        ),
        click.option(
            "--contract", envvar="ZKCLOB_CONTRACT", type=ADDRESS, required=True, help="The exchange on L1."
        ),
        click.option("--rpc", "own_rpc", help="L1 node, as before the command."),
    ):
        function = option(function)
    return function


def place_of(
    session: Session,
    own_rpc: str | None,
    contract: bytes,
    data: Path | None,
    archive: Path | None,
    beacon_url: str | None,
    from_block: int | None,
) -> Place:
    """What `place_options` gave."""
    return Place(own_rpc or session.rpc_url, contract, data, archive, beacon_url, from_block)


class Reporter:
    """Shows what happens on standard error, where it does not mix with the result."""

    def __init__(self) -> None:
        self._shown_at = 0.0

    def progress(self, progress: Progress) -> None:
        """Now and then, and when all is done."""
        now, done = time.monotonic(), progress.batch == progress.batches
        if now - self._shown_at < 1.0 and not (done and progress.l1_block == progress.l1_newest):
            return
        self._shown_at = now
        click.echo(
            f"L1 block {progress.l1_block} of {progress.l1_newest}, batch {progress.batch} of {progress.batches}, "
            f"{progress.transactions} transactions",
            err=True,
        )

    def event(self, event: Event) -> None:
        """What governance and the like did."""
        text = described(event.name, event.arguments)
        click.echo(f"L1 block {event.log.block}: {text}", err=True)

    def trouble(self, error: Exception) -> None:
        """What is tried again."""
        click.echo(f"trying again: {error}", err=True)


@command()
@place_options
@click.option("--follow", is_flag=True, help="Go on with new batches until interrupted.")
@click.option(
    "--serve", type=HostAndPort(), help="Answer over HTTP meanwhile, see docs/exits.md. Implies --follow."
)
@pass_session
@examples(
    "verify --contract 0x5fbdb2315678afecb367f032d93f642f64180aa3",
    "verify --contract 0x5fbd… --data ~/exchange --archive ~/exchange/batches --serve 127.0.0.1:8090",
)
def verify(session: Session, follow: bool, serve: tuple[str, int] | None, **where: Any) -> None:
    """Rebuild the exchange from L1 alone and compare every batch with what was settled.

    Exit status 1 at the first difference, which is named. The RPC node is believed about the chain, and nobody about
    the exchange.
    """
    reporter = Reporter()
    place = place_of(session, **where)
    follower = open_follower(place, on_progress=reporter.progress, on_event=reporter.event)
    view = View(follower)
    follower.catch_up(on_trouble=reporter.trouble)
    form = state_form(view)
    frozen = ["the exchange is FROZEN: nothing settles any more, leave with `zkclob exit`"]
    session.show(
        form,
        [
            *(frozen if form["frozen"] else []),
            f"every one of {form['batch']} batches gives what was settled: state root {form['stateRoot']}",
            f"{form['accounts']} accounts, {form['restingOrders']} resting orders",
            f"{int(form['nextSeq']) - 1} transactions up to block {form['blockNumber']}",
            f"{int(form['inboxLength']) - int(form['inboxCursor'])} inbox entries wait",
        ],
    )
    if follow or serve is not None:
        _follow(follower, view, serve, reporter)


def _follow(follower: Follower, view: View, serve: tuple[str, int] | None, reporter: Reporter) -> None:
    with ExitStack() as stack:
        # first, so that whoever was answered once can also end it
        stop = stack.enter_context(_stopped())
        if serve is not None:
            port = stack.enter_context(serving(view, *serve))
            click.echo(f"serving on http://{serve[0]}:{port}", err=True)
        while not stop.wait(PAUSE_S):
            try:
                follower.step()
            except PASSING as error:
                reporter.trouble(error)


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


COMMANDS = (verify,)
