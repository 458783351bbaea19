"""Agents: keys that trade for an account, in some markets, until some time, and never move money out."""

from typing import Any

import pytest
from msgspec.structs import replace

from sequencer.core.codec import encode_inbox_forced, encode_inbox_list_market
from sequencer.core.constants import FIRST_AGENT_LANE, LAST_AGENT_LANE, MAX_AGENTS
from sequencer.core.errors import Code, Rejection
from sequencer.core.state import State
from sequencer.core.transition import apply, apply_inbox, open_block
from sequencer.core.types import (
    Address,
    ForceApproveAgent,
    ForceRevokeAgents,
    Side,
    Transaction,
)
from tests.core.exchange import (
    ALICE,
    BASE,
    BOB,
    FEES,
    LIST_MARKET,
    MARKET,
    NOW,
    STRANGER,
    Trader,
    queue,
)

ALL_MARKETS = 0
OTHER_MARKET = 2


def agent_of_alice(lane: int = FIRST_AGENT_LANE, address: Address = STRANGER) -> Trader:
    return Trader(address, ALICE, lane)


def invalid(state: State, tx: Transaction) -> Code:
    """Why no block can hold `tx`."""
    with pytest.raises(Rejection) as rejected:
        apply(state, tx)
    assert rejected.value.code.invalid
    return rejected.value.code


@pytest.fixture
def other_market(state: State) -> None:
    entry = encode_inbox_list_market(replace(LIST_MARKET, market=OTHER_MARKET))
    assert apply_inbox(state, entry).code is Code.OK


def test_an_agent_trades_for_its_account(state: State, alice: Trader, bob: Trader) -> None:
    apply(state, alice.approve(STRANGER, MARKET))
    agent = agent_of_alice()
    placed = apply(state, agent.sell(1000, 10))
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10)]
    assert apply(state, agent.replace(placed.order_id, 1000, 9, expected_size=10)).code is Code.OK
    assert apply(state, bob.buy(1000, 4)).fills[0].maker == ALICE
    assert apply(state, agent.cancel(placed.order_id)).remaining == 5
    assert state.account(STRANGER) is None


@pytest.mark.parametrize("lane", [0, FIRST_AGENT_LANE - 1, FIRST_AGENT_LANE + 1])
def test_it_has_one_lane_of_its_own(state: State, alice: Trader, lane: int) -> None:
    apply(state, alice.approve(STRANGER, MARKET))
    assert invalid(state, agent_of_alice(lane).sell(1000, 10)) is Code.NONCE_LANE
    assert invalid(state, replace(alice.sell(1000, 10), nonce=FIRST_AGENT_LANE << 48)) is Code.NONCE_LANE


def test_it_moves_no_money_and_makes_no_agents(state: State, alice: Trader) -> None:
    apply(state, alice.approve(STRANGER, ALL_MARKETS))
    agent = agent_of_alice()
    for tx in (
        agent.withdraw(BASE, 1),
        agent.transfer(STRANGER, BASE, 1),
        agent.approve(BOB, ALL_MARKETS),
        agent.revoke(STRANGER),
        agent.invalidate(1),
    ):
        assert invalid(state, tx) is Code.SIGNER_NOT_AUTHORIZED


def test_it_is_nobodys_agent_but_alices(state: State, alice: Trader) -> None:
    apply(state, alice.approve(STRANGER, ALL_MARKETS))
    assert invalid(state, Trader(STRANGER, BOB, FIRST_AGENT_LANE).buy(1000, 10)) is Code.SIGNER_NOT_AUTHORIZED
    assert invalid(state, Trader(STRANGER).buy(1000, 10)) is Code.UNKNOWN_ACCOUNT


# --- markets ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("other_market")
def test_it_trades_in_its_markets_only(state: State, alice: Trader) -> None:
    """And cancels there only, also what its account placed itself."""
    apply(state, alice.approve(STRANGER, MARKET))
    agent = agent_of_alice()
    here = apply(state, alice.sell(1000, 10, client_order_id=1)).order_id
    there = apply(state, alice.sell(1000, 10, client_order_id=2, market=OTHER_MARKET)).order_id
    for forbidden in (
        agent.sell(1000, 10, market=OTHER_MARKET),
        agent.sell(1000, 10, market=77),
        agent.cancel(there),
        agent.cancel_client(2),
        agent.replace(there, 1000, 1, expected_size=10),
        agent.cancel_all(OTHER_MARKET),
        agent.cancel_all(),
    ):
        assert apply(state, forbidden).code is Code.MARKET_NOT_ALLOWED
    assert apply(state, agent.cancel(here)).code is Code.OK
    assert apply(state, agent.cancel_all(MARKET)).code is Code.OK
    assert list(state.orders) == [there]


@pytest.mark.usefixtures("other_market")
def test_bit_0_stands_for_all_markets(state: State, alice: Trader) -> None:
    apply(state, alice.approve(STRANGER, ALL_MARKETS))
    agent = agent_of_alice()
    apply(state, agent.sell(1000, 10))
    apply(state, agent.sell(1000, 10, market=OTHER_MARKET))
    assert len(apply(state, agent.cancel_all()).removed) == 2
    assert apply(state, agent.sell(1000, 10, market=77)).code is Code.UNKNOWN_MARKET


# --- time, and other rights ---------------------------------------------------------------------------------------


