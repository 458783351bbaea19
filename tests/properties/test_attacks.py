"""Flows in markets made to break an implementation: Python and Rust agree, and no token is made or lost."""

from random import Random

import pytest
from msgspec.structs import replace

from sequencer.core.codec import encode_inbox_deposit, encode_inbox_list_market, encode_inbox_list_token
from sequencer.core.constants import MAX_FEE, MAX_U64
from sequencer.core.errors import Code
from sequencer.core.types import (
    CancelClientOrder,
    Deposit,
    InboxEntry,
    ListMarket,
    ListToken,
    PlaceOrder,
    SelfTrade,
    Side,
    TimeInForce,
    Transaction,
    Withdraw,
)
from tests.properties.replica import Replica, Signer

START = 1_700_000_000
FUNDS = 2_000
TOKENS = (1, 2, 3)
TIMES_IN_FORCE = (TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.POST_ONLY)


def small_markets(fee_account: bytes) -> list[ListMarket]:
    """Markets in single base units, where a fee is often all of an amount, over tokens in both roles."""
    tight = ListMarket(START, 1, 1, 2, 1, 1, 0, MAX_FEE, MAX_FEE, 0, fee_account)
    return [
        tight,
        replace(tight, market=2, base=2, quote=1, maker_fee=0, taker_fee=0),
        replace(tight, market=255, base=3, quote=2, maker_fee=1, taker_fee=0, price_band=500_000),
    ]


class Attackers:
    """Few accounts with little money, so that most orders meet, run dry or take names in use."""

    def __init__(self, seed: int, signers: list[Signer]) -> None:
        self.random = Random(seed)
        self.signers = signers
        self.nonces = [0] * len(signers)

    def next(self) -> Transaction:
        """A transaction that is valid; its result may be a no-op."""
        number = self.random.randrange(len(self.signers))
        account = self.signers[number].address
        head = (account, account, self.nonces[number], MAX_U64)
        self.nonces[number] += 1
        draw = self.random.random()
        if draw < 0.25:
            return CancelClientOrder(*head, client_order_id=self.random.randrange(4))
        if draw < 0.3:
            recipient, fee = self.random.choice(self.signers).address, self.random.randrange(2)
            return Withdraw(*head, self.random.choice(TOKENS), self.random.randrange(3), recipient, fee)
        return PlaceOrder(
            *head,
            market=self.random.choice((1, 1, 2, 255)),
            side=Side(self.random.randrange(2)),
            time_in_force=self.random.choice(TIMES_IN_FORCE),
            self_trade=SelfTrade.CANCEL_TAKER,
            price=self.random.randrange(1, 5),
            size=self.random.choice((1, 1, 2, 3, 30)),
            client_order_id=self.random.randrange(4),
        )


def held(replica: Replica, token: int) -> int:
    return sum(replica.state.balance(address, token)[0] for address in replica.state.accounts)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("house", ["trader", "stranger"])
def test_fee_accounts_that_trade_and_fees_that_take_all(seed: int, house: str) -> None:
    signers = [Signer(7_000 + number) for number in range(6)]
    replica = Replica(signers)
    attackers = Attackers(seed, signers if house == "trader" else signers[1:])
    replica.open_block(START)
    entries = [encode_inbox_list_token(ListToken(START, token, bytes(20), 0)) for token in TOKENS]
    entries += [encode_inbox_list_market(market) for market in small_markets(signers[0].address)]
    entries += [
        encode_inbox_deposit(Deposit(START, token, signer.address, FUNDS))
        for signer in attackers.signers
        for token in TOKENS
    ]
    for entry in entries:
        assert replica.sequence(InboxEntry(entry)).code is Code.OK
    supply = dict.fromkeys(TOKENS, FUNDS * len(attackers.signers))
    fills = 0
    for number in range(500):
        if number % 49 == 0:
            replica.seal_batch()
        if number % 7 == 0:
            replica.open_block(START + number // 100)
        result = replica.sequence(attackers.next())
        fills += len(result.fills)
        for leaf in result.withdrawals:
            supply[leaf.token] -= leaf.amount
        if number % 61 == 0:
            replica.sequence(InboxEntry(encode_inbox_deposit(Deposit(START, 2, signers[0].address, 1))))
            supply[2] += 1
    replica.seal_batch()
    assert {token: held(replica, token) for token in TOKENS} == supply
    assert fills > 50
    assert {Code.OK, Code.CLIENT_ORDER_ID_IN_USE, Code.POST_ONLY_WOULD_CROSS} <= replica.codes.keys()
