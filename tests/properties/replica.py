"""A Python state and a Rust state tree side by side: transactions are signed, sealed and compared."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import zkclob_native as native
from coincurve import PrivateKey

from sequencer.core import signing
from sequencer.core.carriers import Carried, in_calldata
from sequencer.core.codec import encode_data
from sequencer.core.digests import block_digests
from sequencer.core.errors import Code
from sequencer.core.outbox import encode_outbox_leaf
from sequencer.core.public_values import public_values
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_expiry, apply_inbox, open_block, removed_ids
from sequencer.core.types import (
    Address,
    Block,
    ExpireOrder,
    InboxEntry,
    OrderId,
    Result,
    Sequenceable,
    Withdrawal,
)

CHAIN_ID = 31337
CONTRACT = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
SEPARATOR = signing.domain_separator(CHAIN_ID, CONTRACT)


class Signer:
    """A key with the address and public key it signs for."""

    def __init__(self, secret: int) -> None:
        self._key = PrivateKey.from_int(secret)
        self.public_key = self._key.public_key.format(compressed=False)[1:]
        self.address: Address = native.keccak256(self.public_key)[12:]

    def sign(self, digest: bytes) -> bytes:
        """Signature of 65 bytes, r, s and v."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch on which Python and Rust agree. `before`: the tree that it starts at."""

    before: native.StateTree
    data: bytes
    entries: list[bytes]
    signatures: list[tuple[bytes, bytes]]
    removed: list[OrderId]
    prepared: native.Prepared


class Replica:
    """Applies transactions in Python and, at the end of each batch, checks that Rust says the same."""

    def __init__(
        self,
        signers: list[Signer],
        separator: bytes = SEPARATOR,
        carry: Callable[[bytes], Carried] = in_calldata,
    ) -> None:
        """`carry`: how the data of its batches gets to L1."""
        self._separator = separator
        self.carry = carry
        self.signers = {signer.address: signer for signer in signers}
        self.state = State()
        self.tree = native.StateTree()
        self.codes: Counter[Code] = Counter()
        self._begin_batch()

    def _begin_batch(self) -> None:
        self._before = self.tree.copy()
        self._first_seq = self.state.meta.next_seq
        self._inbox_hash = self.state.meta.inbox_hash
        self.blocks: list[Block] = []
        self._roots: list[bytes] = []
        self._entries: list[bytes] = []
        self._signatures: list[tuple[bytes, bytes]] = []
        self._results: list[Result] = []
        self._removed: list[OrderId] = []
        self._withdrawals: list[Withdrawal] = []

    def open_block(self, timestamp: int) -> None:
        """Begin a block, sealing the one before."""
        self.seal_block()
        open_block(self.state, timestamp)
        self.blocks.append(Block(self.state.meta.block_number, timestamp, []))

    def sequence(self, tx: Sequenceable) -> Result:
        """Apply what is valid, signed by its signer."""
        match tx:
            case InboxEntry():
                result = apply_inbox(self.state, tx.data)
                self._entries.append(tx.data)
            case ExpireOrder():
                result = apply_expiry(self.state, tx)
            case _:
                result = apply(self.state, tx)
                signer = self.signers[tx.signer]
                signature = signer.sign(signing.digest(self._separator, tx))
                self._signatures.append((signer.public_key, signature))
        return self._note(tx, result)

    def _note(self, tx: Sequenceable, result: Result) -> Result:
        self.blocks[-1].transactions.append(tx)
        self._removed += removed_ids(tx, result)
        self._results.append(result)
        self.codes.update(part.code for part in (result, *result.items))
        self._withdrawals += result.withdrawals
        return result

    def seal_block(self) -> None:
        """Bring the tree up to the state, if the block is not sealed yet."""
        if len(self._roots) < len(self.blocks):
            self._roots.append(self.tree.apply(self.state.take_writes(), self.state.meta_bytes()))

    def seal_batch(self) -> SealedBatch:
        """Re-execute the open batch in Rust, compare everything, and begin the next."""
        self.seal_block()
        data = encode_data(self._first_seq, self.blocks)
        carried = self.carry(data)
        prepared = native.prepare(
            self._before,
            self._separator,
            data,
            self._entries,
            self._signatures,
            self._removed,
            carried.versioned_hashes,
        )
        assert prepared.results == [part.code for result in self._results for part in (result, *result.items)]
        assert prepared.block_roots == self._roots
        expected = public_values(
            self._separator,
            (self._before.root, self.tree.root),
            self._first_seq,
            self.state.meta,
            carried,
            block_digests(self._separator, self._inbox_hash, self.blocks),
            self._withdrawals,
        ).encode()
        assert prepared.public_values == expected
        assert prepared.outbox == [encode_outbox_leaf(leaf, i) for i, leaf in enumerate(self._withdrawals)]
        assert native.execute(prepared.witness) == expected
        sealed = SealedBatch(self._before, data, self._entries, self._signatures, self._removed, prepared)
        self._begin_batch()
        return sealed
