"""UploadPart."""

from __future__ import annotations

import msgspec

from holdfast.model.messages import Body, Response
from holdfast.objects.uploads import check_part_number, find_upload, receive_part
from holdfast.s3.checksum_headers import CHECKSUM_MEMBERS, claim_of
from holdfast.s3.encryption import CUSTOMER_MEMBERS, customer_key, encryption_headers
from holdfast.s3.operation import Call, operation
from holdfast.s3.ops.put_object import require_length
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    part_number: int
    upload_id: str
    body: Body | None = None


@operation("UploadPart", "s3:PutObject", ignores=(*CHECKSUM_MEMBERS, *CUSTOMER_MEMBERS))
async def upload_part(call: Call[Input]) -> Response:
    """Stores one part, or replaces it; everything that can be refused by the headers is refused before the body is read.

    Errors: InvalidArgument (part number), NoSuchUpload, MissingContentLength, EntityTooLarge, InvalidDigest, BadDigest,
    InvalidRequest (another checksum algorithm than the upload's)."""
    given = call.input
    check_part_number(given.part_number)
    require_length(call.request)
    bucket = bucket_of(call)
    upload = await find_upload(call.engine, bucket.id, given.key, given.upload_id)
    await call.judge(("s3:PutObject",), bucket, given.key, upload)
    claim = claim_of(call.request.headers, upload.facts.checksum_algorithm)
    part, checksum = await receive_part(
        call.engine,
        upload,
        given.part_number,
        given.body or call.request.body,
        claim,
        now_ms=call.now_ms,
        size_max=call.settings.put_bytes_max,
        customer_key=customer_key(call.request),
    )
    head = [(b"ETag", b'"%b"' % part.etag.encode("ascii")), (claim.algorithm.header, checksum.encode("ascii"))]
    return Response(200, head + encryption_headers(upload.facts, call.request))
