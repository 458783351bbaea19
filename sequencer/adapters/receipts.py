"""Signs receipts with the sequencer's receipt key.

A signature costs about 30 µs on the event loop and is made in the answer to a transaction, never by the writer. It is
deterministic (RFC 6979): asked for again, a receipt has the same bytes.
"""

from coincurve import PrivateKey
from zkclob_native import keccak256

from sequencer.core.signing import receipt_digest
from sequencer.core.types import Address, Receipt


class ReceiptSigner:
    """One secp256k1 key under the exchange's domain."""

    def __init__(self, key: bytes, separator: bytes) -> None:
        """`key`: 32 bytes, in the curve's range."""
        self._key = PrivateKey(key)
        self._separator = separator
        self.address: Address = keccak256(self._key.public_key.format(compressed=False)[1:])[12:]

    def sign(self, receipt: Receipt) -> bytes:
        """Signature `r s v` (65 bytes), with low s. What it is of must be durable."""
        signature = self._key.sign_recoverable(receipt_digest(self._separator, receipt), hasher=None)
        return signature[:64] + bytes([27 + signature[64]])
