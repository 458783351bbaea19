"""Everything that governor, guardian and settler do on L1, one command each.

    python -m scripts.governance COMMAND --network ethereum:sepolia:node --account ALIAS --deployment deployment.json …

What changes an open exchange for its users is scheduled first, and executed when it is ready: `pending` lists it.
`--dry-run` shows what a command would do and whether the contract would take it, and sends nothing. Amounts are in base
units, fees of markets and bands in millionths.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
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
from web3 import Web3
from web3.exceptions import ContractLogicError as Web3ContractLogicError

from scripts.deploy import chain_id
from sequencer.abi import EXCHANGE, revert_reason
from sequencer.config import ConfigError, Deployment, load_deployment
from sequencer.core.constants import MAX_DECIMALS, MAX_FEE, MAX_U32, MAX_U128
from sequencer.core.types import MarketStatus

STATUSES: Final = {status.name.lower().replace("_", "-"): status for status in MarketStatus}
MARKET_TERMS: Final = ("min_notional", "maker_fee", "taker_fee", "price_band", "fee_account")
"""The contract's `MarketUpdate`."""
ZERO_ADDRESS: Final = "0x" + "00" * 20


class GovernanceError(click.ClickException):
    """Nothing was changed; the message says what to do."""


@dataclass(frozen=True)
class Pending:
    """An action that waits in the timelock."""

    id: bytes
    ready_at: int
    action: bytes


