"""A random but repeatable flow of everything that can be sequenced, no-ops of every kind included."""

from collections.abc import Callable
from random import Random

from msgspec.structs import replace

from sequencer.core.codec import (
    encode_inbox_deposit,
    encode_inbox_forced,
    encode_inbox_list_market,
    encode_inbox_list_token,
    encode_inbox_set_market,
)
from sequencer.core.codec.actions import Head
from sequencer.core.constants import (
    MAX_AMOUNT,
    MAX_BATCH_ITEMS,
    MAX_HOLDINGS,
    MAX_NONCE_JUMP,
    MAX_U64,
    MAX_U128,
    NONCE_LANE_SHIFT,
    NONCE_WINDOW,
)
from sequencer.core.ledger import Lane
from sequencer.core.matching import is_expired
from sequencer.core.state import State
from sequencer.core.types import (
    Action,
    Address,
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    Deposit,
    ExpireOrder,
    ForceApproveAgent,
    ForceCancelAll,
    ForceExit,
    ForceRevokeAgents,
    InboxEntry,
    InvalidateNonces,
    ListMarket,
    ListToken,
    Market,
    PlaceOrder,
    ReplaceOrder,
    RevokeAgent,
    SelfTrade,
    Sequenceable,
    SetMarket,
    Side,
    TimeInForce,
    Transaction,
    Transfer,
    Withdraw,
)

TOKENS = (ListToken(0, 1, bytes(20), 18), ListToken(0, 2, b"\x22" * 20, 6), ListToken(0, 3, b"\x33" * 20, 0))
MARKETS = (
    ListMarket(0, 1, 1, 2, 10**14, 100, 1_000_000, 100, 350, 0, b"\xfe" * 20),
    ListMarket(0, 2, 3, 2, 1, 7, 0, 0, 10_000, 200_000, b"\xfd" * 20),
    ListMarket(0, 255, 3, 1, 10, 10**12, 10**13, 10_000, 1, 50_000, b"\xfe" * 20),
)
FUNDING = {1: 10**21, 2: 10**13, 3: 10**7}
MID = 1_000


