"""One head reader serves all connections of a worker: no head may leave a trace in the next one."""

from __future__ import annotations

from contextlib import suppress

import pytest

from holdfast.http import Limits
from holdfast.http.head import HeadReader, HeadRefused

GOOD = b"GET /a HTTP/1.1\r\nHost: x"


@pytest.mark.parametrize(
    "before",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close",
        b"GET / HTTP/1.0\r\nHost: x",
        b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5",
        b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked",
        b"GET / HTTP/1.1\r\nHost: bad host\r\nConnection: close",
        b"GET / HTTP/1.1\r\nHost: bad host\r\nContent-Length: 5",
        b"GET / HTTP/1.1\r\nConnection: close",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\nExpect: tea",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2",
        b"GET / HTTP/1.1\r\nHost: x\r\nProxy-Connection: close",
        b"GET / HTTP/1.1\r\nHost: x\r\nProxy-Connection: upgrade\r\nUpgrade: h2c",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 00",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: half\r\n folded",
        b"OPTIONS http:// HTTP/1.1\r\nHost: x\r\nConnection: close",
    ],
)
def test_the_next_head_is_read_as_if_it_were_the_first(before: bytes) -> None:
    reader = HeadReader(Limits())
    for _ in range(2):
        with suppress(HeadRefused):
            reader.read(before, before + b"\r\n\r\n")
        method, target, headers, framing = reader.read(GOOD, GOOD + b"\r\n\r\n")
        assert (method, target, headers, framing.keep_alive) == ("GET", b"/a", {b"host": b"x"}, True)
