"""How the speed of an engine is measured; runs in every environment, with the standard library alone.

The clock counts the processor time of the one thread, so that what else runs on the machine disturbs less.
"""

import gc
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from scripts.engine_flow import CROSS, Flow, Operation

SLICE: Final = 20
"""Operations between two looks at the clock."""
MAX_SECONDS: Final = 2.0
"""A run ends here even if operations are left: an engine may take milliseconds for each of them."""


class Engine(Protocol):
    """An engine with an empty book."""

    def fill(self, resting: list[Operation]) -> None:
        """Enters orders that do not cross; not measured."""

    def run(self, operations: list[Operation]) -> list[Any]:
        """Carries out operations and gives what its engine answered to those that cross. Measured: only its loop."""

    def traded(self, answer: Any) -> int:
        """Lots traded by a crossing order, out of its answer."""


class WrongResult(Exception):  # noqa: N818
    """The engine did not trade what the flow trades."""


class Run(NamedTuple):
    """One run: how many operations it carried out, and in how much time."""

    operations: int
    seconds: float


def warm_run(engine_class: Callable[[], Engine], flow: Flow) -> Run:
    """A run, after one that only warms up."""
    one_run(engine_class(), flow)
    return one_run(engine_class(), flow)


def one_run(engine: Engine, flow: Flow) -> Run:
    """Fills the book and measures. Raises WrongResult if an order that crosses was not filled completely."""
    engine.fill(flow.resting)
    gc.collect()
    slices = [flow.operations[i : i + SLICE] for i in range(0, len(flow.operations), SLICE)]
    answers: list[Any] = []
    done, seconds = 0, 0.0
    for operations in slices:
        start = time.process_time()
        answers += engine.run(operations)
        seconds += time.process_time() - start
        done += len(operations)
        if seconds >= MAX_SECONDS:
            break
    crossing = (operation for operation in flow.operations[:done] if operation.kind == CROSS)
    if [engine.traded(answer) for answer in answers] != [operation.size for operation in crossing]:
        raise WrongResult(f"{type(engine).__name__} traded other sizes than the flow")
    return Run(done, seconds)
