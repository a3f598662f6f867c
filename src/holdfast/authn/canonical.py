"""The canonical forms of path, query and headers that signatures are made over.

Clients encode differently, so a signature may fit one of several forms of the same request. Every form decodes to the
same key and the same parameters ("+" in a query is a space), so two requests that mean different things never share one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote_to_bytes

from holdfast.model.errors import InvalidArgument

_SECRET = re.compile(
    rb"((?:^|\n)x-amz-(?:copy-source-)?server-side-encryption-customer-key:|(?:^|\n)x-amz-security-token:|(?:^|[\n&])X-Amz-Security-Token=)[^\n&]+"
)


def without_secrets(signed: bytes) -> bytes:
    """A canonical request or string to sign as it may be shown: keys and tokens that were signed with it are left out."""
    return _SECRET.sub(rb"\1...", signed)


def sorted_query(query: bytes) -> bytes:
    """Parameters in order of name, then value, each with its "=", encoded as the client sent them."""
    if not query:
        return b""
    if b"&" not in query:
        return query if b"=" in query else query + b"="
    pairs = [pair.partition(b"=") for pair in query.split(b"&") if pair]
    pairs.sort()
    return b"&".join([name + b"=" + value for name, _, value in pairs])


def encoded_query(query: bytes) -> bytes:
    """As `sorted_query`, with every name and value decoded and encoded anew as AWS does it: unreserved characters stay."""
    pairs = sorted((_encode(name), _encode(value)) for name, _, value in [pair.partition(b"=") for pair in query.split(b"&") if pair])
    return b"&".join([name + b"=" + value for name, value in pairs])


def _encode(raw: bytes) -> bytes:
    return quote(unquote_to_bytes(raw.replace(b"+", b" ")), safe="~").encode()


def encoded_path(path: bytes) -> bytes:
    """The path decoded once and encoded anew as AWS does it ("/" stays)."""
    return quote(unquote_to_bytes(path), safe="/~").encode()


def other_forms(path: bytes, query: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every form of (path, query) besides the first one (path as sent, `sorted_query`).

    The query as sent, unsorted, is what curl 7.88 signs.
    """
    first = (path, sorted_query(query))
    seen = {first}
    for a_query in (first[1], encoded_query(query), query):
        for a_path in (path, encoded_path(path)):
            form = (a_path, a_query)
            if form not in seen:
                seen.add(form)
                yield form


def header_lines(names: tuple[bytes, ...], headers: dict[bytes, bytes]) -> bytes:
    """`name:value` lines of the signed headers, runs of white space collapsed. A header that was not sent has no line, so the
    signature of whoever signed it does not fit."""
    lines = []
    for name in names:
        value = headers.get(name)
        if value is not None:
            if b"  " in value or b"\t" in value:
                value = b" ".join(value.split())
            lines.append(name + b":" + value)
    lines.append(b"")
    return b"\n".join(lines)


def parameters(query: bytes) -> list[tuple[str, str]]:
    """The decoded parameters in the order sent. Errors: InvalidArgument when they are not UTF-8."""
    try:
        pairs = [pair.partition(b"=") for pair in query.split(b"&") if pair]
        if b"%" not in query and b"+" not in query:
            return [(name.decode(), value.decode()) for name, _, value in pairs]
        return [(_decoded(name), _decoded(value)) for name, _, value in pairs]
    except UnicodeDecodeError:
        raise InvalidArgument("The query of the request is not valid UTF-8.") from None


def _decoded(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode()


def without(query: bytes, name: bytes) -> bytes:
    """The query without the parameter `name` (spelt as it is, undecoded)."""
    return b"&".join([pair for pair in query.split(b"&") if pair.partition(b"=")[0] != name])
