"""The live feed: hears of each committed group and publishes what it changed.

A group gives at most one message per market and channel, and per account and channel. What levels and balances are
after it is read from the state itself, so an order costs the feed little more than noting which price it touched.
"""

import logging
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from sequencer.adapters.candles import DAY, HOUR, Candle
from sequencer.adapters.feed.account import AccountFeed, Amounts, OpenOrder
from sequencer.adapters.feed.channel import Outbox
from sequencer.adapters.feed.market import MarketFeed
from sequencer.adapters.feed.messages import Trade
from sequencer.adapters.feed.order_events import OrderEvents, touched
from sequencer.core.decimals import amount_unit
from sequencer.core.state import State
from sequencer.core.types import Address, Fill, InboxEntry, Order, OrderId, Result
from sequencer.node import Node
from sequencer.ports import Sequenced

log = logging.getLogger(__name__)

ACCOUNTS_MAX: Final = 20_000
"""Accounts with a feed."""
PAST_S: Final = DAY + HOUR
"""How far back the feed needs candles."""
LINGER_MS: Final = 10 * 60 * 1_000
"""How long the feed of an account goes on after its last reader left, for who comes back."""


class Past(NamedTuple):
    """What the feed is told of the time before it began.

    `filled`: lots that each resting order traded, of those that did. `minutes`: candles of the last day, by market and
    first second, in order.
    """

    filled: dict[OrderId, int]
    minutes: dict[int, dict[int, Candle]]


class TooManyAccounts(Exception):  # noqa: N818 - a state, named as it is shown
    """No more accounts can be followed now."""


class _Changes:
    """What a group changed in one market: prices by side, and trades."""

    __slots__ = ("prices", "trades")

    def __init__(self) -> None:
        self.prices: tuple[set[int], set[int]] = (set(), set())
        self.trades: list[Trade] = []


