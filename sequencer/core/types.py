"""Values of the exchange: transactions, the state's records, and results (docs/protocol.md, sections 2 to 4).

Sizes are in lots, prices in ticks, amounts in a token's base units, times in whole seconds.
Fields are within the ranges of their wire types; the codecs raise `ValueError` for one that is not.
Each is a `Struct`, which is made several times faster than a dataclass.
"""

from enum import IntEnum

from msgspec import Struct

from sequencer.core.errors import Code

Address = bytes
"""20 bytes."""

OrderId = bytes
"""24 bytes: the order's key in *books*."""


class Kind(IntEnum):
    """First byte of a transaction in `data`."""

    INBOX = 0x00
    PLACE_ORDER = 0x01
    CANCEL_ORDER = 0x02
    CANCEL_CLIENT_ORDER = 0x03
    CANCEL_ALL = 0x04
    REPLACE_ORDER = 0x05
    BATCH = 0x06
    WITHDRAW = 0x07
    TRANSFER = 0x08
    APPROVE_AGENT = 0x09
    REVOKE_AGENT = 0x0A
    INVALIDATE_NONCES = 0x0B
    EXPIRE_ORDER = 0x0C


class InboxKind(IntEnum):
    """First byte of an inbox entry."""

    DEPOSIT = 0x01
    FORCE_EXIT = 0x02
    CANCEL_ALL = 0x03
    APPROVE_AGENT = 0x04
    REVOKE_AGENTS = 0x05
    LIST_TOKEN = 0x06
    LIST_MARKET = 0x07
    SET_MARKET = 0x08


class Side(IntEnum):
    """A bid buys base, an ask sells it."""

    BID = 0
    ASK = 1


class TimeInForce(IntEnum):
    """How long an order stays. A GTT order rests until the deadline that was signed with it."""

    GTC = 0
    GTT = 1
    IOC = 2
    FOK = 3
    POST_ONLY = 4
    POST_ONLY_GTT = 5


class SelfTrade(IntEnum):
    """What happens when a taker meets an order of its own account."""

    CANCEL_TAKER = 0
    CANCEL_MAKER = 1
    CANCEL_BOTH = 2
    DECREMENT_BOTH = 3


class MarketStatus(IntEnum):
    """What may be done in a market. Cancelling always may."""

    ACTIVE = 1
    CANCEL_ONLY = 2
    HALTED = 3


class PlaceOrder(Struct, frozen=True):
    """Buy or sell up to `size` lots at `price` or better. `client_order_id` 0: none."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    market: int
    side: Side
    time_in_force: TimeInForce
    self_trade: SelfTrade
    price: int
    size: int
    client_order_id: int


class CancelOrder(Struct, frozen=True):
    """Remove a resting order by its id."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    order_id: OrderId


class CancelClientOrder(Struct, frozen=True):
    """Remove a resting order by the id its owner gave it."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    client_order_id: int


class CancelAll(Struct, frozen=True):
    """Remove every resting order of the account in `market`, 0: in all markets."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    market: int


class ReplaceOrder(Struct, frozen=True):
    """Put another order in the place of a resting one, on its market and side.

    `expected_size`: the remaining size that the signer knew; what was filled of it since is taken from `size`. The
    order keeps its place in the queue if its price stays and its size does not grow.
    """

    account: Address
    signer: Address
    nonce: int
    deadline: int
    order_id: OrderId
    time_in_force: TimeInForce
    self_trade: SelfTrade
    price: int
    size: int
    expected_size: int
    client_order_id: int


Action = PlaceOrder | CancelOrder | CancelClientOrder | CancelAll | ReplaceOrder
"""What a batch may hold, and an agent may sign."""


class Batch(Struct, frozen=True):
    """Many actions under one signature. Each has the batch's own first four fields."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    actions: tuple[Action, ...]


class Withdraw(Struct, frozen=True):
    """Move `amount` of a token to L1, to be claimed by `recipient`."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    token: int
    amount: int
    recipient: Address
    max_relay_fee: int


class Transfer(Struct, frozen=True):
    """Move `amount` of a token to another account."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    to: Address
    token: int
    amount: int


class ApproveAgent(Struct, frozen=True):
    """Let `agent` trade for the account until `expiry`. Bit `m` of `markets` is market `m`, bit 0: all markets."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    agent: Address
    expiry: int
    markets: int


