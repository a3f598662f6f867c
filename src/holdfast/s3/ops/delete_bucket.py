"""DeleteBucket."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Engine, Gone, ListQuery, NotEmpty
from holdfast.model.buckets import Bucket
from holdfast.model.errors import BucketNotEmpty, NoSuchBucket
from holdfast.model.messages import Response
from holdfast.objects.uploads import abort_all
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@operation("DeleteBucket", "s3:DeleteBucket", success=204)
async def delete_bucket(call: Call[Input]) -> Response:
    """Removes a bucket without versions and delete markers. Uploads that nobody completed end with it: S3 deletes a general
    purpose bucket in spite of them. Errors: BucketNotEmpty, NoSuchBucket."""
    bucket = bucket_of(call)
    catalog = call.engine.catalog
    try:
        try:
            await catalog.delete_bucket(bucket.id)
        except NotEmpty:
            if await _has_versions(call.engine, bucket):
                raise
            await abort_all(call.engine, bucket.id)
            await catalog.delete_bucket(bucket.id)
    except NotEmpty:
        raise BucketNotEmpty(None, BucketName=bucket.name) from None
    except Gone:
        raise NoSuchBucket(None, BucketName=bucket.name) from None
    return response(204)


async def _has_versions(engine: Engine, bucket: Bucket) -> bool:
    return bool((await engine.catalog.list(ListQuery(bucket_id=bucket.id, limit=1, versions=True))).entries)
