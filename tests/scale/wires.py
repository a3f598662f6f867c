"""Connections that behave badly on purpose: raw sockets to a server, ended by FIN or by RST at a chosen moment."""

from __future__ import annotations

import contextlib
import resource
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.conftest import make_client
from tests.serving import Server

RESET = struct.pack("ii", 1, 0)


def port_of(server: Server) -> int:
    return int(server.endpoint.rsplit(":", 1)[1])


def connect(server: Server, timeout_s: float = 20, receive_bytes: int = 0) -> socket.socket:
    made = socket.socket()
    if receive_bytes:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(timeout_s)
    made.connect(("127.0.0.1", port_of(server)))
    return made


def end(sock: socket.socket, reset: bool) -> None:
    """Closes with RST or with FIN."""
    if reset:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def head(server: Server, method: str, bucket: str, key: str, *lines: str) -> bytes:
    """The head of a presigned request, good for an hour."""
    name = {"GET": "get_object", "PUT": "put_object", "HEAD": "head_object"}[method]
    url = urlsplit(make_client(server, signature_version="s3v4").generate_presigned_url(name, Params={"Bucket": bucket, "Key": key}, ExpiresIn=3600))
    return "\r\n".join([f"{method} {url.path}?{url.query} HTTP/1.1", f"Host: {url.netloc}", *lines, "", ""]).encode()


def answer(sock: socket.socket) -> bytes:
    """The head of an answer and at least the beginning of its body, or what came before the end of the connection."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while b"\r\n\r\n" not in got and (piece := sock.recv(65536)):
            got += piece
    return got


def ended(sock: socket.socket) -> bytes:
    """What still comes until the server closes. Errors: TimeoutError when it does not."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            got += piece
    return got


def client_hello() -> bytes:
    """The first flight of a real TLS handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    handshake = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    return outgoing.read()


@contextmanager
def descriptors_allowed(count: int) -> Iterator[bool]:
    """Lets this process open that many files; False where the system does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= count
    if enough and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield enough
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
