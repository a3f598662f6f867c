"""PutObject, GetObject, HeadObject, DeleteObject, ListObjects, BatchDeleteObjects."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.engine.api import ANYTHING, Expect
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied, InvalidArgument, NoSuchKey, NoSuchVersion, PreconditionFailed, Refusal
from holdfast.model.messages import Response
from holdfast.model.objects import EXISTING, NEW, Version
from holdfast.objects.conditions import ANY, entity_tags, within
from holdfast.objects.names import check_key
from holdfast.objects.remove import remove
from holdfast.oci.answers import document
from holdfast.oci.errors import Locked, words_of
from holdfast.oci.listing import list_objects as list_page
from holdfast.oci.listing import read_query
from holdfast.oci.native_objects import put_object as put
from holdfast.oci.native_objects import read_object, write_expectation
from holdfast.oci.object_head import NATIVE, last_modified, native_etag, native_version_id, stored_version_id
from holdfast.oci.operation import Call, operation
from holdfast.wire.values import iso_date_ms

_OBJECTS = "/n/{namespaceName}/b/{bucketName}/o"
_OBJECT = _OBJECTS + "/{objectName}"
_OVERRIDES = tuple("httpResponse" + name for name in (
    "ContentDisposition", "CacheControl", "ContentType", "ContentLanguage", "ContentEncoding", "Expires"
))  # fmt: skip
_LISTING = ("prefix", "start", "end", "limit", "delimiter", "fields", "startAfter")
BATCH_MAX = 1000


@operation("PutObject", "PUT", _OBJECT, asks=False, streams=True, conditional=True, encrypts=True)
async def put_object(call: Call) -> Response:
    """The body becomes the latest version. Who may only make new names, or only overwrite, does that and no more, whatever happens meanwhile.

    Errors: as `native_objects.put_object`; AccessDenied."""
    bucket = call.place()
    half = half_of_write(call, bucket, call.key)
    expect = within(await write_expectation(call.engine, bucket, call.key, call.request), half)
    return await put(call.engine, bucket, call.key, call.caller, call.request, expect, call.now_ms)


def half_of_write(call: Call, bucket: Bucket, key: str) -> str:
    """Which names the caller may write: "" all, NEW or EXISTING. Errors: AccessDenied for none."""
    creates = call.may(bucket=bucket, key=key, permissions=("OBJECT_CREATE",))
    overwrites = call.may(bucket=bucket, key=key, permissions=("OBJECT_OVERWRITE",))
    if creates and overwrites:
        return ""
    if not creates and not overwrites:
        raise AccessDenied
    return NEW if creates else EXISTING


@operation("GetObject", "GET", _OBJECT, query=("versionId", *_OVERRIDES), asks=False, conditional=True, encrypts=True, public=True)
async def get_object(call: Call) -> Response:
    """The bytes of a version, or one range of them."""
    return await _read(call)


@operation("HeadObject", "HEAD", _OBJECT, query=("versionId",), asks=False, conditional=True, encrypts=True, public=True)
async def head_object(call: Call) -> Response:
    """What GetObject would answer, without the bytes."""
    return await _read(call)


async def _read(call: Call) -> Response:
    bucket, right = call.place(), await _ask_to_read(call)

    async def found(version: Version) -> None:
        await call.require_of(version, right, bucket=bucket, key=call.key)

    return await read_object(call.engine, bucket, call.key, call.request, found)


async def _ask_to_read(call: Call) -> str:
    """The right that was asked for. The object's own access control list counts too, where nothing else lets the caller in. A version that is
    named is another right than the latest one, for bucket policies. Errors: AccessDenied."""
    bucket = call.place()
    if "versionId" in call.query:
        await call.require(call.operation + "Version", bucket=bucket, key=call.key)
        return call.operation + "Version"
    try:
        await call.require(bucket=bucket, key=call.key)
    except AccessDenied:
        version = await call.engine.catalog.version(bucket.id, call.key)
        if version is None:
            raise
        await call.require(bucket=bucket, key=call.key, target=version)
    return call.operation


@operation("ListObjects", "GET", _OBJECTS, query=_LISTING, public=True)
async def list_objects(call: Call) -> Response:
    """A page of names, with what `fields` asks for."""
    return document(await list_page(call.engine, call.place().id, read_query(call.request.query)), 200, NATIVE)


@operation("DeleteObject", "DELETE", _OBJECT, query=("versionId",), asks=False, conditional=True)
async def delete_object(call: Call) -> Response:
    """Removes a version for good, or hides the name behind a delete marker; what is not there is an error, unlike in S3.

    Errors: NoSuchKey, NoSuchVersion, PreconditionFailed."""
    bucket, named = call.place(), call.query.get("versionId")
    await call.require("DeleteObject" if named is None else "DeleteObjectVersion", bucket=bucket, key=call.key)
    if b"if-none-match" in call.request.headers:
        raise InvalidArgument("DeleteObject takes no if-none-match.")
    tag = call.header(b"if-match") if b"if-match" in call.request.headers else None
    return Response(204, await delete(call, bucket, call.key, named, tag))


async def delete(call: Call, bucket: Bucket, key: str, named: str | None, tag: str | None) -> list[tuple[bytes, bytes]]:
    """The headers that say what was deleted. Errors: as `delete_object`."""
    version = await _to_delete(call, bucket, key, named)
    expect = ANYTHING if named is not None and tag is None else Expect(present=True)
    if tag is not None:
        tags = entity_tags(tag)
        if ANY not in tags and native_etag(bucket.id, version) not in tags:
            raise PreconditionFailed(None, Condition="If-Match")
        expect = Expect(present=True, seq=version.seq)
    stored = version.version_id if named is not None else None
    try:
        removed = await remove(call.engine, bucket, key, stored, expect, now_ms=call.now_ms)
    except NoSuchKey:
        raise _absent(call, key) from None
    except AccessDenied:
        raise Locked from None
    head = [(b"last-modified", last_modified(version.modified_ms // 1000))]
    if removed.is_delete_marker and named is None:
        head += [(b"version-id", _dashed(removed.version_id)), (b"is-delete-marker", b"true")]
    else:
        head += [(b"version-id", native_version_id(bucket.id, version).encode("ascii")), (b"is-delete-marker", b"false")]
        if version.is_delete_marker:
            head[-1] = (b"is-delete-marker", b"true")
    return head


def _dashed(version_id: str) -> bytes:
    digits = version_id
    if len(digits) != 32:
        return digits.encode("ascii")
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode("ascii")


async def _to_delete(call: Call, bucket: Bucket, key: str, named: str | None) -> Version:
    catalog = call.engine.catalog
    latest = await catalog.version(bucket.id, key)
    if named is None:
        if latest is None or latest.is_delete_marker:
            raise _absent(call, key)
        return latest
    if latest is not None and native_version_id(bucket.id, latest) == named:
        return latest
    found = await catalog.version(bucket.id, key, stored_version_id(named))
    if found is None:
        raise NoSuchVersion(f"The version '{named}' of the object '{key}' does not exist in bucket '{bucket.name}'")
    return found


def _absent(call: Call, key: str) -> NoSuchKey:
    names = call.names
    return NoSuchKey(f"The object '{key}' does not exist in bucket '{names['bucketName']}' with namespace '{names['namespaceName']}'")


class BatchDeleteObjectIdentifier(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One of the objects to delete, and the ETag that it must have."""

    object_name: str
    if_match: str | None = None


class BatchDeleteObjectsDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The objects to delete. `isSkipDeletedResult` leaves out those that were deleted."""

    objects: list[BatchDeleteObjectIdentifier]
    is_skip_deleted_result: bool | None = None


@operation(
    "BatchDeleteObjects", "POST", "/n/{namespaceName}/b/{bucketName}/actions/batchDeleteObjects",
    body=BatchDeleteObjectsDetails, body_bytes_max=4 << 20, asks=False,
)  # fmt: skip
async def batch_delete_objects(call: Call) -> Response:
    """Deletes each object on its own, and says of each how it went. Errors: InvalidArgument; AccessDenied for who may delete none."""
    given: BatchDeleteObjectsDetails = call.body
    bucket = call.place()
    if not 1 <= len(given.objects) <= BATCH_MAX:
        raise InvalidArgument(f"objects must name 1 to {BATCH_MAX} objects.", ArgumentName="objects")
    allowed = [call.may(bucket=bucket, key=each.object_name) for each in given.objects]
    if not any(allowed):
        raise AccessDenied
    deleted: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for each, may in zip(given.objects, allowed, strict=True):
        try:
            if not may:
                raise AccessDenied
            check_key(each.object_name)
            await delete(call, bucket, each.object_name, None, each.if_match)
            deleted.append({"objectName": each.object_name, "timeLastModified": iso_date_ms(call.now_ms)})
        except Refusal as refusal:
            status, _, message = words_of(refusal, None)
            failed.append({"objectName": each.object_name, "statusCode": str(status), "errorMessage": message})
    return document({"deleted": [] if given.is_skip_deleted_result else deleted, "failed": failed})
