"""Keys of one's own."""

import os
import sys
from pathlib import Path
from typing import Final

import click

from sequencer.client.cli.output import table
from sequencer.client.cli.session import KEY_VARIABLE, JsonGroup, Session, examples, pass_session
from sequencer.client.keystore import decrypt, read_file
from sequencer.client.wallet import Wallet, WalletError

KEY_BYTES_MAX: Final = 1_024


@click.group(cls=JsonGroup)
def key() -> None:
    """Make, import and list keys. They are encrypted on disk and never shown."""


@key.command()
@click.argument("name", default="default")
@pass_session
@examples("key new", "key new bot --password-file secret.txt  # before `key`: zkclob --password-file …")
def new(session: Session, name: str) -> None:
    """Make a key and write it, encrypted, to the keystore."""
    _save(session, name, Wallet.generate())


@key.command("import")
@click.argument("name", default="default")
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="File with the key in hex, or an encrypted key of another wallet; - reads hex from the input.",
)
@pass_session
@examples("key import", "key import desk --file UTC--2026-01-01T00-00-00Z--4a62…")
def import_(session: Session, name: str, path: Path | None) -> None:
    """Write a key that there is already, encrypted, to the keystore. Without --file it is asked for."""
    _save(session, name, _given(session, path))


def _given(session: Session, path: Path | None) -> Wallet:
    if path is None:
        return Wallet.from_hex(click.prompt("key (hex)", hide_input=True, err=True))
    if str(path) == "-":
        return Wallet.from_hex(sys.stdin.read(KEY_BYTES_MAX))
    try:
        text = path.read_text()[:KEY_BYTES_MAX]
    except (OSError, UnicodeDecodeError) as error:
        raise WalletError(f"cannot read a key in {path}") from error
    if text.lstrip().startswith("{"):
        return decrypt(read_file(path), session.password(), str(path))
    return Wallet.from_hex(text)


@key.command("list")
@pass_session
@examples("key list")
def list_(session: Session) -> None:
    """All keys of the keystore with their addresses."""
    keys = [(name, f"0x{session.keystore.address(name).hex()}") for name in session.keystore.names()]
    shown = [{"name": name, "address": address} for name, address in keys]
    session.show(shown, table(("name", "address"), keys))


@key.command()
@pass_session
@examples("key address", "--key bot key address")
def address(session: Session) -> None:
    """The address of the key that commands use; needs no password."""
    name = None if os.environ.get(KEY_VARIABLE) else session.key_name
    found = f"0x{session.own_address.hex()}"
    session.show({"name": name, "address": found}, [found])


def _save(session: Session, name: str, wallet: Wallet) -> None:
    path = session.keystore.save(name, wallet, session.password(is_new=True))
    found = f"0x{wallet.address.hex()}"
    session.show({"name": name, "address": found, "file": str(path)}, [f"{name}  {found}", f"in {path}"])
