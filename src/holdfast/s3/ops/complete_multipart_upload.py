"""CompleteMultipartUpload."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.engine.api import Conflict
from holdfast.model.errors import InvalidRequest, MalformedXML
from holdfast.model.objects import Upload
from holdfast.objects.checksums import ALGORITHMS
from holdfast.objects.completion import Completion, ListedPart, complete_upload, completed_before
from holdfast.objects.conditions import for_write, refuse_write, within
from holdfast.objects.encryption import SSE_C, check_customer_key, envelope_of
from holdfast.objects.uploads import asked_for_checksum
from holdfast.objects.versioning import shown_version_id
from holdfast.s3.encryption import CUSTOMER_MEMBERS, customer_key, encryption_members
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of

_MEMBERS = tuple((algorithm.name, algorithm.member) for algorithm in ALGORITHMS.values())


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    upload_id: str
    multipart_upload: dict[str, Any] | None = None
    checksum_crc32: str | None = None
    checksum_crc32c: str | None = None
    checksum_crc64nvme: str | None = None
    checksum_sha1: str | None = None
    checksum_sha256: str | None = None
    checksum_sha512: str | None = None
    checksum_md5: str | None = None
    checksum_xxhash64: str | None = None
    checksum_xxhash3: str | None = None
    checksum_xxhash128: str | None = None
    checksum_type: str | None = None
    mpu_object_size: int | None = None
    if_match: str | None = None
    if_none_match: str | None = None


@operation("CompleteMultipartUpload", "s3:PutObject", ignores=CUSTOMER_MEMBERS)
async def complete_multipart_upload(call: Call[Input]) -> dict[str, Any]:
    """Makes the object of the listed parts. Completing an upload again gives the same answer.

    Errors: NoSuchUpload, MalformedXML, InvalidPart, InvalidPartOrder, EntityTooSmall, InvalidRequest, BadDigest,
    PreconditionFailed, NoSuchKey (If-Match on a key that is not there)."""
    given = call.input
    bucket = bucket_of(call)
    asked = _completion(given)
    expect = within(for_write(given.if_match, given.if_none_match), call.half)
    upload = await call.engine.catalog.upload(bucket.id, given.key, given.upload_id)
    if upload is None:
        version = await completed_before(call.engine, bucket, given.key, given.upload_id, asked)
    else:
        await call.judge(("s3:PutObject",), bucket, given.key, upload)
        _check_key(call, upload)
        try:
            version = await complete_upload(call.engine, bucket, upload, asked, expect)
        except Conflict as conflict:
            raise refuse_write(expect, conflict.current) from None
    facts = version.facts
    return {
        "location": _location(call),
        "bucket": given.bucket,
        "key": given.key,
        "etag": f'"{version.etag}"',
        "version_id": shown_version_id(version.version_id),
        "checksum_type": facts.checksum_type or None,
        ALGORITHMS[facts.checksum_algorithm].member: facts.checksum_value,
        **encryption_members(facts, call.request, of_completion=True),
    }


def _check_key(call: Call[Any], upload: Upload) -> None:
    """A customer's key must be the upload's; it is needed where the upload asked for a checksum (CompleteMultipartUpload, "Request
    parameters"). Nothing is decrypted by it. Errors: InvalidRequest; as `customer_key`."""
    envelope = envelope_of(upload.facts)
    key = customer_key(call.request)
    if envelope is None or envelope.algorithm != SSE_C:
        if key:
            raise InvalidRequest("The encryption parameters are not applicable to this object.")
    elif key or asked_for_checksum(upload):
        check_customer_key(envelope, key)


def _completion(given: Input) -> Completion:
    listed = (given.multipart_upload or {}).get("parts") or []
    parts = []
    for row in listed:
        if row.get("part_number") is None or row.get("etag") is None:
            raise MalformedXML
        checksums = {name: row[member] for name, member in _MEMBERS if member in row}
        parts.append(ListedPart(row["part_number"], row["etag"].strip().strip('"').lower(), checksums))
    if given.mpu_object_size is not None and given.mpu_object_size < 0:
        raise InvalidRequest("Value for x-amz-mp-object-size header is invalid.")
    whole = {name: value for name, member in _MEMBERS if (value := getattr(given, member)) is not None}
    return Completion(parts=parts, checksums=whole, checksum_type=given.checksum_type, size=given.mpu_object_size)


def _location(call: Call[Any]) -> str:
    request = call.request
    host = request.headers.get(b"host", b"localhost").decode("latin-1")
    return f"{'https' if request.secure else 'http'}://{host}{request.path.decode('latin-1')}"
