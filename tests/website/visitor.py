"""Somebody with a browser: asks a server at a host of its own choosing, raw enough to send what no browser would."""

from __future__ import annotations

import http.client
import ssl
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.serving import Server

DOMAIN = "web.test"
OTHER_DOMAIN = "web.acme.test"
"""Of another tenancy's buckets."""
NAMED = "www.named.test"
"""A host that is a bucket's whole name."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


class Visitor:
    """One connection a request."""

    def __init__(self, server: Server) -> None:
        at = urlsplit(server.endpoint)
        self.port = at.port
        self.context = ssl.create_default_context(cafile=server.ca) if at.scheme == "https" else None

    def ask(self, host: str, path: str = "/", method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        connection: Any
        if self.context is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        else:
            connection = http.client.HTTPSConnection("localhost", self.port, timeout=20, context=self.context)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        connection.close()
        return found
