"""Result codes and the one exception that carries them (docs/protocol.md, section 4.10)."""

from collections.abc import Mapping
from enum import IntEnum


class Code(IntEnum):
    """Result of a transaction. 1 to 9 make it invalid, from 20 on it is a typed no-op."""

    OK = 0

    UNKNOWN_ACCOUNT = 1
    SIGNER_NOT_AUTHORIZED = 2
    DEADLINE_PASSED = 3
    NONCE_LANE = 4
    NONCE_TOO_HIGH = 5
    NONCE_TOO_LOW = 6
    NONCE_USED = 7
    BAD_SIGNATURE = 8
    NOT_EXPIRED = 9

    UNKNOWN_MARKET = 20
    MARKET_NOT_ACTIVE = 21
    MARKET_NOT_ALLOWED = 22
    FOK_NOT_FILLABLE = 23
    ZERO_PRICE = 24
    ZERO_SIZE = 25
    AMOUNT_TOO_LARGE = 26
    BELOW_MINIMUM = 27
    PRICE_BAND = 28
    TOO_MANY_ORDERS = 29
    CLIENT_ORDER_ID_IN_USE = 30
    INSUFFICIENT_BALANCE = 31
    POST_ONLY_WOULD_CROSS = 32
    UNKNOWN_ORDER = 33
    NOT_ORDER_OWNER = 34
    UNKNOWN_TOKEN = 35
    ZERO_AMOUNT = 36
    ZERO_RECIPIENT = 37
    RELAY_FEE_TOO_HIGH = 38
    UNKNOWN_OPERATION = 39
    INVALID_LISTING = 40
    EXPECTED_SIZE_TOO_LOW = 41
    SELF_TRANSFER = 42
    INVALID_AGENT = 43
    TOO_MANY_AGENTS = 44
    UNKNOWN_AGENT = 45
    INVALID_FLOOR = 46
    NO_ACCOUNT = 47

    @property
    def invalid(self) -> bool:
        """Whether no block can hold a transaction with this result."""
        return 0 < self < 20


class Rejection(Exception):  # noqa: N818 - it is an answer to a trader, not a fault of the program
    """A transaction that breaks a rule.

    `message` names what was expected; `details` has the figures: integers as decimal strings in base units,
    lots and ticks.
    """

    def __init__(self, code: Code, message: str, details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = dict(details or {})
