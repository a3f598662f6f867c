"""Writes the heads of responses: status line, Date and Server are kept ready, the rest is one join."""

from __future__ import annotations

import time
from email.utils import formatdate
from http.client import responses as _PHRASES

from holdfast.model.messages import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
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

    def head(self, response: Response, method: str, keep_alive: bool, http10: bool) -> bytes:
        """The head of `response` to its empty line. Errors: BadResponse."""
        status = response.status
        headers = response.headers
        fields = b"\r\n".join(map(_JOIN_FIELD, headers))
        if headers:
            between = len(headers) - 1
            if fields.count(b"\n") != between or fields.count(b"\r") != between or b"\0" in fields:
                raise BadResponse("a header holds CR, LF or NUL")
            fields += b"\r\n"
        length = self._length(response, method, fields)
        ending = b"\r\n" if keep_alive and not http10 else (_KEEP if keep_alive else _CLOSE) + b"\r\n"
        return b"".join((self._starts.get(status) or self._start(status), fields, length, ending))

    def _length(self, response: Response, method: str, fields: bytes) -> bytes:
        """The Content-Length line, empty where there must be none or where the handler wrote it (RFC 9110, 8.6)."""
        body = response.body
        status = response.status
        if body is None:
            size = 0
            if status == 304 or status == 204 or status < 200:
                return b""
        elif isinstance(body, bytes):
            size = len(body)
        else:
            size = body.length
        if b"ontent-Length: " in fields or b"ontent-length: " in fields:
            for name, value in response.headers:
                if name.lower() == b"content-length":
                    if int(value) != size and method != "HEAD" and status != 304:
                        raise BadResponse("Content-Length is not that of the body")
                    return b""
        return b"Content-Length: %d\r\n" % size
