"""Text and numbers of the API as types: what is checked elsewhere is described here, for `/v1/openapi.json`."""

import re
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta

from sequencer.adapters.deferred_rows import Status
from sequencer.adapters.history_rows import End
from sequencer.core.constants import MAX_U32
from sequencer.core.errors import Code
from sequencer.core.types import ExpireOrder, ParsedEntry, SelfTrade, Side, TimeInForce, Transaction

SIDES: Final = {"buy": Side.BID, "sell": Side.ASK}
TIMES_IN_FORCE: Final = {member.name: member for member in TimeInForce}
SELF_TRADES: Final = {member.name.lower(): member for member in SelfTrade}
KINDS: Final[dict[type, str]] = {
    kind: re.sub("(?<!^)([A-Z])", r"_\1", kind.__name__).lower()
    for kind in (*get_args(Transaction), *get_args(ParsedEntry), ExpireOrder)
}
"""What transactions and inbox entries are called."""
LEDGER_TYPES: Final = (
    "deposit",
    "withdrawal",
    "forced_exit",
    "trade",
    "fee",
    "fee_income",
    "transfer_in",
    "transfer_out",
)
DIRECTIONS: Final = {"rising": True, "falling": False}

Number = Annotated[int, Meta(ge=0, le=MAX_U32)]
Time = Annotated[int, Meta(description="Unix time in seconds")]
Decimal = Annotated[
    str,
    Meta(
        description="whole tokens, exact",
        extra_json_schema={"pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", "maxLength": 80},
    ),
]
SignedDecimal = Annotated[
    str,
    Meta(
        description="exact, with a sign if it is negative",
        extra_json_schema={"pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", "maxLength": 80},
    ),
]
Uint = Annotated[
    str,
    Meta(
        description="a whole number in decimal digits",
        extra_json_schema={"pattern": "^(0|[1-9][0-9]{0,38})$"},
    ),
]
HexBytes = Annotated[str, Meta(extra_json_schema={"pattern": "^0x([0-9a-fA-F]{2})*$"})]
Address = Annotated[str, Meta(description="20 bytes", extra_json_schema={"pattern": "^0x[0-9a-fA-F]{40}$"})]
OrderId = Annotated[str, Meta(description="24 bytes", extra_json_schema={"pattern": "^0x[0-9a-fA-F]{48}$"})]
Hash = Annotated[str, Meta(description="32 bytes", extra_json_schema={"pattern": "^0x[0-9a-fA-F]{64}$"})]
Signature = Annotated[
    str, Meta(description="65 bytes: r, s, v", extra_json_schema={"pattern": "^0x[0-9a-fA-F]{130}$"})
]

SideName = Annotated[str, Meta(extra_json_schema={"enum": list(SIDES)})]
TimeInForceName = Annotated[str, Meta(extra_json_schema={"enum": list(TIMES_IN_FORCE)})]
SelfTradeName = Annotated[str, Meta(extra_json_schema={"enum": list(SELF_TRADES)})]
KindName = Annotated[str, Meta(extra_json_schema={"enum": list(KINDS.values())})]
LedgerType = Annotated[str, Meta(extra_json_schema={"enum": list(LEDGER_TYPES)})]
MarketScope = list[int] | Literal["all"]
DirectionName = Annotated[str, Meta(extra_json_schema={"enum": list(DIRECTIONS)})]
Secret = Annotated[
    str,
    Meta(
        description="32 hexadecimal digits; whoever has it may use it",
        extra_json_schema={"pattern": "^[0-9a-f]{32}$"},
    ),
]
DeferredStatus = Annotated[str, Meta(extra_json_schema={"enum": [status.value for status in Status]})]
CodeName = Annotated[str, Meta(extra_json_schema={"enum": [code.name for code in Code]})]
CarrierName = Annotated[str, Meta(extra_json_schema={"enum": ["calldata", "blobs"]})]
ProofModeName = Annotated[str, Meta(extra_json_schema={"enum": ["executed", "real, local keys", "real"]})]
OrderStatus = Annotated[str, Meta(extra_json_schema={"enum": ["resting", "filled", "cancelled"]})]
RecordStatus = Annotated[
    str, Meta(extra_json_schema={"enum": ["resting", "filled", "cancelled", "expired", "replaced"]})
]
EndName = Annotated[str, Meta(extra_json_schema={"enum": [end.name.lower() for end in End]})]
BatchStatus = Annotated[str, Meta(extra_json_schema={"enum": ["sealed", "executed", "proven", "settled"]})]
TransactionStatus = Annotated[
    str, Meta(extra_json_schema={"enum": ["accepted", "sealed", "executed", "proven", "settled"]})
]
