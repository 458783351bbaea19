"""Errors of the API: one shape, stable codes (docs/api.md), each naming the field it is about."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec


class ApiError(Exception):
    """An answer that is not 200.

    `details` has strings only: integers as decimal digits, bytes as 0x hexadecimal.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> bytes:
        """The JSON answer."""
        return msgspec.json.encode(
            {
                "code": self.code,
                "message": self.message,
                "request_id": request_id,
                "details": self.details,
            }
        )


RETRY_AFTER_S: Final = 1


def busy(message: str) -> ApiError:
    """Nothing was done; it may be tried again."""
    return ApiError(503, "BUSY", message, headers={"Retry-After": str(RETRY_AFTER_S)})


def out_of_range(field: str, expected: str, given: object) -> ApiError:
    """A field of the right type with a value that it cannot have."""
    return ApiError(
        400,
        "OUT_OF_RANGE",
        f"{field}: expected {expected}",
        {"field": field, "expected": expected, "given": str(given)[:100]},
    )


def wrong_type(field: str, expected: str) -> ApiError:
    """A field of another type than documented."""
    return ApiError(
        400, "WRONG_TYPE", f"{field}: expected {expected}", {"field": field, "expected": expected}
    )


def not_found(what: str) -> ApiError:
    """A thing that is not there."""
    return ApiError(404, "NOT_FOUND", f"no {what}")


_QUOTED: Final = re.compile(r"`([^`]*)`")
_PLACE: Final = re.compile(r" - at `\$\.?([^`]*)`$")


def decode(body: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    """A request body as the decoder's type. Raises ApiError."""
    try:
        decoded = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _validation_error(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "MALFORMED_JSON", f"the body is not JSON: {error}") from error
    if not _has_quotes_of_distinct_names(body):
        json.loads(body, object_pairs_hook=_require_distinct)
    return decoded


def _has_quotes_of_distinct_names(body: bytes) -> bool:
    """Whether a flat object has no more quotation marks than names that differ, and texts, need.

    True is certain and costs a tenth of looking at each name, which is what an answer of False asks for.
    """
    found = msgspec.json.decode(body)
    if b"\\" in body or not isinstance(found, dict):
        return False
    texts = sum(isinstance(value, str) for value in found.values())
    return body.count(b'"') == 2 * (len(found) + texts)


def _require_distinct(pairs: list[tuple[str, Any]]) -> None:
    """msgspec takes the last of fields with one name; another reader of the same body might take the first."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ApiError(400, "MALFORMED_JSON", f"the field {name} is there twice", {"field": name})


def _validation_error(text: str) -> ApiError:
    """msgspec says what is wrong in words only; its sentences are stable enough to tell the kinds apart."""
    place = _PLACE.search(text)
    message = _PLACE.sub("", text)
    outer = place[1] if place else ""
    quoted = _QUOTED.search(message)
    name = quoted[1] if quoted else ""
    if message.startswith("Object missing required field"):
        return ApiError(400, "MISSING_FIELD", f"missing field {name}", {"field": name})
    if message.startswith("Object contains unknown field"):
        return ApiError(400, "UNKNOWN_FIELD", f"unknown field {name}", {"field": name})
    field = outer or "body"
    expected = message.removeprefix("Expected ").replace("`", "")
    if re.match(r"Expected `\w+(?: \| \w+)*`, got `\w+`$", message):
        return wrong_type(field, expected.split(", got ")[0])
    return ApiError(400, "OUT_OF_RANGE", f"{field}: {message}", {"field": field, "expected": expected})
