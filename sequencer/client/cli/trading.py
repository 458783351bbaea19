"""Orders."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import click

from sequencer.client.actions import SELF_TRADES, SIDES, TIMES_IN_FORCE
from sequencer.client.answers import CancelledOrder, Fill, ItemResult, Placed
from sequencer.client.cli.batch_file import read_actions
from sequencer.client.cli.output import table
from sequencer.client.cli.parameters import CLIENT_ID, DECIMAL, ORDER_ID, TIME
from sequencer.client.cli.session import Function, Session, command, examples, pass_session
from sequencer.client.decimals import plain


def order_options(*forces: str) -> Callable[[Function], Function]:
    """The options of a new order; `forces`: the times in force, the first if none is given."""

    def declare(function: Function) -> Function:
        for option in (
            click.option("--deadline", type=TIME, help="Until when the order may arrive; GTT: and rest."),
            click.option("--client-id", type=CLIENT_ID, help="A number of yours to find the order by."),
            click.option(
                "--self-trade",
                type=click.Choice(list(SELF_TRADES)),
                default="cancel_taker",
                show_default=True,
                help="What happens when it meets an order of the same account.",
            ),
            click.option(
                "--tif",
                type=click.Choice(forces),
                default=forces[0],
                show_default=True,
                help="Time in force.",
            ),
        ):
            function = option(function)
        return function

    return declare


@command()
@click.argument("market")
@click.argument("side", type=click.Choice(list(SIDES)))
@click.argument("size", type=DECIMAL)
@click.argument("price", type=DECIMAL)
@order_options(*TIMES_IN_FORCE)
@pass_session
@examples(
    "order ETH/USDC buy 0.25 2500.5",
    "order ETH/USDC sell 1 2600 --tif POST_ONLY --client-id 7",
    "order ETH/USDC buy 1 2500 --tif GTT --deadline 2h",
)
def order(
    session: Session,
    market: str,
    side: str,
    size: Decimal,
    price: Decimal,
    tif: str,
    self_trade: str,
    client_id: int | None,
    deadline: int | None,
) -> None:
    """Buy or sell SIZE at PRICE or better."""
    placed = session.trader.place_order(
        market,
        side,
        price,
        size,
        time_in_force=tif,
        self_trade=self_trade,
        client_order_id=client_id or 0,
        deadline=deadline,
    )
    session.show(placed, _outcome(placed))


@command("market-order")
@click.argument("market")
@click.argument("side", type=click.Choice(list(SIDES)))
@click.argument("size", type=DECIMAL)
@click.option("--worst", type=DECIMAL, help="The worst price to trade at.")
@click.option(
    "--slippage",
    type=DECIMAL,
    default="0.01",
    show_default=True,
    help="Without --worst: how much worse than the best price now, as a fraction.",
)
@order_options("IOC", "FOK")
@pass_session
@examples("market-order ETH/USDC buy 0.25", "market-order ETH/USDC sell 1 --worst 2400 --tif FOK")
def market_order(
    session: Session,
    market: str,
    side: str,
    size: Decimal,
    worst: Decimal | None,
    slippage: Decimal,
    tif: str,
    self_trade: str,
    client_id: int | None,
    deadline: int | None,
) -> None:
    """Buy or sell what can be had of SIZE at once; nothing rests. FOK: all of it or nothing."""
    placed = session.trader.market_order(
        market,
        side,
        size,
        worst_price=worst,
        slippage=slippage,
        time_in_force=tif,
        self_trade=self_trade,
        client_order_id=client_id or 0,
        deadline=deadline,
    )
    session.show(placed, _outcome(placed))


@command()
@click.argument("order_id", type=ORDER_ID, required=False)
@click.option("--client-id", type=CLIENT_ID, help="The number the order was given.")
@pass_session
@examples("cancel 0x0000000000000002fffffffffffe795f0000000000000200", "cancel --client-id 7")
def cancel(session: Session, order_id: bytes | None, client_id: int | None) -> None:
    """Cancel the order ORDER_ID, or the one with --client-id."""
    if (order_id is None) == (client_id is None):
        raise click.UsageError("give either ORDER_ID or --client-id")
    if order_id is not None:
        cancelled = session.trader.cancel(order_id)
    else:
        cancelled = session.trader.cancel_client_order(client_id or 0)
    session.show(cancelled, [f"cancelled {cancelled.order_id} with {plain(cancelled.remaining)} left"])


@command("cancel-all")
@click.argument("market", required=False)
@pass_session
@examples("cancel-all", "cancel-all ETH/USDC")
def cancel_all(session: Session, market: str | None) -> None:
    """Cancel every open order in MARKET, or in all markets."""
    done = session.trader.cancel_all(market)
    session.show(done, _cancelled(session, done.cancelled))


@command()
@click.argument("order_id", type=ORDER_ID)
@click.argument("size", type=DECIMAL)
@click.argument("price", type=DECIMAL)
@click.option("--expected", type=DECIMAL, help="The remaining size that you know of; asked for unless given.")
@order_options(*TIMES_IN_FORCE)
@pass_session
@examples("replace 0x0000000000000002fffffffffffe795f0000000000000200 0.5 2510")
def replace(
    session: Session,
    order_id: bytes,
    size: Decimal,
    price: Decimal,
    expected: Decimal | None,
    tif: str,
    self_trade: str,
    client_id: int | None,
    deadline: int | None,
) -> None:
    """Put an order of SIZE at PRICE in the place of ORDER_ID, in one step.

    What was filled of --expected meanwhile is taken off SIZE. If only the size falls, the order keeps its place in the
    queue.
    """
    done = session.trader.replace_order(
        order_id,
        price,
        size,
        expected_size=expected,
        time_in_force=tif,
        self_trade=self_trade,
        client_order_id=client_id or 0,
        deadline=deadline,
    )
    session.show(done, [*_outcome(done), "it kept its place" if done.kept_place else "it has a new place"])


@command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_session
@examples("batch orders.json", "batch orders.csv --json")
@click.pass_context
def batch(context: click.Context, session: Session, path: Path) -> None:
    """Do up to 64 actions under one signature, in order: place, cancel, cancel_client, cancel_all, replace.

    FILE is a JSON list of objects, or CSV with their fields as heads; empty cells are left out. Exit status 1 if one
    of them was refused; the others are done.

    \b
    [{"action": "cancel_all", "market": "ETH/USDC"},
     {"action": "place", "market": "ETH/USDC", "side": "buy", "price": "2500.5", "size": "0.25",
      "timeInForce": "POST_ONLY", "selfTrade": "cancel_taker", "clientOrderId": 7},
     {"action": "replace", "orderId": "0x…", "price": "2510", "size": "0.5", "expectedSize": "1"},
     {"action": "cancel", "orderId": "0x…"},
     {"action": "cancel_client", "clientOrderId": 8}]
    """
    actions = read_actions(path)
    done = session.trader.order_batch(actions)
    names = [str(action.__struct_config__.tag) for action in actions]
    rows = [
        (str(number), name, _item_text(result))
        for number, (name, result) in enumerate(zip(names, done.results, strict=True), 1)
    ]
    session.show(done, table(("", "action", "result"), rows))
    if any(result.code != "OK" for result in done.results):
        context.exit(1)


def _item_text(result: ItemResult) -> str:
    if result.code != "OK":
        return result.code
    if result.cancelled is not None:
        return f"cancelled {len(result.cancelled)} orders"
    return f"{result.status} {result.order_id}"


def _outcome(placed: Placed) -> list[str]:
    return [
        f"{placed.status}: filled {plain(placed.filled)}, remaining {plain(placed.remaining)}",
        *_fills(placed.fills),
        f"order {placed.order_id}",
    ]


def _fills(fills: list[Fill]) -> list[str]:
    return [f"  {plain(fill.size)} at {plain(fill.price)}, fee {plain(fill.fee)}" for fill in fills]


def _cancelled(session: Session, orders: list[CancelledOrder]) -> list[str]:
    rows = [(order.order_id, session.market(order.market), plain(order.remaining)) for order in orders]
    return table(("cancelled", "market", "remaining"), rows)


COMMANDS = (order, market_order, cancel, cancel_all, replace, batch)
