"""The batch's transactions as they go to L1 (docs/protocol.md, section 5)."""

from collections.abc import Iterable
from typing import Final

from sequencer.core.book import PLACES_PER_SEQ, price_key
from sequencer.core.codec.varint import varint, zigzag
from sequencer.core.types import (
    Address,
    Block,
    CancelClientOrder,
    CancelOrder,
    InboxEntry,
    Kind,
    PlaceOrder,
    Transaction,
    Withdraw,
)

MAX_TRANSACTION_DATA: Final = 133
"""Most bytes a transaction adds: a withdrawal that names three new addresses."""

_DATA_VERSION: Final = 1
_INBOX: Final = bytes([Kind.INBOX])


def encode_data(first_seq: int, blocks: Iterable[Block]) -> bytes:
    """The data of a batch whose first transaction has the number `first_seq`; `blocks` follow one another."""
    encoder = DataEncoder(first_seq)
    for block in blocks:
        encoder.add_block(block)
    return encoder.encode()


class DataEncoder:
    """Encodes a batch block by block, so that its size is known before it is full."""

    def __init__(self, first_seq: int) -> None:
        self._first_seq = first_seq
        self._seq = first_seq
        self._first_block: int | None = None
        self._time = 0
        self._blocks = 0
        self._body = bytearray()
        self._dictionary: dict[Address, int] = {}
        self._nonces: dict[Address, int] = {}
        self._deadline = 0
        self._price_keys: dict[int, int] = {}

    @property
    def size(self) -> int:
        """Length in bytes of what `encode` gives now."""
        return len(self._header()) + 20 * len(self._dictionary) + len(self._body)

    def encode(self) -> bytes:
        """The data of all blocks added."""
        if self._first_block is None:
            raise ValueError("data holds at least one block")
        header = self._header()
        count = len(varint(len(self._dictionary)))
        return b"".join((header[: 1 + count], *self._dictionary, header[1 + count :], self._body))

    def _header(self) -> bytes:
        numbers = (len(self._dictionary), self._first_block or 0, self._first_seq, self._blocks)
        return bytes([_DATA_VERSION]) + b"".join(map(varint, numbers))

    def add_block(self, block: Block) -> None:
        """Append the block that follows those added so far."""
        if self._first_block is None:
            self._first_block = block.number
        self._body += varint(block.timestamp - self._time)
        self._body += varint(len(block.transactions))
        self._time = block.timestamp
        self._blocks += 1
        for tx in block.transactions:
            self._body += _INBOX if isinstance(tx, InboxEntry) else self._transaction(tx)
            self._seq += 1

    def _transaction(self, tx: Transaction) -> bytes:
        match tx:
            case PlaceOrder():
                return self._head(Kind.PLACE_ORDER, tx) + self._place_order(tx)
            case CancelOrder():
                return self._head(Kind.CANCEL_ORDER, tx) + self._order(tx.order_id)
            case CancelClientOrder():
                return self._head(Kind.CANCEL_CLIENT_ORDER, tx) + tx.client_order_id.to_bytes(16, "big")
            case Withdraw():
                return self._head(Kind.WITHDRAW, tx) + self._withdraw(tx)

    def _head(self, kind: Kind, tx: Transaction) -> bytes:
        account = tx.account
        head = bytes([kind]) + self._ref(account) + self._own(tx.signer, account)
        head += zigzag(tx.nonce, self._nonces.get(account, 0)) + zigzag(tx.deadline, self._deadline)
        self._nonces[account] = tx.nonce
        self._deadline = tx.deadline
        return head

    def _ref(self, address: Address) -> bytes:
        return varint(self._index(address))

    def _own(self, address: Address, account: Address) -> bytes:
        return b"\0" if address == account else varint(1 + self._index(address))

    def _index(self, address: Address) -> int:
        return self._dictionary.setdefault(address, len(self._dictionary))

    def _price(self, book: int, key: int) -> bytes:
        difference = zigzag(key, self._price_keys.get(book, 0))
        self._price_keys[book] = key
        return difference

    def _order(self, order_id: bytes) -> bytes:
        book = int.from_bytes(order_id[:8], "big")
        key = int.from_bytes(order_id[8:16], "big")
        place = int.from_bytes(order_id[16:], "big")
        return varint(book) + self._price(book, key) + zigzag(self._seq * PLACES_PER_SEQ, place)

    def _place_order(self, tx: PlaceOrder) -> bytes:
        named = tx.client_order_id != 0
        options = tx.side | tx.time_in_force << 1 | tx.self_trade << 4 | named << 6
        body = bytes([options]) + varint(tx.market)
        body += self._price(tx.market * 2 + tx.side, price_key(tx.side, tx.price)) + varint(tx.size)
        return body + tx.client_order_id.to_bytes(16, "big") if named else body

    def _withdraw(self, tx: Withdraw) -> bytes:
        body = varint(tx.token) + varint(tx.amount)
        return body + self._own(tx.recipient, tx.account) + varint(tx.max_relay_fee)
