"""ListObjectVersions."""

from __future__ import annotations

import msgspec

from holdfast.model.messages import Response
from holdfast.objects.listing import list_versions, next_version_marker
from holdfast.objects.paging import page_limit
from holdfast.s3.listing_rows import owners_of
from holdfast.s3.listing_text import HEAD, Encoding, common_prefixes, element, listing_response, versions, xml_text
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    prefix: str | None = None
    delimiter: str | None = None
    key_marker: str | None = None
    version_id_marker: str | None = None
    max_keys: int | None = None
    encoding_type: str | None = None


@operation("ListObjectVersions", "s3:ListBucketVersions", ignores=("request_payer", "optional_object_attributes"))
async def list_object_versions(call: Call[Input]) -> Response:
    """A page of versions and delete markers, by key and then newest first.

    Errors: InvalidArgument (max-keys, encoding-type, a version id marker without its key marker)."""
    given = call.input
    bucket = bucket_of(call)
    encoding = Encoding(given.encoding_type)
    limit = page_limit(given.max_keys, "max-keys")
    page = await list_versions(
        call.engine,
        bucket.id,
        prefix=given.prefix or "",
        delimiter=given.delimiter or "",
        key_marker=given.key_marker,
        version_id_marker=given.version_id_marker,
        limit=limit,
    )
    next_key, next_version = next_version_marker(page) if page.truncated else (None, "")
    owners = await owners_of(call, page)
    one = encoding.one
    return listing_response(
        "".join(
            [
                HEAD % "ListVersionsResult",
                f"<Name>{given.bucket}</Name><Prefix>{one(given.prefix or '')}</Prefix><KeyMarker>{one(given.key_marker or '')}</KeyMarker>",
                f"<VersionIdMarker>{xml_text(given.version_id_marker or '')}</VersionIdMarker>",
                element("NextKeyMarker", one(next_key) if next_key is not None else None),
                element("NextVersionIdMarker", next_version or None),
                f"<MaxKeys>{limit}</MaxKeys>",
                element("Delimiter", one(given.delimiter) if given.delimiter else None),
                encoding.element,
                f"<IsTruncated>{'true' if page.truncated else 'false'}</IsTruncated>",
                versions(page.entries, encoding, owners),
                common_prefixes(page.prefixes, encoding),
                "</ListVersionsResult>",
            ]
        )
    )
