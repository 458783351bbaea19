"""Reads back the transactions of a batch as L1 holds them (docs/protocol.md, section 5).

A list of transactions has one encoding. Whatever else the bytes are raises `ValueError`.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from sequencer.core.book import PLACES_PER_SEQ, price_key
from sequencer.core.codec.actions import SELF_TRADES, SIDES, TIMES_IN_FORCE, Head
from sequencer.core.codec.data import DATA_VERSION
from sequencer.core.constants import MAX_BATCH_ITEMS, MAX_U32, MAX_U64, MAX_U128
from sequencer.core.types import (
    Action,
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
    SelfTrade,
    Sequenceable,
    Side,
    TimeInForce,
    Transaction,
    Transfer,
    Withdraw,
)


class DecodedData(Struct, frozen=True):
    """What the data of a batch holds. `first_seq`: sequence number of its first transaction."""

    first_seq: int
    blocks: list[Block]


def decode_data(data: bytes, inbox: Iterable[bytes]) -> DecodedData:
    """The blocks in `data`; `inbox`: the entries from the batch's first on, of which it takes what it consumes.

    Raises `ValueError` for bytes that are not the encoding of any blocks, or where an entry is missing.
    """
    return _Decoder(data, iter(inbox)).blocks()


class _Options(Struct):
    side: Side
    time_in_force: TimeInForce
    self_trade: SelfTrade
    named: bool


class _Decoder:
    def __init__(self, data: bytes, inbox: Iterator[bytes]) -> None:
        self._data = data
        self._at = 0
        self._inbox = inbox
        self._seq = 0
        self._addresses: list[Address] = []
        self._used = 0
        """Addresses from here on were not referred to yet."""
        self._nonces: list[int] = []
        self._deadline = 0
        self._price_keys: dict[int, int] = {}

    def blocks(self) -> DecodedData:
        if self._byte() != DATA_VERSION:
            raise ValueError("version of the data")
        self._read_dictionary()
        number, first_seq = self._varint(), self._varint()
        self._seq = first_seq
        blocks, time = [], 0
        for index in range(self._count()):
            time += self._varint()
            transactions = [self._next_transaction() for _ in range(self._count())]
            blocks.append(Block(number + index, time, transactions))
        if time > MAX_U64 or self._seq > MAX_U64:
            raise ValueError("a time or sequence number that does not fit")
        if self._used < len(self._addresses):
            raise ValueError("an address that is not used")
        if self._at < len(self._data):
            raise ValueError("bytes left over")
        return DecodedData(first_seq, blocks)

    # ------------------------------------------------------------------ bytes

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise ValueError("ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def _number(self, length: int) -> int:
        return int.from_bytes(self._take(length), "big")

    def _varint(self, largest: int = MAX_U64) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if value > largest:
                raise ValueError("a number that does not fit")
            if byte < 0x80:
                if shift and not byte:
                    raise ValueError("a number that is not in its shortest form")
                return value
            shift += 7
            if shift > largest.bit_length():
                raise ValueError("a number that does not fit")

    def _zigzag(self, previous: int) -> int:
        value = self._varint()
        difference = (value >> 1) ^ (MAX_U64 if value & 1 else 0)
        return (previous + difference) & MAX_U64

    def _count(self) -> int:
        """At least one, and no more than the bytes that are left: each of what is counted has one."""
        count = self._varint()
        if not 1 <= count <= len(self._data) - self._at:
            raise ValueError("count of blocks or transactions")
        return count

    # -------------------------------------------------------------- addresses

    def _read_dictionary(self) -> None:
        count = self._varint()
        if count > (len(self._data) - self._at) // 20:
            raise ValueError("ends too early")
        self._addresses = [self._take(20) for _ in range(count)]
        if len(set(self._addresses)) < count:
            raise ValueError("an address that is twice in the dictionary")
        self._nonces = [0] * count

    def _use(self, index: int) -> int:
        """They come in the order of their first use."""
        if index >= min(len(self._addresses), self._used + 1):
            raise ValueError("reference to an address")
        self._used = max(self._used, index + 1)
        return index

    def _address(self) -> Address:
        return self._addresses[self._use(self._varint())]

    def _own(self, account: int) -> Address:
        """An address that is often the account's own."""
        reference = self._varint()
        if not reference:
            return self._addresses[account]
        if self._use(reference - 1) == account:
            raise ValueError("the account by reference")
        return self._addresses[reference - 1]

    # ----------------------------------------------------------- transactions

    def _next_transaction(self) -> Sequenceable:
        tx = self._transaction()
        self._seq += 1
        return tx

    def _transaction(self) -> Sequenceable:
        kind = self._byte()
        if kind == Kind.INBOX:
            entry = next(self._inbox, None)
            if entry is None:
                raise ValueError("an inbox entry that is not there")
            return InboxEntry(entry)
        if kind == Kind.EXPIRE_ORDER:
            return ExpireOrder(self._order())
        account = self._use(self._varint())
        return self._signed(kind, account, self._head(account))

    def _head(self, account: int) -> Head:
        signer = self._own(account)
        nonce = self._nonces[account] = self._zigzag(self._nonces[account])
        self._deadline = self._zigzag(self._deadline)
        return (self._addresses[account], signer, nonce, self._deadline)

    def _signed(self, kind: int, account: int, head: Head) -> Transaction:
        match kind:
            case Kind.BATCH:
                return Batch(*head, self._actions(head))
            case Kind.WITHDRAW:
                token, amount = self._varint(MAX_U32), self._varint(MAX_U128)
                return Withdraw(*head, token, amount, self._own(account), self._varint(MAX_U128))
            case Kind.TRANSFER:
                return Transfer(*head, self._address(), self._varint(MAX_U32), self._varint(MAX_U128))
            case Kind.APPROVE_AGENT:
                return ApproveAgent(*head, self._address(), self._varint(), self._number(32))
            case Kind.REVOKE_AGENT:
                return RevokeAgent(*head, self._address())
            case Kind.INVALIDATE_NONCES:
                return InvalidateNonces(*head, self._varint())
            case _:
                return self._action(kind, head)

    def _actions(self, head: Head) -> tuple[Action, ...]:
        count = self._varint()
        if not 1 <= count <= MAX_BATCH_ITEMS:
            raise ValueError("count of actions in a batch")
        return tuple(self._action(self._byte(), head) for _ in range(count))

    def _action(self, kind: int, head: Head) -> Action:
        match kind:
            case Kind.PLACE_ORDER:
                return self._place_order(head)
            case Kind.CANCEL_ORDER:
                return CancelOrder(*head, self._order())
            case Kind.CANCEL_CLIENT_ORDER:
                return CancelClientOrder(*head, self._number(16))
            case Kind.CANCEL_ALL:
                return CancelAll(*head, self._varint(MAX_U32))
            case Kind.REPLACE_ORDER:
                return self._replace_order(head)
            case _:
                raise ValueError("kind of a transaction")

    # ----------------------------------------------------------------- orders

    def _place_order(self, head: Head) -> PlaceOrder:
        options = self._options()
        market, side = self._varint(MAX_U32), options.side
        price = price_key(side, self._price(market * 2 + side))
        size = self._varint()
        client = self._client(options)
        return PlaceOrder(*head, market, side, options.time_in_force, options.self_trade, price, size, client)

    def _replace_order(self, head: Head) -> ReplaceOrder:
        book = self._varint()
        order_id = self._order_in(book)
        options = self._options()
        if options.side:
            raise ValueError("options of a replacement")
        # Relative to the key in the order id, which is now the last one of the book.
        price = price_key(book & 1, self._price(book))
        size = self._varint()
        return ReplaceOrder(
            *head,
            order_id,
            options.time_in_force,
            options.self_trade,
            price,
            size,
            self._zigzag(size),
            self._client(options),
        )

    def _options(self) -> _Options:
        options = self._byte()
        time_in_force = options >> 1 & 7
        if options >> 7 or time_in_force >= len(TIMES_IN_FORCE):
            raise ValueError("options of an order")
        return _Options(
            SIDES[options & 1],
            TIMES_IN_FORCE[time_in_force],
            SELF_TRADES[options >> 4 & 3],
            bool(options >> 6),
        )

    def _client(self, options: _Options) -> int:
        if not options.named:
            return 0
        number = self._number(16)
        if not number:
            raise ValueError("a client order id of 0")
        return number

    def _order(self) -> OrderId:
        return self._order_in(self._varint())

    def _order_in(self, book: int) -> OrderId:
        key = self._price(book)
        place = (self._seq * PLACES_PER_SEQ - self._zigzag(0)) & MAX_U64
        return b"".join(number.to_bytes(8, "big") for number in (book, key, place))

    def _price(self, book: int) -> int:
        key = self._price_keys[book] = self._zigzag(self._price_keys.get(book, 0))
        return key
