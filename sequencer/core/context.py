"""What is fixed, and what is counted, while one transaction is carried out."""

from typing import Final

from msgspec import Struct

from sequencer.core.book import PLACES_PER_SEQ

OWNER_SCOPE: Final = 1
"""The markets of the account's own key: all."""


class Context(Struct):
    """One transaction, or one item of a batch.

    `scope`: the markets in which its signer may trade, as in an agent's `markets`. `met`: resting orders that the
    transaction met so far, all items together.
    """

    seq: int
    scope: int = OWNER_SCOPE
    item: int = 0
    met: int = 0

    @property
    def place(self) -> int:
        """The place of the order that it enters into a book."""
        return self.seq * PLACES_PER_SEQ + self.item


def in_scope(scope: int, market: int) -> bool:
    """Whether the bit map `scope` allows `market`; 0 stands for all markets together."""
    return bool(scope & 1 or (market and scope >> market & 1))