class Session:
    """One exchange, seen and changed by one account."""

    def __init__(
        self, provider: ProviderAPI, account: AccountAPI, deployment: Deployment, *, dry_run: bool = False
    ) -> None:
        """Raises GovernanceError if the node is on another chain or has no contract there."""
        found = chain_id(provider)
        if found != deployment.chain_id:
            raise GovernanceError(
                f"the node is on chain {found}, the deployment on {deployment.chain_id}: give another --network"
            )
        address = to_checksum_address(deployment.exchange)
        if not provider.get_code(address):
            raise GovernanceError(f"no contract is at {address}: is it the right --deployment?")
        self.exchange = ContractInstance(address, ContractType.model_validate({"abi": EXCHANGE}))
        self.account = account
        self.deployment = deployment
        self._dry_run = dry_run
        self._web3: Web3 = cast(Any, provider).web3
        self._abi = self._web3.eth.contract(address=address, abi=EXCHANGE)

    # ------------------------------------------------------------------- calls

    def send(self, name: str, *arguments: Any) -> Iterator[str]:
        """Calls the contract; says what it does while it does it. Raises GovernanceError if the contract refuses."""
        call = self.encoded(name, *arguments)
        yield from self.described(call)
        self._try(call, self.account.address)
        if self._dry_run:
            yield "dry run: nothing was sent"
            return
        try:
            receipt = getattr(self.exchange, name)(*arguments, sender=self.account)
        except ContractLogicError as error:
            raise GovernanceError(f"the contract refuses: {error}") from error
        yield f"sent in {receipt.txn_hash}"

    def propose(self, name: str, *arguments: Any) -> Iterator[str]:
        """An action of governance: at once while the exchange is set up, scheduled once it is open."""
        if not self.exchange.isOpen():
            yield from self.send(name, *arguments)
            return
        action = self.encoded(name, *arguments)
        yield from self.described(action)
        self._try(action, self.exchange.address)  # as the contract will call itself
        ready_at = self.now() + self.exchange.delays().timelock
        yield f"ready at {shown_time(ready_at)}, for as long again"
        yield from self.send("schedule", action)
        yield f"then: execute 0x{keccak(action).hex()}"

    def _try(self, call: bytes, sender: str) -> None:
        """Asks the contract without sending. Raises GovernanceError if it refuses."""
        try:
            self._web3.eth.call(
                {"from": to_checksum_address(sender), "to": self._abi.address, "data": cast(Any, call)}
            )
        except Web3ContractLogicError as error:
            raise GovernanceError(f"the contract refuses: {revert_reason(error)}") from error

    def encoded(self, name: str, *arguments: Any) -> bytes:
        """The calldata of a call."""
        return bytes.fromhex(self._abi.encode_abi(name, list(arguments))[2:])

    def described(self, call: bytes) -> Iterator[str]:
        """A call of the contract in words: a line for each argument."""
        function, arguments = self._abi.decode_function_input(cast(Any, call))
        yield f"{function.fn_name} on {self._abi.address}"
        for name, value in arguments.items():
            if isinstance(value, dict):
                yield from (f"  {name}.{field}: {shown(found)}" for field, found in value.items())
            else:
                yield f"  {name}: {shown(value)}"

    # ------------------------------------------------------------------- reads

    def now(self) -> int:
        """Time of the newest block."""
        return int(self._web3.eth.get_block("latest")["timestamp"])

    def market_id(self, name: str) -> int:
        """Identifier of the market with this symbol or number. Raises GovernanceError for an unlisted one."""
        named = {market.symbol: market.id for market in self.deployment.markets}
        number = named.get(name) or (int(name) if name.isdecimal() else 0)
        listed = self.exchange.marketCount()
        if not 1 <= number <= listed:
            known = (
                ", ".join(f"{symbol} ({known_id})" for symbol, known_id in named.items()) or "none by name"
            )
            raise GovernanceError(
                f"no market {name}: the contract lists {listed}, the deployment file names {known}"
            )
        return number

    def token_id(self, name: str) -> int:
        """Identifier of the token with this symbol or number. Raises GovernanceError for an unlisted one."""
        named = {token.symbol: token.id for token in self.deployment.tokens}
        number = named.get(name) or (int(name) if name.isdecimal() else 0)
        if not 1 <= number <= self.exchange.tokenCount():
            raise GovernanceError(f"no token {name}: the contract lists {self.exchange.tokenCount()}")
        return number

    def pending(self) -> list[Pending]:
        """What was scheduled by this governor and neither cancelled nor executed, the oldest first."""
        logs = self._abi.events.Scheduled.get_logs(from_block=self.deployment.block)
        actions = {bytes(log["args"]["id"]): bytes(log["args"]["action"]) for log in logs}
        waiting = [Pending(key, self.exchange.scheduledAt(key), action) for key, action in actions.items()]
        return [action for action in waiting if action.ready_at]

    def find_pending(self, given: str) -> Pending:
        """The pending action whose identifier starts with `given`. Raises GovernanceError unless there is one."""
        found = [p for p in self.pending() if p.id.hex().startswith(given.removeprefix("0x").lower())]
        if len(found) != 1:
            raise GovernanceError(f"{len(found)} pending actions start with {given}: see `pending`")
        return found[0]


# ------------------------------------------------------------------------------------------------- commands


def set_market(session: Session, name: str, given: dict[str, Any]) -> Iterator[str]:
    """Proposes the market's status and terms with the fields that are `given`; the others stay as they are now."""
    market = session.market_id(name)
    status, terms = session.exchange.marketOf(market)
    before = {"status": MarketStatus(status)} | dict(zip(MARKET_TERMS, terms, strict=True))
    after = before | given
    changed = [field for field in before if before[field] != after[field]]
    if not changed:
        raise GovernanceError(f"market {market} is so already: give an option that changes it (--help)")
    for field in changed:
        yield f"  {field.replace('_', '-')}: {shown(before[field])} -> {shown(after[field])}"
    new_terms = tuple(after[field] for field in MARKET_TERMS)
    yield from session.propose("setMarket", market, int(after["status"]), new_terms)


