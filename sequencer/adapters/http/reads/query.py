"""What a read is asked with, and the pages that it answers with."""

import re
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from sequencer.adapters.history import Page
from sequencer.adapters.http import fields
from sequencer.adapters.http.errors import ApiError, out_of_range
from sequencer.adapters.http.units import MarketUnits, market_units
from sequencer.core.constants import MAX_MARKET_ID, MAX_U32
from sequencer.core.ledger import Account
from sequencer.core.state import State
from sequencer.core.types import Address

LIMIT_MAX: Final = 1_000
LIMIT_DEFAULT: Final = 100
DEPTH_MAX: Final = 1_000
DEPTH_DEFAULT: Final = 20
CLAIMS_MAX: Final = 100
"""Withdrawals in one answer: each may cost a Merkle proof and a call to L1."""
END: Final = (1 << 63) - 1
"""Above every number that a page is ordered by."""
_CURSOR: Final = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})*", re.ASCII)


def path_market(state: State, request: web.Request) -> MarketUnits:
    """The market in the path. Raises ApiError."""
    number = path_number(request, "id", MAX_U32)
    if number not in state.markets:
        raise ApiError(404, "UNKNOWN_MARKET", f"market {number} is not listed", {"market": str(number)})
    return market_units(state, number)


def path_account(state: State, request: web.Request) -> tuple[Address, Account]:
    """The account in the path. Raises ApiError."""
    address = fields.address("address", request.match_info["address"])
    found = state.account(address)
    if found is None:
        raise ApiError(404, "UNKNOWN_ACCOUNT", "the account never received anything")
    return address, found


def path_number(request: web.Request, name: str, maximum: int = END) -> int:
    """A number in the path."""
    return fields.integer(name, request.match_info[name], maximum)


def market_filter(request: web.Request) -> int | None:
    """The market that a list is restricted to."""
    text = request.query.get("market")
    return None if text is None else fields.integer("market", text, MAX_MARKET_ID)


def at_most(request: web.Request, name: str, default: int, maximum: int) -> int:
    """A number from 1 to `maximum` in the query."""
    value = fields.integer(name, request.query.get(name, str(default)), maximum)
    if not value:
        raise out_of_range(name, f"1 to {maximum}", value)
    return value


def limit(request: web.Request, maximum: int = LIMIT_MAX) -> int:
    """Length of a page."""
    return at_most(request, "limit", min(LIMIT_DEFAULT, maximum), maximum)


def before(request: web.Request) -> int:
    """Cursor of a list that is ordered by a number."""
    return before_place(request, 1)[0]


def before_place(request: web.Request, numbers: int) -> tuple[int, ...]:
    """Cursor of a list that is ordered by several numbers."""
    text = request.query.get("before")
    if not text:
        return (END,) * numbers
    found = text.split("-") if _CURSOR.fullmatch(text) else []
    if len(found) != numbers:
        raise out_of_range("before", "the `next` of an earlier answer", text)
    return tuple(map(int, found))


def page(last: Sequence[int] | None) -> dict[str, Any]:
    """What every page says: whether there is more, after what; None: nothing."""
    if last is None:
        return {"has_more": False, "next": None}
    return {"has_more": True, "next": "-".join(map(str, last))}


def paging(found: Page, *columns: str) -> dict[str, Any]:
    """`page` for stored rows that are ordered by these columns."""
    return page(None if found.last is None else [found.last[column] for column in columns])
