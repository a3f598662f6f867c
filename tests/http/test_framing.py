"""What is no clear request is refused and the connection closed, so that nothing after it can be taken for a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.model.messages import Request, Response
from tests.http.raw_client import QUICK, Client, echo, get, ignore_body, put, run, serving

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"


def refused(raw: bytes, *statuses: int) -> None:
    """The request is answered with one of the statuses, the connection closes, and what follows is never served."""

    async def test() -> None:
        seen: list[bytes] = []

        async def handler(request: Request) -> Response:
            seen.append(request.target)
            return await echo(request)

        async with serving(handler) as (server, port):
            client = await Client.connect(port)
            answer = await client.ask(raw + SMUGGLED)
            assert answer.status in statuses, answer
            assert answer.headers["connection"] == "close"
            assert await client.ended() == b""
            assert b"/smuggled" not in seen
            assert server.counters.refused == 1 and server.counters.failures == 0
            assert await (await Client.connect(port)).is_open()

    run(test)


@pytest.mark.parametrize(
    "length", [b"-1", b"+5", b"5,5", b"5 5", b"0x5", b"5;", b"", b"five", b"1_0", b"9223372036854775808", b"18446744073709551616", b"9" * 40, b"\xb2"]
)
def test_cve_2019_19337_crafted_content_length(length: bytes) -> None:
    refused(put(b"Content-Length: " + length), 400, 413)


@pytest.mark.parametrize("second", [b"5", b"6"])
def test_cve_2019_19337_two_content_lengths(second: bytes) -> None:
    refused(put(b"Content-Length: 5", b"Content-Length: " + second), 400)


@pytest.mark.parametrize(
    "line",
    [
        b"nocolon",
        b": empty",
        b"X: a\0b",
        b"X: a\x01b",
        b"X: a\x7fb",
        b"X : a",
        b" X: a",
        b"X\xe9: a",
        b"X(: a",
        b"X: a\r\n folded",
        b"X: a\r\n\tfolded",
        b"X: a\nY: b",
        b"X: a\rY: b",
        b"X: a\r\r\nY: b",
        b"\0: a",
    ],
)
def test_cve_2018_7262_malformed_header(line: bytes) -> None:
    refused(get(b"/", line), 400)


def test_cve_2018_7262_blank_authorization_reaches_the_handler() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            assert (await client.ask(get(b"/", b"Authorization:"))).status == 200

    run(test)


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        (b"Transfer-Encoding: gzip",),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: chunked, identity",),
        (b"Transfer-Encoding: identity",),
        (b"Transfer-Encoding: chunked, chunked",),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding: chunked;q=1",),
        (b"Transfer-Encoding:\x0bchunked",),
        (b'Transfer-Encoding: "chunked"',),
        (b"Transfer-Encoding:",),
    ],
)
def test_cve_2024_1135_smuggling_by_transfer_encoding(lines: tuple[bytes, ...]) -> None:
    refused(put(*lines) + b"0\r\n\r\n", 400, 501)


def test_transfer_encoding_is_no_part_of_http_10() -> None:
    refused(put(b"Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n", 400)


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"5_0\r\nhello\r\n0\r\n\r\n",
        b"11111111111111111\r\nhello\r\n0\r\n\r\n",
        b"5;a\x01=b\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"x" * 300 + b"\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
        b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        b"5\r\nhello\r\n0\r\na: 1\r\na: 2\r\n\r\n",
        b"5\r\nhello\r\n0\r\na: 1\n\r\n",
        b"5\r\nhello\r\n0\r\n" + b"".join(b"a%d: %b\r\n" % (n, b"x" * 100) for n in range(100)) + b"\r\n",
    ],
)
def test_cve_2025_43859_broken_chunks(body: bytes) -> None:
    """The handler sees IncompleteBody, its answer closes the connection, and what follows is never served."""

    async def test() -> None:
        seen: list[bytes] = []

        async def handler(request: Request) -> Response:
            seen.append(request.target)
            try:
                await request.body.read_all(1000)
            except Exception as error:
                return Response(400, [], type(error).__name__.encode())
            return Response()

        for cut in (0, len(body) // 2, 1):
            async with serving(handler) as (server, port):
                client = await Client.connect(port)
                raw = put(b"Transfer-Encoding: chunked") + body + SMUGGLED
                at = len(raw) - len(SMUGGLED) - len(body) + cut
                answer = await client.ask(raw[:at], raw[at:])
                assert (answer.status, answer.body) == (400, b"IncompleteBody")
                assert await client.ended() == b""
                assert b"/smuggled" not in seen
                assert server.counters.failures == 0

    run(test)


@pytest.mark.parametrize(
    "lines",
    [(), (b"Host: a", b"Host: a"), (b"Host: a", b"Host: b"), (b"Host:",), (b"Host: a b",), (b"Host: a/b",), (b"Host: a@b",), (b"Host: a,b:x",)],
)
def test_host_must_be_there_once_and_be_one(lines: tuple[bytes, ...]) -> None:
    refused(b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""]), 400)


@pytest.mark.parametrize("name", [b"Authorization", b"Content-MD5", b"x-amz-date", b"X-Amz-Content-Sha256", b"x-amz-security-token"])
def test_headers_that_say_who_and_what_must_not_be_repeated(name: bytes) -> None:
    refused(get(b"/", name + b": a", name.lower() + b": a"), 400)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET  / HTTP/1.1", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b"GET /", 400),
        (b"GET / a HTTP/1.1", 400),
        (b"get / HTTP/1.1", 400),
        (b"G@T / HTTP/1.1", 400),
        (b"GET / http/1.1", 400),
        (b"GET / HTTP/1.2", 505),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"CONNECT h:80 HTTP/1.1", 501),
        (b"GET * HTTP/1.1", 400),
        (b"GET a HTTP/1.1", 400),
        (b"GET /a#b HTTP/1.1", 400),
        (b"GET http:/a HTTP/1.1", 400),
        (b"GET http://u:p@h/ HTTP/1.1", 400),
        (b"GET ftp://h/ HTTP/1.1", 400),
        (b"GET /a\x7fb HTTP/1.1", 400),
        (b"GET /a\tb HTTP/1.1", 400),
        (b"GET /\xc3\xbc\x01 HTTP/1.1", 400),
        (b"\x16\x03\x01\x02\x00\x01 hello", 400),
    ],
)  # fmt: skip
def test_request_lines_that_are_none(line: bytes, status: int) -> None:
    refused(line + b"\r\nHost: h\r\n\r\n", status)


def test_a_bare_lf_is_refused_at_once() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            assert (await client.ask(b"GET / HTTP/1.1\nHost: h\n\n")).status == 400

    run(test)


def test_absolute_form_loses_scheme_and_authority_which_replaces_host() -> None:
    async def test() -> None:
        seen: list[tuple[bytes, bytes]] = []

        async def handler(request: Request) -> Response:
            seen.append((request.target, request.headers[b"host"]))
            return Response()

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            for target in (b"http://b.example:90/k%20?x=1", b"HTTPS://b.example", b"http://b.example?x", b"/plain"):
                assert (await client.ask(get(target))).status == 200
            assert (await client.ask(get(b"*").replace(b"GET", b"OPTIONS"))).status == 200
        assert seen == [(b"/k%20?x=1", b"b.example:90"), (b"/", b"b.example"), (b"/?x", b"b.example"), (b"/plain", b"h"), (b"*", b"h")]

    run(test)


def test_bounds_on_the_head_have_their_own_status_however_it_arrives() -> None:
    limits = replace(QUICK, request_line_bytes_max=200, header_section_bytes_max=400, header_count_max=10)

    async def test() -> None:
        async with serving(echo, limits) as (_, port):
            for raw, status in [
                (get(b"/" + b"a" * 300), 414),
                (get(b"/", b"X: " + b"a" * 500), 431),
                (get(b"/", *[b"X%d: a" % number for number in range(10)]), 431),
                (get(b"/" + b"a" * (200 - len(b"GET / HTTP/1.1"))), 200),
                (get(b"/", *[b"X%d: a" % number for number in range(9)]), 200),
                (get(b"/", b"X: " + b"a" * (400 - len(b"Host: h\r\nX: "))), 200),
            ]:
                for parts in ([raw], [raw[:-1], raw[-1:]], [raw[:150], raw[150:]]):
                    client = await Client.connect(port)
                    assert (await client.ask(*parts)).status == status, raw
                    client.close()
            endless = await Client.connect(port)
            assert (await endless.ask(b"GET /" + b"a" * 1000)).status == 414
            endless = await Client.connect(port)
            assert (await endless.ask(b"GET / HTTP/1.1\r\nX: " + b"a" * 1000)).status == 431

    run(test)


def test_an_upgrade_is_answered_as_a_plain_request() -> None:
    async def test() -> None:
        async with serving(echo) as (_, port):
            client = await Client.connect(port)
            answer = await client.ask(get(b"/a", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ"))
            assert (answer.status, answer.body) == (200, b"GET /a ")
            assert await client.is_open()

    run(test)


def test_trailers_and_chunk_extensions() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            body = await request.body.read_all(100)
            assert request.method == "GET" or request.body.length is None
            return Response(200, [], body + repr(request.body.trailers).encode())

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            chunks = b'5;a="b";c\r\nhello\r\n00006 \r\n world\r\n000\r\nX-Amz-Checksum-CRC32: abc= \r\nx-b:\r\n\r\n'
            answer = await client.ask(put(b"Transfer-Encoding: Chunked") + chunks)
            assert answer.body == b"hello world{b'x-amz-checksum-crc32': b'abc=', b'x-b': b''}"
            assert await client.is_open()

    run(test)


def test_an_unread_chunked_body_is_drained_and_the_connection_kept() -> None:
    async def test() -> None:
        async with serving(ignore_body) as (_, port):
            client = await Client.connect(port)
            assert (await client.ask(put(b"Transfer-Encoding: chunked") + b"5\r\nhel")).body == b"unread"
            await client.send(b"lo\r\n0\r\n\r\n")
            assert await client.is_open()

    run(test)