def list_pending(session: Session) -> Iterator[str]:
    """What waits in the timelock."""
    now, timelock = session.now(), session.exchange.delays().timelock
    actions = session.pending()
    for action in actions:
        state = "ready" if now >= action.ready_at else "waits"
        if now > action.ready_at + timelock:
            state = "stale"
        until = shown_time(action.ready_at + timelock)
        yield f"0x{action.id.hex()}: {state}, from {shown_time(action.ready_at)} to {until}"
        yield from (f"  {line}" for line in session.described(action.action))
    if not actions:
        yield "nothing is pending"


def shown(value: object) -> str:
    """A value of a call."""
    if isinstance(value, MarketStatus):
        return next(name for name, status in STATUSES.items() if status is value)
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def shown_time(timestamp: int) -> str:
    """A Unix time as people read it."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# -------------------------------------------------------------------------------------------- command line


def _checked_address(_context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not is_address(value) or (int(value, 16) == 0 and parameter.name != "guardian"):
        raise click.BadParameter(f"{value} is not an address, or is the zero address")
    return to_checksum_address(value)


@click.group(help=__doc__.partition("\n\n    ")[0])
def main() -> None:
    pass


def command(run: Callable[..., Iterator[str]]) -> click.Command:
    """A subcommand of `main`: `run` gets the session and the command's own options, and gives what is said."""

    def invoke(
        account: AccountAPI, provider: ProviderAPI, deployment_file: Path, dry_run: bool, **given: Any
    ) -> None:
        try:
            deployment = load_deployment(deployment_file)
        except ConfigError as error:
            raise GovernanceError(str(error)) from error
        for line in run(Session(provider, account, deployment, dry_run=dry_run), **given):
            click.echo(line)

    invoke.__click_params__ = getattr(run, "__click_params__", [])  # type: ignore[attr-defined]
    invoke.__doc__ = run.__doc__
    common = [
        click.option("--dry-run", is_flag=True, help="Show it and ask the contract, but send nothing."),
        click.option(
            "--deployment",
            "deployment_file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            required=True,
            help="What scripts/deploy.py wrote.",
        ),
        account_option(),
    ]
    for option in common:
        invoke = option(invoke)
    name = run.__name__.removesuffix("_command").replace("_", "-")
    return main.command(name, cls=ConnectedProviderCommand)(invoke)


market_argument = click.argument("market")
fee = click.IntRange(0, MAX_FEE)
amount = click.IntRange(0, MAX_U128)


def market_terms(required: bool) -> Callable[[Any], Any]:
    """The options of a market's terms."""
    options = [
        click.option(
            "--min-notional", type=amount, required=required, help="Smallest order, in quote base units."
        ),
        click.option("--maker-fee", type=fee, required=required, help="In millionths."),
        click.option("--taker-fee", type=fee, required=required, help="In millionths."),
        click.option(
            "--price-band",
            type=click.IntRange(0, MAX_U32),
            required=required,
            help="From the last price, in millionths; 0: none.",
        ),
        click.option("--fee-account", callback=_checked_address, required=required, help="Earns the fees."),
    ]

    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@command
@click.argument("address", callback=_checked_address)
@click.option("--decimals", type=click.IntRange(0, MAX_DECIMALS), required=True)
@click.option("--min-deposit", type=click.IntRange(1, MAX_U128), required=True, help="In base units.")
def list_token(session: Session, address: str, decimals: int, min_deposit: int) -> Iterator[str]:
    """Schedule the listing of the ERC-20 token at ADDRESS."""
    return session.propose("listToken", address, decimals, min_deposit)


@command
@click.option("--base", required=True, help="Symbol in the deployment file, or identifier.")
@click.option("--quote", required=True, help="Symbol in the deployment file, or identifier.")
@click.option("--lot-size", type=amount, required=True, help="In base units, a power of ten.")
@click.option("--tick-size", type=amount, required=True, help="In quote base units per lot.")
@market_terms(required=True)
def list_market(
    session: Session, base: str, quote: str, lot_size: int, tick_size: int, **terms: Any
) -> Iterator[str]:
    """Schedule the listing of a market."""
    tokens = session.token_id(base), session.token_id(quote)
    return session.propose(
        "listMarket", (*tokens, lot_size, tick_size, *(terms[name] for name in MARKET_TERMS))
    )


