"""A small exchange to test on: two tokens, a market, funded accounts."""

from typing import Any

from sequencer.core.codec import encode_inbox_deposit, encode_inbox_list_market, encode_inbox_list_token
from sequencer.core.constants import MAX_U64
from sequencer.core.errors import Code
from sequencer.core.state import State
from sequencer.core.transition import apply_inbox, open_block
from sequencer.core.types import (
    Address,
    CancelClientOrder,
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
    """Makes the transactions of an account, with rising nonces."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._nonce = 0

    def _head(self) -> dict[str, Any]:
        self._nonce += 1
        return {
            "account": self.address,
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

    def cancel(self, order_id: bytes) -> CancelOrder:
        """A cancel by order id."""
        return CancelOrder(**self._head(), order_id=order_id)

    def cancel_client(self, client_order_id: int) -> CancelClientOrder:
        """A cancel by client order id."""
        return CancelClientOrder(**self._head(), client_order_id=client_order_id)

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