def test_it_trades_until_its_expiry(state: State, alice: Trader) -> None:
    apply(state, alice.approve(STRANGER, MARKET, expiry=NOW + 60))
    agent = agent_of_alice()
    open_block(state, NOW + 60)
    apply(state, agent.sell(1000, 10))
    open_block(state, NOW + 61)
    assert invalid(state, agent.sell(1000, 10)) is Code.SIGNER_NOT_AUTHORIZED
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10)]


def test_approving_it_again_changes_its_rights_and_keeps_its_lane(state: State, alice: Trader) -> None:
    apply(state, alice.approve(STRANGER, MARKET, expiry=NOW))
    agent = agent_of_alice()
    apply(state, agent.sell(1000, 10))
    apply(state, alice.approve(STRANGER, ALL_MARKETS, expiry=NOW + 60))
    open_block(state, NOW + 60)
    assert apply(state, agent.cancel_all()).code is Code.OK
    assert len(state.accounts[ALICE].agents) == 1


def test_what_a_revoked_agent_signed_stays_dead(state: State, alice: Trader) -> None:
    """Also when it is approved again: it gets another lane."""
    apply(state, alice.approve(STRANGER, MARKET))
    agent = agent_of_alice()
    signed = agent.sell(1000, 10)
    apply(state, agent.sell(1000, 10))
    assert apply(state, alice.revoke(STRANGER)).code is Code.OK
    assert invalid(state, signed) is Code.SIGNER_NOT_AUTHORIZED
    apply(state, alice.approve(STRANGER, MARKET))
    assert invalid(state, signed) is Code.NONCE_LANE
    assert apply(state, agent_of_alice(FIRST_AGENT_LANE + 1).sell(1000, 10)).code is Code.OK
    assert FIRST_AGENT_LANE not in state.accounts[ALICE].lanes


def test_a_revoked_agents_orders_stay(state: State, alice: Trader) -> None:
    apply(state, alice.approve(STRANGER, MARKET))
    apply(state, agent_of_alice().sell(1000, 10))
    apply(state, alice.revoke(STRANGER))
    assert queue(state, Side.ASK) == [(ALICE, 1000, 10)]


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"agent": bytes(20)}, {"agent": ALICE}, {"markets": 0}, {"expiry": NOW - 1}],
    ids=["zero", "itself", "no market", "in the past"],
)
def test_an_agent_that_could_do_nothing_is_refused(
    state: State, alice: Trader, changes: dict[str, Any]
) -> None:
    assert apply(state, replace(alice.approve(STRANGER, MARKET), **changes)).code is Code.INVALID_AGENT
    assert state.accounts[ALICE].agents == {}


def test_an_account_has_at_most_8_agents(state: State, alice: Trader) -> None:
    agents = [bytes([number]) * 20 for number in range(1, MAX_AGENTS + 2)]
    codes = [apply(state, alice.approve(agent, MARKET)).code for agent in agents]
    assert codes == [Code.OK] * MAX_AGENTS + [Code.TOO_MANY_AGENTS]
    apply(state, alice.revoke(agents[0]))
    assert apply(state, alice.approve(agents[-1], MARKET)).code is Code.OK


def test_lanes_can_be_used_up(state: State, alice: Trader) -> None:
    state.accounts[ALICE].next_agent_lane = LAST_AGENT_LANE
    assert apply(state, alice.approve(STRANGER, MARKET)).code is Code.OK
    apply(state, alice.revoke(STRANGER))
    assert apply(state, alice.approve(STRANGER, MARKET)).code is Code.TOO_MANY_AGENTS


def test_an_unknown_agent_cannot_be_revoked(state: State, alice: Trader) -> None:
    assert apply(state, alice.revoke(STRANGER)).code is Code.UNKNOWN_AGENT


# --- by L1 --------------------------------------------------------------------------------------------------------


def test_l1_makes_agents_for_accounts_that_cannot_sign(state: State) -> None:
    entry = ForceApproveAgent(NOW, ALICE, STRANGER, NOW + 60, 1 << MARKET)
    assert apply_inbox(state, encode_inbox_forced(entry)).code is Code.OK
    assert apply(state, agent_of_alice().sell(1000, 10)).code is Code.OK


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"account": FEES}, Code.NO_ACCOUNT),
        ({"agent": ALICE}, Code.INVALID_AGENT),
        ({"markets": 0}, Code.INVALID_AGENT),
        ({"expiry": NOW - 1}, Code.INVALID_AGENT),
    ],
)
def test_l1_makes_no_agents_that_could_do_nothing(state: State, changes: dict[str, Any], code: Code) -> None:
    entry = replace(ForceApproveAgent(NOW, ALICE, STRANGER, NOW + 60, 1), **changes)
    assert apply_inbox(state, encode_inbox_forced(entry)).code is code
    assert state.accounts[ALICE].agents == {}


def test_l1_revokes_all_agents(state: State, alice: Trader) -> None:
    for agent in (STRANGER, BOB):
        apply(state, alice.approve(agent, ALL_MARKETS))
    apply(state, agent_of_alice().sell(1000, 10))
    assert apply_inbox(state, encode_inbox_forced(ForceRevokeAgents(NOW, ALICE))).code is Code.OK
    assert state.accounts[ALICE].agents == {}
    assert list(state.accounts[ALICE].lanes) == [0]
    assert invalid(state, agent_of_alice().sell(1000, 10)) is Code.SIGNER_NOT_AUTHORIZED
