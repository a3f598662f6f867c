"""The HTTP server: puts listening sockets, a handler and the limits together, and ends in good order."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence

from holdfast.http.connection import Connection
from holdfast.http.counters import Counters
from holdfast.http.h2_connection import H2Connection
from holdfast.http.limits import Limits
from holdfast.http.service import AtOnce, Finished, Held, Refuse, Report, Service, refuse_plainly, report_to_log
from holdfast.http.tls import TLS, BadCertificate
from holdfast.model.messages import Handler

_log = logging.getLogger("holdfast.http")
LATE_S = 0.5
"""While the service drains, it looks so often for connections that came late."""


class Doorway(asyncio.Protocol):
    """Waits for the TLS handshake, which says by ALPN what is spoken, and hands the connection over."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        tls = transport.get_extra_info("ssl_object")
        spoken = tls.selected_alpn_protocol() if tls is not None else None
        connection = H2Connection(self._service) if spoken == "h2" else Connection(self._service)
        transport.set_protocol(connection)
        connection.connection_made(transport)


class Server:
    """Serves from the moment that `serve` returns it until it is drained or closed."""

    def __init__(self, service: Service, listeners: list[asyncio.Server], tls: TLS | None) -> None:
        self._service = service
        self._listeners = listeners
        self._tls = tls

    @property
    def counters(self) -> Counters:
        """Live numbers for the metrics."""
        return self._service.counters

    @property
    def connections(self) -> int:
        """Open now."""
        return self._service.counters.connections

    def reload_tls(self) -> bool:
        """Reads certificate and key again, for new connections. False, and a line in the log, if they are bad: the old ones stay."""
        if self._tls is None:
            return False
        try:
            self._tls.reload()
        except BadCertificate as error:
            _log.error("the TLS certificate was not renewed, the old one stays in use: %s", error)
            return False
        _log.info("the TLS certificate was read again from %s", self._tls.certificate)
        return True

    async def drain(self, timeout_s: float) -> int:
        """Accepts nothing more, closes idle connections, lets requests in work end for up to `timeout_s`, then cuts the rest.

        Returns the number of connections that were cut.
        """
        service = self._service
        service.draining = True
        for listener in self._listeners:
            listener.close()
        until = service.loop.time() + timeout_s
        told: set[Held] = set()
        while service.connections:
            late = service.connections - told  # at first all; later who was only being let in, in his handshake perhaps
            told |= late
            for connection in late:
                connection.shut()
            if not service.connections:
                break
            service.empty = service.loop.create_future()
            left_s = until - service.loop.time()
            if (await asyncio.wait([service.empty], timeout=max(0.0, min(left_s, LATE_S))))[0] or left_s <= LATE_S:
                break
        left = list(service.connections)
        for connection in left:
            connection.cut()
        if left:
            service.empty = service.loop.create_future()
            await asyncio.wait([service.empty], timeout=1.0)
        service.close()
        return len(left)

    async def close(self) -> None:
        """Ends at once."""
        await self.drain(0)


async def serve(
    handler: Handler | AtOnce,
    sockets: Sequence[socket.socket],
    limits: Limits | None = None,
    tls: TLS | None = None,
    *,
    server_name: str = "Holdfast",
    refuse: Refuse = refuse_plainly,
    report: Report = report_to_log,
    finished: Finished | None = None,
) -> Server:
    """Serves `handler` on sockets that are bound already, in the running loop (uvloop's, for speed).

    `refuse` writes what this layer refuses itself in the dialect's words; `report` is told of exceptions that a handler should
    not have raised; `finished` of each answer that was written or cut off.
    """
    loop = asyncio.get_running_loop()
    limits = limits or Limits()
    service = Service(
        handler, limits, loop, secure=tls is not None, server_name=server_name, refuse=refuse, report=report, finished=finished
    )
    listeners = []
    for each in sockets:
        each.setblocking(False)
        if each.family != socket.AF_UNIX:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # accepted sockets inherit both
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        create = loop.create_unix_server if each.family == socket.AF_UNIX else loop.create_server
        listener = await create(
            (lambda: Doorway(service)) if tls else (lambda: Connection(service)),
            sock=each,
            backlog=1024,
            ssl=tls.context if tls else None,
            ssl_handshake_timeout=limits.handshake_s if tls else None,
            ssl_shutdown_timeout=limits.linger_s if tls else None,
        )
        listeners.append(listener)
    return Server(service, listeners, tls)
