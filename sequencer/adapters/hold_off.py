"""Prover workers whose results are no good get no jobs for growing times, so that they hold up nobody else."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FAILURES_AT_ONCE: Final = 3
"""So often in a row a worker may fail before it has to wait."""
FIRST_MS: Final = 5_000
LONGEST_MS: Final = 600_000
WORKERS_MAX: Final = 1_000
"""Names that are remembered; those that failed longest ago are forgotten first."""


@dataclass(slots=True)
class _Record:
    failures: int = 0
    until_ms: int = 0


class HoldOff:
    """Who failed how often in a row, by name."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def failed(self, worker: str, now_ms: int) -> None:
        """One more failure in a row."""
        record = self._records.setdefault(worker, _Record())
        self._records.move_to_end(worker)
        record.failures += 1
        over = record.failures - FAILURES_AT_ONCE
        if over >= 0:
            doublings = min(over, LONGEST_MS.bit_length())
            record.until_ms = now_ms + min(FIRST_MS << doublings, LONGEST_MS)
        if len(self._records) > WORKERS_MAX:
            self._records.popitem(last=False)

    def succeeded(self, worker: str) -> None:
        """Its failures are forgotten."""
        self._records.pop(worker, None)

    def holds(self, worker: str, now_ms: int) -> bool:
        """Whether the worker has to wait."""
        record = self._records.get(worker)
        return record is not None and now_ms < record.until_ms

    def held(self, now_ms: int) -> list[str]:
        """Names of all that have to wait."""
        return sorted(worker for worker in self._records if self.holds(worker, now_ms))
