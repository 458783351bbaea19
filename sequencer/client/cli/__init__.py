"""The command `zkclob`: everything a trader does, from a terminal.

Exit status: 0 done, 1 refused or failed, 2 not understood.
"""

import sys
from pathlib import Path
from typing import Any, Final

import click

from sequencer.client.actions import ActionError
from sequencer.client.cli import (
    account,
    agents,
    deferred,
    exchange,
    exits,
    funds,
    keys,
    live,
    trading,
    verify,
)
from sequencer.client.cli import receipts as receipt_commands
from sequencer.client.cli.output import echo_json
from sequencer.client.cli.parameters import ADDRESS
from sequencer.client.cli.session import DEFAULT_KEYSTORE, JsonGroup, Session
from sequencer.client.decimals import DecimalError
from sequencer.client.errors import ApiError, ClientError, OutcomeUnknown, Unreachable
from sequencer.client.keystore import Keystore
from sequencer.client.l1 import L1ActionError
from sequencer.client.wallet import WalletError
from sequencer.rebuild.errors import RebuildError

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


@click.group(
    cls=JsonGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
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
    "--keystore",
    envvar="ZKCLOB_KEYSTORE",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_KEYSTORE,
    show_default=True,
    help="Folder of encrypted keys.",
)
@click.option(
    "--key",
    "key_name",
    envvar="ZKCLOB_KEY_NAME",
    default="default",
    show_default=True,
    help="Name of the key. The variable ZKCLOB_KEY, a key in hex, comes before it.",
)
@click.option(
    "--password-file",
    envvar="ZKCLOB_PASSWORD_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the key's password. Else the variable ZKCLOB_PASSWORD, else it is asked for.",
)
@click.option("--account", envvar="ZKCLOB_ACCOUNT", type=ADDRESS, help="Account to act for, as its agent.")
@click.option(
    "--lane",
    envvar="ZKCLOB_LANE",
    type=click.IntRange(0, 65_535),
    help="Nonce lane to sign in: 0 to 7 for an owner (0 unless given), its own for an agent.",
)
@click.option(
    "--receipts",
    envvar="ZKCLOB_RECEIPTS",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to which the signed receipt of each transaction is added.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def cli(
    context: click.Context,
    url: str,
    rpc_url: str,
    keystore: Path,
    key_name: str,
    password_file: Path | None,
    account: bytes | None,
    lane: int | None,
    receipts: Path | None,
    as_json: bool,
) -> None:
    """Trade on a zkclob exchange. Options here go before the command; --json may follow it.

    \b
    Examples:
      zkclob key new
      zkclob deposit ETH 1.5
      zkclob order ETH/USDC sell 0.25 2500.5
      zkclob book ETH/USDC
    """
    session = Session(
        url, rpc_url, Keystore(keystore), key_name, password_file, account, lane, receipts, as_json
    )
    context.obj = session
    context.call_on_close(session.close)


cli.add_command(keys.key)
cli.add_command(receipt_commands.receipts)
for declared in (
    *exchange.COMMANDS,
    *live.COMMANDS,
    *account.COMMANDS,
    *trading.COMMANDS,
    *funds.COMMANDS,
    *agents.COMMANDS,
    *deferred.COMMANDS,
    *verify.COMMANDS,
    *exits.COMMANDS,
):
    cli.add_command(declared)


def main() -> None:
    """Runs the command; errors of any kind are one line that says what to do."""
    wants_json = "--json" in sys.argv
    try:
        cli(prog_name="zkclob")
    except ApiError as error:
        details = {"code": error.code, "requestId": error.request_id, "details": error.details}
        _fail(str(error), ADVICE.get(error.code), details, wants_json)
    except OutcomeUnknown as error:
        digest = f"0x{error.submission.digest.hex()}"
        advice = f"`zkclob tx {digest}` tells whether it was accepted; do that before you try again"
        _fail(str(error), advice, {"code": "OUTCOME_UNKNOWN", "details": {"digest": digest}}, wants_json)
    except Unreachable as error:
        _fail(str(error), "is it running? (--url, or `make devnet`)", {"code": "UNREACHABLE"}, wants_json)
    except (ClientError, L1ActionError, WalletError, DecimalError, ActionError, RebuildError) as error:
        _fail(str(error), None, {"code": "FAILED"}, wants_json)


def _fail(message: str, advice: str | None, details: dict[str, Any], as_json: bool) -> None:
    """Ends the program."""
    if as_json:
        echo_json({"code": "", "message": message, "advice": advice, "details": {}} | details, err=True)
    else:
        click.echo(f"zkclob: {message} ({advice})" if advice else f"zkclob: {message}", err=True)
    sys.exit(1)
