"""What a client's call can end with instead of a result.

ClientError
├── Unreachable         no answer
│   ├── NotConnected    because there was no connection: nothing was sent
│   └── OutcomeUnknown  no answer to a transaction, and no trace of it yet: it may still be accepted
├── AnswerLost          the transaction was accepted, but its answer did not arrive
├── ReceiptError        the transaction was accepted, but its receipt is wrong or could not be kept
└── ApiError            the sequencer refused, and says why
    ├── NotThere        404: nothing at this address, no such market, no such account
    ├── Refused         422: a rule of the exchange; nothing changed and the nonce is free
    └── TryLater        BUSY, RATE_LIMITED: nothing was done
"""

from collections.abc import Mapping

import msgspec

from sequencer.client.answers import Accepted, TransactionInfo
from sequencer.client.wire import Submission


class ClientError(Exception):
    """A call gave no result."""


class Unreachable(ClientError):  # noqa: N818 - a state, named as it is shown
    """The sequencer did not answer."""


class NotConnected(Unreachable):
    """Nobody is there; what was to be sent was not."""


class OutcomeUnknown(Unreachable):
    """A transaction may or may not have been accepted. `submission` can be looked up and, as it is, sent again."""

    def __init__(self, message: str, submission: Submission) -> None:
        super().__init__(message)
        self.submission = submission


class AnswerLost(ClientError):  # noqa: N818
    """A transaction was accepted as `transaction` says; what it did is in the account's orders and balances."""

    def __init__(self, message: str, transaction: TransactionInfo) -> None:
        super().__init__(message)
        self.transaction = transaction


class ReceiptError(ClientError):
    """A receipt is no promise, or could not be kept. `answer`: of the transaction, which was accepted; None if the
    receipt was asked for by its number.
    """

    def __init__(self, message: str, answer: Accepted | None = None) -> None:
        super().__init__(message)
        self.answer = answer


class ApiError(ClientError):
    """The sequencer refused; `code` and `details` as in `docs/api.md`. `retry_after_s`: when to try again, if ever."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        request_id: str = "",
        details: Mapping[str, str] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s


class NotThere(ApiError):  # noqa: N818
    """What was asked for does not exist."""


class Refused(ApiError):  # noqa: N818
    """A rule of the exchange forbids the transaction."""


class TryLater(ApiError):  # noqa: N818
    """Nothing was done; the same may be asked again."""


class ErrorBody(msgspec.Struct):
    """The one shape of errors."""

    code: str
    message: str
    request_id: str = ""
    details: dict[str, str] = {}


def api_error(status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """The error in an answer that is not 2xx. Raises `msgspec.DecodeError` if it is not one of the API's.

    `retry_after`: the header, which counts in whole seconds; a socket has it in the details.
    """
    error = msgspec.json.decode(body, type=ErrorBody)
    seconds = int(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else None
    return _kind(status, seconds)(status, error.code, error.message, error.request_id, error.details, seconds)


def _kind(status: int, retry_after_s: int | None) -> type[ApiError]:
    if status == 429 or (status == 503 and retry_after_s is not None):
        return TryLater
    return {404: NotThere, 422: Refused}.get(status, ApiError)
