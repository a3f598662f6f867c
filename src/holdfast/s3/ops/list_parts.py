"""ListParts."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import InvalidArgument
from holdfast.model.objects import Part
from holdfast.objects.checksums import ALGORITHMS
from holdfast.objects.paging import page_limit
from holdfast.objects.uploads import asked_for_checksum
from holdfast.objects.uploads import list_parts as list_page
from holdfast.s3.access import find_upload_allowed
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of, display_names, person


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    upload_id: str
    max_parts: int | None = None
    part_number_marker: int | None = None


@operation("ListParts", "s3:ListMultipartUploadParts", judges=True)
async def list_parts(call: Call[Input]) -> dict[str, Any]:
    """A page of the parts of an upload in progress. Errors: NoSuchUpload, InvalidArgument (max-parts, part-number-marker)."""
    given = call.input
    limit = page_limit(given.max_parts, "max-parts")
    after = given.part_number_marker or 0
    if after < 0:
        raise InvalidArgument(
            "Argument part-number-marker must be an integer between 0 and 2147483647",
            ArgumentName="part-number-marker",
            ArgumentValue=str(after),
        )
    upload = await find_upload_allowed(call, bucket_of(call), given.key, given.upload_id)
    parts, more = await list_page(call.engine, upload, after=after, limit=limit)
    asked = asked_for_checksum(upload)
    member = ALGORITHMS[upload.facts.checksum_algorithm].member if asked else ""
    names = await display_names(call, {upload.owner, upload.initiator})
    return {
        "bucket": given.bucket,
        "key": given.key,
        "upload_id": upload.upload_id,
        "initiator": person(names, upload.initiator),
        "owner": person(names, upload.owner),
        "storage_class": upload.storage_class,
        "part_number_marker": after,
        "next_part_number_marker": parts[-1].number if parts else after,
        "max_parts": limit,
        "is_truncated": more,
        "checksum_algorithm": upload.facts.checksum_algorithm if asked else None,
        "checksum_type": upload.facts.checksum_type if asked else None,
        "parts": [_row(part, member) for part in parts],
    }


def _row(part: Part, member: str) -> dict[str, Any]:
    row = {"part_number": part.number, "last_modified": part.modified_ms // 1000, "etag": f'"{part.etag}"', "size": part.size}
    if member:
        row[member] = part.checksum
    return row
