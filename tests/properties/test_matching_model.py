"""The matching engine against the naive exchange, and what must hold after every step."""

from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sequencer.core.codec import encode_inbox_deposit, encode_inbox_list_market, encode_inbox_list_token
from sequencer.core.constants import MAX_U64
from sequencer.core.errors import Code
from sequencer.core.resting import locked_by
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_inbox, open_block
from sequencer.core.types import (
    CancelOrder,
    Deposit,
    ListMarket,
    ListToken,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Withdraw,
)
from tests.properties.naive import NaiveExchange

ACCOUNTS = [bytes([number]) * 20 for number in (1, 2, 3)]
FEE_ACCOUNT = ACCOUNTS[2]
BASE, QUOTE, MARKET = 1, 2, 1


class Matching(RuleBasedStateMachine):
    """Random orders, cancels, deposits and withdrawals of three accounts, one of which collects the fees."""

    @initialize(
        maker_fee=st.integers(0, 10_000), taker_fee=st.integers(0, 10_000), tick_size=st.integers(1, 1000)
    )
    def start(self, maker_fee: int, taker_fee: int, tick_size: int) -> None:
        self.state = State()
        self.nonces: Counter[bytes] = Counter()
        self.paid_in: Counter[int] = Counter()
        open_block(self.state, 1)
        apply_inbox(self.state, encode_inbox_list_token(ListToken(0, BASE, bytes(20), 18)))
        apply_inbox(self.state, encode_inbox_list_token(ListToken(0, QUOTE, b"\x02" * 20, 6)))
        listing = ListMarket(
            0, MARKET, BASE, QUOTE, 10, tick_size, 3 * tick_size, maker_fee, taker_fee, 0, FEE_ACCOUNT
        )
        assert apply_inbox(self.state, encode_inbox_list_market(listing)).code is Code.OK
        self.naive = NaiveExchange(self.state.markets[MARKET])
        for account in ACCOUNTS:
            self.deposit(account, BASE, 1_000)
            self.deposit(account, QUOTE, 1_000 * tick_size)

    def head(self, account: bytes) -> tuple[bytes, bytes, int, int]:
        self.nonces[account] += 1
        return account, account, self.nonces[account], MAX_U64

    @rule(
        account=st.sampled_from(ACCOUNTS), token=st.sampled_from((BASE, QUOTE)), amount=st.integers(1, 2_000)
    )
    def deposit(self, account: bytes, token: int, amount: int) -> None:
        apply_inbox(self.state, encode_inbox_deposit(Deposit(0, token, account, amount)))
        self.naive.add(account, token, amount)
        self.paid_in[token] += amount

    @rule(
        account=st.sampled_from(ACCOUNTS), token=st.sampled_from((BASE, QUOTE)), amount=st.integers(1, 3_000)
    )
    def withdraw(self, account: bytes, token: int, amount: int) -> None:
        fits = amount <= self.naive.available(account, token)
        result = apply(self.state, Withdraw(*self.head(account), token, amount, account, 0))
        assert (result.code is Code.OK) == fits
        if fits:
            self.naive.add(account, token, -amount)
            self.paid_in[token] -= amount

    @rule(
        account=st.sampled_from(ACCOUNTS),
        side=st.sampled_from(Side),
        time_in_force=st.sampled_from((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.POST_ONLY)),
        price=st.integers(1, 9),
        size=st.integers(1, 60),
        client_order_id=st.integers(0, 3),
    )
    def place(
        self,
        account: bytes,
        side: Side,
        time_in_force: TimeInForce,
        price: int,
        size: int,
        client_order_id: int,
    ) -> None:
        head = self.head(account)
        tx = PlaceOrder(
            *head, MARKET, side, time_in_force, SelfTrade.CANCEL_TAKER, price, size, client_order_id
        )
        in_use = client_order_id and (account, client_order_id) in self.state.clients
        result = apply(self.state, tx)
        expected = None if in_use else self.naive.place(result.seq, tx)
        assert (result.code is Code.OK) == (expected is not None)
        trades = [(seq_of(fill.maker_order_id), fill.price, fill.size) for fill in result.fills]
        assert trades == (expected or [])

    @rule(index=st.integers(0, 1_000))
    def cancel(self, index: int) -> None:
        resting = sorted(self.state.orders.values(), key=lambda order: order.id)
        if resting:
            order = resting[index % len(resting)]
            result = apply(self.state, CancelOrder(*self.head(order.owner), order.id))
            assert result.removed == (order,)
            self.naive.cancel(seq_of(order.id))

    @invariant()
    def books_agree_and_are_not_crossed(self) -> None:
        bids, asks = (self.state.book(MARKET).levels(side) for side in Side)
        assert (bids, asks) == tuple(self.naive.levels(side) for side in Side)
        assert not bids or not asks or bids[0][0] < asks[0][0]

    @invariant()
    def balances_and_locks_agree(self) -> None:
        for account in ACCOUNTS:
            for token in (BASE, QUOTE):
                expected = (self.naive.totals.get((account, token), 0), self.naive.locked(account, token))
                assert self.state.balance(account, token) == expected

    @invariant()
    def money_is_conserved(self) -> None:
        for token in (BASE, QUOTE):
            total = sum(self.state.balance(account, token)[0] for account in self.state.accounts)
            assert total == self.paid_in[token]

    @invariant()
    def locks_are_those_of_the_resting_orders(self) -> None:
        locks: Counter[tuple[bytes, int]] = Counter()
        for order in self.state.orders.values():
            token, amount = locked_by(self.state.markets[MARKET], order, order.remaining)
            locks[order.owner, token] += amount
        for account in self.state.accounts:
            for token in (BASE, QUOTE):
                total, locked = self.state.balance(account, token)
                assert locked == locks[account, token] <= total

    @invariant()
    def each_account_counts_its_orders(self) -> None:
        for address, account in self.state.accounts.items():
            owned = {order.id for order in self.state.orders.values() if order.owner == address}
            assert account.orders.keys() == owned
            assert account.open_counts.get(MARKET, 0) == len(owned)

    @invariant()
    def client_order_ids_name_resting_orders(self) -> None:
        named = {
            (order.owner, order.client_order_id): order.id
            for order in self.state.orders.values()
            if order.client_order_id
        }
        assert self.state.clients == named


def seq_of(order_id: bytes) -> int:
    return int.from_bytes(order_id[16:], "big") // 64


TestMatching = Matching.TestCase
TestMatching.settings = settings(
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
