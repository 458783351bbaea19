"""Signed receipts: checked when they arrive, and kept as evidence (docs/receipts.md)."""

from pathlib import Path

import msgspec
from zkclob_native import recover

from sequencer.client.answers import Receipt, json_form
from sequencer.core import types as core
from sequencer.core.signing import domain_separator, receipt_digest


class BadReceipt(Exception):  # noqa: N818 - what it is, as it is shown
    """A receipt is not the promise that it should be; the message says why."""


class KeptReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """A receipt with all that its signature is under: chain id, the exchange's contract and the signer's address."""

    chain_id: int
    exchange: str
    signer: str
    receipt: Receipt

    def require_valid(self) -> core.Receipt:
        """What was signed. Raises BadReceipt unless `signer` did."""
        try:
            separator = domain_separator(self.chain_id, bytes.fromhex(self.exchange.removeprefix("0x")))
            signed = to_core(self.receipt)
            address, _ = recover(receipt_digest(separator, signed), _bytes(self.receipt.signature))
        except (ValueError, OverflowError) as error:
            raise BadReceipt(
                f"the receipt of transaction {self.receipt.seq} makes no sense: {error}"
            ) from error
        if address != _bytes(self.signer):
            raise BadReceipt(
                f"the receipt of transaction {self.receipt.seq} is signed by 0x{address.hex()}, not by {self.signer}"
            )
        return signed

    def require_seq(self, seq: int) -> None:
        """Raises BadReceipt unless `signer` promised the place of the transaction with this number."""
        if self.require_valid().seq != seq:
            raise BadReceipt(f"the receipt is of transaction {self.receipt.seq}, not of {seq}")

    def require_promises(self, seq: int, digest: bytes) -> None:
        """Raises BadReceipt unless `signer` promised that this transaction has this number."""
        signed = self.require_valid()
        if (signed.seq, signed.digest) != (seq, digest):
            raise BadReceipt(
                f"the receipt is of transaction {signed.seq}, 0x{signed.digest.hex()}, not of {seq}, 0x{digest.hex()}"
            )


class ReceiptFile:
    """Receipts in a file, one JSON object a line; it is only ever appended to, by any number of programs."""

    def __init__(self, path: Path) -> None:
        """Makes the file if it is not there. Raises OSError."""
        self._path = path
        self._write(b"")

    def append(self, kept: KeptReceipt) -> None:
        """Adds a receipt. Raises OSError."""
        self._write(msgspec.json.encode(json_form(kept)) + b"\n")

    def _write(self, line: bytes) -> None:
        """In one call, so that lines of several programs do not mix."""
        with self._path.open("ab", buffering=0) as file:
            if file.write(line) != len(line):
                raise OSError(f"{self._path} does not take a whole line")


def read_receipts(path: Path) -> list[KeptReceipt]:
    """The receipts of a file, oldest first. Raises OSError, BadReceipt."""
    receipts = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            receipts.append(msgspec.json.decode(line, type=KeptReceipt, strict=False))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadReceipt(f"{path}, line {number} is no receipt: {error}") from error
    return receipts


def to_core(receipt: Receipt) -> core.Receipt:
    """What the signature is of. Raises ValueError."""
    return core.Receipt(receipt.seq, _bytes(receipt.digest), _bytes(receipt.inbox_hash), receipt.time)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
