"""The command `zkclob`: keys, deposits, orders, withdrawals and claims from a terminal."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from sequencer.client import decimals
from sequencer.client.actions import SIDES, TIMES_IN_FORCE
from sequencer.client.client import Client
from sequencer.client.decimals import DecimalError, plain, to_units
from sequencer.client.errors import ApiError, ClientError, Unreachable
from sequencer.client.l1 import L1Account, L1ActionError
from sequencer.client.wallet import Wallet, WalletError

DEFAULT_KEY_FILE: Final = Path.home() / ".zkclob" / "key"


class DecimalParameter(click.ParamType):
    """An exact decimal of whole tokens."""

    name = "decimal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return decimals.parse(str(value))
        except DecimalError as error:
            self.fail(str(error), param, ctx)


class HexParameter(click.ParamType):
    """Bytes in hex, of one length."""

    def __init__(self, name: str, length: int) -> None:
        self.name = name
        self._length = length

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        try:
            data = bytes.fromhex(str(value).removeprefix("0x"))
        except ValueError:
            data = b""
        if len(data) != self._length:
            self.fail(f"{value} is not {self._length} bytes of hex", param, ctx)
        return data


ADVICE: Final = {
    "UNKNOWN_ACCOUNT": "pay in with `zkclob deposit`, or wait until what was paid in is credited",
    "SIGNER_NOT_AUTHORIZED": "the owner signs this, or the agent is not approved any more: see `zkclob agents list`",
    "INSUFFICIENT_BALANCE": "counted in base units; see `zkclob balances`",
    "BELOW_MINIMUM": "counted in base units; see the minimum in `zkclob markets`",
    "PRICE_BAND": "counted in ticks; see `zkclob trades`",
    "POST_ONLY_WOULD_CROSS": "counted in ticks; see `zkclob book`",
    "FOK_NOT_FILLABLE": "see `zkclob book`; IOC fills what there is",
    "TOO_MANY_ORDERS": "cancel some of `zkclob orders`",
    "CLIENT_ORDER_ID_IN_USE": "cancel that order or take another --client-id",
    "UNKNOWN_ORDER": "see `zkclob orders`",
    "NOT_ORDER_OWNER": "see `zkclob orders`",
    "EXPECTED_SIZE_TOO_LOW": "more of the order rests than expected; see `zkclob orders`",
    "MARKET_NOT_ALLOWED": "the agent was approved for other markets: see `zkclob agents list`",
    "INVALID_AGENT": "an agent is another address, with an expiry to come",
    "TOO_MANY_AGENTS": "revoke one of `zkclob agents list`",
    "UNKNOWN_AGENT": "see `zkclob agents list`",
    "DEADLINE_PASSED": "is this machine's clock right?",
    "NONCE_USED": "another program uses the key in this lane; try again",
    "NONCE_TOO_LOW": "another program uses the key in this lane; try again",
    "NONCE_TOO_HIGH": "another program uses the key in this lane; try again",
    "NONCE_LANE": "the owner has lanes 0 to 7, an agent its own: see `zkclob agents list`",
    "BUSY": "try again",
    "RATE_LIMITED": "try again later",
    "HALTED": "see `zkclob status`",
}
"""What to do about a refusal, by its code."""
DECIMAL: Final = DecimalParameter()
ADDRESS: Final = HexParameter("address", 20)
ORDER_ID: Final = HexParameter("order id", 24)


@dataclass
class Session:
    """What the options before the command chose."""

    url: str
    rpc_url: str
    key: str | None
    key_file: Path
    as_json: bool

    @cached_property
    def wallet(self) -> Wallet:
        """The key of ZKCLOB_KEY, else of the key file. Raises WalletError that says which."""
        try:
            return Wallet.from_hex(self.key) if self.key else Wallet.load(self.key_file)
        except WalletError as error:
            source = "ZKCLOB_KEY" if self.key else "the key file"
            raise WalletError(f"{source}: {error}") from error

    @cached_property
    def client(self) -> Client:
        """A client that can only read."""
        return Client(self.url)

    @cached_property
    def trader(self) -> Client:
        """A client that signs."""
        return Client(self.url, self.wallet)

    @cached_property
    def l1(self) -> L1Account:
        """The contract on L1, on the chain that the sequencer names."""
        info = self.client.info()
        account = L1Account(self.rpc_url, info.exchange, self.wallet)
        account.require_chain(info.chain_id)
        return account

    def show(self, answer: object, lines: Iterable[str]) -> None:
        """The answer as JSON if that was asked for, else as lines for people."""
        if self.as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(answer)))
        else:
            for line in lines:
                click.echo(line)


pass_session = click.make_pass_decorator(Session)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--url", envvar="ZKCLOB_URL", default="http://127.0.0.1:8080", show_default=True, help="Sequencer."
)
@click.option(
    "--rpc",
    "rpc_url",
    envvar="ZKCLOB_RPC_URL",
    default="http://127.0.0.1:8545",
    show_default=True,
    help="L1 node.",
)
@click.option(
    "--key-file",
    envvar="ZKCLOB_KEY_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_KEY_FILE,
    show_default=True,
    help="File with the key. The variable ZKCLOB_KEY, a key in hex, comes before it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def cli(context: click.Context, url: str, rpc_url: str, key_file: Path, as_json: bool) -> None:
    """Trade on a zkclob exchange."""
    context.obj = Session(url, rpc_url, os.environ.get("ZKCLOB_KEY"), key_file, as_json)


# -------------------------------------------------------------------------- keys


@cli.group()
def keys() -> None:
    """Make and show the key."""


@keys.command("new")
@pass_session
def keys_new(session: Session) -> None:
    """Make a key and write it to the key file, which must not exist."""
    wallet = Wallet.generate()
    wallet.save(session.key_file)
    show_key(session, wallet)


@keys.command("show")
@pass_session
def keys_show(session: Session) -> None:
    """Print the key's address."""
    show_key(session, session.wallet)


