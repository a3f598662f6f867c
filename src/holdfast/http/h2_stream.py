"""One HTTP/2 stream: a request whose body the connection feeds, and the answer that goes out as the client's windows allow."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from holdfast.http.body import EMPTY, RequestBody
from holdfast.http.head import HeadReader, HeadRefused
from holdfast.http.limits import Limits
from holdfast.http.service import Service
from holdfast.model.messages import Request, Response

_HOP: Final = frozenset(b"connection keep-alive proxy-connection transfer-encoding upgrade te".split())
"""Header fields that belong to a connection of HTTP/1 (RFC 9113, 8.2.2)."""
Fields = list[tuple[bytes, bytes]]


class StreamBody(RequestBody):
    """A body in DATA frames. What is read gives the client room to send as much again (RFC 9113, 5.2)."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream, limits: Limits, length: int | None, expects: bool) -> None:
        super().__init__(stream, limits, length, expects)
        self._chunks = None
        self._stream = stream

    def take(self, data: bytes) -> int:
        """Takes the content of a frame; how many bytes of it nobody will read, so that they are acknowledged at once."""
        if self.error is not None or self._discarding:
            return len(data)
        if self.left is not None:
            self.left -= len(data)
        self._take(data)
        return 0

    def end(self) -> None:
        """The client has sent everything."""
        if self.error is None:
            self.complete = True
            self.left = 0
            self._wake()

    def discard(self) -> None:
        unread = sum(map(len, self._pieces))
        super().discard()
        self._stream.consumed(unread)

    async def read(self) -> bytes:
        """See `holdfast.model.messages.Body.read`."""
        piece = await super().read()
        if piece:
            self._stream.consumed(len(piece))
        return piece


class Carrier(Protocol):
    """The connection, as a stream of it sees it; `id` is that of the stream."""

    @property
    def service(self) -> Service: ...

    def send_continue(self, id: int) -> None:
        """Writes 100 Continue."""

    def acknowledge(self, id: int, count: int) -> None:
        """The client may send so many bytes more."""

    def allowance(self, id: int) -> int:
        """How many bytes of content the client's windows and the socket take now."""


class Stream:
    """What is known of a stream that is in work; the `Source` of its body."""

    __slots__ = ("_room", "blocked_since", "body", "connection", "id", "request", "response", "sent_bytes", "started", "task")

    def __init__(self, connection: Carrier, id: int) -> None:
        self.connection = connection
        self.id = id
        self.body: StreamBody | None = None
        self.request: Request | None = None
        self.response: Response | None = None
        self.sent_bytes = 0
        self.started = False  # the head of the answer is written
        self.task: asyncio.Task[None] | None = None
        self.blocked_since: float | None = None  # waits for the client's window, on the loop's clock
        self._room: asyncio.Future[None] | None = None

    # -- what a body asks

    def now(self) -> float:
        return self.connection.service.now

    def send_continue(self) -> None:
        if not self.started:
            self.connection.send_continue(self.id)

    def hold(self) -> None:
        """The stream's window does what is needed."""

    def read_more(self) -> None:
        """The stream's window does what is needed."""

    def consumed(self, count: int) -> None:
        self.connection.acknowledge(self.id, count)

    # -- windows

    async def room(self) -> int:
        """How many bytes of content may be sent now, at least one; waits until there is room."""
        while True:
            allowed = self.connection.allowance(self.id)
            if allowed > 0:
                self.blocked_since = None
                return allowed
            if self.blocked_since is None:
                self.blocked_since = self.connection.service.now
            self._room = asyncio.get_running_loop().create_future()
            try:
                await self._room
            finally:
                self._room = None

    def wake(self) -> None:
        """There may be room."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)


def read_head(fields: Fields, heads: HeadReader, limits: Limits) -> tuple[str, bytes, dict[bytes, bytes], int | None, bool]:
    """Method, raw target, headers, length of the body (None: unknown) and whether 100 Continue is waited for, of a HEADERS frame.

    h2 has refused what RFC 9113, 8.3, forbids; here is what our HTTP/1 refuses besides. Errors: HeadRefused."""
    pseudo: dict[bytes, bytes] = {}
    headers: dict[bytes, bytes] = {}
    count = 0
    for name, value in fields:
        if name[:1] == b":":
            pseudo[name] = value
            continue
        count += 1
        if name in headers:
            if name == b"cookie":
                headers[name] += b"; " + value
                continue
            heads.check_repeated(name)
            headers[name] += b"," + value
        else:
            headers[name] = value
    if count > limits.header_count_max:
        raise HeadRefused(431, "RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.")
    if b":authority" in pseudo:
        headers[b"host"] = pseudo[b":authority"]
    target = pseudo.get(b":path", b"")
    if len(target) > limits.request_line_bytes_max:
        raise HeadRefused(414, "RequestUriTooLong", "The request line is too long.")
    method, target = heads.check_request(pseudo.get(b":method", b""), target, headers)
    length: int | None = None
    if b"content-length" in headers:
        text = headers[b"content-length"]
        if not (text.isdigit() and len(text) <= 19 and int(text) < 1 << 63):
            raise HeadRefused(400, "BadRequest", "Content-Length is malformed.")
        length = int(text)
    return method, target, headers, length, headers.get(b"expect", b"").lower() == b"100-continue"


def body_of(stream: Stream, limits: Limits, length: int | None, expects: bool, ended: bool) -> StreamBody | None:
    """The body that is to come; None where the request has none."""
    return None if ended else StreamBody(stream, limits, length, expects and length != 0)


def empty_or(body: StreamBody | None) -> StreamBody | object:
    """What a request without content reads."""
    return EMPTY if body is None else body


def response_fields(response: Response, own: Fields) -> Fields:
    """The fields of an answer in the order of HTTP/1, names in lower case, those of a connection left out."""
    fields: Fields = [(b":status", b"%d" % response.status), *own]
    fields += [(lower, value) for lower, value in ((name.lower(), value) for name, value in response.fields()) if lower not in _HOP]
    if response.status >= 200 and response.status not in (204, 304) and all(name != b"content-length" for name, _ in fields):
        body = response.body
        fields.append((b"content-length", b"%d" % (response.length if body is None else len(body) if isinstance(body, bytes) else body.length)))
    return fields