class Flow:
    """Draws the next transaction or entry for a state. The same seed, accounts and states give the same flow.

    Accounts are agents of one another. Nonces come from the state, so a flow can go on from any.
    """

    def __init__(
        self,
        seed: int,
        accounts: list[Address],
        markets: tuple[int, ...] = (1, 1, 2, 255),
        *,
        with_entries: bool = True,
    ) -> None:
        """`markets`: those that orders are drawn for. `with_entries`: whether it draws entries of the inbox too."""
        self.random = Random(seed)
        self.accounts = accounts
        self._traded = markets
        self._draws: list[tuple[Callable[[State], Sequenceable], int]] = [
            (self._place, 60),
            (self._cancel, 18),
            (self._replace, 9),
            (self._batch, 4),
            (self._cancel_all, 1),
            (self._withdraw, 4),
            (self._transfer, 4),
            (self._agents, 3),
            (self._invalidate, 1),
            (self._expire, 3),
            (self._entry, 5 if with_entries else 0),
        ]
        self._orders: list[tuple[Callable[[PlaceOrder, State], PlaceOrder], int]] = [
            (lambda tx, state: tx, 60),
            (lambda tx, state: replace(tx, market=self.random.choice((0, 9, 2**32 - 1))), 1),
            (lambda tx, state: replace(tx, price=0), 1),
            (lambda tx, state: replace(tx, size=0), 1),
            (lambda tx, state: replace(tx, price=MAX_U64, size=MAX_U64), 1),
            (lambda tx, state: replace(tx, size=1, price=1), 1),
            (lambda tx, state: replace(tx, price=tx.price * 100), 1),
            (lambda tx, state: replace(tx, size=tx.size * 10**6), 1),
            (self._with_used_client_order_id, 2),
            (self._post_only_at_the_touch, 2),
        ]

    def opening_entries(self, time: int) -> list[bytes]:
        """Listings and deposits that every account trades from."""
        entries = [encode_inbox_list_token(replace(token, time=time)) for token in TOKENS]
        entries += [encode_inbox_list_market(replace(market, time=time)) for market in MARKETS]
        entries += [
            encode_inbox_deposit(Deposit(time, token, account, amount))
            for account in self.accounts
            for token, amount in FUNDING.items()
        ]
        return entries

    def next(self, state: State) -> Sequenceable:
        """Something that can be sequenced now; its result may be a no-op."""
        draws, weights = zip(*self._draws, strict=True)
        draw: Callable[[State], Sequenceable] = self.random.choices(draws, weights)[0]
        return draw(state)

    # -------------------------------------------------------------- the head

    def _head(self, state: State) -> Head:
        """Of a transaction that an account signs itself."""
        account = self.random.choice(self.accounts)
        return account, account, self._nonce(state, account, self._owner_lane()), self._deadline(state)

    def _trader_head(self, state: State) -> Head:
        """Of a transaction that an agent may sign too."""
        account = self.random.choice(self.accounts)
        agents = [
            (address, agent.lane)
            for address, agent in state.accounts[account].agents.items()
            if agent.expiry >= state.meta.timestamp
        ]
        if not agents or self.random.random() < 0.5:
            return account, account, self._nonce(state, account, self._owner_lane()), self._deadline(state)
        agent, lane = self.random.choice(agents)
        return account, agent, self._nonce(state, account, lane), self._deadline(state)

    def _owner_lane(self) -> int:
        return self.random.choice((0, 0, 0, 1, 7))

    def _deadline(self, state: State) -> int:
        now = state.meta.timestamp
        return self.random.choice((now, now + 1, now + 60, MAX_U64))

    def _nonce(self, state: State, account: Address, number: int) -> int:
        """Mostly the next nonce of a lane; now and then one that leaves a gap, or one of such a gap."""
        lane = state.accounts[account].lanes.get(number, Lane())
        draw = self.random.random()
        gaps = [i for i in range(min(lane.top, NONCE_WINDOW)) if not lane.window >> i & 1]
        if draw < 0.1 and gaps:
            sequence = lane.top - 1 - self.random.choice(gaps)
        elif draw < 0.9:
            sequence = lane.top
        else:
            sequence = lane.top + self.random.choice((1, 2, 126, 127, 128, MAX_NONCE_JUMP))
        return number << NONCE_LANE_SHIFT | sequence

    # ---------------------------------------------------------------- trading

    def _place(self, state: State) -> PlaceOrder:
        return self._order(state, self._trader_head(state))

    def _order(self, state: State, head: Head) -> PlaceOrder:
        market = state.markets[self.random.choice(self._traded)]
        side = Side(self.random.randrange(2))
        away = self.random.randrange(-8, 25)
        named = self.random.random() < 0.3
        tx = PlaceOrder(
            *head,
            market=market.id,
            side=side,
            time_in_force=self.random.choice((TimeInForce.GTC, *TimeInForce)),
            self_trade=SelfTrade(self.random.randrange(4)),
            price=MID + away if side is Side.ASK else MID - away,
            size=self._size(market),
            client_order_id=self.random.randrange(1, MAX_U128 + 1) if named else 0,
        )
        changes, weights = zip(*self._orders, strict=True)
        change: Callable[[PlaceOrder, State], PlaceOrder] = self.random.choices(changes, weights)[0]
        return change(tx, state)

    def _size(self, market: Market) -> int:
        least = market.min_notional // (MID * market.tick_size)
        return least + self.random.randrange(1, 200)

    def _with_used_client_order_id(self, tx: PlaceOrder, state: State) -> PlaceOrder:
        used = [order.client_order_id for order in state.open_orders(tx.account) if order.client_order_id]
        return replace(tx, client_order_id=self.random.choice(used)) if used else tx

    def _post_only_at_the_touch(self, tx: PlaceOrder, state: State) -> PlaceOrder:
        opposite = state.book(tx.market).levels(Side(1 - tx.side), 1)
        inside = self.random.randrange(2)
        price = opposite[0][0] + (inside if tx.side is Side.ASK else -inside) if opposite else tx.price
        return replace(tx, time_in_force=TimeInForce.POST_ONLY, price=price)

    def _cancel(self, state: State) -> Transaction:
        return self._cancel_one(state, self._trader_head(state))

    def _cancel_one(self, state: State, head: Head) -> CancelOrder | CancelClientOrder:
        draw = self.random.random()
        orders = state.open_orders(head[0])
        if draw < 0.1 or not orders:
            return self._cancel_nothing(state, head)
        order = self.random.choice(orders)
        if order.client_order_id:
            return CancelClientOrder(*head, client_order_id=order.client_order_id)
        return CancelOrder(*head, order_id=order.id)

    def _cancel_nothing(self, state: State, head: Head) -> CancelOrder | CancelClientOrder:
        draw = self.random.randrange(3)
        if draw == 0:
            return CancelClientOrder(*head, client_order_id=self.random.randrange(MAX_U128 + 1))
        if draw == 1 and state.orders:
            return CancelOrder(*head, order_id=self.random.choice(list(state.orders)))
        return CancelOrder(*head, order_id=self.random.randbytes(24))

    def _cancel_all(self, state: State) -> CancelAll:
        return CancelAll(*self._trader_head(state), self.random.choice((0, 1, 2, 255, 9, 2**32 - 1)))

    def _replace(self, state: State) -> Transaction:
        return self._replace_one(state, self._trader_head(state))

    def _replace_one(self, state: State, head: Head) -> ReplaceOrder:
        """Mostly of an own order: smaller in its place, or at another price; sometimes of what is not there."""
        orders = state.open_orders(head[0])
        if not orders or self.random.random() < 0.05:
            return self._replace_nothing(state, head)
        order = self.random.choice(orders)
        price = self.random.choice((order.price, order.price, order.price + self.random.randrange(-9, 10)))
        expected = order.remaining + self.random.choice((0, 0, 0, 1, 5, -1))
        size = self.random.choice((expected, max(expected - 1, 0), expected + 7, expected // 2, 0, 10**12))
        named = self.random.choice((0, 0, order.client_order_id, self.random.randrange(1, 1 << 20)))
        used = [other.client_order_id for other in orders if other.client_order_id]
        return ReplaceOrder(
            *head,
            order_id=order.id,
            time_in_force=self.random.choice((TimeInForce.GTC, *TimeInForce)),
            self_trade=SelfTrade(self.random.randrange(4)),
            price=price,
            size=size,
            expected_size=expected,
            client_order_id=self.random.choice(used) if used and self.random.random() < 0.1 else named,
        )

    def _replace_nothing(self, state: State, head: Head) -> ReplaceOrder:
        others = list(state.orders) if self.random.random() < 0.5 else []
        order_id = self.random.choice(others) if others else self.random.randbytes(24)
        return ReplaceOrder(*head, order_id, TimeInForce.GTC, SelfTrade.CANCEL_TAKER, MID, 5, MAX_U64, 0)

    def _batch(self, state: State) -> Batch:
        head = self._trader_head(state)
        count = self.random.choice((1, 2, 3, 5, 8, 8, MAX_BATCH_ITEMS))
        return Batch(*head, tuple(self._action(state, head) for _ in range(count)))

    def _action(self, state: State, head: Head) -> Action:
        draw = self.random.random()
        if draw < 0.6:
            return self._order(state, head)
        if draw < 0.8:
            return self._cancel_one(state, head)
        if draw < 0.98:
            return self._replace_one(state, head)
        return CancelAll(*head, self.random.choice((0, 1, 2)))

    def _expire(self, state: State) -> Sequenceable:
        """The end of an order whose time is over, if there is one."""
        expired = [order.id for order in state.orders.values() if is_expired(state, order)]
        return ExpireOrder(self.random.choice(expired)) if expired else self._place(state)

    # ------------------------------------------------------- the account itself

    def _withdraw(self, state: State) -> Withdraw:
        head = self._head(state)
        token = self.random.choice((1, 2, 3, 3, 9))
        amount = self._amount(state, head[0], token)
        return Withdraw(
            *head,
            token=token,
            amount=amount,
            recipient=self.random.choice((head[0], self.random.choice(self.accounts), bytes(20))),
            max_relay_fee=self.random.choice((0, amount // 2, amount, amount + 1)),
        )

    def _transfer(self, state: State) -> Transfer:
        head = self._head(state)
        token = self.random.choice((1, 2, 3, 3, 9))
        to = self.random.choice((*self.accounts, self.random.randbytes(20), bytes(20), head[0]))
        return Transfer(*head, to, token, self._amount(state, head[0], token))

    def _amount(self, state: State, account: Address, token: int) -> int:
        total, locked = state.balance(account, token)
        return self.random.choice((1, 10, (total - locked) // 50, total - locked + 1, 0))

    def _agents(self, state: State) -> Transaction:
        head = self._head(state)
        known = list(state.accounts[head[0]].agents)
        if self.random.random() < 0.15:
            agent = self.random.choice((*known, self.random.randbytes(20)))
            return RevokeAgent(*head, agent)
        agent = self.random.choice((*known, *self.accounts, bytes(20)))
        return ApproveAgent(*head, agent, self._expiry(state), self._markets())

    def _expiry(self, state: State) -> int:
        now = state.meta.timestamp
        return self.random.choice((now - 1, now, now + 30, MAX_U64, MAX_U64))

    def _markets(self) -> int:
        """Mostly some of those that are there; all; or none, which is refused."""
        some = self.random.choice((1 << 1, 1 << 2, 1 << 1 | 1 << 255))
        return self.random.choice((1, some, some, some, 0, (1 << 256) - 1))

    def _invalidate(self, state: State) -> InvalidateNonces:
        head = self._head(state)
        lanes = state.accounts[head[0]].lanes
        lane = self.random.choice((0, 1, 3, 8, 65_535, *lanes))
        top = lanes[lane].top if lane in lanes else 0
        step = self.random.choice((-200, -5, -1, 0, 1, 130, MAX_NONCE_JUMP, MAX_NONCE_JUMP + 1, 1 << 30))
        return InvalidateNonces(*head, lane << NONCE_LANE_SHIFT | max(top + step, 0))

    # ------------------------------------------------------------------ inbox

    def _entry(self, state: State) -> InboxEntry:
        time = self.random.choice((0, state.meta.timestamp))
        draw = self.random.random()
        if draw < 0.5:
            return InboxEntry(self._deposit(state, time))
        if draw < 0.65:
            return InboxEntry(self._forced(state, time))
        if draw < 0.75:
            return InboxEntry(self._market_terms(time))
        if draw < 0.85:
            return InboxEntry(self._listing(time))
        return InboxEntry(self._malformed(time))

    def _forced(self, state: State, time: int) -> bytes:
        account = self.random.choice((*self.accounts, *self.accounts, self.random.randbytes(20)))
        agent = self.random.choice((*self.accounts, bytes(20)))
        return encode_inbox_forced(
            self.random.choice(
                (
                    ForceExit(time, account),
                    ForceCancelAll(time, account),
                    ForceRevokeAgents(time, account),
                    ForceApproveAgent(time, account, agent, self._expiry(state), self._markets()),
                )
            )
        )

    def _market_terms(self, time: int) -> bytes:
        """Mostly what leaves the market open, as a closed one takes no orders until it is opened again."""
        terms = SetMarket(time, 2, 1, self.random.randrange(10_000), 0, 10_000, 200_000, b"\xfd" * 20)
        wrong = (
            replace(terms, market=9),
            replace(terms, status=0),
            replace(terms, status=4),
            replace(terms, maker_fee=10_001),
            replace(terms, taker_fee=10_001),
            replace(terms, fee_account=bytes(20)),
        )
        closed = (replace(terms, status=2), replace(terms, status=3))
        return encode_inbox_set_market(self.random.choice((terms, terms, terms, *closed, *wrong)))

    def _deposit(self, state: State, time: int) -> bytes:
        stranger = self.random.randbytes(20)
        account = self.random.choice((*self.accounts, stranger))
        token = self.random.choice((1, 2, 3, 3, 9))
        amount = self.random.choice((0, 1, FUNDING.get(token, 5), MAX_HOLDINGS + 1, MAX_U128))
        return encode_inbox_deposit(Deposit(time, token, account, amount))

    def _listing(self, time: int) -> bytes:
        token = replace(TOKENS[2], time=time, token=4)
        market = replace(MARKETS[1], time=time, market=5)
        return self.random.choice(
            (
                *(encode_inbox_list_token(replace(token, token=number)) for number in (0, 1, 256)),
                encode_inbox_list_token(replace(token, token=self.random.randrange(4, 256))),
                encode_inbox_list_token(replace(token, decimals=31)),
                encode_inbox_list_market(market),
                *(encode_inbox_list_market(replace(market, market=number)) for number in (0, 1, 256)),
                encode_inbox_list_market(replace(market, market=6, base=2)),
                encode_inbox_list_market(replace(market, market=6, quote=0)),
                *(encode_inbox_list_market(replace(market, market=6, lot_size=n)) for n in (0, 20, 110)),
                *(encode_inbox_list_market(replace(market, market=6, lot_size=n)) for n in (10**33, 101)),
                *(
                    encode_inbox_list_market(replace(market, market=6, tick_size=n))
                    for n in (0, MAX_AMOUNT + 1)
                ),
                encode_inbox_list_market(replace(market, market=6, maker_fee=10_001)),
                encode_inbox_list_market(replace(market, market=6, taker_fee=10_001)),
                encode_inbox_list_market(replace(market, market=6, fee_account=bytes(20))),
                encode_inbox_list_market(replace(market, market=7, lot_size=10**32, tick_size=MAX_AMOUNT)),
            )
        )

    def _malformed(self, time: int) -> bytes:
        """Entries that no contract writes."""
        head = bytes([self.random.randrange(256)]) + time.to_bytes(8, "big")
        deposit = encode_inbox_deposit(Deposit(time, 1, self.accounts[0], 1))
        return self.random.choice(
            (
                b"",
                b"\x01",
                head[:5],
                head,
                head + self.random.randbytes(20),
                bytes([self.random.choice((2, 3, 4, 5, 8))]) + head[1:] + self.random.randbytes(20),
                deposit[:-1],
                deposit + b"\0",
            )
        )
