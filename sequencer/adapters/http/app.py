"""The API as an aiohttp application: routes, and one place where errors become answers."""

import logging
from itertools import chain
from typing import Final

import msgspec
from aiohttp import web

from sequencer.adapters.http import documents, html_page, openapi
from sequencer.adapters.http.context import CALLER, CONTEXT, Context, Handler
from sequencer.adapters.http.failures import as_api_error
from sequencer.adapters.http.limits import Caller, Family, caller_address
from sequencer.adapters.http.request_body import BODY_BYTES_MAX
from sequencer.adapters.http.routes import ROUTES
from sequencer.adapters.http.websocket.hub import Hub

log = logging.getLogger(__name__)

_DECLARE: Final = {"GET": web.get, "POST": web.post, "DELETE": web.delete}


def make_app(context: Context) -> web.Application:
    """The application over the parts in `context`."""
    app = web.Application(middlewares=[_answer_errors], client_max_size=BODY_BYTES_MAX)
    app[CONTEXT] = context
    described = openapi.describe()
    app[documents.DESCRIPTION] = msgspec.json.encode(described)
    app[documents.PAGE] = html_page.render(described)
    app.add_routes(
        _DECLARE[route.method](route.path, route.handler) for route in chain.from_iterable(ROUTES.values())
    )
    hub = Hub(context)
    app.router.add_get("/v1/ws", hub.serve)
    app.cleanup_ctx.append(hub.running)
    app.on_shutdown.append(hub.shut_down)
    return app


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    context = request.app[CONTEXT]
    request_id = context.randomness.token()
    caller = request[CALLER] = _caller(context, request)
    try:
        family = _family(request)
        context.limiter.charge_client(caller, family or Family.CLIENT_READS)
        if family is Family.CLIENT_READS:
            async with context.limiter.reading(caller):
                response = await handler(request)
            if isinstance(response, web.Response) and isinstance(response.body, bytes):
                context.limiter.charge_answer(caller, len(response.body))
        else:
            response = await handler(request)
    except Exception as error:
        failure = as_api_error(error)
        if failure.status == 500:
            log.exception("request %s: %s %s failed", request_id, request.method, request.path)
        response = web.Response(
            status=failure.status,
            body=failure.body(request_id),
            content_type="application/json",
            headers=failure.headers,
        )
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
        response.headers.update(caller.quota.headers() if caller.quota is not None else {})
    return response


def _caller(context: Context, request: web.Request) -> Caller:
    forwarded = request.headers.get("X-Forwarded-For")
    return Caller(caller_address(request.remote or "", forwarded, context.limiter.proxies))


_FAMILIES: Final = {
    (route.method, route.path): route.family for route in chain.from_iterable(ROUTES.values())
}


def _family(request: web.Request) -> Family | None:
    """The bucket that a request is charged to; None for what is at no route of the table."""
    resource = request.match_info.route.resource
    path = "" if resource is None else resource.canonical
    return _FAMILIES.get((request.method, path))
