"""Money: in from L1, between accounts, and out."""

from decimal import Decimal

import click

from sequencer.client.cli.parameters import ADDRESS, DECIMAL
from sequencer.client.cli.session import Session, command, examples, pass_session
from sequencer.client.decimals import to_units
from sequencer.client.l1 import L1ActionError


@command()
@click.argument("token")
@click.argument("amount", type=DECIMAL)
@click.option("--account", type=ADDRESS, help="Account to credit, if not the key's own.")
@pass_session
@examples("deposit ETH 1.5", "deposit USDC 1000 --account 0x4a62316623ad457f02cdc5d997ded67a383ec569")
def deposit(session: Session, token: str, amount: Decimal, account: bytes | None) -> None:
    """Pay AMOUNT of TOKEN in from L1."""
    terms = session.client.token(token)
    tx_hash = session.l1.deposit(terms.id, to_units(amount, terms.decimals), account)
    session.show(
        {"transaction": f"0x{tx_hash.hex()}"},
        [
            f"paid in with transaction 0x{tx_hash.hex()}",
            "it is credited once it is deep enough: zkclob balances",
        ],
    )


@command()
@click.argument("token")
@click.argument("amount", type=DECIMAL)
@click.argument("to", type=ADDRESS)
@pass_session
@examples("transfer USDC 100 0x4a62316623ad457f02cdc5d997ded67a383ec569")
def transfer(session: Session, token: str, amount: Decimal, to: bytes) -> None:
    """Pay AMOUNT of TOKEN to the account TO of the exchange."""
    done = session.trader.transfer(token, amount, to)
    session.show(done, [f"paid with transaction {done.seq}"])


@command()
@click.argument("token")
@click.argument("amount", type=DECIMAL)
@click.option("--recipient", type=ADDRESS, help="Who is paid on L1, if not the key's own address.")
@click.option(
    "--max-relay-fee",
    type=DECIMAL,
    default="0",
    show_default=True,
    help="What whoever claims it may keep at most.",
)
@pass_session
@examples("withdraw ETH 0.5", "withdraw USDC 100 --recipient 0x4a62316623ad457f02cdc5d997ded67a383ec569")
def withdraw(
    session: Session, token: str, amount: Decimal, recipient: bytes | None, max_relay_fee: Decimal
) -> None:
    """Move AMOUNT of TOKEN to L1, to be claimed when its batch is settled."""
    withdrawn = session.trader.withdraw(token, amount, recipient=recipient, max_relay_fee=max_relay_fee)
    session.show(
        withdrawn,
        [f"withdrawn as transaction {withdrawn.seq}", "when `zkclob withdrawals` says settled: zkclob claim"],
    )


@command()
@pass_session
@examples("claim")
@click.pass_context
def claim(context: click.Context, session: Session) -> None:
    """Have all settled withdrawals of the key's account paid on L1. Exit status 1 if one could not be."""
    ready = [w for w in session.client.all_withdrawals(session.address) if w.status == "settled"]
    hashes: list[str] = []
    failures: list[dict[str, str]] = []
    for withdrawal in ready:
        try:
            tx_hash = session.l1.claim(withdrawal, session.client.token(withdrawal.token).decimals)
            hashes.append(f"0x{tx_hash.hex()}")
        except L1ActionError as error:
            failures.append({"seq": str(withdrawal.seq), "message": str(error)})
    lines = [f"paid with transaction {tx_hash}" for tx_hash in hashes]
    lines += [f"withdrawal {failure['seq']} not paid: {failure['message']}" for failure in failures]
    session.show(
        {"transactions": hashes, "failures": failures},
        lines or ["nothing to claim: see `zkclob withdrawals`"],
    )
    if failures:
        context.exit(1)


COMMANDS = (deposit, transfer, withdraw, claim)
