"""CreateMultipartUpload, UploadPart, CommitMultipartUpload, AbortMultipartUpload, ListMultipartUploads, ListMultipartUploadParts."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import InvalidArgument, InvalidPart, PreconditionFailed
from holdfast.model.messages import Response
from holdfast.model.objects import Part, Upload
from holdfast.objects.completion import ListedPart
from holdfast.objects.paging import continuation_place, continuation_token
from holdfast.objects.uploads import PART_NUMBER_MAX, abort_upload, find_upload
from holdfast.oci import native_uploads
from holdfast.oci.answers import document
from holdfast.oci.object_head import NATIVE, TIER_OF, md5_of
from holdfast.oci.operation import Call, operation, whole_number
from holdfast.wire.values import iso_date_ms

_UPLOADS = "/n/{namespaceName}/b/{bucketName}/u"
_UPLOAD = _UPLOADS + "/{objectName}"
PAGE_MAX = 1000
_CONTENT = {
    "content_type": b"content-type",
    "content_language": b"content-language",
    "content_encoding": b"content-encoding",
    "content_disposition": b"content-disposition",
    "cache_control": b"cache-control",
    "storage_tier": b"storage-tier",
}


class CreateMultipartUploadDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The object that the parts will become. The names of its metadata may begin with opc-meta-."""

    object: str
    content_type: str | None = None
    content_language: str | None = None
    content_encoding: str | None = None
    content_disposition: str | None = None
    cache_control: str | None = None
    storage_tier: str | None = None
    metadata: dict[str, str] | None = None


class CommitMultipartUploadPartDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A part as its upload answered it."""

    part_num: int
    etag: str


class CommitMultipartUploadDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The parts of the object, and those that are left out: together all that were uploaded."""

    parts_to_commit: list[CommitMultipartUploadPartDetails]
    parts_to_exclude: list[int] | None = None


@operation("CreateMultipartUpload", "POST", _UPLOADS, body=CreateMultipartUploadDetails, asks=False, conditional=True, encrypts=True)
async def create_multipart_upload(call: Call) -> Response:
    """Starts an upload. If-None-Match holds now and when it is committed. Errors: as PutObject without those of the body."""
    given: CreateMultipartUploadDetails = call.body
    bucket, user = call.place(), call.user
    await call.require(bucket=bucket, key=given.object)
    upload = await native_uploads.begin(call.engine, bucket, given.object, user.canonical_id, call.request, _headers_of(given), call.now_ms)
    location = f"/n/{call.names['namespaceName']}/b/{bucket.name}/u".encode()
    return document(_told(call, upload), 200, (b"location", location), NATIVE)


def _headers_of(given: CreateMultipartUploadDetails) -> dict[bytes, bytes]:
    """The document as the headers that PutObject would have had."""
    headers = {header: value.encode() for member, header in _CONTENT.items() if (value := getattr(given, member)) is not None}
    for name, value in (given.metadata or {}).items():
        if "\r" in value or "\n" in value or "\0" in value or not name.isascii():
            raise InvalidArgument("The metadata cannot be sent as headers.", ArgumentName="metadata")
        headers[b"opc-meta-" + name.lower().removeprefix("opc-meta-").encode("ascii")] = value.encode()
    return headers


@operation("UploadPart", "PUT", _UPLOAD, query=("uploadId!", "uploadPartNum!"), streams=True, conditional=True, encrypts=True)
async def upload_part(call: Call) -> Response:
    """Stores one part, or replaces it. Errors: InvalidArgument (its number), NoSuchUpload, EntityTooLarge, BadDigest, PreconditionFailed."""
    number = native_uploads.part_number(call.query["uploadPartNum"])
    upload = await _upload(call)
    await _hold_conditions(call, upload, number)
    return await native_uploads.put_part(call.engine, upload, number, call.request, call.now_ms)


async def _hold_conditions(call: Call, upload: Upload, number: int) -> None:
    """If-Match and If-None-Match speak of the part of that number. Errors: PreconditionFailed."""
    if_match, if_none_match = call.header(b"if-match"), call.header(b"if-none-match")
    if not if_match and not if_none_match:
        return
    found = await call.engine.catalog.parts(upload, after=number - 1, limit=1)
    etag = found[0].etag if found and found[0].number == number else None
    if (if_match and etag is None) or (if_match not in ("", "*") and if_match.strip('"') != etag):
        raise PreconditionFailed(Condition="If-Match")
    if if_none_match and etag is not None and if_none_match.strip('"') in ("*", etag):
        raise PreconditionFailed(Condition="If-None-Match")


