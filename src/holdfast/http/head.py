"""Reads a request's head: llhttp checks and splits the headers, this module decides what they mean for framing, or refuses."""

from __future__ import annotations

import re
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from holdfast.http.limits import Limits

CHUNKED: Final = -1
"""In place of a length: the body comes in chunks."""

_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH")}
_METHOD = re.compile(rb"[A-Z][A-Z-]{0,31}")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.%_~A-Za-z-]+\]|[0-9A-Za-z._~%!$&'()*+,;=-]+)(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"https?://([^/?@]+)(.*)", re.IGNORECASE | re.DOTALL)
_PARTIAL_LINE = re.compile(rb"[A-Z][A-Z-]{0,31}(?: .*)?", re.DOTALL)
_BARE_LF = re.compile(rb"(?<!\r)\n")
_HOSTS_MAX: Final = 1024
_SECTIONS_MAX: Final = 256
_SECTION_BYTES_MAX: Final = 2048
"""Larger ones are not remembered: anybody may send them."""
_ORIGIN_FORM: Final = bytes(byte for byte in range(0x21, 0x7F) if byte != 35)
"""What may stand in a target that is taken without another look: llhttp takes it too, and it has no fragment."""
_HOST_BYTES_MAX: Final = 300
"""A host name has up to 253 characters (RFC 1035, 2.3.4), a port up to 5."""
_FRAMING: Final = frozenset(b"content-length transfer-encoding connection proxy-connection upgrade expect".split())
"""Headers that change what comes after the head, in our eyes or in those of llhttp."""

_ONCE: Final = frozenset(
    b"host content-length transfer-encoding authorization content-md5 content-type content-encoding date expect x-amz-content-sha256"
    b" x-amz-date x-amz-decoded-content-length x-amz-security-token x-amz-copy-source x-amz-trailer x-content-sha256 x-date opc-date".split()
)
"""Headers whose repetition would change framing, identity or content: refused."""


class HeadRefused(Exception):
    """A head that is refused; the connection closes after the answer, for what follows cannot be trusted."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def _bad(message: str) -> HeadRefused:
    return HeadRefused(400, "BadRequest", message)


class _Fields:
    """Takes the headers from llhttp; the dict is a new one for each head."""

    __slots__ = ("headers", "repeated")

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.repeated = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        headers = self.headers
        if name in headers:
            self.repeated += 1
            if name in _ONCE:
                raise ValueError(name)
            headers[name] = headers[name] + b"," + value.rstrip(b" \t")
        else:
            headers[name] = value.rstrip(b" \t")


class Framing:
    """What a head says of its message; nobody changes it once it is made.

    `length` is that of the body in bytes, or CHUNKED; `expects`: the client waits for 100 Continue."""

    __slots__ = ("expects", "http10", "keep_alive", "length")

    def __init__(self, http10: bool) -> None:
        self.length = 0
        self.expects = False
        self.keep_alive = not http10
        self.http10 = http10


PLAIN: Final = Framing(False)
"""Of most requests: HTTP/1.1, no body, to be followed by others."""

Head = tuple[str, bytes, dict[bytes, bytes], Framing]
"""Method, target, headers by lower-case name, framing."""


class HeadReader:
    """One for all connections of a worker: it is given whole heads only, so llhttp keeps no state between two calls."""

    __slots__ = ("_count_max", "_feed", "_fields", "_hosts", "_line_max", "_section_max", "_sections")

    def __init__(self, limits: Limits) -> None:
        self._line_max = limits.request_line_bytes_max
        self._section_max = limits.header_section_bytes_max
        self._count_max = limits.header_count_max
        self._hosts: set[bytes] = set()
        self._sections: dict[bytes, tuple[dict[bytes, bytes], Framing]] = {}
        self._renew()

    def _renew(self) -> None:
        self._fields = _Fields()
        self._feed: Any = HttpRequestParser(self._fields).feed_data

    def check_partial(self, data: bytes) -> None:
        """Refuses the start of a head (no empty line in it yet) that cannot become a good one. Errors: HeadRefused."""
        if not data:
            return
        line_end = data.find(b"\r\n", 0, self._line_max + 2)
        if line_end < 0:
            if len(data) >= self._line_max + 2:
                raise HeadRefused(414, "RequestUriTooLong", "The request line is too long.")
            line_end = len(data)
        elif len(data) - line_end - 2 >= self._section_max + 4:
            raise HeadRefused(431, "RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.")
        if not _PARTIAL_LINE.fullmatch(data, 0, line_end) and data != b"\r":
            raise _bad("This is not an HTTP request.")
        if _BARE_LF.search(data):
            raise _bad("A line of the request ends with a bare LF.")

    def read(self, head: bytes, data: bytes) -> Head:
        """Reads a head without the empty line that ends it; `data` is the same with that line. Errors: HeadRefused."""
        line, _, section = head.partition(b"\r\n")
        known = self._sections.get(section)
        if known is not None and line[-9:] == b" HTTP/1.1" and len(line) <= self._line_max:
            verb, _, target = line[:-9].partition(b" ")
            if verb in _METHODS and target[:1] == b"/" and not target.translate(None, _ORIGIN_FORM):
                return _METHODS[verb], target, known[0].copy(), known[1]
        return self._read_whole(line, section, data)

    def _read_whole(self, line: bytes, section: bytes, data: bytes) -> Head:
        """A head of which nothing is known. Its headers are remembered, for clients send the same again and again."""
        if len(line) > self._line_max:
            raise HeadRefused(414, "RequestUriTooLong", "The request line is too long.")
        lines = section.count(10) + 1 if section else 0
        if len(section) > self._section_max or lines > self._count_max:
            raise HeadRefused(431, "RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.")
        try:
            verb, target, version = line.split(b" ")
        except ValueError:
            raise _bad("The request line is malformed.") from None
        if version != b"HTTP/1.1" and version != b"HTTP/1.0":
            raise _version_refused(version)
        method = _METHODS.get(verb) or _method(verb)
        if target.isascii():
            headers = self._headers(data, lines)
        else:  # llhttp takes ASCII targets only, people's browsers and curl send UTF-8 as it is
            if any(byte <= 0x20 or byte == 0x7F for byte in target):
                raise _bad("The request target is malformed.")
            headers = self._headers(b"GET / HTTP/1.1\r\n" + section + b"\r\n\r\n", lines)
        http10 = version == b"HTTP/1.0"
        framing = PLAIN
        try:
            usual = target[:1] == b"/" and 35 not in target
            if not usual:
                target = _strip_target(method, target, headers)
            if headers.get(b"host") not in self._hosts:
                self._check_host(headers, http10)
            if http10 or not _FRAMING.isdisjoint(headers):
                self._renew()  # llhttp now waits for a body or takes nothing more: the next head is another connection's
                framing = _frame(headers, http10)
        except HeadRefused:
            self._renew()  # whatever llhttp made of this head, the next one is another connection's
            raise
        if usual and not http10 and len(section) <= _SECTION_BYTES_MAX and b"authorization" not in headers:  # a signature is not sent again
            if len(self._sections) >= _SECTIONS_MAX:
                del self._sections[next(iter(self._sections))]
            self._sections[section] = headers.copy(), framing
        return method, target, headers, framing

    def _headers(self, section: bytes, lines: int) -> dict[bytes, bytes]:
        fields = self._fields
        headers: dict[bytes, bytes] = {}
        fields.headers = headers
        try:
            self._feed(section)
        except HttpParserUpgrade:
            self._renew()  # an upgrade (h2c, websocket) is not taken: the request is answered as it stands (RFC 9110, 7.8)
        except HttpParserError as error:
            self._renew()
            if isinstance(error.__context__, ValueError):
                raise _bad("A header that may occur only once is repeated.") from None
            raise _bad(f"The request is malformed: {error}.") from None
        repeated, fields.repeated = fields.repeated, 0
        if len(headers) + repeated != lines:
            self._renew()
            raise _bad("The headers are malformed.")
        return headers

    def check_repeated(self, name: bytes) -> None:
        """Errors: HeadRefused for a header that may occur only once."""
        if name in _ONCE:
            raise _bad("A header that may occur only once is repeated.")

    def check_request(self, verb: bytes, target: bytes, headers: dict[bytes, bytes]) -> tuple[str, bytes]:
        """Method and target of a request whose head did not come as HTTP/1 text. Errors: HeadRefused."""
        method = _METHODS.get(verb) or _method(verb)
        if any(byte <= 0x20 or byte == 0x7F for byte in target):
            raise _bad("The request target is malformed.")
        if target[:1] != b"/" or 35 in target:
            target = _strip_target(method, target, headers)
        if headers.get(b"host") not in self._hosts:
            self._check_host(headers, False)
        return method, target

    def _check_host(self, headers: dict[bytes, bytes], http10: bool) -> None:
        """Good hosts are remembered, so that this is done once for each."""
        host = headers.get(b"host")
        if host is None:
            if not http10:
                raise _bad("The Host header is missing.")
            return
        if not _HOST.fullmatch(host):
            raise _bad("The Host header is malformed.")
        if len(host) > _HOST_BYTES_MAX:
            raise _bad("The Host header is malformed.")
        if len(self._hosts) >= _HOSTS_MAX:
            self._hosts.clear()
        self._hosts.add(host)


def _version_refused(version: bytes) -> HeadRefused:
    if re.fullmatch(rb"HTTP/[0-9]\.[0-9]", version):
        return HeadRefused(505, "HTTPVersionNotSupported", "The HTTP version is not supported.")
    return _bad("The request line is malformed.")


def _method(verb: bytes) -> str:
    if not _METHOD.fullmatch(verb):
        raise _bad("The request method is malformed.")
    if verb == b"CONNECT":
        raise HeadRefused(501, "NotImplemented", "This server is no proxy.")
    return verb.decode()


def _strip_target(method: str, target: bytes, headers: dict[bytes, bytes]) -> bytes:
    """Absolute form to origin form (RFC 9112, 3.2.2: its authority replaces Host); "*" for OPTIONS; everything else is refused."""
    if 35 in target:
        raise _bad("The request target must have no fragment.")
    if target == b"*" and method == "OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if not absolute:
        raise _bad("The request target is malformed.")
    if b"host" in headers:  # a missing one is still refused
        headers[b"host"] = absolute[1]
    rest = absolute[2]
    return rest if rest.startswith(b"/") else b"/" + rest


def _frame(headers: dict[bytes, bytes], http10: bool) -> Framing:
    """RFC 9112, 6.3, with the doubtful cases refused, and 9.3."""
    framing = Framing(http10)
    coding = headers.get(b"transfer-encoding")
    length = headers.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise _bad("Content-Length and Transfer-Encoding must not occur together.")
        if http10:
            raise _bad("Transfer-Encoding is unknown to HTTP/1.0.")
        if coding.lower() != b"chunked":
            raise HeadRefused(501, "NotImplemented", "The only transfer encoding that is implemented is chunked.")
        framing.length = CHUNKED
    elif length is not None:
        if not (length.isdigit() and len(length) <= 19 and int(length) < 1 << 63):
            raise _bad("Content-Length is malformed.")
        framing.length = int(length)
    if b"connection" in headers or http10:
        options = [option.strip() for option in headers.get(b"connection", b"").lower().split(b",")]
        framing.keep_alive = b"close" not in options and (not http10 or b"keep-alive" in options)
    if b"expect" in headers and not http10:
        # any other expectation is passed over, as S3 does and RFC 9110, 10.1.1, allows
        framing.expects = framing.length != 0 and headers[b"expect"].lower() == b"100-continue"
    return framing
