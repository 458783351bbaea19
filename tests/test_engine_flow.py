"""The flow of the engine benchmark is what it says."""

from collections import Counter

import pytest
from msgspec.structs import replace

from scripts.bench_engine import OwnEngine
from scripts.engine_flow import ADD, ASK, CANCEL, CROSS, PRICE, FlowGenerator
from scripts.engine_timing import WrongResult, one_run
from sequencer.core.types import Result

RESTING, OPERATIONS = 500, 2_000


def test_the_mix_is_as_stated() -> None:
    flow = FlowGenerator(1).flow(RESTING, OPERATIONS)
    assert Counter(operation.kind for operation in flow.resting) == {ADD: RESTING}
    assert Counter(operation.kind for operation in flow.operations) == {ADD: 1_200, CANCEL: 700, CROSS: 100}


def test_a_seed_gives_one_flow() -> None:
    first, same, other = (FlowGenerator(seed).flow(RESTING, OPERATIONS) for seed in (1, 1, 2))
    assert first == same != other


def test_the_book_keeps_its_size() -> None:
    generator = FlowGenerator(1)
    generator.flow(RESTING, OPERATIONS)
    assert RESTING / 2 < generator.resting < RESTING * 2


def test_new_orders_rest_and_cancels_name_one_that_rests() -> None:
    flow = FlowGenerator(1).flow(RESTING, OPERATIONS)
    orders = {}
    for operation in flow.resting + flow.operations:
        if operation.kind == ADD:
            assert (operation.price > PRICE) == (operation.side == ASK)
            orders[operation.order] = operation
        elif operation.kind == CANCEL:
            assert orders.pop(operation.order).account == operation.account


def test_the_engine_fills_every_crossing_order() -> None:
    flow = FlowGenerator(1).flow(RESTING, OPERATIONS)
    assert one_run(OwnEngine(), flow).operations == OPERATIONS


def test_an_engine_that_trades_something_else_is_not_measured() -> None:
    class Short(OwnEngine):
        def traded(self, answer: Result) -> int:
            return super().traded(replace(answer, filled=answer.filled - 1))

    with pytest.raises(WrongResult):
        one_run(Short(), FlowGenerator(1).flow(RESTING, OPERATIONS))
