"""Every method of the client against a whole sequencer."""

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from sequencer.client import AsyncClient, Client
from sequencer.client.actions import ActionError, Cancel, CancelAll, CancelClient, Place, Replace
from sequencer.client.decimals import DecimalError
from sequencer.client.errors import ApiError, ClientError, NotThere, Refused
from sequencer.core.codec import encode_inbox_deposit
from sequencer.core.types import Deposit
from tests.client.conftest import AGENT, ALICE, BOB, Exchange
from tests.world import ETH, START_MS, eventually

D = Decimal
MARKET = "ETH/USDC"
FAR = START_MS // 1000 + 10_000_000


def test_both_clients_have_the_same_methods() -> None:
    """One is made of the other; a method that is forgotten shows here."""

    def public(kind: type) -> dict[str, Any]:
        return {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}

    plain, asynchronous = public(Client), public(AsyncClient)
    assert plain.keys() == asynchronous.keys()
    for name, method in plain.items():
        assert not inspect.iscoroutinefunction(method)
        assert method.__doc__ == asynchronous[name].__doc__ or name == "close"


def test_orders_rest_trade_and_are_cancelled(alice: Client, bob: Client) -> None:
    resting = alice.place_order(MARKET, "sell", D(2500), D(1), client_order_id=7)
    assert (resting.status, resting.filled, resting.remaining) == ("resting", D(0), D(1))
    taken = bob.place_order(MARKET, "buy", D(2600), D("0.25"), time_in_force="IOC")
    assert (taken.status, taken.fills[0].price, taken.fills[0].size) == ("filled", D(2500), D("0.25"))
    assert alice.order(resting.order_id).remaining == D("0.75")
    assert [(order.client_order_id, order.remaining) for order in alice.orders()] == [(7, D("0.75"))]
    assert bob.orders(ALICE.address)[0].order_id == resting.order_id
    assert (alice.book(MARKET).asks[0].size, alice.book(1).bids) == (D("0.75"), [])
    assert [trade.size for trade in alice.trades(1).trades] == [D("0.25")]
    assert alice.cancel_client_order(7).remaining == D("0.75")
    again = alice.place_order(MARKET, "sell", D(2500), D(1))
    assert alice.cancel(again.order_id).order_id == again.order_id


@pytest.mark.parametrize("force", ["GTC", "GTT", "POST_ONLY", "POST_ONLY_GTT"])
def test_times_in_force_that_rest(alice: Client, force: str) -> None:
    placed = alice.place_order(MARKET, "buy", D(2000), D(1), time_in_force=force, deadline=FAR)
    assert placed.status == "resting"
    assert alice.order(placed.order_id).time_in_force == force


def test_order_that_expires_needs_a_time(alice: Client) -> None:
    with pytest.raises(ActionError, match="give one"):
        alice.place_order(MARKET, "buy", D(2000), D(1), time_in_force="GTT")
    place = Place(market=MARKET, side="buy", price=D(2000), size=D(1), time_in_force="POST_ONLY_GTT")
    with pytest.raises(ActionError, match="give one"):
        alice.order_batch([place])
    assert alice.order_batch([place], deadline=FAR).results[0].status == "resting"


def test_market_order_takes_the_best_price_and_no_worse_than_asked(alice: Client, bob: Client) -> None:
    for price in (2500, 2510, 2600):
        alice.place_order(MARKET, "sell", D(price), D(1))
    bought = bob.market_order(MARKET, "buy", D(5))
    assert [(fill.price, bought.status) for fill in bought.fills] == [
        (D(2500), "cancelled"),
        (D(2510), "cancelled"),
    ]
    with pytest.raises(Refused, match="FOK_NOT_FILLABLE"):
        bob.market_order(MARKET, "buy", D(2), worst_price=D(2600), time_in_force="FOK")
    with pytest.raises(ClientError, match="nobody buys"):
        bob.market_order(MARKET, "sell", D(1))


def test_self_trade_modes(alice: Client) -> None:
    alice.place_order(MARKET, "sell", D(2500), D(1))
    taken = alice.place_order(MARKET, "buy", D(2500), D(1), self_trade="decrement_both")
    assert (taken.fills, alice.orders()) == ([], [])


