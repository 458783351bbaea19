"""A random but repeatable flow of everything that can be sequenced, no-ops of every kind included."""

from collections.abc import Callable
from random import Random

from msgspec.structs import replace

from sequencer.core.codec import (
    encode_inbox_deposit,
    encode_inbox_list_market,
    encode_inbox_list_token,
)
from sequencer.core.constants import (
    MAX_AMOUNT,
    MAX_HOLDINGS,
    MAX_NONCE_JUMP,
    MAX_U64,
    MAX_U128,
    NONCE_LANE_SHIFT,
    NONCE_WINDOW,
)
from sequencer.core.state import State
from sequencer.core.types import (
    Address,
    CancelClientOrder,
    CancelOrder,
    Deposit,
    ListMarket,
    ListToken,
    Market,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
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
    """Draws the next transaction or entry for a state. The same seed and accounts give the same flow."""

    def __init__(self, seed: int, accounts: list[Address]) -> None:
        self.random = Random(seed)
        self.accounts = accounts
        self._next_nonces: dict[tuple[Address, int], int] = {}
        self._gaps: dict[tuple[Address, int], list[int]] = {}
        self._orders: list[tuple[Callable[[PlaceOrder, State], PlaceOrder], int]] = [
            (lambda tx, state: tx, 60),
            (lambda tx, state: replace(tx, market=self.random.choice((0, 9, 2**32 - 1))), 1),
            (lambda tx, state: replace(tx, time_in_force=self._unsupported_time_in_force()), 1),
            (lambda tx, state: replace(tx, self_trade=SelfTrade(self.random.randrange(1, 4))), 1),
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

    def next(self, state: State) -> Transaction | bytes:
        """A transaction that is valid now (its result may be a no-op), or an inbox entry."""
        draw = self.random.random()
        if draw < 0.04:
            return self._entry(state)
        account = self.random.choice(self.accounts)
        if draw < 0.25:
            return self._cancel(state, account)
        if draw < 0.32:
            return self._withdraw(state, account)
        return self._place(state, account)

    def _head(self, state: State, account: Address) -> tuple[Address, Address, int, int]:
        deadline = self.random.choice((state.meta.timestamp, state.meta.timestamp + 60, MAX_U64))
        return account, account, self._nonce(account), deadline

    def _nonce(self, account: Address) -> int:
        """Mostly the next nonce of a lane; now and then one that leaves a gap, or one of such a gap."""
        lane = self.random.choice((0, 0, 0, 1, 7))
        following = self._next_nonces.get((account, lane), 0)
        gaps = self._gaps.setdefault((account, lane), [])
        draw = self.random.random()
        if draw < 0.1 and gaps and following - 1 - gaps[0] < NONCE_WINDOW:
            return lane << NONCE_LANE_SHIFT | gaps.pop(0)
        step = 1 if draw < 0.9 else self.random.choice((2, 3, 127, 128, 129, MAX_NONCE_JUMP + 1))
        used = following + step - 1
        gaps[:] = range(max(following, used - NONCE_WINDOW + 1), used)
        self._next_nonces[account, lane] = used + 1
        return lane << NONCE_LANE_SHIFT | used

    def _place(self, state: State, account: Address) -> PlaceOrder:
        market = state.markets[self.random.choice((1, 1, 2, 255))]
        side = Side(self.random.randrange(2))
        away = self.random.randrange(-8, 25)
        named = self.random.random() < 0.3
        tx = PlaceOrder(
            *self._head(state, account),
            market=market.id,
            side=side,
            time_in_force=self.random.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)),
            self_trade=SelfTrade.CANCEL_TAKER,
            price=MID + away if side is Side.ASK else MID - away,
            size=self._size(market),
            client_order_id=self.random.randrange(1, MAX_U128 + 1) if named else 0,
        )
        changes = [change for change, _ in self._orders]
        weights = [weight for _, weight in self._orders]
        return self.random.choices(changes, weights)[0](tx, state)

    def _size(self, market: Market) -> int:
        least = market.min_notional // (MID * market.tick_size)
        return least + self.random.randrange(1, 200)

    def _unsupported_time_in_force(self) -> TimeInForce:
        return self.random.choice((TimeInForce.GTT, TimeInForce.FOK, TimeInForce.POST_ONLY_GTT))

    def _with_used_client_order_id(self, tx: PlaceOrder, state: State) -> PlaceOrder:
        used = [order.client_order_id for order in state.open_orders(tx.account) if order.client_order_id]
        return replace(tx, client_order_id=self.random.choice(used)) if used else tx

    def _post_only_at_the_touch(self, tx: PlaceOrder, state: State) -> PlaceOrder:
        opposite = state.book(tx.market).levels(Side(1 - tx.side), 1)
        inside = self.random.randrange(2)
        price = opposite[0][0] + (inside if tx.side is Side.ASK else -inside) if opposite else tx.price
        return replace(tx, time_in_force=TimeInForce.POST_ONLY, price=price)

    def _cancel(self, state: State, account: Address) -> Transaction:
        head = self._head(state, account)
        draw = self.random.random()
        orders = state.open_orders(account)
        if draw < 0.1 or not orders:
            return self._cancel_nothing(state, head)
        order = self.random.choice(orders)
        if order.client_order_id:
            return CancelClientOrder(*head, client_order_id=order.client_order_id)
        return CancelOrder(*head, order_id=order.id)

    def _cancel_nothing(self, state: State, head: tuple[Address, Address, int, int]) -> Transaction:
        draw = self.random.randrange(3)
        if draw == 0:
            return CancelClientOrder(*head, client_order_id=self.random.randrange(MAX_U128 + 1))
        if draw == 1 and state.orders:
            return CancelOrder(*head, order_id=self.random.choice(list(state.orders)))
        return CancelOrder(*head, order_id=self.random.randbytes(24))

    def _withdraw(self, state: State, account: Address) -> Withdraw:
        token = self.random.choice((1, 2, 3, 3, 9))
        total, locked = state.balance(account, token)
        amount = self.random.choice((1, 10, (total - locked) // 50, total - locked + 1, 0))
        return Withdraw(
            *self._head(state, account),
            token=token,
            amount=amount,
            recipient=self.random.choice((account, self.random.choice(self.accounts), bytes(20))),
            max_relay_fee=self.random.choice((0, amount // 2, amount, amount + 1)),
        )

    def _entry(self, state: State) -> bytes:
        time = self.random.choice((0, state.meta.timestamp))
        draw = self.random.random()
        if draw < 0.5:
            return self._deposit(state, time)
        if draw < 0.7:
            return self._listing(time)
        return self._malformed(time)

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
        """Entries that no contract writes, and kinds that version 1 does not carry out."""
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
