"""Every route, once: the application is built from this table, and so is its description."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from sequencer.adapters.candles import RESOLUTIONS
from sequencer.adapters.http import answers, deferred, documents, prover, transactions
from sequencer.adapters.http.context import Handler
from sequencer.adapters.http.limits import Family
from sequencer.adapters.http.reads import accounts, blocks, exchange, markets, orders, payments, query
from sequencer.core.constants import MAX_MARKET_ID
from sequencer.core.errors import Code

Errors = Mapping[int, tuple[str, ...]]

ANY: Final[Errors] = {400: ("MALFORMED_HTTP",), 429: ("RATE_LIMITED",), 500: ("INTERNAL",), 503: ("BUSY",)}
PARAMETER: Final[Errors] = {400: ("WRONG_TYPE", "OUT_OF_RANGE")}
BODY: Final[Errors] = {
    400: ("MALFORMED_JSON", "MISSING_FIELD", "UNKNOWN_FIELD", "WRONG_TYPE", "OUT_OF_RANGE"),
    408: ("BODY_TOO_SLOW",),
    413: ("BODY_TOO_LARGE",),
    415: ("UNSUPPORTED_ENCODING",),
}
STATE: Final[Errors] = {503: ("HALTED",)}
ACCOUNT: Final[Errors] = {404: ("UNKNOWN_ACCOUNT",), **STATE}
MARKET: Final[Errors] = {404: ("UNKNOWN_MARKET",), **STATE}
UNKNOWN: Final[Errors] = {404: ("NOT_FOUND",)}
TOKEN: Final[Errors] = {401: ("UNAUTHORIZED",)}
LEASED: Final[Errors] = {**TOKEN, 409: ("LEASE_LOST",)}


HEAD: Final = (
    Code.UNKNOWN_ACCOUNT,
    Code.SIGNER_NOT_AUTHORIZED,
    Code.DEADLINE_PASSED,
    Code.NONCE_LANE,
    Code.NONCE_TOO_HIGH,
    Code.NONCE_TOO_LOW,
    Code.NONCE_USED,
)
"""What can be wrong with any signed transaction."""


def _rejections(*codes: Code) -> Errors:
    """What can be wrong with a signed transaction; `codes`: with one of its kind."""
    return {
        400: ("BAD_SIGNATURE",),
        422: tuple(code.name for code in (*HEAD, *codes)),
        503: ("HALTED",),
    }


ORDER: Final = (
    Code.MARKET_NOT_ACTIVE,
    Code.MARKET_NOT_ALLOWED,
    Code.AMOUNT_TOO_LARGE,
    Code.BELOW_MINIMUM,
    Code.PRICE_BAND,
    Code.CLIENT_ORDER_ID_IN_USE,
    Code.INSUFFICIENT_BALANCE,
    Code.POST_ONLY_WOULD_CROSS,
    Code.FOK_NOT_FILLABLE,
    Code.ZERO_PRICE,
)
"""What can be wrong with a new order, or one that takes another's place."""
STEPS: Final[Errors] = {400: ("OFF_TICK", "OFF_LOT")}
CANCEL: Final = (Code.UNKNOWN_ORDER, Code.NOT_ORDER_OWNER, Code.MARKET_NOT_ALLOWED)
PAYMENT: Final = (Code.UNKNOWN_TOKEN, Code.ZERO_AMOUNT, Code.ZERO_RECIPIENT, Code.INSUFFICIENT_BALANCE)

Schema = Mapping[str, Any]
"""A JSON schema."""


def _at_most(maximum: int, default: int) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}


def _hex(length: int) -> Schema:
    return {"type": "string", "pattern": f"^0x[0-9a-fA-F]{{{2 * length}}}$"}


_SECRET: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
NUMBER: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": (1 << 63) - 1}
PATH: Final[Mapping[str, Schema]] = {
    "address": _hex(20),
    "clientOrderId": {"type": "string", "pattern": "^(0|[1-9][0-9]{0,38})$"},
    "digest": _hex(32),
    "id": {"type": "integer", "minimum": 0, "maximum": (1 << 32) - 1},
    "job": NUMBER,
    "number": NUMBER,
    "orderId": _hex(24),
    "seq": NUMBER,
    "switch": _SECRET,
    "trigger": _SECRET,
}
"""What stands in braces in a path."""


