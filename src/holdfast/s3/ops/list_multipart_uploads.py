"""ListMultipartUploads."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.objects import Upload
from holdfast.objects.paging import page_limit
from holdfast.objects.uploads import asked_for_checksum, list_uploads
from holdfast.s3.listing_text import Encoding
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of, display_names, person


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    prefix: str | None = None
    delimiter: str | None = None
    key_marker: str | None = None
    upload_id_marker: str | None = None
    max_uploads: int | None = None
    encoding_type: str | None = None


@operation("ListMultipartUploads", "s3:ListBucketMultipartUploads")
async def list_multipart_uploads(call: Call[Input]) -> dict[str, Any]:
    """A page of the uploads in progress, by key and then by time. Errors: InvalidArgument (max-uploads, encoding-type)."""
    given = call.input
    limit = page_limit(given.max_uploads, "max-uploads")
    name = Encoding(given.encoding_type).for_writer
    page, next_key, next_upload = await list_uploads(
        call.engine,
        bucket_of(call).id,
        prefix=given.prefix or "",
        delimiter=given.delimiter or "",
        key_marker=given.key_marker or "",
        upload_id_marker=given.upload_id_marker or "",
        limit=limit,
    )
    names = await display_names(call, {who for upload in page.uploads for who in (upload.owner, upload.initiator)})
    return {
        "bucket": given.bucket,
        "key_marker": name(given.key_marker or ""),
        "upload_id_marker": given.upload_id_marker or "",
        "next_key_marker": name(next_key) if page.truncated else None,
        "next_upload_id_marker": next_upload if page.truncated else None,
        "prefix": name(given.prefix or ""),
        "delimiter": name(given.delimiter) if given.delimiter else None,
        "encoding_type": given.encoding_type,
        "max_uploads": limit,
        "is_truncated": page.truncated,
        "uploads": [_row(upload, name(upload.key), names) for upload in page.uploads],
        "common_prefixes": [{"prefix": name(prefix)} for prefix in page.prefixes],
    }


def _row(upload: Upload, key: str, names: dict[str, str]) -> dict[str, Any]:
    asked = asked_for_checksum(upload)
    return {
        "upload_id": upload.upload_id,
        "key": key,
        "initiated": upload.initiated_ms // 1000,
        "storage_class": upload.storage_class,
        "owner": person(names, upload.owner),
        "initiator": person(names, upload.initiator),
        "checksum_algorithm": upload.facts.checksum_algorithm if asked else None,
        "checksum_type": upload.facts.checksum_type if asked else None,
    }
