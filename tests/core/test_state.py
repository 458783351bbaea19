"""Reading the state, what it writes, and loading what was written."""

from sequencer.core.codec import client_key, decode_account, decode_order
from sequencer.core.state import ACCOUNTS, BOOKS, CLIENTS, REGISTRY, State
from sequencer.core.transition import apply
from sequencer.core.types import Side
from tests.core.exchange import ALICE, BOB, FEES, FUNDS, MARKET, QUOTE, STRANGER, Trader, deposit, listed


class Snapshot:
    """The maps as a state tree holds them."""

    def __init__(self) -> None:
        self.maps: list[dict[bytes, bytes]] = [{}, {}, {}, {}]

    def apply(self, state: State) -> None:
        for number, key, value in state.take_writes():
            if value is None:
                self.maps[number].pop(key, None)
            else:
                self.maps[number][key] = value

    def load(self, meta: bytes) -> State:
        accounts, books, clients, registry = (sorted(items.items()) for items in self.maps)
        return State.load(accounts, books, clients, registry, meta)


def test_an_order_writes_itself_its_client_order_id_and_its_owner(state: State, alice: Trader) -> None:
    placed = apply(state, alice.buy(1000, 3, client_order_id=9))
    assert placed.order_id is not None
    writes = {(number, key): value for number, key, value in state.take_writes()}
    assert writes.keys() == {(ACCOUNTS, ALICE), (BOOKS, placed.order_id), (CLIENTS, client_key(ALICE, 9))}
    assert writes[CLIENTS, client_key(ALICE, 9)] == placed.order_id
    assert (
        decode_order(placed.order_id, writes[BOOKS, placed.order_id] or b"") == state.orders[placed.order_id]
    )
    assert decode_account(writes[ACCOUNTS, ALICE] or b"").open_counts == {MARKET: 1}


def test_a_removed_order_is_written_as_absent(state: State, alice: Trader) -> None:
    placed = apply(state, alice.buy(1000, 3, client_order_id=9))
    assert placed.order_id is not None
    state.take_writes()
    apply(state, alice.cancel(placed.order_id))
    writes = {(number, key): value for number, key, value in state.take_writes()}
    assert writes[BOOKS, placed.order_id] is None
    assert writes[CLIENTS, client_key(ALICE, 9)] is None


def test_a_trade_writes_both_accounts_the_fees_and_the_market(
    state: State, alice: Trader, bob: Trader
) -> None:
    apply(state, alice.buy(1000, 3))
    state.take_writes()
    apply(state, bob.sell(1000, 2))
    written = {(number, key) for number, key, _ in state.take_writes()}
    assert {key for number, key in written if number == ACCOUNTS} == {ALICE, BOB, FEES}
    assert {number for number, _ in written} == {ACCOUNTS, BOOKS, REGISTRY}


def test_a_state_loaded_from_what_was_written_goes_on_the_same() -> None:
    alice, bob = Trader(ALICE), Trader(BOB)
    state, snapshot = listed(), Snapshot()
    for account in (ALICE, BOB):
        deposit(state, account, 1, FUNDS)
        deposit(state, account, 2, FUNDS)
    snapshot.apply(state)
    for price in (1000, 990, 1000):
        apply(state, alice.buy(price, 10, client_order_id=price + state.meta.next_seq))
    apply(state, bob.sell(1000, 5))
    apply(state, bob.sell(1010, 7))
    snapshot.apply(state)
    loaded = snapshot.load(state.meta_bytes())
    assert loaded.meta == state.meta
    assert loaded.clients == state.clients
    assert loaded.open_orders(ALICE) == state.open_orders(ALICE)
    assert loaded.take_writes() == []
    tx = bob.sell(990, 40)
    assert apply(loaded, tx) == apply(state, tx)
    assert sorted(loaded.take_writes()) == sorted(state.take_writes())


def test_reading_an_unknown_account(state: State) -> None:
    assert state.account(STRANGER) is None
    assert state.balance(STRANGER, QUOTE) == (0, 0)
    assert state.open_orders(STRANGER) == []


def test_reading_books_and_open_orders(state: State, alice: Trader) -> None:
    placed = [apply(state, alice.buy(price, 10)).order_id for price in (1000, 1001, 1000)]
    assert [order.id for order in state.open_orders(ALICE)] == placed
    assert state.book(MARKET).levels(Side.BID, 1) == [(1001, 10, 1)]
