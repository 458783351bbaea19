"""Writes `tests/data/lobster_messages.csv`, a made-up morning: `python -m tests.lobster_sample`.

Executions follow price-time priority by a list of orders that is sorted anew each time, and not by the engine's book.
"""

import sys
from pathlib import Path
from random import Random
from typing import Final

SAMPLE: Final = Path(__file__).parent / "data" / "lobster_messages.csv"
MESSAGES: Final = 2_000
SEED: Final = 34_200
FIRST_ORDER: Final = 16_113_575
CENT: Final = 100
MIDDLE: Final = 5_853_300
"""585.33 dollars."""
BUY, SELL = 1, -1


class Morning:
    """A book of `[order, direction, price, size]` in the order of arrival, and the lines that made it."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._time_ns = 34_200 * 10**9
        self._next_order = FIRST_ORDER
        self._book: list[list[int]] = []
        self.lines: list[str] = []

    def write(self, kind: int, order: int, size: int, price: int, direction: int) -> None:
        """One message, some time after the last."""
        self._time_ns += self._random.randrange(10**8)
        seconds, nanoseconds = divmod(self._time_ns, 10**9)
        self.lines.append(f"{seconds}.{nanoseconds:09},{kind},{order},{size},{price},{direction}")

    def step(self) -> None:
        """Something happens; the book is kept at a few hundred orders."""
        drawn = self._random.randrange(100)
        if drawn < 45 or len(self._book) < 20:
            self._submit()
        elif drawn < 55:
            self._cancel_part()
        elif drawn < 75:
            self._delete(self._random.choice(self._book))
        elif drawn < 95:
            self._execute(self._random.choice((BUY, SELL)))
        elif drawn < 97:
            self.write(5, 0, self._random.randrange(1, 100), MIDDLE, self._random.choice((BUY, SELL)))
        else:
            old = self._random.randrange(1, FIRST_ORDER)
            self.write(self._random.choice((2, 3, 4)), old, 100, MIDDLE, self._random.choice((BUY, SELL)))

    def _best(self, direction: int) -> list[int] | None:
        side = [entry for entry in self._book if entry[1] == direction]
        return min(side, key=lambda entry: (-direction * entry[2], entry[0])) if side else None

    def _submit(self) -> None:
        """Never at a price that crosses; often at one where others wait."""
        direction = self._random.choice((BUY, SELL))
        opposite = self._best(-direction)
        nearest = opposite[2] if opposite else MIDDLE
        price = nearest - direction * CENT * self._random.randrange(1, 12)
        size = self._random.choice((1, 18, 50, 100, 100, 200))
        self._book.append([self._next_order, direction, price, size])
        self.write(1, self._next_order, size, price, direction)
        self._next_order += self._random.randrange(1, 40)

    def _cancel_part(self) -> None:
        entry = self._random.choice(self._book)
        order, direction, price, size = entry
        if size > 1:
            entry[3] -= (part := self._random.randrange(1, size))
            self.write(2, order, part, price, direction)

    def _delete(self, entry: list[int]) -> None:
        order, direction, price, size = entry
        self._book.remove(entry)
        self.write(3, order, size, price, direction)

    def _execute(self, direction: int) -> None:
        """A taker hits one order, or a few one after the other."""
        wanted = self._random.choice((1, 30, 100, 100, 350))
        while wanted and (entry := self._best(direction)):
            order, _, price, size = entry
            taken = min(wanted, size)
            entry[3] -= taken
            wanted -= taken
            if not entry[3]:
                self._book.remove(entry)
            self.write(4, order, taken, price, direction)


def messages(seed: int = SEED, count: int = MESSAGES) -> str:
    """At least `count` messages, with a halt in the middle."""
    morning = Morning(seed)
    while len(morning.lines) < count // 2:
        morning.step()
    morning.write(7, 0, 0, -1, -1)
    morning.write(7, 0, 0, 1, -1)
    while len(morning.lines) < count:
        morning.step()
    return "\n".join(morning.lines) + "\n"


def main() -> int:
    SAMPLE.parent.mkdir(exist_ok=True)
    SAMPLE.write_text(messages())
    return 0


if __name__ == "__main__":
    sys.exit(main())
