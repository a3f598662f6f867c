"""ListObjects (version 1)."""

from __future__ import annotations

import msgspec

from holdfast.model.messages import Response
from holdfast.objects.listing import list_keys
from holdfast.objects.paging import page_limit
from holdfast.s3.listing_rows import page_rows
from holdfast.s3.listing_text import HEAD, Encoding, element, listing_response
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    prefix: str | None = None
    delimiter: str | None = None
    marker: str | None = None
    max_keys: int | None = None
    encoding_type: str | None = None


@operation("ListObjects", "s3:ListBucket", ignores=("request_payer", "optional_object_attributes"))
async def list_objects(call: Call[Input]) -> Response:
    """A page of live keys and common prefixes after a marker. NextMarker only comes with a delimiter: without one the last
    key of the page is the next marker. Errors: InvalidArgument (max-keys, encoding-type)."""
    given = call.input
    bucket = bucket_of(call)
    encoding = Encoding(given.encoding_type)
    limit = page_limit(given.max_keys, "max-keys")
    page = await list_keys(
        call.engine, bucket.id, prefix=given.prefix or "", delimiter=given.delimiter or "", after=given.marker or "", limit=limit
    )
    one = encoding.one
    return listing_response(
        "".join(
            [
                HEAD % "ListBucketResult",
                f"<Name>{given.bucket}</Name><Prefix>{one(given.prefix or '')}</Prefix><Marker>{one(given.marker or '')}</Marker>",
                element("NextMarker", one(page.last) if page.truncated and given.delimiter else None),
                f"<MaxKeys>{limit}</MaxKeys>",
                element("Delimiter", one(given.delimiter) if given.delimiter else None),
                encoding.element,
                f"<IsTruncated>{'true' if page.truncated else 'false'}</IsTruncated>",
                await page_rows(call, page, encoding, with_owner=True),
                "</ListBucketResult>",
            ]
        )
    )
