"""Writes the heads of responses: status line, Date and Server are kept ready, the rest is one join."""

from __future__ import annotations

import time
from email.utils import formatdate
from http.client import responses as _PHRASES

from holdfast.model.messages import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
JOIN_BYTES_MAX = 32 * 1024
"""A body up to this size is copied behind its head, so that both leave in one piece; a larger one is written by itself."""
BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body (RFC 9110, 6.4.1)."""
_CLOSE = b"Connection: close\r\n"
_KEEP = b"Connection: keep-alive\r\n"
_JOIN_FIELD = b": ".join


class BadResponse(Exception):
    """The handler's response cannot be written: a CR, LF or NUL in a header, or a length that is not that of the body."""


class Answers:
    """One for all connections of a worker; `renew` is called once a tick for the Date."""

    __slots__ = ("_date", "_server", "_starts")

    def __init__(self, server: bytes) -> None:
        self._server = server
        self._starts: dict[int, bytes] = {}
        self.renew()

    def renew(self) -> None:
        """Takes the date from the clock (RFC 9110, 5.6.7)."""
        self._date = formatdate(time.time(), usegmt=True).encode()
        self._starts.clear()

    def _start(self, status: int) -> bytes:
        phrase = _PHRASES.get(status, "Unknown").encode()
        start = b"HTTP/1.1 %d %b\r\nDate: %b\r\nServer: %b\r\n" % (status, phrase, self._date, self._server)
        self._starts[status] = start
        return start

    def own_fields(self) -> list[tuple[bytes, bytes]]:
        """The fields that this server adds to each answer, for HTTP/2."""
        return [(b"date", self._date), (b"server", self._server)]

    def text(self, response: Response, method: str, keep_alive: bool, http10: bool) -> tuple[bytes, int]:
        """(the head of `response` to its empty line, and behind it a small body; the size of that body). Errors: BadResponse."""
        status = response.status
        headers = response.headers
        body = response.body
        shared = response.shared
        start = self._starts.get(status) or self._start(status)
        lines = b"" if shared is None else shared.text
        fields = b""
        if headers:
            fields = b"\r\n".join(map(_JOIN_FIELD, headers)) + b"\r\n"
            count = len(headers)
            if fields.count(10) != count or fields.count(13) != count or 0 in fields:
                raise BadResponse("a header holds CR, LF or NUL")
        inline = body.__class__ is bytes
        if shared is not None and shared.length >= 0:
            if body is not None and shared.length != (len(body) if isinstance(body, bytes) else body.length):
                raise BadResponse("Content-Length is not that of the body")
            length = b""
        elif b"ength: " in fields and _holds_length(response, method):
            length = b""
        elif inline:
            length = b"Content-Length: %d\r\n" % len(body)  # type: ignore[arg-type]
        else:
            length = _length(response)
        if http10 or not keep_alive:
            length += _KEEP if keep_alive else _CLOSE
        if inline and len(body) <= JOIN_BYTES_MAX and method != "HEAD" and status not in BODILESS:  # type: ignore[arg-type]
            return b"".join((start, lines, fields, length, b"\r\n", body)), len(body)  # type: ignore[arg-type]
        return b"".join((start, lines, fields, length, b"\r\n")), 0


def _length(response: Response) -> bytes:
    """The Content-Length line of what has no bytes at hand, or what is in its place where there must be none (RFC 9110, 8.6)."""
    body = response.body
    if body is not None:
        return b"Content-Length: %d\r\n" % (len(body) if isinstance(body, bytes) else body.length)
    if response.status in BODILESS or response.status < 200:
        return b""
    return b"Content-Length: %d\r\n" % response.length


def _holds_length(response: Response, method: str) -> bool:
    """Whether the handler wrote Content-Length itself. Errors: BadResponse."""
    for name, value in response.headers:
        if name.lower() == b"content-length":
            body = response.body
            size = 0 if body is None else len(body) if isinstance(body, bytes) else body.length
            if int(value) != size and method != "HEAD" and response.status != 304:
                raise BadResponse("Content-Length is not that of the body")
            return True
    return False
