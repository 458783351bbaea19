"""What can be subscribed to: a channel, and the market, account or resolution that it is of."""

from typing import Any, Final

from msgspec import Struct

from sequencer.adapters.candles import RESOLUTIONS
from sequencer.adapters.feed.account import CHANNELS as ACCOUNT_CHANNELS
from sequencer.adapters.http import fields
from sequencer.adapters.http.context import hex_bytes
from sequencer.adapters.http.errors import ApiError, out_of_range
from sequencer.adapters.http.websocket.requests import SubscribeArgs
from sequencer.core.types import Address

_FIELDS: Final = {
    "book": ("market",),
    "trades": ("market",),
    "ticker": ("market",),
    "candles": ("market", "resolution"),
    "blocks": (),
} | dict.fromkeys(ACCOUNT_CHANNELS, ("account",))
"""What each channel is of."""


class Topic(Struct, frozen=True):
    """One thing to read."""

    channel: str
    market: int = 0
    account: Address = b""
    resolution: str = ""

    def shown(self) -> dict[str, Any]:
        """As messages have it."""
        values = {
            "market": self.market,
            "account": hex_bytes(self.account),
            "resolution": self.resolution,
        }
        return {"channel": self.channel} | {name: values[name] for name in _FIELDS[self.channel]}


def read_topic(args: SubscribeArgs) -> Topic:
    """Raises ApiError for a channel that does not exist, lacks what it is of, or is not of what is given."""
    needed = fields.choice("channel", args.channel, _FIELDS)
    given = {"market": args.market, "account": args.account, "resolution": args.resolution}
    for name, value in given.items():
        if name in needed and value is None:
            raise ApiError(400, "MISSING_FIELD", f"missing field {name}", {"field": name})
        if name not in needed and value is not None:
            raise ApiError(400, "UNKNOWN_FIELD", f"this channel has no {name}", {"field": name})
    if args.resolution is not None and args.resolution not in RESOLUTIONS:
        raise out_of_range("resolution", "one of " + ", ".join(RESOLUTIONS), args.resolution)
    return Topic(
        args.channel,
        args.market or 0,
        b"" if args.account is None else fields.address("account", args.account),
        args.resolution or "",
    )
