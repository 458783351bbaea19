"""Changes a market's status and terms on L1: the operator's command.

    python -m scripts.set_market --network ethereum:sepolia:node --account ALIAS \\
        --deployment deployment.json --market ETH/USDC --status cancel-only

What no option names stays as the chain has it. Amounts are in base units, fees and the band in millionths.
Once the exchange is open only a stricter status holds at once: anything else is scheduled behind the timelock.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, cast

import click
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand, account_option
from ape.contracts import ContractInstance
from ape.exceptions import ContractLogicError
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak
from ethpm_types import ContractType

from scripts.deploy import chain_id
from sequencer.abi import EXCHANGE
from sequencer.config import ConfigError, Deployment, load_deployment
from sequencer.core.constants import MAX_FEE, MAX_U32, MAX_U128
from sequencer.core.types import MarketStatus

STATUSES: Final = {status.name.lower().replace("_", "-"): status for status in MarketStatus}


class SetMarketError(click.ClickException):
    """The change was refused; the message says what to do."""


@dataclass(frozen=True)
class MarketState:
    """What the contract last said of a market: its status, and the fields of the contract's `MarketUpdate`."""

    status: MarketStatus
    min_notional: int
    maker_fee: int
    taker_fee: int
    price_band: int
    fee_account: str

    @property
    def terms(self) -> tuple[int, int, int, int, str]:
        """`MarketUpdate`, in the contract's order."""
        return self.min_notional, self.maker_fee, self.taker_fee, self.price_band, self.fee_account


def connect(provider: ProviderAPI, deployment: Deployment) -> ContractInstance:
    """The deployed exchange. Raises SetMarketError if the node is on another chain or has no contract there."""
    found = chain_id(provider)
    if found != deployment.chain_id:
        raise SetMarketError(
            f"the node is on chain {found}, the deployment on {deployment.chain_id}: give another --network"
        )
    address = to_checksum_address(deployment.exchange)
    if not provider.get_code(address):
        raise SetMarketError(f"no contract is at {address}: is it the right --deployment?")
    return ContractInstance(address, ContractType.model_validate({"abi": EXCHANGE}))


def market_id(exchange: ContractInstance, deployment: Deployment, name: str) -> int:
    """Identifier of the market with the symbol or the number `name`. Raises SetMarketError for an unlisted one."""
    named = {market.symbol: market.id for market in deployment.markets}
    number = named.get(name) or (int(name) if name.isdecimal() else 0)
    listed = exchange.marketCount()
    if not 1 <= number <= listed:
        known = ", ".join(f"{symbol} ({known_id})" for symbol, known_id in named.items()) or "none by name"
        raise SetMarketError(
            f"no market {name}: the contract lists {listed}, the deployment file names {known}"
        )
    return number


def current(exchange: ContractInstance, deployment: Deployment, market: int) -> MarketState:
    """Status and terms by the contract's events; entries that the sequencer has not taken yet count."""
    listing = _last_event(exchange.MarketListed, deployment, market)
    if listing is None:
        raise SetMarketError(
            f"the node has no listing of market {market}: its logs do not go back far enough"
        )
    changed = _last_event(exchange.MarketChanged, deployment, market)
    # `MarketTerms` ends with the fields of `MarketUpdate`
    *_, min_notional, maker_fee, taker_fee, price_band, fee_account = (changed or listing).terms
    return MarketState(
        status=MarketStatus(changed.status) if changed else MarketStatus.ACTIVE,
        min_notional=min_notional,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        price_band=price_band,
        fee_account=to_checksum_address(fee_account),
    )


def _last_event(event: Any, deployment: Deployment, market: int) -> Any:
    last = None
    for last in event.range(deployment.block, 2**63, search_topics={"market": market}):  # noqa: B007
        pass
    return last


def change(
    provider: ProviderAPI, account: AccountAPI, deployment: Deployment, name: str, given: dict[str, Any]
) -> Iterator[str]:
    """Sends the market `name` with the fields of its state that are `given`; says what it does while it does it."""
    exchange = connect(provider, deployment)
    market = market_id(exchange, deployment, name)
    before = current(exchange, deployment, market)
    after = replace(before, **given)
    if before == after:
        raise SetMarketError(f"market {market} is so already: give an option that changes it (--help)")
    yield f"market {market} of {exchange.address}:"
    yield from differences(before, after)
    tx_hash, effect = _send(exchange, account, market, before, after)
    yield f"sent in {tx_hash}: {effect}"


def _send(
    exchange: ContractInstance, account: AccountAPI, market: int, before: MarketState, after: MarketState
) -> tuple[str, str]:
    """Sends the change; gives the transaction's hash and what follows. Raises SetMarketError if it is refused."""
    owner = exchange.owner()
    if account.address != owner:
        raise SetMarketError(f"only {owner} may do this: give its --account, not {account.address}")
    taken = "the sequencer takes it from the inbox after its confirmations"
    try:
        if not exchange.isOpen():
            receipt = exchange.setMarket(market, int(after.status), after.terms, sender=account)
        elif after.terms == before.terms and after.status > before.status:
            receipt = exchange.restrictMarket(market, int(after.status), sender=account)
        else:
            action = exchange.setMarket.encode_input(market, int(after.status), after.terms)
            receipt = exchange.schedule(action, sender=account)
            ready = exchange.scheduledAt(keccak(action))
            taken = f"it can be executed from {ready} (Unix seconds) on, with the action {action.to_0x_hex()}"
    except ContractLogicError as error:
        raise SetMarketError(f"the contract refuses: {error}") from error
    return cast(str, receipt.txn_hash), taken


def differences(before: MarketState, after: MarketState) -> list[str]:
    """A line for each thing that changes."""
    return [
        f"  {field.name.replace('_', '-')}: {_shown(getattr(before, field.name))}"
        f" -> {_shown(getattr(after, field.name))}"
        for field in fields(MarketState)
        if getattr(before, field.name) != getattr(after, field.name)
    ]


def _shown(value: object) -> str:
    return next((name for name, status in STATUSES.items() if status is value), str(value))


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not is_address(value) or int(value, 16) == 0:
        raise click.BadParameter(f"{value} is not an address, or is the zero address")
    return to_checksum_address(value)


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option(
    "--deployment",
    "deployment_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="What scripts/deploy.py wrote.",
)
@click.option("--market", "name", required=True, help="Symbol in the deployment file, or identifier.")
@click.option(
    "--status", type=click.Choice(list(STATUSES)), help="Orders are taken by an active market only."
)
@click.option("--min-notional", type=click.IntRange(0, MAX_U128), help="Smallest order, in quote base units.")
@click.option("--maker-fee", type=click.IntRange(0, MAX_FEE), help="In millionths.")
@click.option("--taker-fee", type=click.IntRange(0, MAX_FEE), help="In millionths.")
@click.option(
    "--price-band", type=click.IntRange(0, MAX_U32), help="From the last price, in millionths; 0: none."
)
@click.option("--fee-account", callback=_address, help="Earns the fees.")
def main(
    account: AccountAPI,
    provider: ProviderAPI,
    deployment_file: Path,
    name: str,
    status: str | None,
    **terms: int | str | None,
) -> None:
    """Change the status or terms of a market. What is not named stays."""
    try:
        deployment = load_deployment(deployment_file)
    except ConfigError as error:
        raise SetMarketError(str(error)) from error
    given: dict[str, Any] = {field: value for field, value in terms.items() if value is not None}
    if status is not None:
        given["status"] = STATUSES[status]
    for line in change(provider, account, deployment, name, given):
        click.echo(line)


if __name__ == "__main__":
    main()