class RevokeAgent(Struct, frozen=True):
    """Take an agent's rights away."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    agent: Address


class InvalidateNonces(Struct, frozen=True):
    """Make every nonce below `floor` in its lane unusable."""

    account: Address
    signer: Address
    nonce: int
    deadline: int
    floor: int


Transaction = Action | Batch | Withdraw | Transfer | ApproveAgent | RevokeAgent | InvalidateNonces
"""What is signed."""


class ExpireOrder(Struct, frozen=True):
    """Remove an order whose time is over. The sequencer adds it; nobody signs it."""

    order_id: OrderId


class InboxEntry(Struct, frozen=True):
    """An entry of the L1 inbox as the contract hashed it."""

    data: bytes


class Deposit(Struct, frozen=True):
    """Inbox entry: `amount` of a token was paid in for `account`."""

    time: int
    token: int
    account: Address
    amount: int


class ListToken(Struct, frozen=True):
    """Inbox entry: a token enters the registry."""

    time: int
    token: int
    l1_address: Address
    decimals: int


class ListMarket(Struct, frozen=True):
    """Inbox entry: a market enters the registry."""

    time: int
    market: int
    base: int
    quote: int
    lot_size: int
    tick_size: int
    min_notional: int
    maker_fee: int
    taker_fee: int
    price_band: int
    fee_account: Address


class ForceExit(Struct, frozen=True):
    """Inbox entry: all orders of an account are removed and all its balances withdrawn."""

    time: int
    account: Address


class ForceCancelAll(Struct, frozen=True):
    """Inbox entry: all orders of an account are removed, and what it signed before cannot be sequenced any more."""

    time: int
    account: Address


class ForceApproveAgent(Struct, frozen=True):
    """Inbox entry: like `ApproveAgent`, for accounts that cannot sign."""

    time: int
    account: Address
    agent: Address
    expiry: int
    markets: int


class ForceRevokeAgents(Struct, frozen=True):
    """Inbox entry: all agents of an account lose their rights."""

    time: int
    account: Address


class SetMarket(Struct, frozen=True):
    """Inbox entry: new terms of a market. `status` is any byte: only those of `MarketStatus` are accepted."""

    time: int
    market: int
    status: int
    min_notional: int
    maker_fee: int
    taker_fee: int
    price_band: int
    fee_account: Address


class UnknownEntry(Struct, frozen=True):
    """Inbox entry that says nothing. `time` is 0 where the entry is too short to have one."""

    time: int


ParsedEntry = (
    Deposit
    | ForceExit
    | ForceCancelAll
    | ForceApproveAgent
    | ForceRevokeAgents
    | ListToken
    | ListMarket
    | SetMarket
    | UnknownEntry
)

Sequenceable = Transaction | InboxEntry | ExpireOrder
"""What a block holds."""


class Token(Struct, frozen=True):
    """A token of the registry. The native coin has address zero."""

    id: int
    l1_address: Address
    decimals: int


class Market(Struct):
    """A market of the registry.

    `lot_size`: base units per lot. `tick_size`: quote units per tick per lot. Fees and `price_band` (0: none)
    are in millionths. `last_price` 0: no trade yet.
    """

    id: int
    base: int
    quote: int
    lot_size: int
    tick_size: int
    min_notional: int
    maker_fee: int
    taker_fee: int
    price_band: int
    status: MarketStatus
    last_price: int
    fee_account: Address


class Order(Struct):
    """A resting order. `place`: sequence number of its transaction × 64 + its index in a batch; `expiry` 0: none."""

    id: OrderId
    market: int
    side: Side
    price: int
    place: int
    owner: Address
    remaining: int
    expiry: int
    time_in_force: TimeInForce
    client_order_id: int


class Fill(Struct):
    """One trade of a taker with one resting order, at the latter's price.

    Each fee is in the token its payer receives: base for the buyer, quote for the seller. `maker_remaining`: lots that
    the resting order still has.
    """

    market: int
    maker_order_id: OrderId
    maker: Address
    taker: Address
    taker_side: Side
    price: int
    size: int
    base_amount: int
    quote_amount: int
    maker_fee: int
    taker_fee: int
    maker_remaining: int


class Withdrawal(Struct, frozen=True):
    """A leaf of the outbox before it has an index: a withdrawal or the refund of a deposit."""

    recipient: Address
    token: int
    amount: int
    max_relay_fee: int


class Stop(IntEnum):
    """Why an order ended before the book or its time in force would have ended it."""

    SELF_TRADE = 1
    MAKER_LIMIT = 2


class Reduction(Struct):
    """A resting order that lost `size` lots without a trade and stays; it is `order` as it is then."""

    order: Order
    size: int


class Result(Struct):
    """What a sequenced transaction, or an item of a batch, did.

    `order_id`: the order it placed, replaced in its place, or cancelled. `filled`: lots the taker traded.
    `remaining`: lots that rest if `resting`, else lots that ended without a trade. `stop`: why it ended, where neither
    the book nor its time in force says so. `rested`: the order that entered
    the book. `reductions`: resting orders that lost lots without a trade and still rest. `removed`: every resting
    order that left the book, one that was filled with `remaining` 0, one that was cancelled or expired with the size
    it still had. `withdrawals`: its outbox leaves. `items`: those of a batch, which has no other of these itself.
    """

    seq: int
    code: Code
    order_id: OrderId | None = None
    filled: int = 0
    remaining: int = 0
    resting: bool = False
    stop: Stop | None = None
    rested: Order | None = None
    fills: tuple[Fill, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    removed: tuple[Order, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    items: tuple["Result", ...] = ()


class Block(Struct):
    """Transactions in the order of their sequence numbers, under one time."""

    number: int
    timestamp: int
    transactions: list[Sequenceable]


class Receipt(Struct, frozen=True):
    """What the sequencer promises about a signed transaction (docs/protocol.md, section 7).

    `inbox_hash`: of the inbox entries sequenced before it. `time`: of its block.
    """

    seq: int
    digest: bytes
    inbox_hash: bytes
    time: int


class Meta(Struct):
    """The fixed record of the state (docs/protocol.md, section 2)."""

    version: int
    block_number: int
    timestamp: int
    next_seq: int
    inbox_cursor: int
    inbox_hash: bytes
