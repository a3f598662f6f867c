"""Serves the control application on a socket that is already listening, with TLS that can be reloaded."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.admin.protocol import BoundedProtocol

LATE_S = 0.5
CUT_S = 1.0
"""Requests that were cut off are given so long to let go of what they hold."""

_ENDING = b'{"code":"ServiceUnavailable","message":"The server is ending. Please try again.","status":503}'


class Ending:
    """An ASGI application around another one: a request that is cut off, since the server ends, is answered 503 if its answer has not begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            if begun:
                return  # uvicorn closes the connection of an answer that is not whole
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ENDING))]
            headers += [(b"retry-after", b"1"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _ENDING})


class ControlListener(uvicorn.Server):
    """uvicorn without its signal handlers: the process decides when to stop."""

    def __init__(self, app: ASGIApp, cert: str = "", key: str = "", drain_timeout_s: float = 5.0, proxies: tuple[str, ...] = ()) -> None:
        """`proxies`: addresses and networks whose X-Forwarded-For and -Proto are believed; of nobody else, on this machine either."""
        self._cert, self._key = cert, key
        self._cut = 0
        config = uvicorn.Config(
            Ending(app),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=max(1, int(drain_timeout_s)),
            limit_concurrency=256,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            http=BoundedProtocol,
        )
        super().__init__(config)
        config.load()
        if cert:
            config.ssl = _context(cert, key)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def reload(self) -> None:
        """Reads the certificate again; what cannot be used raises and changes nothing."""
        if self._cert:
            _context(self._cert, self._key)  # a bad pair must not reach the context in use
            assert self.config.ssl is not None
            self.config.ssl.load_cert_chain(self._cert, self._key)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        shutting = asyncio.create_task(self._shut_late_ones())
        await super().shutdown(sockets)
        shutting.cancel()
        left = set(self.server_state.tasks)  # they were cancelled just now
        self._cut = len(left)
        if left:
            await asyncio.wait(left, timeout=CUT_S)

    async def _shut_late_ones(self) -> None:
        """As uvicorn does once, for connections that were only being let in, in their handshake perhaps."""
        while True:
            await asyncio.sleep(LATE_S)
            for connection in list(self.server_state.connections):
                connection.shutdown()

    async def serve_until(self, bound: socket.socket, stopping: asyncio.Event) -> int:
        """Serves until `stopping` is set, then lets requests finish within the drain time; how many did not and were cut off."""

        async def stop() -> None:
            await stopping.wait()
            self.should_exit = True

        async with asyncio.TaskGroup() as tasks:
            stopper = tasks.create_task(stop())
            await self.serve(sockets=[bound])
            stopper.cancel()
        return self._cut


def _context(cert: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    return context
