"""What GetObject and HeadObject answer for a version: conditions, range, status and headers."""

from __future__ import annotations

import msgspec

from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument, InvalidRequest, NotModified
from holdfast.model.identity import Caller
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Version
from holdfast.objects.checksums import ALGORITHMS
from holdfast.objects.conditions import check_read, entity_tags
from holdfast.objects.ranges import byte_range, part_range
from holdfast.s3.object_headers import Header, checksum_headers, object_lines
from holdfast.wire.values import header_value, http_date


class ReadInput(msgspec.Struct, frozen=True, kw_only=True):
    """The input of GetObject and of HeadObject."""

    bucket: str
    key: str
    version_id: str | None = None
    part_number: int | None = None
    range: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: float | None = None
    if_unmodified_since: float | None = None
    checksum_mode: str | None = None
    response_cache_control: str | None = None
    response_content_disposition: str | None = None
    response_content_encoding: str | None = None
    response_content_language: str | None = None
    response_content_type: str | None = None
    response_expires: float | None = None


_OVERRIDES = {
    "response_cache_control": b"Cache-Control",
    "response_content_disposition": b"Content-Disposition",
    "response_content_encoding": b"Content-Encoding",
    "response_content_language": b"Content-Language",
    "response_content_type": b"Content-Type",
}
_NOT_MODIFIED_HEADERS = frozenset({b"ETag", b"Last-Modified", b"Cache-Control", b"Expires", b"x-amz-version-id"})
_CONTROL = frozenset(map(chr, (*range(32), 127)))


def answer(given: ReadInput, request: Request, caller: Caller, bucket: Bucket, version: Version) -> tuple[Response, int, int]:
    """(the answer but for its body and its length, start, length of the bytes that it is about).

    Errors: NotModified (with the headers of RFC 9110, 15.4.5), PreconditionFailed, InvalidRange, InvalidPartNumber, InvalidArgument,
    InvalidRequest."""
    if b"x-amz-server-side-encryption" in request.headers:  # a member of no read: it would be ignored in silence
        raise InvalidArgument(
            "x-amz-server-side-encryption header is not supported for this operation.", ArgumentName="x-amz-server-side-encryption"
        )
    lines = object_lines(bucket, version)
    if (
        given.if_match is not None
        or given.if_none_match is not None
        or given.if_modified_since is not None
        or given.if_unmodified_since is not None
    ):
        try:
            check_read(
                version.etag, version.modified_ms, given.if_match, given.if_none_match, given.if_modified_since, given.if_unmodified_since
            )
        except NotModified:
            raise NotModified(None, headers=tuple(header for header in lines.fields if header[0] in _NOT_MODIFIED_HEADERS)) from None
    head: list[Header] = []
    size = version.size
    status, start, length = 200, 0, size
    if given.part_number is not None:
        if given.range is not None:
            raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
        start, length = part_range(given.part_number, version.facts.parts, size)
        status = 206 if size else 200
        if version.facts.parts:
            head.append((b"x-amz-mp-parts-count", b"%d" % len(version.facts.parts)))
    elif given.range is not None and _range_counts(request, version):
        found = byte_range(given.range, size)
        if found is not None:
            status = 206
            start, length = found
    if status == 206:
        head.append((b"Content-Range", b"bytes %d-%d/%d" % (start, start + length - 1, size)))
    if given.checksum_mode is not None:
        head.extend(_checksums(given, version, length))
    if b"response-" in request.query:
        full = [*lines.fields, *head]
        _override(given, caller, full)
        return Response(status, full), start, length
    return Response(status, head, shared=lines), start, length


def whole_answer(bucket: Bucket, version: Version) -> Response:
    """What `answer` gives to a request that asks for nothing but the object."""
    return Response(200, shared=object_lines(bucket, version, whole=True))


def _range_counts(request: Request, version: Version) -> bool:
    """If-Range (RFC 9110, 13.1.5): a range of another version would be useless, so the whole is the answer. A date never matches strongly."""
    if_range = request.headers.get(b"if-range")
    return if_range is None or (if_range.startswith(b'"') and version.etag in entity_tags(if_range.decode("latin-1")))


def _checksums(given: ReadInput, version: Version, length: int) -> tuple[Header, ...]:
    """The checksum of exactly the bytes that are sent: of the whole, of a part that has its own, or none."""
    if (given.checksum_mode or "").upper() != "ENABLED":  # the AWS SDK for C++ writes it in lower case; any other word asks for nothing
        return ()
    facts = version.facts
    if given.part_number is not None and facts.parts:
        algorithm = ALGORITHMS.get(facts.checksum_algorithm)
        part = facts.parts[given.part_number - 1]
        if algorithm is None or not part.checksum:
            return ()
        return (algorithm.header, part.checksum.encode("ascii")), (b"x-amz-checksum-type", facts.checksum_type.encode("ascii"))
    return checksum_headers(facts) if length == version.size else ()


def _override(given: ReadInput, caller: Caller, head: list[Header]) -> None:
    """The response-* parameters replace headers, for signed requests only (GetObject, "Overriding response header values")."""
    replaced: list[Header] = []
    for member, name in _OVERRIDES.items():
        value: str | None = getattr(given, member)
        if value is not None:
            if not _CONTROL.isdisjoint(value):
                raise InvalidArgument(None, ArgumentName=member.replace("_", "-"), ArgumentValue=value.encode("unicode_escape").decode("ascii"))
            replaced.append((name, header_value(value)))
    if given.response_expires is not None:
        replaced.append((b"Expires", http_date(given.response_expires).encode("ascii")))
    if not replaced:
        return
    if caller.user is None:
        raise InvalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
    names = {name for name, _ in replaced}
    head[:] = [header for header in head if header[0] not in names] + replaced
