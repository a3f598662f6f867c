"""GetObject, HeadObject and PutObject as the native doors answer them, for a caller who has been let in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from holdfast.engine.api import ANYTHING, Engine, Expect, Gone
from holdfast.model.buckets import Bucket
from holdfast.model.errors import InternalError, InvalidArgument, NoSuchKey, NoSuchVersion, NotModified, PreconditionFailed
from holdfast.model.identity import Caller
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Version
from holdfast.model.ownership import owner_of_new
from holdfast.objects.conditions import ANY, check_read, entity_tags
from holdfast.objects.encryption import FACT
from holdfast.objects.names import check_key
from holdfast.objects.ranges import byte_range
from holdfast.objects.read import find, open_bytes
from holdfast.objects.write import put
from holdfast.oci.encryption import encryption_headers, key_to_read, wish_of
from holdfast.oci.listing import parameters
from holdfast.oci.object_facts import claim_of, facts_of, storage_class_of
from holdfast.oci.object_head import Header, native_etag, object_head, stored_version_id, written_head
from holdfast.wire.values import header_text, header_value

PUT_BYTES_MAX = 50 << 30
"""The largest body of one PUT or part (OCI, "Using Pre-Authenticated Requests" and "Object Storage limits")."""

_READS = 3
_OVERRIDES = {
    "httpResponseContentType": b"content-type",
    "httpResponseContentDisposition": b"content-disposition",
    "httpResponseCacheControl": b"cache-control",
    "httpResponseContentLanguage": b"content-language",
    "httpResponseContentEncoding": b"content-encoding",
    "httpResponseExpires": b"expires",
}
_NOT_MODIFIED_HEADERS = frozenset((b"etag", b"last-modified", b"cache-control", b"expires", b"version-id"))


async def read_object(engine: Engine, bucket: Bucket, key: str, request: Request, found: Callable[[Version], Awaitable[None]]) -> Response:
    """GetObject, or HeadObject by the method: conditions, one range, and overriding of response headers. `found` gets the version before
    anything is told of it, and raises what refuses it.

    Errors: NoSuchKey, NoSuchVersion, PreconditionFailed, NotModified, InvalidRange, InvalidArgument (a parameter that is not known);
    InvalidRequest (a wrong key of the client's own, or none where one is needed)."""
    head_only = request.method == "HEAD"
    asked = parameters(request.query) if request.query else {}
    unknown = asked.keys() - _OVERRIDES.keys() - {"versionId"}
    if unknown:
        raise InvalidArgument(f"There is no parameter {min(unknown)}.", ArgumentName=min(unknown))
    for _ in range(_READS):
        version = await _find(engine, bucket, key, asked.get("versionId"), body=not head_only)
        await found(version)
        status, head, start, length = _answer(bucket.id, version, request, asked)
        key_of_client = b""
        if FACT in version.facts.extra or b"opc-sse-customer-algorithm" in request.headers:
            key_of_client = key_to_read(request, version.facts)
            head += encryption_headers(request, version.facts)
        if head_only:
            head.append((b"content-length", b"%d" % length))
            return Response(status, head)
        try:
            return Response(status, head, await open_bytes(engine, version, start, length, key_of_client))
        except Gone:  # overwritten or deleted between the look-up and the read: what is there now is the answer
            continue
    raise InternalError


async def _find(engine: Engine, bucket: Bucket, key: str, version_id: str | None, *, body: bool) -> Version:
    """Errors: NoSuchKey and NoSuchVersion in OCI's words."""
    if version_id is not None:
        latest = await engine.catalog.version(bucket.id, key, body=body)
        if latest is not None and not latest.is_delete_marker and object_id(bucket.id, latest) == version_id:
            return latest
    try:
        return await find(engine, bucket, key, None if version_id is None else stored_version_id(version_id), body=body)
    except NoSuchVersion:
        raise NoSuchVersion(f"The version '{version_id}' of the object '{key}' was not found in the bucket '{bucket.name}'") from None
    except NoSuchKey:
        raise NoSuchKey(f"The object '{key}' was not found in the bucket '{bucket.name}'") from None


def object_id(bucket_id: int, version: Version) -> str:
    """The version id that the native doors show."""
    return dict(object_head(bucket_id, version))[b"version-id"].decode("ascii")


def _answer(bucket_id: int, version: Version, request: Request, asked: dict[str, str]) -> tuple[int, list[Header], int, int]:
    """(status, headers, start, length)."""
    headers = request.headers
    head = object_head(bucket_id, version)
    if_match, if_none_match = headers.get(b"if-match"), headers.get(b"if-none-match")
    if if_match is not None or if_none_match is not None:
        try:
            check_read(
                native_etag(bucket_id, version),
                version.modified_ms,
                None if if_match is None else header_text(if_match),
                None if if_none_match is None else header_text(if_none_match),
            )
        except NotModified:
            raise NotModified(None, headers=tuple(header for header in head if header[0] in _NOT_MODIFIED_HEADERS)) from None
    status, start, length = 200, 0, version.size
    ranged = headers.get(b"range")
    if ranged is not None:
        found = byte_range(header_text(ranged), version.size)
        if found is not None:
            status = 206
            start, length = found
            head.append((b"content-range", b"bytes %d-%d/%d" % (start, start + length - 1, version.size)))
    for name, value in asked.items():
        header = _OVERRIDES.get(name)
        if header is not None:
            head = [each for each in head if each[0] != header]
            head.append((header, header_value(value)))
    return status, head, start, length


async def write_expectation(engine: Engine, bucket: Bucket, key: str, request: Request) -> Expect:
    """The precondition of a write: If-Match or If-None-Match: *.

    An ETag of the native doors is looked up now, and the version that has it must still be there when the write is committed.
    Errors: PreconditionFailed; InvalidArgument."""
    if_match, if_none_match = request.headers.get(b"if-match"), request.headers.get(b"if-none-match")
    if if_match is not None and if_none_match is not None:
        raise InvalidArgument("if-match and if-none-match cannot be sent together.", ArgumentName="if-none-match")
    if if_none_match is not None and ANY not in entity_tags(header_text(if_none_match)):
        raise InvalidArgument("if-none-match can only be '*' here.", ArgumentName="if-none-match")
    if if_match is None:
        return ANYTHING if if_none_match is None else Expect(absent=True)
    tags = entity_tags(header_text(if_match))
    if ANY in tags:
        return Expect(present=True)
    latest = await engine.catalog.version(bucket.id, key)
    if latest is None or latest.is_delete_marker or native_etag(bucket.id, latest) not in tags:
        raise PreconditionFailed("The If-Match header is set but it didn't match the current etag of the object")
    return Expect(present=True, seq=latest.seq)


def check_name(key: str) -> None:
    """Errors: KeyTooLongError; InvalidArgument for a name that OCI's objects cannot have (OCI, "Object Names")."""
    check_key(key)
    if "\0" in key or "\r" in key or "\n" in key:
        raise InvalidArgument("The name of an object has no NUL, carriage return or line feed.", ArgumentName="objectName")


async def put_object(engine: Engine, bucket: Bucket, key: str, caller: Caller, request: Request, expect: Expect, now_ms: int) -> Response:
    """PutObject: the body becomes the latest version.

    Errors: KeyTooLongError, EntityTooLarge (before the body is read), MetadataTooLarge, InvalidArgument, BadDigest, PreconditionFailed,
    AccessDenied (a caller who may write half of the keys only, `holdfast.objects.conditions.within`)."""
    check_name(key)
    headers = request.headers
    try:
        version = await put(
            engine,
            bucket,
            key,
            request.body,
            facts=facts_of(headers),
            owner=owner_of_new(bucket, caller.user.canonical_id if caller.user is not None else "", None),
            claim=claim_of(headers),
            expect=expect,
            storage_class=storage_class_of(headers, bucket),
            now_ms=now_ms,
            size_max=PUT_BYTES_MAX,
            wish=wish_of(request),
        )
    except NoSuchKey:
        raise PreconditionFailed("The If-Match header is set but there is no such object", Condition="If-Match") from None
    return Response(200, written_head(bucket.id, version) + encryption_headers(request, version.facts))
