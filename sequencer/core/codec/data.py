"""The batch's transactions as they go to L1 (docs/protocol.md, section 5)."""

from collections.abc import Iterable
from struct import Struct
from typing import Final

from sequencer.core.book import PLACES_PER_SEQ, price_key
from sequencer.core.codec.varint import varint, zigzag
from sequencer.core.constants import MAX_BATCH_ITEMS
from sequencer.core.types import (
    Address,
    ApproveAgent,
    Batch,
    Block,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    ExpireOrder,
    InboxEntry,
    InvalidateNonces,
    Kind,
    OrderId,
    PlaceOrder,
    ReplaceOrder,
    RevokeAgent,
    Sequenceable,
    Transaction,
    Transfer,
    Withdraw,
)

_ADDRESS_DATA: Final = 20 + 5
"""A new address and a reference to it."""
_HEAD_DATA: Final = 1 + 2 * _ADDRESS_DATA + 2 * 10
_ACTION_DATA: Final = 1 + 30 + 1 + 3 * 10 + 16
"""A replacement with a client order id."""
MAX_TRANSACTION_DATA: Final = _HEAD_DATA + max(_ACTION_DATA, 5 + 19 + _ADDRESS_DATA + 19)
"""Most bytes that a transaction adds which is no batch."""
MAX_BATCH_BOUND: Final = MAX_TRANSACTION_DATA + MAX_BATCH_ITEMS * _ACTION_DATA
"""Most bytes that any transaction adds."""

DATA_VERSION: Final = 1
_INBOX: Final = bytes([Kind.INBOX])
_EXPIRE_ORDER: Final = bytes([Kind.EXPIRE_ORDER])
_KINDS: Final[dict[type, bytes]] = {
    PlaceOrder: bytes([Kind.PLACE_ORDER]),
    CancelOrder: bytes([Kind.CANCEL_ORDER]),
    CancelClientOrder: bytes([Kind.CANCEL_CLIENT_ORDER]),
    CancelAll: bytes([Kind.CANCEL_ALL]),
    ReplaceOrder: bytes([Kind.REPLACE_ORDER]),
    Batch: bytes([Kind.BATCH]),
    Withdraw: bytes([Kind.WITHDRAW]),
    Transfer: bytes([Kind.TRANSFER]),
    ApproveAgent: bytes([Kind.APPROVE_AGENT]),
    RevokeAgent: bytes([Kind.REVOKE_AGENT]),
    InvalidateNonces: bytes([Kind.INVALIDATE_NONCES]),
}
_WORDS: Final = Struct(">QQQ")


def encode_data(first_seq: int, blocks: Iterable[Block]) -> bytes:
    """The data of a batch whose first transaction has the number `first_seq`; `blocks` follow one another."""
    encoder = DataEncoder(first_seq)
    for block in blocks:
        encoder.add_block(block)
    return encoder.encode()


def data_bound(tx: Sequenceable) -> int:
    """Bytes that `tx` adds at most."""
    if isinstance(tx, Batch):
        return MAX_TRANSACTION_DATA + len(tx.actions) * _ACTION_DATA
    return MAX_TRANSACTION_DATA


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
        return bytes([DATA_VERSION]) + b"".join(map(varint, numbers))

    def add_block(self, block: Block) -> None:
        """Append the block that follows those added so far."""
        if self._first_block is None:
            self._first_block = block.number
        self._body += varint(block.timestamp - self._time)
        self._body += varint(len(block.transactions))
        self._time = block.timestamp
        self._blocks += 1
        for tx in block.transactions:
            self._body += self._transaction(tx)
            self._seq += 1

    def _transaction(self, tx: Sequenceable) -> bytes:
        match tx:
            case InboxEntry():
                return _INBOX
            case ExpireOrder():
                return _EXPIRE_ORDER + self._order(tx.order_id)
            case _:
                kind = _KINDS[type(tx)]
                return kind + self._head(tx) + self._own_fields(tx)

    def _head(self, tx: Transaction) -> bytes:
        account = tx.account
        head = self._ref(account) + self._own(tx.signer, account)
        head += zigzag(tx.nonce, self._nonces.get(account, 0)) + zigzag(tx.deadline, self._deadline)
        self._nonces[account] = tx.nonce
        self._deadline = tx.deadline
        return head

    def _own_fields(self, tx: Transaction) -> bytes:
        match tx:
            case PlaceOrder():
                return self._place_order(tx)
            case CancelOrder():
                return self._order(tx.order_id)
            case CancelClientOrder():
                return tx.client_order_id.to_bytes(16, "big")
            case CancelAll():
                return varint(tx.market)
            case ReplaceOrder():
                return self._replace_order(tx)
            case Batch():
                items = [_KINDS[type(item)] + self._own_fields(item) for item in tx.actions]
                return varint(len(items)) + b"".join(items)
            case Withdraw():
                return self._withdraw(tx)
            case Transfer():
                return self._ref(tx.to) + varint(tx.token) + varint(tx.amount)
            case ApproveAgent():
                return self._ref(tx.agent) + varint(tx.expiry) + tx.markets.to_bytes(32, "big")
            case RevokeAgent():
                return self._ref(tx.agent)
            case InvalidateNonces():
                return varint(tx.floor)

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

    def _order(self, order_id: OrderId) -> bytes:
        book, key, place = _WORDS.unpack(order_id)
        return varint(book) + self._price(book, key) + zigzag(self._seq * PLACES_PER_SEQ, place)

    def _place_order(self, tx: PlaceOrder) -> bytes:
        book = tx.market * 2 + tx.side
        options = tx.side | _options(tx)
        body = bytes([options]) + varint(tx.market) + self._price(book, price_key(tx.side, tx.price))
        return body + varint(tx.size) + _client(tx)

    def _replace_order(self, tx: ReplaceOrder) -> bytes:
        book, key, _ = _WORDS.unpack(tx.order_id)
        new_key = price_key(book & 1, tx.price)
        body = self._order(tx.order_id) + bytes([_options(tx)]) + zigzag(new_key, key)
        self._price_keys[book] = new_key
        return body + varint(tx.size) + zigzag(tx.expected_size, tx.size) + _client(tx)

    def _withdraw(self, tx: Withdraw) -> bytes:
        body = varint(tx.token) + varint(tx.amount)
        return body + self._own(tx.recipient, tx.account) + varint(tx.max_relay_fee)


def _options(tx: PlaceOrder | ReplaceOrder) -> int:
    return tx.time_in_force << 1 | tx.self_trade << 4 | (tx.client_order_id != 0) << 6


def _client(tx: PlaceOrder | ReplaceOrder) -> bytes:
    return tx.client_order_id.to_bytes(16, "big") if tx.client_order_id else b""
