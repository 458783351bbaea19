"""How the speed of an engine is measured; runs in every environment, with the standard library alone.

The clock counts the processor time of the one thread, so that what else runs on the machine disturbs less.
"""

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from scripts.engine_flow import CROSS, Flow, Operation

RUNS: Final = 5
SLICE: Final = 100
"""Operations between two looks at the clock."""
MAX_SECONDS: Final = 4.0
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


def measure(engine_class: Callable[[], Engine], flow: Flow) -> dict[str, Any]:
    """Operations per second over RUNS runs after one to warm up, each on a new book."""
    runs = [one_run(engine_class(), flow) for _ in range(RUNS + 1)][1:]
    rates = [run.operations / run.seconds for run in runs]
    return {
        "ops_per_s": round(statistics.median(rates), 1),
        "min": round(min(rates), 1),
        "max": round(max(rates), 1),
        "operations": min(run.operations for run in runs),
        "runs": RUNS,
    }


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
