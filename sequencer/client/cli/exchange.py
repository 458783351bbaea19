"""Reads about the exchange."""

from decimal import Decimal

import click

from sequencer.client.cli.output import clock, more, table
from sequencer.client.cli.parameters import DIGEST, PAST
from sequencer.client.cli.session import Session, command, examples, page_options, pass_session
from sequencer.client.decimals import plain


@command()
@pass_session
@examples("status")
def status(session: Session) -> None:
    """Is the sequencer well, and what does it run?"""
    health, info = session.client.health(), session.client.info()
    parts = (
        ("watcher", health.l1_watcher),
        ("verifier", health.l1_verifier),
        ("poster", health.l1_poster),
        ("relayer", health.l1_relayer),
        ("contract", health.l1_contract),
        ("prover", health.prover),
    )
    failures = [f"{name}: {part.last_error}" for name, part in parts if part.last_error]
    if health.halt_reason:
        failures.append(f"halted: {health.halt_reason}")
    session.show(
        {"health": health, "info": info},
        [
            f"sequencer  {session.url}: {health.status}",
            f"exchange   {info.exchange} on chain {info.chain_id}",
            f"program    {info.vkey}",
            f"proof mode {info.proof_mode}",
            f"data in    {info.data_carrier}",
            *failures,
        ],
    )


@command()
@pass_session
@examples("tokens")
def tokens(session: Session) -> None:
    """All listed tokens."""
    found = session.client.tokens()
    rows = [(str(token.id), token.symbol, str(token.decimals), token.address) for token in found]
    session.show(found, table(("id", "token", "decimals", "address on L1"), rows))


@command()
@pass_session
@examples("markets")
def markets(session: Session) -> None:
    """All markets with their steps."""
    found = session.client.markets()
    rows = [
        (str(m.id), m.symbol, plain(m.tick_size), plain(m.lot_size), plain(m.min_notional), m.status)
        for m in found
    ]
    session.show(found, table(("id", "market", "tick", "lot", "minimum", "status"), rows))


@command()
@click.argument("market")
@page_options
@pass_session
@examples("trades ETH/USDC", "trades 1 --limit 1000 --json")
def trades(session: Session, market: str, limit: int, before: str | None) -> None:
    """The latest trades of MARKET."""
    page = session.client.trades(market, limit, before)
    rows = [(str(t.seq), clock(t.time), t.taker_side, plain(t.price), plain(t.size)) for t in page.trades]
    session.show(page, [*table(("seq", "time", "taker", "price", "size"), rows), *more(page)])


@command()
@click.argument("market", required=False)
@pass_session
@examples("ticker", "ticker ETH/USDC --json")
def ticker(session: Session, market: str | None) -> None:
    """The last 24 hours of MARKET, or of all markets."""
    found = session.client.tickers() if market is None else [session.client.ticker(market)]
    rows = [
        (t.symbol, *map(_number, (t.last, t.bid, t.ask, t.high, t.low, t.change)), plain(t.volume))
        for t in found
    ]
    heads = ("market", "last", "bid", "ask", "high", "low", "change", "volume")
    session.show(found if market is None else found[0], table(heads, rows))


def _number(value: Decimal | None) -> str:
    return "" if value is None else plain(value)


@command()
@click.argument("market")
@click.option(
    "--resolution",
    type=click.Choice(("1m", "5m", "15m", "1h", "4h", "1d")),
    default="1h",
    show_default=True,
    help="How long each is.",
)
@click.option("--from", "start", type=PAST, help="The first second of the earliest.")
@click.option("--to", "end", type=PAST, help="The latest first second.")
@page_options
@pass_session
@examples("candles ETH/USDC", "candles ETH/USDC --resolution 1d --from 90d --json")
def candles(
    session: Session,
    market: str,
    resolution: str,
    start: int | None,
    end: int | None,
    limit: int,
    before: str | None,
) -> None:
    """Prices and volumes of MARKET, newest first; a stretch without a trade is left out."""
    page = session.client.candles(market, resolution, start=start, end=end, limit=limit, before=before)
    rows = [
        (clock(c.time), *map(plain, (c.open, c.high, c.low, c.close, c.volume)), str(c.trades))
        for c in page.candles
    ]
    heads = ("time", "open", "high", "low", "close", "volume", "trades")
    session.show(page, [*table(heads, rows), *more(page)])


@command()
@click.argument("digest", type=DIGEST)
@pass_session
@examples("tx 0x5f3a…")
def tx(session: Session, digest: bytes) -> None:
    """How far the transaction DIGEST came: accepted, sealed, executed or proven, settled."""
    found = session.client.transaction(digest)
    items = [f"  {item.kind}: {item.code} {item.order_id or ''}".rstrip() for item in found.items]
    line = f"{found.code}, {found.status}: {found.kind}, transaction {found.seq} of block {found.block}"
    session.show(found, [line, *items])


@command()
@click.argument("number", type=click.IntRange(1), required=False)
@page_options
@pass_session
@examples("blocks", "blocks 17")
def blocks(session: Session, number: int | None, limit: int, before: str | None) -> None:
    """The latest sealed blocks, or block NUMBER."""
    page = None if number else session.client.blocks(limit, before)
    found = page.blocks if page else [session.client.block(number or 0)]
    rows = [
        (str(b.number), clock(b.timestamp), str(b.end_seq - 1), str(b.batch or ""), b.state_root)
        for b in found
    ]
    lines = table(("block", "time", "last seq", "batch", "state root"), rows)
    session.show(page or found[0], [*lines, *(more(page) if page else [])])


@command()
@click.argument("number", type=click.IntRange(1), required=False)
@page_options
@pass_session
@examples("batches", "batches 3 --json")
def batches(session: Session, number: int | None, limit: int, before: str | None) -> None:
    """The latest batches and how far they came, or batch NUMBER."""
    page = None if number else session.client.batches(limit, before)
    found = page.batches if page else [session.client.batch(number or 0)]
    rows = [
        (
            str(b.number),
            b.status,
            b.proof_mode,
            f"{b.first_block}-{b.last_block}",
            str(b.prover_gas or ""),
            str(b.prover_gas_estimate),
            str(b.l1_gas or ""),
            b.l1_transaction or "",
        )
        for b in found
    ]
    heads = ("batch", "status", "proof mode", "blocks", "prover gas", "estimated", "L1 gas", "L1 transaction")
    session.show(page or found[0], [*table(heads, rows), *(more(page) if page else [])])


COMMANDS = (status, tokens, markets, ticker, candles, trades, tx, blocks, batches)
