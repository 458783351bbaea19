"""A trader's key."""

from typing import Self

from coincurve import PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount


class WalletError(Exception):
    """A key cannot be used; the message says what to do."""


class Wallet:
    """One secp256k1 key: signs transactions of the exchange and of L1. Nothing shows it."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes, in the curve's range. Raises WalletError."""
        try:
            self._key = PrivateKey(key)
            self.l1: LocalAccount = Account.from_key(key)
        except (ValueError, TypeError) as error:
            raise WalletError("a key is 32 bytes of hex, not zero") from error

    def __repr__(self) -> str:
        return f"Wallet({self.l1.address})"

    @property
    def address(self) -> bytes:
        """The account, 20 bytes."""
        return bytes.fromhex(self.l1.address[2:])

    def sign(self, digest: bytes) -> bytes:
        """Signature `r s v` (65 bytes) of a 32-byte digest, with low s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

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
