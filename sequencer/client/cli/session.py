"""What the options before a command chose, and how commands are declared."""

import inspect
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import click

from sequencer.client.cli.output import echo_json
from sequencer.client.cli.parameters import LIMIT
from sequencer.client.client import Client
from sequencer.client.errors import ClientError
from sequencer.client.keystore import Keystore
from sequencer.client.l1 import L1Account
from sequencer.client.wallet import Wallet, WalletError

DEFAULT_KEYSTORE: Final = Path.home() / ".zkclob" / "keys"
KEY_VARIABLE: Final = "ZKCLOB_KEY"
PASSWORD_VARIABLE: Final = "ZKCLOB_PASSWORD"  # noqa: S105 - the variable's name


@dataclass
class Session:
    """One run of the command."""

    url: str
    rpc_url: str
    keystore: Keystore
    key_name: str
    password_file: Path | None
    account: bytes | None
    lane: int | None
    receipts: Path | None
    as_json: bool
    clients: list[Client] = field(default_factory=list)

    # ------------------------------------------------------------------- keys

    @cached_property
    def wallet(self) -> Wallet:
        """The key of ZKCLOB_KEY, else of the keystore. Raises WalletError that says which."""
        given = os.environ.get(KEY_VARIABLE)
        if not given:
            return self.keystore.load(self.key_name, self.password())
        try:
            return Wallet.from_hex(given)
        except WalletError as error:
            raise WalletError(f"{KEY_VARIABLE}: {error}") from error

    @property
    def own_address(self) -> bytes:
        """The key's address; needs no password."""
        if os.environ.get(KEY_VARIABLE):
            return self.wallet.address
        return self.keystore.address(self.key_name)

    @property
    def address(self) -> bytes:
        """The account that is traded for: --account, else the key's own."""
        return self.account or self.own_address

    def password(self, *, is_new: bool = False) -> str:
        """From --password-file, ZKCLOB_PASSWORD or a prompt. Raises WalletError."""
        if self.password_file is not None:
            try:
                return self.password_file.read_text().removesuffix("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise WalletError(f"cannot read the password in {self.password_file}") from error
        if PASSWORD_VARIABLE in os.environ:
            return os.environ[PASSWORD_VARIABLE]
        prompted: str = click.prompt("password", hide_input=True, confirmation_prompt=is_new, err=True)
        return prompted

    # ---------------------------------------------------------------- clients

    @cached_property
    def client(self) -> Client:
        """A client that can only read."""
        return self._opened(Client(self.url))

    @cached_property
    def trader(self) -> Client:
        """A client that signs."""
        try:
            client = Client(
                self.url, self.wallet, account=self.account, lane=self.lane, receipts=self.receipts
            )
        except OSError as error:
            raise ClientError(f"cannot open the file of receipts: {error}") from error
        return self._opened(client)

    def _opened(self, client: Client) -> Client:
        self.clients.append(client)
        return client

    def close(self) -> None:
        """Ends what was opened."""
        for client in self.clients:
            client.close()

    @cached_property
    def l1(self) -> L1Account:
        """The contract on L1, on the chain that the sequencer names."""
        info = self.client.info()
        account = L1Account(self.rpc_url, info.exchange, self.wallet)
        account.require_chain(info.chain_id)
        return account

    # ------------------------------------------------------------------ names

    def market(self, number: int) -> str:
        """A market's symbol."""
        return self.client.market(number).symbol

    def token(self, number: int) -> str:
        """A token's symbol."""
        return self.client.token(number).symbol

    def show(self, answer: object, lines: Iterable[str]) -> None:
        """The answer as JSON if that was asked for, else as lines for people."""
        if self.as_json:
            echo_json(answer)
        else:
            for line in lines:
                click.echo(line)


pass_session = click.make_pass_decorator(Session)


def _ask_for_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    session = context.find_object(Session)
    if value and session is not None:
        session.as_json = True


class JsonCommand(click.Command):
    """A command that takes --json after its name too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--json"], is_flag=True, expose_value=False, callback=_ask_for_json, help="Print JSON."
            )
        )


class JsonGroup(click.Group):
    """A group of such commands."""

    command_class = JsonCommand


JsonGroup.group_class = JsonGroup

Function = Callable[..., Any]


def command(name: str | None = None) -> Callable[[Function], JsonCommand]:
    """Declares a command of no group yet."""
    return click.command(name, cls=JsonCommand)


def page_options(function: Function) -> Function:
    """The options of what is shown in pages, newest first."""
    limit = click.option("--limit", type=LIMIT, default=20, show_default=True, help="How many at most.")
    before = click.option("--before", metavar="CURSOR", help="Where the page before ended, as it said.")
    return limit(before(function))


def examples(*lines: str) -> Callable[[Function], Function]:
    """Shown as they are at the end of a command's help."""

    def extend(function: Function) -> Function:
        shown = "\n".join(f"  zkclob {line}" for line in lines)
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n\b\nExamples:\n{shown}\n"
        return function

    return extend