class Feed:
    """All channels. Implements Listener."""

    def __init__(self, node: Node, past: Past) -> None:
        """The feed of a node that has replayed its journal, of which the database knows the `past`."""
        self._node = node
        self._start_seq = self._applied_seq = self.seq = node.latest.meta.next_seq - 1
        self._outbox: Outbox = []
        self._held: deque[Outbox] = deque()
        self._markets: dict[int, MarketFeed] = {}
        self._accounts: dict[Address, AccountFeed] = {}
        self._amounts: dict[int, Amounts] = {}
        self._filled = past.filled
        self._minutes = past.minutes
        self._events = OrderEvents(self._accounts, self.market)
        self._changes: dict[int, _Changes] = {}
        self._fee_accounts = _fee_accounts(node.latest)

    # ---------------------------------------------------------------- reading

    def market(self, number: int) -> MarketFeed:
        """The feed of a listed market; `KeyError` if it is not."""
        market = self._markets.get(number)
        if market is None:
            minutes = self._minutes.pop(number, {})
            market = MarketFeed(self._node.latest, number, self._start_seq, minutes, self._outbox)
            self._markets[number] = market
        return market

    def account(self, state: State, address: Address) -> AccountFeed:
        """The feed of an account, which need not exist yet. Raises TooManyAccounts.

        `state` is the durable one, from `Node.reading`.
        """
        account = self._accounts.get(address)
        if account is None:
            self._make_room()
            account = AccountFeed(address, self.seq, self._outbox)
            account.begin(state.account(address), [self._open(x) for x in state.open_orders(address)])
            self._accounts[address] = account
        return account

    def amounts(self, state: State) -> dict[int, Amounts]:
        """How amounts of each token are written."""
        for number in state.tokens.keys() - self._amounts.keys():
            self._amounts[number] = amount_unit(state.tokens[number]).format
        return self._amounts

    def _open(self, order: Order) -> OpenOrder:
        return OpenOrder(
            id=order.id,
            market=self.market(order.market),
            side=order.side,
            price=order.price,
            time_in_force=order.time_in_force,
            expiry=order.expiry,
            client_order_id=order.client_order_id,
            filled=self._filled.get(order.id, 0),
            remaining=order.remaining,
        )

    def _make_room(self) -> None:
        if len(self._accounts) < ACCOUNTS_MAX:
            return
        unread = (address for address, account in self._accounts.items() if not account.subscribers)
        address = next(unread, None)
        if address is None:
            raise TooManyAccounts
        del self._accounts[address]

    def forget_idle(self, now_ms: int) -> None:
        """Ends the feeds of accounts that nobody has read for long; to be called now and then."""
        for address, account in list(self._accounts.items()):
            if account.subscribers:
                account.idle_since_ms = None
            elif account.idle_since_ms is None:
                account.idle_since_ms = now_ms
            elif now_ms - account.idle_since_ms >= LINGER_MS:
                del self._accounts[address]

    # ------------------------------------------------------------- publishing

    def applied(self, group: Sequence[Sequenced]) -> None:
        """See Listener: messages are made, as the state is now what they tell, and held."""
        self._applied_seq = group[-1].seq
        try:
            self._publish(group)
        except Exception:
            self._start_over()
            raise
        finally:
            self._held.append(self._outbox.copy())
            self._outbox.clear()
            for x in group:
                for result in x.result.items or (x.result,):
                    self._note_filled(result)

    def sequenced(self, group: Sequence[Sequenced]) -> None:
        """See Listener: what was held of this group is sent."""
        self.seq = group[-1].seq
        for channel, seq, frame in self._held.popleft():
            channel.deliver(seq, frame)

    def _publish(self, group: Sequence[Sequenced]) -> None:
        state = self._node.latest
        for x in group:
            self._note(x)
        self._publish_markets(state)
        replaced: set[Address] = set()
        if any(isinstance(x.transaction, InboxEntry) for x in group):
            # A fee account may have received fees in this group before another one took its place.
            replaced, self._fee_accounts = self._fee_accounts, _fee_accounts(state)
        if self._accounts:
            self._publish_accounts(state, group, replaced)

    def _start_over(self) -> None:
        """Something is missing in the chains: readers must not go on with them."""
        for number, market in self._markets.items():
            market.fail()
            self._minutes[number] = market.bars.minutes
        for account in self._accounts.values():
            for channel in account.channels.values():
                channel.fail()
        self._markets.clear()
        self._accounts.clear()
        self._changes.clear()
        self._outbox.clear()
        self._start_seq = self._applied_seq

    def _note(self, x: Sequenced) -> None:
        trade = 0
        for result in x.result.items or (x.result,):
            if result.rested is not None:
                self._touch(result.rested)
            for fill in result.fills:
                self._note_fill(fill, result.order_id or b"", x, trade)
                trade += 1
            for order in result.removed:
                self._touch(order)
            for reduction in result.reductions:
                self._touch(reduction.order)

    def _touch(self, order: Order) -> None:
        self._changed(order.market).prices[order.side].add(order.price)

    def _note_fill(self, fill: Fill, taker_order: OrderId, x: Sequenced, item: int) -> None:
        changes = self._changed(fill.market)
        changes.prices[1 - fill.taker_side].add(fill.price)
        market = self.market(fill.market)
        market.traded(fill, x.time)
        changes.trades.append(market.trade(fill, taker_order, x.seq, item, x.time))

    def _changed(self, market: int) -> _Changes:
        changes = self._changes.get(market)
        if changes is None:
            changes = self._changes[market] = _Changes()
        return changes

    def _publish_markets(self, state: State) -> None:
        changed, self._changes = self._changes, {}
        for number, changes in changed.items():
            market = self.market(number)
            market.publish_book(state.books[number], self._applied_seq, *changes.prices)
            if changes.trades:
                market.publish_trades(self._applied_seq, changes.trades)
                market.publish_candles(self._applied_seq)

    def _publish_accounts(self, state: State, group: Sequence[Sequenced], also: set[Address]) -> None:
        addresses = set(also)
        for x in group:
            self._events.tell(x)
            addresses |= touched(state, x)
        amounts = self.amounts(state)
        for address in addresses & self._accounts.keys():
            self._accounts[address].publish(self._applied_seq, state.account(address), amounts)

    def _note_filled(self, result: Result) -> None:
        """Lots that resting orders traded: the state has only what remains of them."""
        filled = self._filled
        for fill in result.fills:
            filled[fill.maker_order_id] = filled.get(fill.maker_order_id, 0) + fill.size
        for order in result.removed:
            filled.pop(order.id, None)
        if result.rested is not None and result.filled:
            filled[result.rested.id] = result.filled


def _fee_accounts(state: State) -> set[Address]:
    return {market.fee_account for market in state.markets.values()}
