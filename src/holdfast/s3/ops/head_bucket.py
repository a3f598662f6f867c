"""HeadBucket."""

from __future__ import annotations

import msgspec

from holdfast.model.messages import Response
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@operation("HeadBucket", "s3:ListBucket")
async def head_bucket(call: Call[Input]) -> Response:
    """That the bucket exists and may be listed, and its region."""
    return response(200, (b"x-amz-bucket-region", bucket_of(call).region.encode()), (b"x-amz-access-point-alias", b"false"))