def _page(
    numbers: int = 1, maximum: int = query.LIMIT_MAX, more: Mapping[str, Schema] | None = None
) -> Mapping[str, Schema]:
    """The query of a list in pages, whose cursor has so many numbers; `more`: what it is restricted to."""
    cursor = "-".join(["[0-9]{1,18}"] * numbers)
    return {
        "limit": _at_most(maximum, min(query.LIMIT_DEFAULT, maximum)),
        "before": {"type": "string", "pattern": f"^({cursor})?$", "description": "`next` of a page"},
        **(more or {}),
    }


IN_MARKET: Final[Mapping[str, Schema]] = {
    "market": {"type": "integer", "minimum": 0, "maximum": MAX_MARKET_ID}
}
ORDERS: Final[Mapping[str, Schema]] = {
    **IN_MARKET,
    "status": {"type": "string", "enum": list(orders.STATUSES)},
}
CANDLES: Final[Mapping[str, Schema]] = {
    "resolution": {"type": "string", "enum": list(RESOLUTIONS), "default": "1m"},
    "from": NUMBER,
    "to": {**NUMBER, "maximum": query.END - 1},
}


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path, who answers, and all that can be said about it.

    `answer` is the type of the answer, None for 204; `may_be_empty` allows 204 beside it. `own_errors` are the codes
    besides those that follow from what the route takes. `family`: of the client's buckets that it is charged to.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: Any = None
    body: Any = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    own_errors: Errors = field(default_factory=dict)
    media_type: str = "application/json"
    may_be_empty: bool = False
    family: Family = Family.CLIENT_READS

    @property
    def errors(self) -> Errors:
        """Every error code, by status."""
        takes = [ANY, self.own_errors]
        takes += [PARAMETER] * bool(self.query or "{" in self.path)
        takes += [BODY] * (self.body is not None)
        return _joined(takes)

    @property
    def needs_token(self) -> bool:
        """Whether it is for prover workers only."""
        return 401 in self.own_errors


def _joined(errors: Iterable[Errors]) -> Errors:
    joined: dict[int, dict[str, None]] = {}
    for status, codes in chain.from_iterable(some.items() for some in errors):
        joined.setdefault(status, {}).update(dict.fromkeys(codes))
    return {status: tuple(joined[status]) for status in sorted(joined)}


def _get(path: str, handler: Handler, summary: str, answer: Any, own_errors: Errors, **more: Any) -> Route:
    return Route("GET", path, handler, summary, answer, own_errors=own_errors, **more)


def _post(
    path: str, handler: Handler, summary: str, body: Any, answer: Any, own_errors: Errors, **more: Any
) -> Route:
    return Route("POST", path, handler, summary, answer, body, own_errors=own_errors, **more)


def _signed(path: str, name: str, summary: str, codes: tuple[Code, ...], more: Errors | None = None) -> Route:
    """The route of a signed transaction. `codes`: what the rules may say of its kind."""
    operation = transactions.OPERATIONS[name]
    return _post(
        path,
        transactions.handler(operation),
        summary,
        operation.body,
        operation.answer,
        _joined([_rejections(*codes), more or {}]),
        family=operation.family,
    )


