"""A request of the control listener as every layer of the store sees one: raw bytes, and a body that is read within bounds."""

from __future__ import annotations

import secrets
import time
from typing import Any

from starlette.types import Receive, Scope

from holdfast.model.errors import EntityTooLarge, IncompleteBody
from holdfast.model.messages import Request


class ReceivedBody:
    """The body of an ASGI request. `length` is what the client promised, None for a chunked one."""

    __slots__ = ("_ended", "_receive", "length", "trailers")

    def __init__(self, receive: Receive, length: int | None) -> None:
        self._receive = receive
        self._ended = False
        self.length = length
        self.trailers: dict[bytes, bytes] = {}

    async def read(self) -> bytes:
        """The next piece, b"" at the end. Errors: IncompleteBody."""
        while not self._ended:
            message: Any = await self._receive()
            if message["type"] == "http.disconnect":
                raise IncompleteBody()
            self._ended = not message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            if piece:
                return piece
        return b""

    async def read_all(self, limit: int) -> bytes:
        """Errors: IncompleteBody; EntityTooLarge as soon as it is known."""
        if self.length is not None and self.length > limit:
            raise EntityTooLarge()
        pieces: list[bytes] = []
        size = 0
        while piece := await self.read():
            size += len(piece)
            if size > limit:
                raise EntityTooLarge()
            pieces.append(piece)
        return b"".join(pieces)


def request_of(scope: Scope, receive: Receive) -> Request:
    """The head of an ASGI request, undecoded; nothing of its body is read."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b"," + value.strip() if name in headers else value.strip()
    promised = headers.get(b"content-length", b"")
    length = int(promised) if promised.isdigit() and len(promised) < 19 else None if b"transfer-encoding" in headers else 0
    target: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    client = scope.get("client")
    return Request(
        scope["method"],
        target,
        headers,
        ReceivedBody(receive, length),
        peer=client[0] if client else "",
        secure=scope["scheme"] == "https",
        received_at=time.time(),
        id=secrets.token_hex(8).upper(),
    )