def test_replace_keeps_its_place_if_only_the_size_falls(alice: Client) -> None:
    placed = alice.place_order(MARKET, "sell", D(2500), D(2))
    smaller = alice.replace_order(placed.order_id, D(2500), D("1.5"))
    assert (smaller.kept_place, smaller.order_id, smaller.remaining) == (True, placed.order_id, D("1.5"))
    moved = alice.replace_order(placed.order_id, D(2600), D(1), expected_size=D("1.5"))
    assert (moved.kept_place, moved.order_id != placed.order_id) == (False, True)
    with pytest.raises(Refused, match="EXPECTED_SIZE_TOO_LOW"):
        alice.replace_order(moved.order_id, D(2600), D(1), expected_size=D("0.5"))


def test_cancel_all_of_a_market_or_of_all(alice: Client) -> None:
    for price in (2500, 2600):
        alice.place_order(MARKET, "sell", D(price), D(1))
    assert len(alice.cancel_all(MARKET).cancelled) == 2
    assert alice.cancel_all().cancelled == []


def test_batch_has_a_result_for_each_action(alice: Client) -> None:
    first = alice.place_order(MARKET, "sell", D(2500), D(2), client_order_id=1)
    second = alice.place_order(MARKET, "sell", D(2500), D(2), client_order_id=2)
    sent = alice.order_batch(
        [
            Place(market=MARKET, side="buy", price=D(2000), size=D(1), time_in_force="POST_ONLY"),
            Replace(order_id=first.order_id, price=D(2550), size=D(2), expected_size=D(2)),
            CancelClient(client_order_id=2),
            Cancel(order_id=second.order_id),
            CancelAll(market=MARKET),
        ]
    )
    assert [result.code for result in sent.results] == ["OK", "OK", "OK", "UNKNOWN_ORDER", "OK"]
    assert sent.results[0].status == "resting"
    assert len(sent.results[4].cancelled or []) == 2