def show_key(session: Session, wallet: Wallet) -> None:
    """The address only, never the key."""
    session.show({"address": wallet.l1.address}, [wallet.l1.address])


# ------------------------------------------------------------------------- reads


@cli.command()
@pass_session
def status(session: Session) -> None:
    """Is the sequencer well, and what does it run?"""
    health, info = session.client.health(), session.client.info()
    parts = (("watcher", health.l1_watcher), ("poster", health.l1_poster), ("prover", health.prover))
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
            *failures,
        ],
    )


@cli.command()
@pass_session
def markets(session: Session) -> None:
    """All markets with their steps."""
    found = session.client.markets()
    rows = [
        (str(m.id), m.symbol, plain(m.tick_size), plain(m.lot_size), plain(m.min_notional), m.status)
        for m in found
    ]
    session.show(found, table(("id", "market", "tick", "lot", "minimum", "status"), rows))


@cli.command()
@click.argument("market")
@click.option(
    "--depth", type=click.IntRange(1, 1000), default=10, show_default=True, help="Price levels per side."
)
@pass_session
def book(session: Session, market: str, depth: int) -> None:
    """The order book of MARKET, best prices in the middle."""
    found = session.client.book(market, depth)
    rows = [("ask", plain(x.price), plain(x.size), str(x.orders)) for x in reversed(found.asks)]
    rows += [("bid", plain(x.price), plain(x.size), str(x.orders)) for x in found.bids]
    session.show(found, table(("", "price", "size", "orders"), rows))


@cli.command()
@click.argument("market")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@pass_session
def trades(session: Session, market: str, limit: int) -> None:
    """The latest trades of MARKET."""
    page = session.client.trades(market, limit)
    rows = [(str(t.seq), str(t.time), t.taker_side, plain(t.price), plain(t.size)) for t in page.trades]
    session.show(page, table(("seq", "time", "taker", "price", "size"), rows))


@cli.command()
@click.argument("account", type=ADDRESS, required=False)
@pass_session
def balances(session: Session, account: bytes | None) -> None:
    """Balances of the key's account, or of ACCOUNT."""
    found = session.client.account(account or session.wallet.address)
    rows = [
        (session.client.token(b.token).symbol, plain(b.total), plain(b.locked), plain(b.available))
        for b in found.balances
    ]
    session.show(found, table(("token", "total", "locked", "available"), rows))


@cli.command()
@pass_session
def orders(session: Session) -> None:
    """Open orders of the key's account."""
    found = session.trader.orders()
    rows = [
        (o.order_id, session.client.market(o.market).symbol, o.side, plain(o.price), plain(o.remaining))
        for o in found
    ]
    session.show(found, table(("order id", "market", "side", "price", "remaining"), rows))


@cli.command()
@pass_session
def withdrawals(session: Session) -> None:
    """Withdrawals of the key's account."""
    found = session.trader.withdrawals()
    rows = [(str(w.seq), session.client.token(w.token).symbol, plain(w.amount), w.status) for w in found]
    session.show(found, table(("seq", "token", "amount", "status"), rows))


# ----------------------------------------------------------------------- trading


