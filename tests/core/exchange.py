"""A small exchange to test on: two tokens, a market, funded accounts."""

from typing import Any

from msgspec.structs import replace

from sequencer.core.codec import (
    encode_inbox_deposit,
    encode_inbox_list_market,
    encode_inbox_list_token,
    encode_inbox_set_market,
)
from sequencer.core.constants import MAX_U64, NONCE_LANE_SHIFT
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.transition import apply_inbox, open_block
from sequencer.core.types import (
    Action,
    Address,
    ApproveAgent,
    Batch,
    CancelAll,
    CancelClientOrder,
    CancelOrder,
    Deposit,
    InvalidateNonces,
    ListMarket,
    ListToken,
    MarketStatus,
    OrderId,
    PlaceOrder,
    ReplaceOrder,
    Result,
    RevokeAgent,
    SelfTrade,
    SetMarket,
    Side,
    TimeInForce,
    Transfer,
    Withdraw,
)

ALICE, BOB, FEES, STRANGER = (bytes([number]) * 20 for number in (0xA1, 0xB0, 0xFE, 0x57))
BASE, QUOTE, MARKET = 1, 2, 1
LOT_SIZE, TICK_SIZE, MIN_NOTIONAL = 1_000, 7, 7_000
MAKER_FEE, TAKER_FEE = 100, 2_500
FUNDS = 10**9
NOW = 1_700_000_000

LIST_BASE = ListToken(NOW, BASE, bytes(20), 18)
LIST_QUOTE = ListToken(NOW, QUOTE, b"\x22" * 20, 6)
LIST_MARKET = ListMarket(
    time=NOW,
    market=MARKET,
    base=BASE,
    quote=QUOTE,
    lot_size=LOT_SIZE,
    tick_size=TICK_SIZE,
    min_notional=MIN_NOTIONAL,
    maker_fee=MAKER_FEE,
    taker_fee=TAKER_FEE,
    price_band=0,
    fee_account=FEES,
)


class Trader:
    """Makes the transactions of an account, with rising nonces: its owner's, or an agent's."""

    def __init__(self, address: Address, account: Address | None = None, lane: int = 0) -> None:
        """`account`, `lane`: of the account that `address` is an agent of."""
        self.address = address
        self.account = account or address
        self._nonce = lane << NONCE_LANE_SHIFT

    def _head(self) -> dict[str, Any]:
        self._nonce += 1
        return {
            "account": self.account,
            "signer": self.address,
            "nonce": self._nonce - 1,
            "deadline": MAX_U64,
        }

    def order(self, side: Side, price: int, size: int, **changes: Any) -> PlaceOrder:
        """A GTC limit order."""
        fields = {
            "market": MARKET,
            "side": side,
            "time_in_force": TimeInForce.GTC,
            "self_trade": SelfTrade.CANCEL_TAKER,
            "price": price,
            "size": size,
            "client_order_id": 0,
        }
        return PlaceOrder(**self._head() | fields | changes)

    def buy(self, price: int, size: int, **changes: Any) -> PlaceOrder:
        """A bid."""
        return self.order(Side.BID, price, size, **changes)

    def sell(self, price: int, size: int, **changes: Any) -> PlaceOrder:
        """An ask."""
        return self.order(Side.ASK, price, size, **changes)

    def cancel(self, order_id: OrderId | None) -> CancelOrder:
        """A cancel by order id."""
        assert order_id is not None
        return CancelOrder(**self._head(), order_id=order_id)

    def cancel_client(self, client_order_id: int) -> CancelClientOrder:
        """A cancel by client order id."""
        return CancelClientOrder(**self._head(), client_order_id=client_order_id)

    def cancel_all(self, market: int = 0) -> CancelAll:
        """A cancel of all orders, or of those in a market."""
        return CancelAll(**self._head(), market=market)

    def replace(
        self, order_id: OrderId | None, price: int, size: int, expected_size: int, **changes: Any
    ) -> ReplaceOrder:
        """A replacement by a GTC order."""
        assert order_id is not None
        fields = {
            "order_id": order_id,
            "time_in_force": TimeInForce.GTC,
            "self_trade": SelfTrade.CANCEL_TAKER,
            "price": price,
            "size": size,
            "expected_size": expected_size,
            "client_order_id": 0,
        }
        return ReplaceOrder(**self._head() | fields | changes)

    def batch(self, *actions: Action) -> Batch:
        """A batch of actions, which take its first four fields."""
        head = self._head()
        return Batch(**head, actions=tuple(replace(action, **head) for action in actions))

    def transfer(self, to: Address, token: int, amount: int) -> Transfer:
        """A transfer to another account."""
        return Transfer(**self._head(), to=to, token=token, amount=amount)

    def approve(self, agent: Address, *markets: int, expiry: int = MAX_U64) -> ApproveAgent:
        """An agent for these markets; market 0 stands for all."""
        return ApproveAgent(
            **self._head(), agent=agent, expiry=expiry, markets=sum(1 << market for market in markets)
        )

    def revoke(self, agent: Address) -> RevokeAgent:
        """The end of an agent."""
        return RevokeAgent(**self._head(), agent=agent)

    def invalidate(self, floor: int) -> InvalidateNonces:
        """The end of all nonces below `floor` in its lane."""
        return InvalidateNonces(**self._head(), floor=floor)

    def withdraw(self, token: int, amount: int, **changes: Any) -> Withdraw:
        """A withdrawal to the account itself."""
        fields = {"token": token, "amount": amount, "recipient": self.address, "max_relay_fee": 0}
        return Withdraw(**self._head() | fields | changes)


def listed() -> State:
    """An open first block with the tokens and the market listed."""
    state = State()
    open_block(state, NOW)
    for entry in (encode_inbox_list_token(LIST_BASE), encode_inbox_list_token(LIST_QUOTE)):
        assert apply_inbox(state, entry).code is Code.OK
    assert apply_inbox(state, encode_inbox_list_market(LIST_MARKET)).code is Code.OK
    return state


def deposit(state: State, account: Address, token: int, amount: int) -> None:
    """Credit an account through the inbox."""
    entry = encode_inbox_deposit(Deposit(state.meta.timestamp, token, account, amount))
    assert apply_inbox(state, entry).code is Code.OK


def funded() -> State:
    """`listed`, with both tokens in the accounts of Alice and Bob, and nothing to write."""
    state = listed()
    for account in (ALICE, BOB):
        for token in (BASE, QUOTE):
            deposit(state, account, token, FUNDS)
    state.take_writes()
    return state


def set_market(state: State, status: MarketStatus, **changes: Any) -> None:
    """Give the market a status, and otherwise the terms it was listed with, through the inbox."""
    fields: dict[str, Any] = {
        "market": MARKET,
        "min_notional": MIN_NOTIONAL,
        "maker_fee": MAKER_FEE,
        "taker_fee": TAKER_FEE,
        "price_band": 0,
        "fee_account": FEES,
    }
    entry = SetMarket(time=state.meta.timestamp, status=status, **fields | changes)
    assert apply_inbox(state, encode_inbox_set_market(entry)).code is Code.OK


def queue(state: State, side: Side) -> list[tuple[Address, int, int]]:
    """Owner, price and size of the resting orders, the first to be met first."""
    return [(order.owner, order.price, order.remaining) for order in state.books[MARKET].sides[side].orders()]


def trades(result: Result) -> list[tuple[Address, int, int]]:
    """Maker, price and size of the fills, in their order."""
    return [(fill.maker, fill.price, fill.size) for fill in result.fills]
