"""DeleteBucket."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Gone, NotEmpty
from holdfast.model.errors import BucketNotEmpty, NoSuchBucket
from holdfast.model.messages import Response
from holdfast.objects.write import discard
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@operation("DeleteBucket", "s3:DeleteBucket", success=204)
async def delete_bucket(call: Call[Input]) -> Response:
    """Removes a bucket without versions and delete markers. Uploads that nobody completed end with it: S3 deletes a general
    purpose bucket in spite of them. Errors: BucketNotEmpty, NoSuchBucket."""
    bucket = bucket_of(call)
    try:
        committed = await call.engine.catalog.delete_bucket(bucket.id)
    except NotEmpty:
        raise BucketNotEmpty(None, BucketName=bucket.name) from None
    except Gone:
        raise NoSuchBucket(None, BucketName=bucket.name) from None
    if committed.unneeded:
        await discard(call.engine, committed.unneeded)
    return response(204)