@cli.command()
@click.argument("market")
@click.argument("side", type=click.Choice(list(SIDES)))
@click.argument("size", type=DECIMAL)
@click.argument("price", type=DECIMAL)
@click.option(
    "--tif",
    type=click.Choice(list(TIMES_IN_FORCE)),
    default="GTC",
    show_default=True,
    help="Time in force. IOC is a market order with PRICE as the worst price.",
)
@click.option(
    "--client-id", type=click.IntRange(1, 2**128 - 1), help="A number of yours to find the order by."
)
@pass_session
def order(
    session: Session, market: str, side: str, size: Decimal, price: Decimal, tif: str, client_id: int | None
) -> None:
    """Buy or sell SIZE at PRICE or better: zkclob order ETH/USDC buy 0.25 2500.5"""
    placed = session.trader.place_order(
        market, side, price, size, time_in_force=tif, client_order_id=client_id or 0
    )
    lines = [
        f"{placed.status}: filled {plain(placed.filled)}, remaining {plain(placed.remaining)}",
        *(f"  {plain(fill.size)} at {plain(fill.price)}, fee {plain(fill.fee)}" for fill in placed.fills),
        f"order {placed.order_id}",
    ]
    session.show(placed, lines)


@cli.command()
@click.argument("order_id", type=ORDER_ID, required=False)
@click.option("--client-id", type=click.IntRange(1, 2**128 - 1), help="The number the order was given.")
@pass_session
def cancel(session: Session, order_id: bytes | None, client_id: int | None) -> None:
    """Cancel the order ORDER_ID, or the one with --client-id."""
    if (order_id is None) == (client_id is None):
        raise click.UsageError("give either ORDER_ID or --client-id")
    if order_id is not None:
        cancelled = session.trader.cancel(order_id)
    else:
        cancelled = session.trader.cancel_client_order(client_id or 0)
    session.show(cancelled, [f"cancelled {cancelled.order_id} with {plain(cancelled.remaining)} left"])


# ------------------------------------------------------------------------- money


@cli.command()
@click.argument("token")
@click.argument("amount", type=DECIMAL)
@click.option("--account", type=ADDRESS, help="Account to credit, if not the key's own.")
@pass_session
def deposit(session: Session, token: str, amount: Decimal, account: bytes | None) -> None:
    """Pay AMOUNT of TOKEN in from L1: zkclob deposit ETH 1.5"""
    terms = session.client.token(token)
    tx_hash = session.l1.deposit(terms.id, to_units(amount, terms.decimals), account)
    session.show(
        {"transaction": f"0x{tx_hash.hex()}"},
        [
            f"paid in with transaction 0x{tx_hash.hex()}",
            "it is credited once it is deep enough: zkclob balances",
        ],
    )


@cli.command()
@click.argument("token")
@click.argument("amount", type=DECIMAL)
@click.option("--recipient", type=ADDRESS, help="Who is paid on L1, if not the key's own address.")
@pass_session
def withdraw(session: Session, token: str, amount: Decimal, recipient: bytes | None) -> None:
    """Move AMOUNT of TOKEN to L1, to be claimed when its batch is settled."""
    withdrawn = session.trader.withdraw(token, amount, recipient=recipient)
    session.show(
        withdrawn,
        [f"withdrawn as transaction {withdrawn.seq}", "when `zkclob withdrawals` says settled: zkclob claim"],
    )


@cli.command()
@pass_session
def claim(session: Session) -> None:
    """Have all settled withdrawals of the key's account paid on L1."""
    ready = [w for w in session.trader.withdrawals() if w.status == "settled"]
    hashes = [f"0x{session.l1.claim(w, session.client.token(w.token).decimals).hex()}" for w in ready]
    lines = [f"paid with transaction {tx_hash}" for tx_hash in hashes]
    session.show({"transactions": hashes}, lines or ["nothing to claim: see `zkclob withdrawals`"])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in aligned columns; `none` when there are no rows."""
    if not rows:
        return ["none"]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]


def main() -> None:
    """Runs the command; errors of any kind are one line that says what to do, and exit status 1."""
    try:
        cli(prog_name="zkclob")
    except Unreachable as error:
        fail(f"{error}: is it running? (--url, or `make devnet`)")
    except ApiError as error:
        advice = ADVICE.get(error.code)
        fail(f"{error} ({advice})" if advice else str(error))
    except (ClientError, L1ActionError, WalletError, DecimalError) as error:
        fail(str(error))


def fail(message: str) -> None:
    """Ends the program."""
    click.echo(f"zkclob: {message}", err=True)
    sys.exit(1)
