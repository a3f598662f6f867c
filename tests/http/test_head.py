"""Whatever one connection sends as a head, the next connection's head is read as if it were the first."""

from __future__ import annotations

from contextlib import suppress
from itertools import count

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
NUMBERS = count()
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"]
FIELDS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(METHODS),
    st.sampled_from(TARGETS),
    st.sampled_from(VERSIONS),
    FIELDS,
)
def test_no_head_leaves_a_trace_in_the_next(method: bytes, target: bytes, version: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    lines = [b" ".join([method, target, version]), b"Host: x", *[name + b": " + value for name, value in fields]]
    head = b"\r\n".join(lines)
    with suppress(HeadRefused):
        READER.read(head, head + b"\r\n\r\n")
    number = b"%d" % next(NUMBERS)  # no head that was read before: it is llhttp that must have forgotten
    good = b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + number
    seen = READER.read(good, good + b"\r\n\r\n")
    assert seen[:3] == ("GET", b"/a", {b"host": b"x", b"x": number}) and seen[3].keep_alive and not seen[3].length


def outcome(reader: HeadReader, line: bytes, section: bytes) -> object:
    head = line + b"\r\n" + section
    try:
        method, target, headers, framing = reader.read(head, head + b"\r\n\r\n")
    except HeadRefused as refused:
        return refused.status, refused.code, refused.message
    said = dict(headers)
    headers[b"x-added"] = b"by a handler"  # what a request does to its headers is no other's business
    return method, target, said, framing.length, framing.expects, framing.keep_alive, framing.http10


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(METHODS), st.one_of(st.sampled_from(TARGETS), st.binary(max_size=3).map(b"/".__add__)), st.sampled_from(VERSIONS)),
        min_size=2, max_size=5,
    ),
    FIELDS,
)  # fmt: skip
def test_headers_that_were_read_before_are_read_as_if_for_the_first_time(
    lines: list[tuple[bytes, bytes, bytes]], fields: list[tuple[bytes, bytes]]
) -> None:
    section = b"\r\n".join([b"Host: x", *[name + b": " + value for name, value in fields]])
    reader = HeadReader(Limits())
    outcome(reader, b"GET / HTTP/1.1", section)
    for line in map(b" ".join, lines):
        assert outcome(reader, line, section) == outcome(HeadReader(Limits()), line, section)


def test_what_strangers_send_is_remembered_within_bounds() -> None:
    reader = HeadReader(Limits())
    for number in range(2000):
        outcome(reader, b"GET / HTTP/1.1", b"Host: x\r\nX: %d" % number)
    outcome(reader, b"GET / HTTP/1.1", b"Host: x\r\nX: " + b"a" * 4096)
    outcome(reader, b"GET / HTTP/1.1", b"Host: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=A/b")
    assert len(reader._sections) == 256 and max(map(len, reader._sections)) < 100
    assert not any(b"uthorization" in section for section in reader._sections)
