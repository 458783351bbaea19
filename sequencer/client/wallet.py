"""A trader's key."""

import os
from pathlib import Path
from typing import Self

from coincurve import PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount


class WalletError(Exception):
    """A key cannot be used; the message says what to do."""


class Wallet:
    """One secp256k1 key: signs transactions of the exchange and of L1."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes, in the curve's range. Raises WalletError."""
        try:
            self._key = PrivateKey(key)
            self.l1: LocalAccount = Account.from_key(key)
        except (ValueError, TypeError) as error:
            raise WalletError("a key is 32 bytes of hex, not zero") from error

    @property
    def address(self) -> bytes:
        """The account, 20 bytes."""
        return bytes.fromhex(self.l1.address[2:])

    def sign(self, digest: bytes) -> bytes:
        """Signature `r s v` (65 bytes) of a 32-byte digest, with low s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    # ------------------------------------------------------------------- keys

    @classmethod
    def generate(cls) -> Self:
        """A new random key."""
        return cls(PrivateKey().secret)

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """A key from hex with or without 0x. Raises WalletError."""
        try:
            return cls(bytes.fromhex(text.strip().removeprefix("0x")))
        except ValueError as error:
            raise WalletError("a key is 32 bytes of hex, not zero") from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """The key in a file that only its owner can read. Raises WalletError."""
        try:
            if path.stat().st_mode & 0o077:
                raise WalletError(f"others can read {path}: run `chmod 600 {path}`")
            return cls.from_hex(path.read_text(errors="replace"))
        except OSError as error:
            raise WalletError(
                f"cannot read {path} ({error.strerror}): make a key with `zkclob keys new`"
            ) from error

    def save(self, path: Path) -> None:
        """Writes the key to a new file that only its owner can read. Raises WalletError if there is a file."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise WalletError(f"{path} is there already: take another place with --key-file") from error
        except OSError as error:
            raise WalletError(
                f"cannot write {path} ({error.strerror}): take another place with --key-file"
            ) from error
        with os.fdopen(descriptor, "w") as file:
            file.write(f"0x{self._key.secret.hex()}\n")
