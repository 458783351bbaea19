"""The API's description in OpenAPI 3.1, from the table of routes and the types of bodies and answers."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from sequencer.adapters.http import answers
from sequencer.adapters.http.routes import PATH, ROUTES, Route, Schema

_REFERENCE: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_BRACED: Final = re.compile(r"\{(\w+)\}")
_ABOUT: Final = """\
Prices, sizes and amounts are decimal strings in whole tokens; 64-bit and larger integers are decimal strings too. Bytes
are 0x hexadecimal. What a body signs is in `docs/protocol.md`, section 3; what the codes mean is in `docs/api.md`.

Any path may also answer 404 `NOT_FOUND` and 405 `METHOD_NOT_ALLOWED`, a connection 408 `HEAD_TOO_SLOW`, in the same
shape as every error."""


def describe() -> dict[str, Any]:
    """The OpenAPI document, as JSON values."""
    schemas, components = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for tag, routes in ROUTES.items():
        for route in routes:
            operation = {"tags": [tag], **_operation(route, schemas)}
            paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "zkclob", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in ROUTES],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"prover": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas() -> tuple[Mapping[Any, Schema], dict[str, Any]]:
    """The schema of every type in the table, and the named ones that these refer to."""
    routes = [route for group in ROUTES.values() for route in group]
    bodies = [route.body for route in routes if route.body is not None]
    answered = [route.answer for route in routes if route.answer is not None and route.media_type == _JSON]
    types: list[Any] = list(dict.fromkeys([answers.Error, *bodies, *answered]))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return dict(zip(types, schemas, strict=True)), dict(sorted(components.items()))


def _operation(route: Route, schemas: Mapping[Any, Schema]) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": route.summary, "operationId": _operation_id(route)}
    path = [(name, "path", PATH[name]) for name in _BRACED.findall(route.path)]
    query = [(name, "query", schema) for name, schema in route.query.items()]
    if path or query:
        operation["parameters"] = [_parameter(*each) for each in path + query]
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": schemas[route.body]}}}
    if route.needs_token:
        operation["security"] = [{"prover": []}]
    operation["responses"] = _successes(route, schemas) | {
        str(status): _error(status, codes, schemas) for status, codes in route.errors.items()
    }
    return operation


def _operation_id(route: Route) -> str:
    return f"{route.handler.__module__.rpartition('.')[2]}.{route.handler.__name__}"


def _parameter(name: str, place: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _successes(route: Route, schemas: Mapping[Any, Schema]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if route.answer is not None:
        shown = {"schema": schemas[route.answer]} if route.media_type == _JSON else {}
        responses["200"] = {"description": HTTPStatus.OK.phrase, "content": {route.media_type: shown}}
    if route.answer is None or route.may_be_empty:
        responses["204"] = {"description": HTTPStatus.NO_CONTENT.phrase}
    return responses


def _error(status: int, codes: tuple[str, ...], schemas: Mapping[Any, Schema]) -> dict[str, Any]:
    """An error answer with the codes that it may have."""
    narrowed = {"properties": {"code": {"enum": list(codes)}}}
    schema = {"allOf": [schemas[answers.Error], narrowed]}
    return {"description": HTTPStatus(status).phrase, "content": {_JSON: {"schema": schema}}}
