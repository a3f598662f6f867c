"""A server of this package in the test's own loop, and a client that is nothing but a socket."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import uvloop

from holdfast.http import TLS, Limits, Server, serve
from holdfast.model.messages import Request, Response

Handler = Callable[[Request], Awaitable[Response]]
QUICK = replace(
    Limits(), tick_s=0.02, header_s=0.3, idle_s=0.6, body_stall_s=0.3, body_window_s=0.4, drain_s=0.3, linger_s=0.3, half_closed_s=0.4,
    write_stall_s=0.4, write_window_s=1.0, handshake_s=0.4,
)  # fmt: skip


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def run(test: Callable[[], Any]) -> None:
    """Runs the coroutine function on uvloop, with a bound."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    uvloop.run(bounded())


@asynccontextmanager
async def serving(handler: Handler, limits: Limits = QUICK, tls: TLS | None = None, **hooks: Any) -> AsyncIterator[tuple[Server, int]]:
    """(server, port)."""
    bound = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = bound.getsockname()[1]
    server = await serve(handler, [bound], limits, tls, **hooks)
    try:
        yield server, port
    finally:
        await server.close()


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, **options: Any) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24, **options))

    async def send(self, *parts: bytes, pause_s: float = 0.0) -> None:
        for part in parts:
            self.writer.write(part)
            await asyncio.sleep(pause_s)

    async def answer(self, head_only: bool = False) -> Answer:
        """The next answer. Errors: IncompleteReadError at the end of the connection."""
        text = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = text[:-4].split(b"\r\n")
        matched = re.fullmatch(rb"HTTP/1\.1 (\d{3}) .+", first)
        assert matched, first
        headers = {}
        for line in lines:
            name, _, value = line.partition(b": ")
            assert name.lower().decode() not in headers
            headers[name.lower().decode()] = value.decode()
        status = int(matched[1])
        size = 0 if head_only or status in (100, 204, 304) else int(headers["content-length"])
        return Answer(status, headers, await self.reader.readexactly(size))

    async def ask(self, *parts: bytes) -> Answer:
        await self.send(*parts)
        return await self.answer()

    async def drip(self, *parts: bytes, pause_s: float) -> Answer:
        """Sends slowly and takes the answer when it comes."""
        sending = asyncio.create_task(self.send(*parts, pause_s=pause_s))
        try:
            return await self.answer()
        finally:
            sending.cancel()

    async def ended(self) -> bytes:
        """What still comes until the server closes."""
        return await self.reader.read()

    async def is_open(self) -> bool:
        """Serves another request."""
        return (await self.ask(b"GET /again HTTP/1.1\r\nHost: h\r\n\r\n")).status == 200

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Ends with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


def get(target: bytes = b"/", *lines: bytes) -> bytes:
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: h", *lines, b"", b""])


def put(*lines: bytes, target: bytes = b"/b/k") -> bytes:
    return b"\r\n".join([b"PUT " + target + b" HTTP/1.1", b"Host: h", *lines, b"", b""])


async def echo(request: Request) -> Response:
    """Says what was asked."""
    body = await request.body.read_all(1 << 26)
    text = b"%b %b %b" % (request.method.encode(), request.target, body)
    return Response(200, [(b"x-amz-request-id", request.id.encode())], text)


async def ignore_body(request: Request) -> Response:
    return Response(200, [], b"unread")


async def eventually(true: Callable[[], bool], within_s: float = 3.0) -> None:
    """Waits until `true()`. Errors: TimeoutError."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
