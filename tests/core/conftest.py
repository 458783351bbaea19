"""Fixtures of the core's tests."""

import pytest

from sequencer.core.state import State
from tests.core.exchange import ALICE, BOB, Trader, funded


@pytest.fixture
def state() -> State:
    """Two funded accounts and one market."""
    return funded()


@pytest.fixture
def alice() -> Trader:
    """The account that mostly makes."""
    return Trader(ALICE)


@pytest.fixture
def bob() -> Trader:
    """The account that mostly takes."""
    return Trader(BOB)
