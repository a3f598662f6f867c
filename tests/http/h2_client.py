"""An HTTP/2 client that shows every frame, for tests of what good and bad clients see."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

from holdfast.http import TLS, Server
from holdfast.model.messages import Request, Response
from tests import certificates
from tests.http.raw_client import QUICK, serving


@dataclass
class Seen:
    """What came on one stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    informational: list[int] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None


class Client:
    """One connection. `acknowledge` False leaves the windows as they are."""

    def __init__(self, port: int, ca: Path, *, acknowledge: bool = True, strict: bool = True) -> None:
        self.port, self.ca, self.acknowledge = port, ca, acknowledge
        self.h2 = H2Connection(H2Configuration(client_side=True, validate_outbound_headers=strict, normalize_outbound_headers=strict))
        self.seen: dict[int, Seen] = {}
        self.goaway: int | None = None
        self.closed = False

    async def __aenter__(self) -> Self:
        context = ssl.create_default_context(cafile=str(self.ca))
        context.set_alpn_protocols(["h2"])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        assert self.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        self.h2.initiate_connection()
        self.flush()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def request(self, method: str, path: str, *headers: tuple[str, str], end: bool = True, authority: str = "localhost") -> int:
        id = self.h2.get_next_available_stream_id()
        self.seen[id] = Seen()
        fields = [(":method", method), (":path", path), (":scheme", "https"), (":authority", authority), *headers]
        self.h2.send_headers(id, fields, end_stream=end)
        self.flush()
        return id

    async def send(self, id: int, data: bytes, *, end: bool = False) -> None:
        """Within the windows that the server gives."""
        while data:
            size = min(self.h2.local_flow_control_window(id), self.h2.max_outbound_frame_size, len(data))
            if size <= 0:
                await self.take()
                continue
            self.h2.send_data(id, data[:size])
            data = data[size:]
            self.flush()
            await self.writer.drain()
        if end:
            self.h2.end_stream(id)
            self.flush()

    async def take(self) -> None:
        """One read."""
        data = await self.reader.read(65536)
        if not data:
            self.closed = True
            raise ConnectionError("the server closed the connection")
        for event in self.h2.receive_data(data):
            self._happened(event)
        self.flush()

    def _happened(self, event: Any) -> None:
        if isinstance(event, ConnectionTerminated):
            self.goaway = int(event.error_code or 0)
            return
        seen = self.seen.get(getattr(event, "stream_id", None) or 0)
        if seen is None:
            return
        if isinstance(event, ResponseReceived):
            fields = {_text(name): _text(value) for name, value in event.headers}
            seen.status, seen.headers = int(fields.pop(":status")), fields
        elif isinstance(event, InformationalResponseReceived):
            seen.informational.append(int(next(_text(value) for name, value in event.headers if _text(name) == ":status")))
        elif isinstance(event, DataReceived):
            seen.body += event.data
            if self.acknowledge:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            seen.ended = True
        elif isinstance(event, StreamReset):
            seen.reset = int(event.error_code)

    async def answer(self, id: int) -> Seen:
        """Reads until the stream has ended or was reset."""
        while not self.seen[id].ended and self.seen[id].reset is None:
            await self.take()
        return self.seen[id]

    async def until_closed(self) -> None:
        try:
            while True:
                await self.take()
        except (ConnectionError, OSError, ssl.SSLError):
            self.closed = True


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


async def echo(request: Request) -> Response:
    body = bytearray()
    while piece := await request.body.read():
        body += piece
    said = f"{request.method} {request.target.decode()} {request.headers[b'host'].decode()} {request.secure} {request.body.trailers}\n"
    return Response(200, [(b"X-Sum", hashlib.md5(body).hexdigest().encode())], said.encode() + bytes(body[:100]))


@asynccontextmanager
async def connected(
    made: certificates.Certificates, handler: Callable[[Request], Awaitable[Response]], limits: Any = QUICK, **options: Any
) -> AsyncIterator[tuple[Server, Client]]:
    async with serving(handler, limits, TLS(made.cert, made.key)) as (server, port), Client(port, made.ca, **options) as client:
        yield server, client
