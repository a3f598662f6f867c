"""Serves the control application on a socket that is already listening, with TLS that can be reloaded."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from holdfast.admin.protocol import BoundedProtocol


class ControlListener(uvicorn.Server):
    """uvicorn without its signal handlers: the process decides when to stop."""

    def __init__(self, app: ASGIApp, cert: str = "", key: str = "", drain_timeout_s: float = 5.0, proxies: tuple[str, ...] = ()) -> None:
        """`proxies`: addresses and networks whose X-Forwarded-For and -Proto are believed; of nobody else, on this machine either."""
        self._cert, self._key = cert, key
        config = uvicorn.Config(
            app,
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

    async def serve_until(self, bound: socket.socket, stopping: asyncio.Event) -> None:
        """Serves until `stopping` is set, then lets requests finish."""

        async def stop() -> None:
            await stopping.wait()
            self.should_exit = True

        async with asyncio.TaskGroup() as tasks:
            stopper = tasks.create_task(stop())
            await self.serve(sockets=[bound])
            stopper.cancel()


def _context(cert: str, key: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    return context
