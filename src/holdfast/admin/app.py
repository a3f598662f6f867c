"""The routes of the control listener: GET /health/live, /health/ready and /metrics, and the administration API below /api/v1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.admin.api import PREFIX

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def make_app(
    troubles: Callable[[], Awaitable[list[str]]], metrics: Callable[[], bytes], api: ASGIApp | None = None, more: Sequence[Route] = ()
) -> Starlette:
    """`troubles` says what keeps the server from serving (empty: ready); `metrics` is the Prometheus text; `api` the administration API;
    `more` are routes that settings switch on.

    /health/live answers 200 as long as the steward runs; /health/ready 200 or 503 with {"ready", "troubles"}.
    """

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True}, headers=_HEADERS)

    async def ready(_: Request) -> Response:
        found = await troubles()
        return JSONResponse({"ready": not found, "troubles": found}, 503 if found else 200, headers=_HEADERS)

    async def exposition(_: Request) -> Response:
        return Response(metrics(), media_type=None, headers={**_HEADERS, "content-type": METRICS_TYPE})

    routes: list[Route | Mount] = [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", exposition), *more]
    if api is not None:
        routes.append(Mount(PREFIX, api))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False  # a redirect would be made of the Host that the request names
    nowhere = app.router.default

    async def otherwise(scope: Scope, receive: Receive, send: Send) -> None:
        """The API answers for all that is below it: a route's pattern does not match every path (a line feed)."""
        inside = api is not None and scope["type"] == "http" and scope["path"].startswith(PREFIX + "/")
        await (api if api is not None and inside else nowhere)(scope, receive, send)

    app.router.default = otherwise
    return app
