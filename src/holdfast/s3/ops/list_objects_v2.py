"""ListObjectsV2."""

from __future__ import annotations

import msgspec

from holdfast.model.messages import Response
from holdfast.objects.listing import list_keys
from holdfast.objects.paging import continuation_place, continuation_token, page_limit
from holdfast.s3.listing_rows import page_rows
from holdfast.s3.listing_text import HEAD, Encoding, element, listing_response, xml_text
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    prefix: str | None = None
    delimiter: str | None = None
    continuation_token: str | None = None
    start_after: str | None = None
    max_keys: int | None = None
    encoding_type: str | None = None
    fetch_owner: bool | None = None


@operation("ListObjectsV2", "s3:ListBucket", ignores=("request_payer", "optional_object_attributes"))
async def list_objects_v2(call: Call[Input]) -> Response:
    """A page of live keys and common prefixes. A continuation token wins over start-after.

    Errors: InvalidArgument (max-keys, encoding-type, a token that was not given out)."""
    given = call.input
    bucket = bucket_of(call)
    encoding = Encoding(given.encoding_type)
    limit = page_limit(given.max_keys, "max-keys")
    token = given.continuation_token
    page = await list_keys(
        call.engine,
        bucket.id,
        prefix=given.prefix or "",
        delimiter=given.delimiter or "",
        after=continuation_place(token) if token else given.start_after or "",
        limit=limit,
    )
    one = encoding.one
    return listing_response(
        "".join(
            [
                HEAD % "ListBucketResult",
                f"<Name>{given.bucket}</Name><Prefix>{one(given.prefix or '')}</Prefix>",
                element("StartAfter", one(given.start_after) if given.start_after else None),
                element("ContinuationToken", xml_text(token) if token is not None else None),
                element("NextContinuationToken", continuation_token(page.last) if page.truncated else None),
                f"<KeyCount>{len(page.entries) + len(page.prefixes)}</KeyCount><MaxKeys>{limit}</MaxKeys>",
                element("Delimiter", one(given.delimiter) if given.delimiter else None),
                encoding.element,
                f"<IsTruncated>{'true' if page.truncated else 'false'}</IsTruncated>",
                await page_rows(call, page, encoding, with_owner=bool(given.fetch_owner)),
                "</ListBucketResult>",
            ]
        )
    )
