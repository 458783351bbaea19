"""Creates the bond that stands for the sequencer's receipts (docs/receipts.md).

    python -m scripts.deploy_bond --network ethereum:sepolia:node --account ALIAS \\
        --deployment deployment.json --signer 0x… --deposit 10

The account that deploys is the operator: it deposits, and may withdraw after notice. The output is one JSON object:
`chain_id`, `exchange`, `bond`, `signer`, `operator`, `delay` (in seconds) and `deposited` (in wei, a string).
"""

import json
from pathlib import Path
from typing import Any, Final

import click
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand, account_option
from ape.contracts import ContractInstance
from eth_utils.address import is_address, to_checksum_address

from scripts.deploy import artifact, build_contracts, contract, refuse_known_keys, require_code, require_equal
from scripts.governance import Session
from sequencer.client.decimals import DecimalError, parse, to_units
from sequencer.config import ConfigError, Deployment, load_deployment

DEFAULT_DEADLINES: Final = 2
"""The delay unless one is given, in deadlines of the exchange. It must be longer than one."""
ETH_DECIMALS: Final = 18


def deploy_bond(
    provider: ProviderAPI,
    operator: AccountAPI,
    deployment: Deployment,
    signer: str,
    delay: int | None,
    deposit: int,
) -> dict[str, Any]:
    """Creates the bond, deposits `deposit` wei and reads back what it rests on. Raises click.ClickException."""
    exchange = Session(provider, operator, deployment).exchange
    refuse_known_keys(deployment.chain_id, [signer, operator.address])
    delay = DEFAULT_DEADLINES * exchange.delays().deadline if delay is None else delay
    arguments = (exchange.address, signer, operator.address, delay)
    bond: ContractInstance = operator.deploy(contract("ReceiptBond"), *arguments)
    require_code(provider, "ReceiptBond", bond.address, artifact("ReceiptBond"))
    for what, found, expected in (
        ("exchange", bond.exchange(), exchange.address),
        ("signer", bond.signer(), signer),
        ("operator", bond.operator(), operator.address),
        ("delay", bond.delay(), delay),
    ):
        require_equal(f"the bond's {what}", found, expected)
    if deposit:
        bond.deposit(value=deposit, sender=operator)
    return {
        "chain_id": deployment.chain_id,
        "exchange": exchange.address,
        "bond": bond.address,
        "signer": signer,
        "operator": operator.address,
        "delay": delay,
        "deposited": str(bond.bond()),
    }


def _address(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not is_address(value) or int(value, 16) == 0:
        raise click.BadParameter(f"{value} is not an address, or is the zero address")
    return to_checksum_address(value)


def _wei(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    try:
        return to_units(parse(value), ETH_DECIMALS)
    except DecimalError as error:
        raise click.BadParameter(str(error)) from error


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option(
    "--deployment",
    "deployment_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="What scripts/deploy.py wrote.",
)
@click.option("--signer", callback=_address, required=True, help="`receiptSigner` of /v1/info.")
@click.option(
    "--delay", type=click.IntRange(1), help="In seconds; twice the exchange's deadline unless given."
)
@click.option("--deposit", callback=_wei, default="0", show_default=True, help="In ETH.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write to as well.")
def main(
    account: AccountAPI,
    provider: ProviderAPI,
    deployment_file: Path,
    signer: str,
    delay: int | None,
    deposit: int,
    output: Path | None,
) -> None:
    """Create the bond of the sequencer's receipts."""
    try:
        deployment = load_deployment(deployment_file)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    build_contracts()
    described = json.dumps(deploy_bond(provider, account, deployment, signer, delay, deposit), indent=2)
    if output is not None:
        output.write_text(described + "\n")
    click.echo(described)


if __name__ == "__main__":
    main()