@command
@market_argument
@click.option(
    "--status", type=click.Choice(list(STATUSES)), help="Orders are taken by an active market only."
)
@market_terms(required=False)
def set_market_command(session: Session, market: str, status: str | None, **terms: Any) -> Iterator[str]:
    """Schedule a change of MARKET's status or terms. What is not named stays as it is now."""
    given = {field: value for field, value in terms.items() if value is not None}
    if status is not None:
        given["status"] = STATUSES[status]
    return set_market(session, market, given)


@command
@market_argument
@click.argument("status", type=click.Choice([name for name, status in STATUSES.items() if status > 1]))
def restrict_market(session: Session, market: str, status: str) -> Iterator[str]:
    """Give MARKET a stricter STATUS at once."""
    return session.send("restrictMarket", session.market_id(market), int(STATUSES[status]))


@command
@click.argument("verifier", callback=_checked_address)
@click.option("--vkey", required=True, help="Verifying key of the guest program, 32 bytes in hexadecimal.")
def set_verifier(session: Session, verifier: str, vkey: str) -> Iterator[str]:
    """Schedule another VERIFIER and guest program."""
    try:
        key = bytes.fromhex(vkey.removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise GovernanceError(f"--vkey {vkey} is not 32 bytes in hexadecimal")
    return session.propose("setVerifier", verifier, key)


@command
@click.argument("fee", type=amount)
def set_forced_fee(session: Session, fee: int) -> Iterator[str]:
    """Schedule another base FEE of forced operations, in wei."""
    return session.propose("setForcedFee", fee)


@command
@click.argument("guardian", callback=_checked_address)
def set_guardian(session: Session, guardian: str) -> Iterator[str]:
    """Schedule another GUARDIAN; the zero address for nobody."""
    return session.propose("setGuardian", guardian)


@command
@click.argument("action_id", metavar="ID")
def execute(session: Session, action_id: str) -> Iterator[str]:
    """Carry out the pending action ID, or the only one whose identifier starts so."""
    return session.send("execute", session.find_pending(action_id).action)


@command
@click.argument("action_id", metavar="ID")
def cancel(session: Session, action_id: str) -> Iterator[str]:
    """Take back the pending action ID, or the only one whose identifier starts so."""
    return session.send("cancel", session.find_pending(action_id).id)


@command
def pending(session: Session) -> Iterator[str]:
    """List what waits in the timelock, and from when to when it can be executed."""
    return list_pending(session)


@command
@click.argument("poster", callback=_checked_address)
def set_poster(session: Session, poster: str) -> Iterator[str]:
    """Name another POSTER, who settles after the contract's delay."""
    return session.send("setPoster", poster)


@command
def halt(session: Session) -> Iterator[str]:
    """Guardian: stop settlement for a while."""
    return session.send("halt")


@command
def resume(session: Session) -> Iterator[str]:
    """Guardian or governor: end a halt."""
    return session.send("resume")


@command
@click.argument("governor", callback=_checked_address)
def transfer_ownership(session: Session, governor: str) -> Iterator[str]:
    """Offer the exchange to another GOVERNOR. When it accepts, what is pending is forgotten."""
    return session.send("transferOwnership", governor)


@command
def accept_ownership(session: Session) -> Iterator[str]:
    """Become the governor, if the present one offered it."""
    return session.send("acceptOwnership")


@command
@click.option("--settler", callback=_checked_address, help="Default: the deployment's poster.")
def collect_fees(session: Session, settler: str | None) -> Iterator[str]:
    """Pay out the fees of forced operations that a settler earned. Anyone may."""
    return session.send("collectFees", settler or to_checksum_address(session.deployment.poster))


if __name__ == "__main__":
    main()
