"""The API's description of itself, as the application was given it."""

from typing import Final

from aiohttp import web

DESCRIPTION: Final = web.AppKey("description", bytes)
"""The OpenAPI document, JSON."""
PAGE: Final = web.AppKey("page", str)
"""The same as HTML."""

_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""The page has no script and loads nothing."""


async def description(request: web.Request) -> web.Response:
    """GET /v1/openapi.json"""
    return web.Response(body=request.app[DESCRIPTION], content_type="application/json")


async def page(request: web.Request) -> web.Response:
    """GET /docs"""
    return web.Response(text=request.app[PAGE], content_type="text/html", headers=_PAGE_HEADERS)
