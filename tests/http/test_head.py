"""Whatever one connection sends as a head, the next connection's head is read as if it were the first."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.http import Limits
from holdfast.http.head import HeadReader, HeadRefused

NAMES = [
    b"Connection",
    b"Proxy-Connection",
    b"Upgrade",
    b"Content-Length",
    b"Transfer-Encoding",
    b"Expect",
    b"TE",
    b"Trailer",
    b"X",
    b"X ",
    b"",
    b" X",
    b"\0",
]
VALUES = [
    b"close",
    b"keep-alive",
    b"upgrade",
    b"close, upgrade",
    b"h2c",
    b"0",
    b"5",
    b"5, 5",
    b"chunked",
    b"gzip",
    b"100-continue",
    b"",
    b"a\0b",
    b"a\r\n b",
    b"a\nb",
    b"\xff",
]
METHODS = [
    b"GET",
    b"PUT",
    b"HEAD",
    b"POST",
    b"OPTIONS",
    b"CONNECT",
    b"PRI",
    b"PROPFIND",
    b"M-SEARCH",
    b"SOURCE",
    b"PLAY",
    b"ANNOUNCE",
    b"TRACE",
    b"NOPE",
]
TARGETS = [b"/", b"/a?b", b"*", b"http://x/a", b"/\xc3\xbc", b"/#", b"x:1", b""]
READER = HeadReader(Limits())
GOOD = b"GET /a HTTP/1.1\r\nHost: x"


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(METHODS),
    st.sampled_from(TARGETS),
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"]),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4),
)
def test_no_head_leaves_a_trace_in_the_next(method: bytes, target: bytes, version: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    lines = [b" ".join([method, target, version]), b"Host: x", *[name + b": " + value for name, value in fields]]
    head = b"\r\n".join(lines)
    with suppress(HeadRefused):
        READER.read(head, head + b"\r\n\r\n")
    seen = READER.read(GOOD, GOOD + b"\r\n\r\n")
    assert seen[:3] == ("GET", b"/a", {b"host": b"x"}) and seen[3].keep_alive and not seen[3].length
