"""A request and a response as every layer above the HTTP server sees them: raw bytes, nothing decoded early."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class Body(Protocol):
    """The body of a request, read once, in pieces; the server sends `100 Continue` at the first read.

    `length` is the number of bytes that the client promised (Content-Length), or None for a chunked
    request. `trailers` (lower-case names) is complete once `read` has returned b"".
    """

    length: int | None
    trailers: dict[bytes, bytes]

    async def read(self) -> bytes:
        """The next non-empty piece, of any size; b"" at the end. Does not suspend while bytes are buffered.

        Errors: IncompleteBody when the client hangs up, lies about its length or breaks the framing;
        RequestTimeout when it is too slow.
        """
        ...

    async def read_all(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes. Errors: as read; EntityTooLarge as soon as it is known."""
        ...


class Stream(Protocol):
    """A response body too large to hold: pieces of exactly `length` bytes in total."""

    length: int

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Request:
    """One HTTP request, its target undecoded, made by the connection.

    `headers` maps lower-case names to values without surrounding white space; a repeated header is
    joined with b"," (the server has already refused repetitions that change framing or identity).
    """

    __slots__ = (
        "body",  # Body
        "headers",  # dict[bytes, bytes]
        "id",  # str, 16 upper-case hex digits, unique per request
        "method",  # str, upper case, as sent
        "path",  # bytes, raw, never decoded or normalised
        "peer",  # str, address of the client without its port
        "query",  # bytes, raw, without the "?"
        "received_at",  # float, seconds since the epoch, when the headers were complete
        "secure",  # bool, came over TLS
        "seen",  # observe.access.Seen | None: what the access log will say
        "target",  # bytes, as sent: path and, after "?", query
        "tls",  # str, its version ("1.3"), "" without TLS or where only a proxy knows it
    )
    method: str
    target: bytes
    path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    body: Body
    peer: str
    secure: bool
    received_at: float
    id: str
    seen: object
    tls: str

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: dict[bytes, bytes],
        body: Body,
        *,
        peer: str = "",
        secure: bool = False,
        received_at: float = 0.0,
        id: str = "",
    ) -> None:
        self.method = method
        self.target = target
        path, _, query = target.partition(b"?")
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.peer = peer
        self.secure = secure
        self.received_at = received_at
        self.id = id
        self.seen = None
        self.tls = ""


class Lines:
    """Headers that many answers share, checked and written once: `fields` as pairs, `text` as the lines of HTTP/1.

    Content-Length is among them where `length` is given: all these answers have bodies of that many bytes, or would if they were no HEAD."""

    __slots__ = ("fields", "length", "text")

    def __init__(self, fields: list[tuple[bytes, bytes]], length: int = -1) -> None:
        """Errors: ValueError for a CR, LF or NUL, and for Content-Length."""
        text = b"".join([b"%b: %b\r\n" % field for field in fields])
        count = len(fields)
        if text.count(10) != count or text.count(13) != count or 0 in text or any(name.lower() == b"content-length" for name, _ in fields):
            raise ValueError("a header holds CR, LF or NUL, or is Content-Length")
        if length >= 0:
            size = b"%d" % length
            fields, text = [*fields, (b"Content-Length", size)], b"%bContent-Length: %b\r\n" % (text, size)
        self.length = length
        self.fields = tuple(fields)
        self.text = text


class Response:
    """Status, headers in wire order (names as they go out), and a body: bytes, a Stream, or None. `shared` goes before `headers`.

    The connection adds Date, Server, Connection itself, and Content-Length unless the headers hold one: that of the body, or `length`
    for an answer to HEAD, which says how long the body would be.
    """

    __slots__ = ("body", "close", "headers", "length", "shared", "status")

    def __init__(
        self,
        status: int = 200,
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes | Stream | None = None,
        *,
        close: bool = False,
        shared: Lines | None = None,
        length: int = 0,
    ) -> None:
        self.status = status
        self.headers = headers if headers is not None else []
        self.body = body
        self.close = close
        self.shared = shared
        self.length = length

    def fields(self) -> list[tuple[bytes, bytes]]:
        """All headers that the handler gave, in wire order."""
        return self.headers if self.shared is None else [*self.shared.fields, *self.headers]


class Handler(Protocol):
    """What the HTTP server calls for each request. It must not raise: errors are responses too.

    The connection drives it with `send(None)` and makes a task of it only if it suspends.
    """

    async def __call__(self, request: Request) -> Response: ...
