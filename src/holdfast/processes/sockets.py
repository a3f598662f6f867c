"""Listening sockets: one per worker on the same port (SO_REUSEPORT), kept by the supervisor so that queued connections outlive a worker."""

from __future__ import annotations

import os
import socket

from holdfast.config.values import address
from holdfast.processes.datadir import StartError

BACKLOG = 4096


def bind(name: str, listen: str, count: int) -> list[socket.socket]:
    """`count` listening sockets on `listen`; with port 0 the system chooses one port for all. Errors: StartError."""
    host, port = address(listen)
    try:
        infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise StartError(f"{name} {listen}: {error.strerror}") from error
    # ":9000" means every address: a dual-stack IPv6 socket where there is one.
    infos.sort(key=lambda info: info[0] != socket.AF_INET6 if not host else 0)
    family, where = infos[0][0], infos[0][4]
    try:
        _probe(family, where)
        sockets = [_listening(family, where)]
        chosen = (where[0], sockets[0].getsockname()[1], *where[2:])
        sockets += [_listening(family, chosen) for _ in range(count - 1)]
    except OSError as error:
        option = "--" + name.replace("_", "-")
        why = os.strerror(error.errno or 0)
        raise StartError(f"{name} {listen} cannot be used: {why}; choose another address with {option} HOST:PORT") from error
    return sockets


def url(bound: socket.socket, tls: bool) -> str:
    """The URL of a bound socket as a client on this machine can use it."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared, not bound
    return f"{'https' if tls else 'http'}://{host}:{port}"


def _probe(family: int, where: tuple[object, ...]) -> None:
    """SO_REUSEPORT would let two servers of one user share a port unnoticed: first see that nobody listens there."""
    if where[1]:
        with _socket(family) as probe:
            probe.bind(where)
            probe.listen(1)


def _socket(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return made


def _listening(family: int, where: tuple[object, ...]) -> socket.socket:
    made = _socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(where)
    made.listen(BACKLOG)
    made.setblocking(False)
    return made