_JOB: Final = "/v1/prover/jobs/{job}"
TRANSACTIONS: Final = (
    _signed(
        "/v1/orders",
        "place_order",
        "Place an order",
        (*ORDER, Code.UNKNOWN_MARKET, Code.ZERO_SIZE, Code.TOO_MANY_ORDERS),
        STEPS,
    ),
    _signed("/v1/cancels", "cancel_order", "Cancel an order", CANCEL),
    _signed(
        "/v1/cancel-all", "cancel_all", "Cancel all orders of a market, or of all", (Code.MARKET_NOT_ALLOWED,)
    ),
    _signed(
        "/v1/replacements",
        "replace_order",
        "Put another order in the place of a resting one",
        (*CANCEL, *ORDER, Code.EXPECTED_SIZE_TOO_LOW),
        STEPS,
    ),
    _signed(
        "/v1/order-batches",
        "batch",
        "Place, cancel and replace orders under one signature",
        (),
        {400: ("MALFORMED_ACTIONS",)},
    ),
    _signed("/v1/withdrawals", "withdraw", "Withdraw", (*PAYMENT, Code.RELAY_FEE_TOO_HIGH)),
    _signed("/v1/transfers", "transfer", "Pay another account", (*PAYMENT, Code.SELF_TRANSFER)),
    _signed("/v1/agents", "approve_agent", "Let a key trade", (Code.INVALID_AGENT, Code.TOO_MANY_AGENTS)),
    _signed("/v1/agent-revocations", "revoke_agent", "Take a key's rights away", (Code.UNKNOWN_AGENT,)),
    _signed(
        "/v1/nonce-invalidations",
        "invalidate_nonces",
        "Make the nonces below a floor unusable",
        (Code.INVALID_FLOOR,),
    ),
)
ARMING: Final[Errors] = {
    400: ("BAD_SIGNATURE",),
    422: (*(code.name for code in HEAD), "TOO_MANY_DEFERRED"),
    503: ("HALTED",),
}
TRIGGER: Final[Errors] = _joined(
    [
        ARMING,
        STEPS,
        {400: ("MALFORMED_ACTIONS",), 422: (Code.UNKNOWN_MARKET.name,)},
    ]
)
NOT_ARMED: Final[Errors] = {**UNKNOWN, 409: ("NOT_ARMED",)}
_SWITCH: Final = "/v1/dead-man-switches/{switch}"
_TRIGGER: Final = "/v1/triggers/{trigger}"
DEFERRED: Final = (
    _post(
        "/v1/dead-man-switches",
        deferred.arm_switch,
        "Cancel all orders unless this is renewed in time",
        deferred.DeadManSwitchBody,
        answers.DeadManSwitch,
        ARMING,
        family=Family.CLIENT,
    ),
    _get(_SWITCH, deferred.switch, "A dead-man switch", answers.DeadManSwitch, UNKNOWN),
    Route(
        "POST",
        f"{_SWITCH}/renewal",
        deferred.renew_switch,
        "Begin a switch's time-out again",
        answers.DeadManSwitch,
        own_errors=NOT_ARMED,
        family=Family.CLIENT_CANCELS,
    ),
    Route(
        "DELETE",
        _SWITCH,
        deferred.disarm_switch,
        "Disarm a switch",
        answers.DeadManSwitch,
        own_errors=NOT_ARMED,
        family=Family.CLIENT_CANCELS,
    ),
    _post(
        "/v1/triggers",
        deferred.arm_trigger,
        "Place an order when the price is reached",
        deferred.TriggerBody,
        answers.Trigger,
        TRIGGER,
        family=Family.CLIENT,
    ),
    _get(_TRIGGER, deferred.trigger, "A trigger", answers.Trigger, UNKNOWN),
    Route(
        "DELETE",
        _TRIGGER,
        deferred.disarm_trigger,
        "Disarm a trigger",
        answers.Trigger,
        own_errors=NOT_ARMED,
        family=Family.CLIENT_CANCELS,
    ),
)
EXCHANGE: Final = (
    _get("/v1/health", exchange.health, "How the sequencer is doing", answers.Health, {}),
    _get("/v1/time", exchange.time, "The sequencer's clock", answers.ServerTime, {}),
    _get("/v1/info", exchange.info, "Chain, contract, program and limits", answers.Info, {}),
    _get("/v1/tokens", exchange.tokens, "All tokens", list[answers.Token], STATE),
)
MARKETS: Final = (
    _get("/v1/markets", markets.markets, "All markets", list[answers.Market], STATE),
    _get("/v1/markets/{id}", markets.market, "A market", answers.Market, MARKET),
    _get("/v1/tickers", markets.tickers, "The last 24 hours of all markets", list[answers.Ticker], STATE),
    _get("/v1/markets/{id}/ticker", markets.ticker, "The last 24 hours", answers.Ticker, MARKET),
    _get(
        "/v1/markets/{id}/book",
        markets.book,
        "Best levels",
        answers.Book,
        MARKET,
        query={"depth": _at_most(query.DEPTH_MAX, query.DEPTH_DEFAULT)},
    ),
    _get("/v1/markets/{id}/trades", markets.trades, "Trades", answers.Trades, MARKET, query=_page()),
    _get(
        "/v1/markets/{id}/candles",
        markets.candles,
        "Candles that begin in a span of time",
        answers.Candles,
        MARKET,
        query=_page(more=CANDLES),
    ),
)
ACCOUNTS: Final = (
    _get("/v1/accounts/{address}", accounts.account, "Balances, nonces, agents", answers.Account, ACCOUNT),
    _get(
        "/v1/accounts/{address}/triggers",
        deferred.account_triggers,
        "Switches and triggers of an account: those armed, then those that ended, the latest first",
        list[answers.DeferredSummary],
        {},
    ),
    _get(
        "/v1/agents/{address}",
        accounts.agent,
        "The accounts that an agent may trade for",
        answers.Principals,
        STATE,
        query=_page(),
    ),
    _get(
        "/v1/accounts/{address}/orders",
        orders.open_orders,
        "Open orders, oldest first",
        list[answers.OrderRecord],
        ACCOUNT,
        query=IN_MARKET,
    ),
    _get(
        "/v1/accounts/{address}/orders/history",
        orders.orders,
        "Orders, resting and ended",
        answers.Orders,
        ACCOUNT,
        query=_page(more=ORDERS),
    ),
    _get(
        "/v1/accounts/{address}/client-orders/{clientOrderId}",
        orders.client_order,
        "The order of a client order id: the one that rests, else the latest",
        answers.OrderRecord,
        _joined([UNKNOWN, ACCOUNT]),
    ),
    _get(
        "/v1/accounts/{address}/fills",
        orders.fills,
        "Trades, as maker and as taker",
        answers.Fills,
        ACCOUNT,
        query=_page(more=IN_MARKET),
    ),
    _get(
        "/v1/accounts/{address}/deposits",
        payments.deposits,
        "Deposits, pending ones first",
        answers.Deposits,
        STATE,
        query=_page(),
    ),
    _get(
        "/v1/accounts/{address}/withdrawals",
        payments.withdrawals,
        "Withdrawals and refunds, with what claiming them takes",
        answers.Withdrawals,
        ACCOUNT,
        query=_page(2, query.CLAIMS_MAX),
    ),
    _get(
        "/v1/accounts/{address}/transfers",
        payments.transfers,
        "Transfers to and from other accounts",
        answers.Transfers,
        ACCOUNT,
        query=_page(),
    ),
    _get(
        "/v1/accounts/{address}/ledger",
        payments.ledger,
        "Every change of a balance",
        answers.Ledger,
        ACCOUNT,
        query=_page(3),
    ),
)
HISTORY: Final = (
    _get("/v1/orders/{orderId}", orders.order, "An order, resting or ended", answers.OrderRecord, UNKNOWN),
    _get(
        "/v1/transactions/{digest}",
        blocks.transaction,
        "What a transaction did and how far it came",
        answers.TransactionInfo,
        UNKNOWN,
    ),
    _get(
        "/v1/receipts/{seq}",
        blocks.receipt,
        "The receipt of a signed transaction, the same as in its answer",
        answers.Receipt,
        UNKNOWN,
    ),
    _get("/v1/blocks", blocks.blocks, "Sealed blocks", answers.Blocks, {}, query=_page()),
    _get("/v1/blocks/{number}", blocks.block, "A sealed block", answers.BlockInfo, UNKNOWN),
    _get("/v1/batches", blocks.batches, "Batches", answers.Batches, {}, query=_page()),
    _get("/v1/batches/{number}", blocks.batch, "A batch", answers.Batch, UNKNOWN),
)
PROVER: Final = Family.CLIENT_PROVER
PROVER_QUEUE: Final = (
    _post(
        "/v1/prover/lease",
        prover.lease,
        "Take a job; 204 when there is none",
        prover.LeaseBody,
        answers.LeasedJob,
        {400: ("WRONG_PROGRAM",), **TOKEN},
        may_be_empty=True,
        family=PROVER,
    ),
    _get(
        f"{_JOB}/witness",
        prover.witness,
        "What the guest program reads",
        bytes,
        {**UNKNOWN, **TOKEN},
        media_type="application/octet-stream",
        family=PROVER,
    ),
    _post(
        f"{_JOB}/heartbeat", prover.heartbeat, "Keep a job", prover.HeartbeatBody, None, LEASED, family=PROVER
    ),
    _post(
        f"{_JOB}/result",
        prover.result,
        "Bring a result",
        prover.ResultBody,
        None,
        {400: ("WRONG_PROOF",), **LEASED},
        family=PROVER,
    ),
    _post(
        f"{_JOB}/failure", prover.failure, "Give a job back", prover.FailureBody, None, LEASED, family=PROVER
    ),
)
DOCUMENTS: Final = (
    _get("/v1/openapi.json", documents.description, "This description", dict[str, Any], {}),
    _get("/docs", documents.page, "This description, to read", str, {}, media_type="text/html"),
)

ROUTES: Final[Mapping[str, tuple[Route, ...]]] = {
    "Transactions": TRANSACTIONS,
    "Deferred transactions": DEFERRED,
    "Exchange": EXCHANGE,
    "Markets": MARKETS,
    "Accounts": ACCOUNTS,
    "History": HISTORY,
    "Prover queue": PROVER_QUEUE,
    "Description": DOCUMENTS,
}
"""All routes, by what they are about."""