def test_money_moves(exchange: Exchange, alice: Client, bob: Client) -> None:
    before = {b.token: b.total for b in bob.account().balances}
    alice.transfer("ETH", D("1.5"), BOB.address)
    alice.withdraw("USDC", D("100.5"), max_relay_fee=D("0.5"))
    after = {b.token: b.total for b in bob.account().balances}
    assert after[ETH] - before[ETH] == D("1.5")
    (withdrawal,) = alice.withdrawals().withdrawals
    assert (withdrawal.amount, withdrawal.max_relay_fee) == (D("100.5"), D("0.5"))
    deposit = Deposit(START_MS // 1000, ETH, AGENT.address, 10**18)
    exchange.run(exchange.world.submit_inbox(encode_inbox_deposit(deposit)))
    assert [d.amount for d in alice.deposits(AGENT.address).deposits] == [D(1)]


def test_agent_trades_for_its_owner_in_its_own_lane(exchange: Exchange, alice: Client) -> None:
    approved = alice.approve_agent(AGENT.address, FAR, [MARKET])
    assert approved.lane is not None
    with Client(exchange.url, AGENT, account=ALICE.address, lane=approved.lane) as agent:
        assert agent.is_agent
        placed = agent.place_order(MARKET, "sell", D(2500), D(1))
        assert alice.orders()[0].order_id == placed.order_id
        with pytest.raises(Refused, match="SIGNER_NOT_AUTHORIZED"):
            agent.withdraw("ETH", D(1))
        alice.revoke_agent(AGENT.address)
        with pytest.raises(Refused, match="SIGNER_NOT_AUTHORIZED"):
            agent.cancel(placed.order_id)


def test_agent_finds_its_lane(exchange: Exchange, alice: Client) -> None:
    approved = alice.approve_agent(AGENT.address, FAR)
    with Client(exchange.url, AGENT, account=ALICE.address) as agent:
        placed = agent.place_order(MARKET, "sell", D(2500), D(1))
        assert int(alice.order(placed.order_id).seq) == placed.seq
        (known,) = alice.agents()
        assert (known.agent, known.lane, known.markets) == (
            f"0x{AGENT.address.hex()}",
            approved.lane,
            "all",
        )
        (principal,) = agent.all_principals(AGENT.address)
        assert principal.account == f"0x{ALICE.address.hex()}"
    with (
        Client(exchange.url, BOB, account=ALICE.address) as nobody,
        pytest.raises(ClientError, match="no agent"),
    ):
        nobody.cancel_all()


def test_agent_of_no_market_is_refused_here(alice: Client) -> None:
    with pytest.raises(ActionError, match="at least one market"):
        alice.approve_agent(AGENT.address, FAR, [])


def test_what_was_signed_below_the_floor_cannot_be_sent(alice: Client) -> None:
    alice.cancel_all()
    alice.invalidate_nonces(50)
    assert {lane.lane: lane.next for lane in alice.account().nonces}[0] == 50
    assert alice.cancel_all().cancelled == []


def test_history(exchange: Exchange, alice: Client) -> None:
    placed = alice.place_order(MARKET, "sell", D(2500), D(1))
    info = alice.transaction(placed.digest)
    assert (info.seq, info.code, info.status) == (placed.seq, "OK", "accepted")
    exchange.run(exchange.world.close_batch())
    assert alice.transaction(bytes.fromhex(placed.digest[2:])).status == "sealed"
    assert list(alice.all_blocks()) == alice.blocks().blocks == [alice.block(1)]
    assert list(alice.all_batches()) == alice.batches().batches == [alice.batch(1)]
    with pytest.raises(NotThere):
        alice.block(99)


def test_pages_are_followed_to_their_end(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sequencer.client.reads.PAGE", 2)
    with Client(exchange.url, ALICE) as alice, Client(exchange.url, BOB) as bob:
        for price in range(2500, 2505):
            alice.place_order(MARKET, "sell", D(price), D("0.1"))
            bob.place_order(MARKET, "buy", D(price), D("0.1"))
        assert [trade.price for trade in alice.all_trades(MARKET)] == [D(p) for p in range(2504, 2499, -1)]


def test_everything_that_happened_to_an_account(alice: Client, bob: Client) -> None:
    for price in (2500, 2510):
        alice.place_order(MARKET, "sell", D(price), D(1), client_order_id=price)
    bob.market_order(MARKET, "buy", D("1.5"))
    bob.transfer("USDC", D(7), ALICE.address)
    fills = list(alice.all_fills())
    assert [(fill.price, fill.size, fill.role) for fill in fills] == [
        (D(2510), D("0.5"), "maker"),
        (D(2500), D(1), "maker"),
    ]
    assert fills == alice.fills(market=MARKET).fills == list(bob.all_fills(ALICE.address, market=1))
    assert [order.status for order in alice.all_orders()] == ["resting", "filled"]
    assert [order.price for order in alice.order_history(status="filled").orders] == [D(2500)]
    assert alice.client_order(2510).filled == D("0.5")
    assert [transfer.amount for transfer in bob.all_transfers()] == [D(7)]
    totals = {balance.token: balance.total for balance in alice.account().balances}
    for token, total in totals.items():
        assert sum(entry.amount for entry in alice.all_ledger() if entry.token == token) == total
    assert [deposit.status for deposit in alice.all_deposits()] == ["credited", "credited"]
    assert list(alice.all_withdrawals()) == []


def test_prices_of_a_market(alice: Client, bob: Client) -> None:
    alice.place_order(MARKET, "sell", D(2500), D(1))
    bob.market_order(MARKET, "buy", D("0.25"))
    ticker = alice.ticker(MARKET)
    assert (ticker.last, ticker.ask, ticker.bid, ticker.volume) == (D(2500), D(2500), None, D("0.25"))
    assert alice.tickers() == [ticker]
    (candle,) = alice.all_candles(MARKET, "1h")
    assert (candle.open, candle.close, candle.trades) == (D(2500), D(2500), 1)
    assert alice.candles(MARKET, start=FAR).candles == []
    assert alice.time().time == START_MS // 1000


# ---------------------------------------------------------------- deferred


def test_dead_man_switch_cancels_what_nobody_renews(exchange: Exchange, alice: Client) -> None:
    alice.place_order(MARKET, "sell", D(2500), D(1))
    switch = alice.arm_dead_man_switch(60)
    assert alice.renew_dead_man_switch(switch.id).due == switch.due
    for price in range(200):  # in another lane: the switch's nonce stays valid
        alice.place_order(MARKET, "buy", D(1000 + price), D("0.01"))
    exchange.world.clock.advance(61_000)
    exchange.run(eventually(lambda: not exchange.world.node.latest.open_orders(ALICE.address)))
    assert alice.orders() == []
    while alice.dead_man_switch(switch.id).status == "armed":
        pass  # what became of it is written after it is done
    assert (alice.dead_man_switch(switch.id).status, alice.deferred()[0].status) == ("fired", "fired")
    with pytest.raises(ApiError, match="NOT_ARMED"):
        alice.disarm_dead_man_switch(switch.id)


def test_trigger_sends_its_order_when_the_price_is_reached(
    exchange: Exchange, alice: Client, bob: Client
) -> None:
    stop = Place(market=MARKET, side="sell", price=D(2000), size=D(1), time_in_force="GTC", client_order_id=5)
    trigger = alice.arm_trigger(MARKET, D(2400), "falling", stop)
    batch = alice.arm_trigger(MARKET, D(9000), "rising", [CancelAll(market=MARKET)])
    assert alice.disarm_trigger(batch.id).status == "disarmed"
    bob.place_order(MARKET, "buy", D(2390), D("0.1"))
    alice.market_order(MARKET, "sell", D("0.1"))
    exchange.run(eventually(lambda: len(exchange.world.node.latest.open_orders(ALICE.address)) == 1))
    assert alice.client_order(5).status == "resting"
    while alice.trigger(trigger.id).status == "armed":
        pass
    assert alice.trigger(trigger.id).status == "fired"
    with pytest.raises(DecimalError):
        alice.arm_trigger(MARKET, D("2400.001"), "falling", stop)


def test_what_is_armed_keeps_its_nonce_when_the_program_starts_again(exchange: Exchange) -> None:
    """Two that share a nonce would cancel each other."""
    stop = Place(market=MARKET, side="sell", price=D(2000), size=D(1))
    nonces = []
    for _ in range(3):
        with Client(exchange.url, ALICE) as alice:
            nonces += [alice.arm_trigger(MARKET, D(2400), "falling", stop).nonce for _ in range(2)]
    assert len(set(nonces)) == 6


def test_what_the_exchange_is(alice: Client) -> None:
    assert alice.health().status == "ok"
    assert alice.info() is alice.info()
    assert [token.symbol for token in alice.tokens()] == ["ETH", "USDC"]
    assert alice.market("eth/usdc") == alice.market(1) == alice.markets()[0]
    assert alice.token("usdc").decimals == 6


def test_rounding_to_what_the_market_takes(alice: Client) -> None:
    market = alice.market(MARKET)
    assert market.round_price(D("2500.017")) == D("2500.02")
    assert market.round_price(D("2500.015")) == D("2500.02")
    assert market.round_price(D("2500.017"), "down") == D("2500.01")
    assert market.round_size(D("0.12345")) == D("0.1234")
    with pytest.raises(DecimalError) as caught:
        alice.place_order(MARKET, "buy", D("2500.017"), D(1))
    assert (caught.value.below, caught.value.above) == (D("2500.01"), D("2500.02"))
    with pytest.raises(ActionError, match="take one of buy, sell"):
        alice.place_order(MARKET, "hold", D(2500), D(1))
    with pytest.raises(ActionError, match="out of range"):
        alice.place_order(MARKET, "buy", D(2500), D(1), client_order_id=1 << 128)


def test_orders_from_many_threads_all_arrive(alice: Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        futures = [
            threads.submit(alice.place_order, MARKET, "buy", D(1000 + i), D("0.01")) for i in range(100)
        ]
    assert len({future.result().seq for future in futures}) == 100


def test_two_programs_in_one_lane_recover_from_each_other(exchange: Exchange) -> None:
    with Client(exchange.url, ALICE) as one, Client(exchange.url, ALICE) as other:
        for _ in range(3):
            one.place_order(MARKET, "buy", D(1000), D("0.01"))
            other.place_order(MARKET, "buy", D(1001), D("0.01"))
            other.place_order(MARKET, "buy", D(1001), D("0.01"))
        assert len(one.orders()) == 9


async def test_the_asynchronous_client_places_orders_at_once(exchange: Exchange) -> None:
    async with AsyncClient(exchange.url, ALICE, lane=3) as client:
        placed = await asyncio.gather(
            *(client.place_order(MARKET, "buy", D(1000 + i), D("0.01")) for i in range(50))
        )
        assert len({answer.order_id for answer in placed}) == 50
        assert [trade async for trade in client.all_trades(MARKET)] == []
