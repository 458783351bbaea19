"""Encrypted keys on disk, one file each, in the format of Ethereum wallets (Web3 Secret Storage, version 3)."""

import json
import os
import re
from pathlib import Path
from typing import Any, Final

from eth_account import Account

from sequencer.client.wallet import Wallet, WalletError

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
FILE_BYTES_MAX: Final = 16 * 1024
KDF: Final = "scrypt"
KDF_ROUNDS: Final = 1 << 18
"""Costs about a second and 256 MiB, for us once and for whoever guesses passwords each time."""


class Keystore:
    """A folder of keys by name. Every method raises WalletError."""

    def __init__(self, folder: Path, rounds: int = KDF_ROUNDS) -> None:
        """`rounds`: the cost of guessing a password; a power of two."""
        self.folder = folder
        self._rounds = rounds

    def names(self) -> list[str]:
        """Of all keys, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.json") if _NAME.fullmatch(path.stem))

    def address(self, name: str) -> bytes:
        """The account of a key, 20 bytes; needs no password."""
        try:
            address = bytes.fromhex(str(self._read(name)["address"]).removeprefix("0x"))
        except (KeyError, ValueError) as error:
            raise WalletError(f"{self._path(name)} does not say its address: import the key again") from error
        if len(address) != 20:
            raise WalletError(f"{self._path(name)} does not say its address: import the key again")
        return address

    def load(self, name: str, password: str) -> Wallet:
        """Decrypts a key."""
        wallet = decrypt(self._read(name), password, str(self._path(name)))
        if wallet.address != self.address(name):
            raise WalletError(f"{self._path(name)} holds another key than it says: import the key again")
        return wallet

    def save(self, name: str, wallet: Wallet, password: str) -> Path:
        """Writes a key to a new file that only its owner can read; gives the file."""
        path = self._path(name)
        if path.exists():
            raise WalletError(f"there is a key {name} already ({path}): take another name")
        encrypted = Account.encrypt(wallet.l1.key, password, kdf=KDF, iterations=self._rounds)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise WalletError(
                f"cannot write {path} ({error.strerror}): take another place with --keystore"
            ) from error
        with os.fdopen(descriptor, "w") as file:
            json.dump(encrypted, file)
        return path

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise WalletError(f"{name[:80]!r} is no name of a key: take letters, digits, - and _")
        return self.folder / f"{name}.json"

    def _read(self, name: str) -> dict[str, Any]:
        path = self._path(name)
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise WalletError(f"no key {name} in {self.folder}: make one with `zkclob key new`") from error
        if mode & 0o077:
            raise WalletError(f"others can read {path}: run `chmod 600 {path}`")
        return read_file(path)


def read_file(path: Path) -> dict[str, Any]:
    """An encrypted key's file, not decrypted. Raises WalletError."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(FILE_BYTES_MAX))
    except OSError as error:
        raise WalletError(f"cannot read {path} ({error.strerror})") from error
    except ValueError as error:
        raise WalletError(f"{path} is not the file of an encrypted key") from error
    if not isinstance(content, dict):
        raise WalletError(f"{path} is not the file of an encrypted key")
    return content


def decrypt(encrypted: dict[str, Any], password: str, source: str) -> Wallet:
    """The key in a file's content. `source` names it in errors. Raises WalletError."""
    try:
        return Wallet(bytes(Account.decrypt(encrypted, password)))
    except ValueError as error:
        raise WalletError(f"{source}: the password is not the right one") from error
    except (KeyError, TypeError, NotImplementedError) as error:
        raise WalletError(f"{source} is not the file of an encrypted key") from error
