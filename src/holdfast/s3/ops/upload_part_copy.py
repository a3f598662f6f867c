"""UploadPartCopy."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.engine.api import Gone
from holdfast.model.errors import OperationAborted
from holdfast.objects.checksums import ALGORITHMS
from holdfast.objects.part_copy import copy_part, copy_range
from holdfast.objects.read import read_version_id
from holdfast.objects.uploads import asked_for_checksum, check_part_number, find_upload
from holdfast.s3.copy_source import find_source
from holdfast.s3.damage import Attempts
from holdfast.s3.encryption import CUSTOMER_MEMBERS, SOURCE_MEMBERS, customer_key, encryption_members, source_key
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of

_TRIES = 3


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    part_number: int
    upload_id: str
    copy_source: str
    copy_source_if_match: str | None = None
    copy_source_if_none_match: str | None = None
    copy_source_if_modified_since: float | None = None
    copy_source_if_unmodified_since: float | None = None
    copy_source_range: str | None = None


@operation("UploadPartCopy", "s3:PutObject", ignores=(*CUSTOMER_MEMBERS, *SOURCE_MEMBERS))
async def upload_part_copy(call: Call[Input]) -> dict[str, Any]:
    """Makes the bytes of a stored version, or a range of them, a part.

    Errors: those of the source (`find_source`), InvalidArgument (part number, form of the range), InvalidRange, InvalidRequest (too
    large), NoSuchUpload, OperationAborted (the source changes all the time), InternalError (its bytes are lost)."""
    given = call.input
    check_part_number(given.part_number)
    bucket = bucket_of(call)
    upload = await find_upload(call.engine, bucket.id, given.key, given.upload_id)
    await call.judge(("s3:PutObject",), bucket, given.key, upload)
    attempts = Attempts(call)
    for _ in range(_TRIES):
        source = await find_source(call)
        start, length = copy_range(given.copy_source_range, source.version.size)
        try:
            keys = source_key(call.request), customer_key(call.request)
            part = await copy_part(call.engine, upload, given.part_number, source.version, start, length, now_ms=call.now_ms, keys=keys)
        except Gone:  # the source was overwritten or deleted meanwhile: what is there now is the source
            attempts.failed(source.bucket, source.version)
            continue
        result: dict[str, Any] = {"etag": f'"{part.etag}"', "last_modified": part.modified_ms // 1000}
        if asked_for_checksum(upload):
            result[ALGORITHMS[upload.facts.checksum_algorithm].member] = part.checksum
        return {
            "copy_part_result": result,
            "copy_source_version_id": read_version_id(source.bucket, source.version),
            **encryption_members(upload.facts, call.request),
        }
    raise OperationAborted
