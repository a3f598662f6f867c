"""The instance metadata that OCI's guides ask for the tenancy's OCID: /opc/v1/instance/compartmentId, where the setting switches it on.

Source: OCI, "Getting Instance Metadata". The header `Authorization: Bearer Oracle` is no secret: it keeps pages of other origins and
blind redirects from reading it, so it is required for both versions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def routes(facts: Callable[[], Awaitable[dict[str, str]]]) -> list[Route]:
    """`facts` by name: compartmentId, tenantId, region. The document, or one of them as plain text."""

    async def answer(request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer Oracle":
            return PlainTextResponse("The header Authorization: Bearer Oracle is required.\n", 401, headers=_HEADERS)
        found = await facts()
        name = request.path_params.get("name", "")
        if not name:
            return JSONResponse(found, headers=_HEADERS)
        if name not in found:
            return PlainTextResponse(f"There is no {name[:40]!r} here.\n", 404, headers=_HEADERS)
        return PlainTextResponse(found[name], headers=_HEADERS)

    return [Route("/opc/{version:str}/instance/", answer), Route("/opc/{version:str}/instance/{name:str}", answer)]