@operation(
    "CommitMultipartUpload", "POST", _UPLOAD, query=("uploadId!",), body=CommitMultipartUploadDetails, body_bytes_max=4 << 20, conditional=True
)
async def commit_multipart_upload(call: Call) -> Response:
    """Makes the object of the parts, in order of their numbers and whatever their sizes.

    Errors: InvalidPart (none, one that is not there, or one of which nothing is said), NoSuchUpload, EntityTooLarge, PreconditionFailed."""
    given: CommitMultipartUploadDetails = call.body
    if not given.parts_to_commit:
        raise InvalidPart("There are no parts to commit")
    upload, bucket = await _upload(call), call.place()
    stored = await call.engine.catalog.parts(upload, limit=PART_NUMBER_MAX)
    listed = _listed(given, stored)
    native_uploads.check_parts([part for part in stored if part.number in {each.number for each in listed}])
    return await native_uploads.commit(call.engine, bucket, upload, listed, call.request)


def _listed(given: CommitMultipartUploadDetails, stored: list[Part]) -> list[ListedPart]:
    """The parts to commit in order of their numbers. Errors: InvalidPart."""
    chosen = {part.part_num: part.etag.strip('"') for part in given.parts_to_commit}
    excluded = set(given.parts_to_exclude or ())
    if len(chosen) != len(given.parts_to_commit):
        raise InvalidPart("A part stands twice in partsToCommit")
    if excluded & chosen.keys():
        raise InvalidPart("A part cannot be both committed and excluded")
    there = {part.number for part in stored}
    if chosen.keys() - there:
        raise InvalidPart(f"Part {min(chosen.keys() - there)} was not uploaded")
    unsaid = there - chosen.keys() - excluded
    if unsaid:
        raise InvalidPart(f"Part {min(unsaid)} was uploaded, and is neither in partsToCommit nor in partsToExclude")
    return [ListedPart(number, etag) for number, etag in sorted(chosen.items())]


@operation("AbortMultipartUpload", "DELETE", _UPLOAD, query=("uploadId!",))
async def abort_multipart_upload(call: Call) -> Response:
    """Ends the upload and frees its parts. Errors: NoSuchUpload."""
    await abort_upload(call.engine, await _upload(call))
    return Response(204, [])


@operation("ListMultipartUploads", "GET", _UPLOADS, query=("limit", "page"))
async def list_multipart_uploads(call: Call) -> Response:
    """The uploads that nobody committed or aborted, in order of name."""
    limit = whole_number(call.query.get("limit"), "limit", 1, PAGE_MAX, PAGE_MAX)
    after = continuation_place(call.query["page"]).partition("\n") if "page" in call.query else ("", "", "")
    page = await call.engine.catalog.uploads(call.place().id, after_key=after[2], after_upload=after[0], limit=limit)
    headers = []
    if page.truncated:
        last = page.uploads[-1]
        headers.append((b"opc-next-page", continuation_token(f"{last.upload_id}\n{last.key}").encode("ascii")))
    return document([_told(call, upload) for upload in page.uploads], 200, *headers)


@operation("ListMultipartUploadParts", "GET", _UPLOAD, query=("uploadId!", "limit", "page"))
async def list_multipart_upload_parts(call: Call) -> Response:
    """The parts of an upload, in order of their numbers. Errors: NoSuchUpload."""
    limit = whole_number(call.query.get("limit"), "limit", 1, PAGE_MAX, PAGE_MAX)
    page = call.query.get("page")
    after = whole_number(continuation_place(page), "page", 0, PART_NUMBER_MAX, 0) if page else 0
    parts = await call.engine.catalog.parts(await _upload(call), after=after, limit=limit + 1)
    headers = [(b"opc-next-page", continuation_token(str(parts[limit - 1].number)).encode("ascii"))] if len(parts) > limit else []
    rows = [{"etag": part.etag, "md5": md5_of(part.etag), "size": part.size, "partNumber": part.number} for part in parts[:limit]]
    return document(rows, 200, *headers)


async def _upload(call: Call) -> Upload:
    """Errors: NoSuchUpload."""
    return await find_upload(call.engine, call.place().id, call.key, call.query["uploadId"])


def _told(call: Call, upload: Upload) -> dict[str, Any]:
    return {
        "namespace": call.names["namespaceName"],
        "bucket": call.names["bucketName"],
        "object": upload.key,
        "uploadId": upload.upload_id,
        "timeCreated": iso_date_ms(upload.initiated_ms),
        "storageTier": TIER_OF[upload.storage_class],
    }
