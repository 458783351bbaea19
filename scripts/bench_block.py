"""The block that benchmarks of proofs prove: drawn from a seed, through the functions that the sequencer uses.

1,000 orders of 100 traders: 60 % new resting orders, 35 % cancels, 5 % orders that cross and fill. No one is a no-op.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Final

from zkclob_native import Prepared, StateTree, keccak256, prepare, recover

from sequencer.client.wallet import Wallet
from sequencer.core.cancels import cancel
from sequencer.core.codec import encode_data
from sequencer.core.context import Context
from sequencer.core.errors import Code
from sequencer.core.orders import place
from sequencer.core.signing import digest, domain_separator
from sequencer.core.state import State
from sequencer.core.transition import apply, open_block
from sequencer.core.types import (
    Address,
    Batch,
    Block,
    CancelOrder,
    ExpireOrder,
    InboxEntry,
    Market,
    MarketStatus,
    Order,
    PlaceOrder,
    SelfTrade,
    Sequenceable,
    Side,
    TimeInForce,
    Token,
    Transaction,
)

SEED: Final = 1
TRADERS: Final = 100
ORDERS: Final = 1_000
CANCELS: Final = 350
CROSSING: Final = 50

BASE, QUOTE, OTHER_BASE = 1, 2, 3
MARKETS: Final = (1, 2)
FEE_ACCOUNT: Final = b"\xfe" * 20
RICH: Final = 10**30
START: Final = 1_800_000_000
DEADLINE: Final = START + 600
PRICE: Final = 250_000
SPREAD: Final = 2_000
"""How far resting orders lie from the price, in ticks."""
DOMAIN: Final = domain_separator(31337, b"\x11" * 20)
RESTING_PER_TRADER: Final = 100
"""Resting orders before the block; what is more belongs to makers, accounts that sign nothing in it."""
RESTING_PER_MAKER: Final = 900


class BenchError(Exception):
    """The block cannot be built or proven as described."""


@dataclass(frozen=True)
class Setup:
    """What differs between blocks. `batch`: orders under one signature, 1 for orders that are signed one by one.
    `blocks`: how many of them follow one another.
    """

    accounts: int = TRADERS + 1
    resting: int = 10_000
    batch: int = 1
    blocks: int = 1

    @property
    def makers(self) -> int:
        """Accounts that own resting orders and sign nothing in the block."""
        return max(0, self.resting - TRADERS * RESTING_PER_TRADER) // RESTING_PER_MAKER


SCENARIOS: Final = {
    "single": Setup(),
    "batched": Setup(batch=50),
    "single, 100,000 accounts": Setup(accounts=100_000),
    "batched, 100,000 accounts": Setup(accounts=100_000, batch=50),
    "single, 1,000 resting": Setup(accounts=2 * TRADERS + 1, resting=1_000),
    "single, 100,000 resting": Setup(accounts=2 * TRADERS + 1, resting=100_000),
}
"""The fewest accounts are the traders and the one that takes the fees. One account may have 1,000 open orders, so a
book of 100,000 needs more owners; that of 1,000, which it is compared with, has the same accounts."""


Head = tuple[Address, Address, int, int]
"""Account, signer, nonce, deadline."""
Action = PlaceOrder | CancelOrder


class Trader:
    """An account that trades."""

    def __init__(self, name: bytes) -> None:
        self.wallet = Wallet(keccak256(name))
        self.address = self.wallet.address
        self.next_nonce = 0

    def head(self) -> Head:
        """With a fresh nonce."""
        self.next_nonce += 1
        return self.address, self.address, self.next_nonce - 1, DEADLINE


class Scenario:
    """The state before the block, as a tree; the block, its data and its signatures."""

    def __init__(self, setup: Setup, seed: int = SEED) -> None:
        self.setup = setup
        self._random = Random(seed)
        self._state = State()
        self._traders = [Trader(b"trader %d" % i) for i in range(TRADERS)]
        self._makers = [Trader(b"maker %d" % i) for i in range(setup.makers)]
        self._list()
        self._fund()
        open_block(self._state, START)
        self._fill_books()
        self.tree = StateTree()
        self.tree.apply(self._state.take_writes(), self._state.meta_bytes())
        self.first_seq = self._state.meta.next_seq
        self.blocks = [self._block(START + 1 + i) for i in range(setup.blocks)]
        self.data = encode_data(self.first_seq, self.blocks)

    @cached_property
    def signatures(self) -> list[tuple[bytes, bytes]]:
        """Public key and signature of each transaction."""
        return [self._sign(signed) for block in self.blocks for signed in block.transactions]

    def _block(self, time: int) -> Block:
        open_block(self._state, time)
        return Block(self._state.meta.block_number, time, [*self._transactions()])

    def prepare(self) -> Prepared:
        """The witness of the block, and what its proof says."""
        prepared = prepare(self.tree, DOMAIN, self.data, [], self.signatures, [])
        if any(code != Code.OK for code in prepared.results):
            raise BenchError("a transaction of the block is a no-op")
        return prepared

    # ------------------------------------------------------------------ state

    def _list(self) -> None:
        for number in (BASE, QUOTE, OTHER_BASE):
            self._state.list_token(Token(number, bytes([number]) * 20, 18))
        for number, base in zip(MARKETS, (BASE, OTHER_BASE), strict=True):
            self._state.list_market(
                Market(number, base, QUOTE, 10**14, 1, 1, 200, 500, 0, MarketStatus.ACTIVE, 0, FEE_ACCOUNT)
            )

    def _fund(self) -> None:
        trading = self._traders + self._makers
        for trader in trading:
            for token in (BASE, QUOTE, OTHER_BASE):
                self._state.credit(trader.address, token, RICH)
        self._state.credit(FEE_ACCOUNT, QUOTE, 1)
        for i in range(self.setup.accounts - len(trading) - 1):
            self._state.credit(keccak256(b"account %d" % i)[:20], QUOTE, 1 + i)

    def _fill_books(self) -> None:
        of_traders = min(self.setup.resting, TRADERS * RESTING_PER_TRADER)
        owners = [self._traders[i % TRADERS] for i in range(of_traders)]
        owners += [maker for maker in self._makers for _ in range(RESTING_PER_MAKER)]
        self._random.shuffle(owners)
        for owner in owners:
            apply(self._state, self._resting_order(owner.head()))
        if len(self._state.orders) != self.setup.resting:
            raise BenchError(f"{len(self._state.orders)} orders rest, not {self.setup.resting}")

    # ------------------------------------------------------------------ block

    def _transactions(self) -> Iterator[Transaction]:
        draws: list[Draw] = [self._cancel] * CANCELS + [self._crossing_order] * CROSSING
        draws += [self._resting_order] * (ORDERS - len(draws))
        self._random.shuffle(draws)
        if self.setup.batch == 1:
            for draw in draws:
                yield self._act(draw, self._random.choice(self._traders).head())
                self._state.take_seq()
            return
        groups = (draws[i : i + self.setup.batch] for i in range(0, ORDERS, self.setup.batch))
        for owner, group in zip(self._traders, groups, strict=False):
            head = owner.head()
            yield Batch(*head, tuple(self._act(draw, head, i) for i, draw in enumerate(group)))
            self._state.take_seq()

    def _act(self, draw: "Draw", head: Head, item: int = 0) -> Action:
        """An action as the state now allows it, carried out. (The whole block is checked when it is prepared.)"""
        action = draw(head)
        context = Context(self._state.meta.next_seq, item=item)
        if isinstance(action, CancelOrder):
            cancel(self._state, action, context)
            return action
        result = place(self._state, self._state.accounts[action.account], action, context)
        if action.time_in_force is TimeInForce.IOC and not result.filled:
            raise BenchError("an order that was to cross did not fill")
        return action

    def _resting_order(self, head: Head) -> PlaceOrder:
        market, side = self._random.choice(MARKETS), self._random.choice((Side.BID, Side.ASK))
        best = self._state.books[market].sides[1 - side].best
        price = best.price if best is not None else PRICE
        away = self._random.randint(1, SPREAD)
        price += away if side is Side.ASK else -away
        return _order(head, market, side, price, self._random.randint(100, 10_000), TimeInForce.GTC)

    def _crossing_order(self, head: Head) -> PlaceOrder:
        """Takes the whole best order of another account, or a part of it and more."""
        books = [(market, side) for market in MARKETS for side in (Side.BID, Side.ASK)]
        for market, side in self._random.sample(books, len(books)):
            level = self._state.books[market].sides[1 - side].best
            if level is not None and level.first().owner != head[0]:
                size = max(1, level.first().remaining * self._random.randint(50, 150) // 100)
                return _order(head, market, side, level.price, size, TimeInForce.IOC)
        raise BenchError("no best order is another account's")

    def _cancel(self, head: Head) -> CancelOrder:
        orders: list[Order] = self._state.open_orders(head[0])
        return CancelOrder(*head, order_id=self._random.choice(orders).id)

    def _sign(self, transaction: Sequenceable) -> tuple[bytes, bytes]:
        """Public key and signature."""
        if isinstance(transaction, InboxEntry | ExpireOrder):
            raise BenchError("nobody signs this")
        signed = digest(DOMAIN, transaction)
        wallet = next(trader.wallet for trader in self._traders if trader.address == transaction.account)
        signature = wallet.sign(signed)
        return recover(signed, signature)[1], signature


Draw = Callable[[Head], Action]


def _order(
    head: Head, market: int, side: Side, price: int, size: int, time_in_force: TimeInForce
) -> PlaceOrder:
    return PlaceOrder(
        *head, market, side, time_in_force, SelfTrade.CANCEL_TAKER, price, size, client_order_id=0
    )
