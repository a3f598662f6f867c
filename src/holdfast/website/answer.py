"""What a website answers for an object: conditions, range and the headers that browsers use, nothing of what only S3's clients know."""

from __future__ import annotations

from holdfast.model.errors import NotModified
from holdfast.model.messages import Request
from holdfast.model.objects import Facts, Version
from holdfast.objects.conditions import check_read, entity_tags
from holdfast.objects.ranges import byte_range
from holdfast.wire.values import header_text, header_value, http_date, timestamp

Header = tuple[bytes, bytes]

_CONDITIONS = (b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since")
_NOT_MODIFIED = frozenset((b"ETag", b"Last-Modified", b"Cache-Control", b"Expires"))


def answer(version: Version, request: Request) -> tuple[int, list[Header], int, int]:
    """(status, headers but for the length, start, length of the bytes).

    Errors: NotModified (with the headers of RFC 9110, 15.4.5), PreconditionFailed, InvalidRange."""
    headers = request.headers
    head = [
        (b"Last-Modified", http_date(version.modified_ms // 1000).encode("ascii")),
        (b"ETag", b'"%b"' % version.etag.encode("ascii")),
        (b"Accept-Ranges", b"bytes"),
        *content_headers(version.facts),
    ]
    if version.facts.expires:
        head.append((b"Expires", header_value(version.facts.expires)))
    if not headers.keys().isdisjoint(_CONDITIONS):
        if_match, if_none_match, since, unmodified = (headers.get(name) for name in _CONDITIONS)
        try:
            check_read(
                version.etag, version.modified_ms, None if if_match is None else header_text(if_match),
                None if if_none_match is None else header_text(if_none_match), _seconds(since), _seconds(unmodified),
            )  # fmt: skip
        except NotModified:
            raise NotModified(None, headers=tuple(header for header in head if header[0] in _NOT_MODIFIED)) from None
    asked, size = headers.get(b"range"), version.size
    if_range = headers.get(b"if-range")
    if asked is not None and (if_range is None or (if_range.startswith(b'"') and version.etag in entity_tags(header_text(if_range)))):
        found = byte_range(header_text(asked), size)
        if found is not None:
            start, length = found
            head.append((b"Content-Range", b"bytes %d-%d/%d" % (start, start + length - 1, size)))
            return 206, head, start, length
    return 200, head, 0, size


def content_headers(facts: Facts) -> list[Header]:
    """What an object says of its bytes and of how long they may be kept."""
    return [
        (name, header_value(value))
        for name, value in (
            (b"Content-Type", facts.content_type),
            (b"Cache-Control", facts.cache_control),
            (b"Content-Disposition", facts.content_disposition),
            (b"Content-Encoding", facts.content_encoding),
            (b"Content-Language", facts.content_language),
        )
        if value
    ]


def _seconds(value: bytes | None) -> float | None:
    """A date as seconds since the epoch; one that cannot be read is as none (RFC 9110, 13.1.3 and 13.1.4)."""
    if value is None:
        return None
    try:
        return timestamp(header_text(value))
    except ValueError:
        return None
