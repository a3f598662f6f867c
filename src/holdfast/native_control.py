"""The doors of OCI on the control listener too, so that a profile of the `oci` command works with the address of either listener."""

from __future__ import annotations

import contextlib
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.admin.request import request_of
from holdfast.doors import Doors
from holdfast.model.messages import Response

SIGNED = b"Signature "


class NativeOnControl:
    """An ASGI application: requests that are signed as OCI's, or pre-authenticated, go to their doors, all others to `app`."""

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self._app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_native(scope):
            await self._app(scope, receive, send)
            return
        answer: Any = self._doors.handle(request_of(scope, receive))
        response: Response = answer if isinstance(answer, Response) else await answer
        await respond(response, scope["method"], send)


def is_native(scope: Scope) -> bool:
    """Whether a request is for one of OCI's doors."""
    if any(name == b"authorization" and value.startswith(SIGNED) for name, value in scope["headers"]):
        return True
    path: str = scope["path"]
    return path.startswith("/p/") and "/n/" in path


async def respond(response: Response, method: str, send: Send) -> None:
    """Sends an answer; what a stream holds is let go of when the client has gone."""
    body = response.body
    headers = [(name.lower(), value) for name, value in response.fields()]
    if b"content-length" not in {name for name, _ in headers}:
        length = response.length if body is None else len(body) if isinstance(body, bytes) else body.length
        if response.status not in (204, 304):
            headers.append((b"content-length", b"%d" % length))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if body is None or isinstance(body, bytes) or method == "HEAD":
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" or body is None else body})
        return
    async with contextlib.aclosing(aiter_of(body)) as pieces:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def aiter_of(stream: Any) -> Any:
    """The pieces of a stream; it is closed when nobody reads on."""
    try:
        async for piece in stream:
            yield piece
    finally:
        aclose = getattr(stream, "aclose", None)
        if aclose is not None:
            await aclose()
