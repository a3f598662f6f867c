"""Links: a bucket that stands for one of another volume, with its data and its rights.

Source: Apache Ozone, "S3 Protocol" (expose any volume) and its design document on volume management: a link is a bucket of its own without
data; everything but its deletion is done to the source, with the rights of the source; a chain that comes back to itself is an error.
"""

from __future__ import annotations

from holdfast.engine.api import Engine
from holdfast.model.buckets import LINK, Bucket, namespace_of_volume, tenancy_namespace
from holdfast.model.errors import InvalidBucketState, NoSuchBucket

HOPS_MAX = 8


async def source_of(engine: Engine, bucket: Bucket) -> Bucket:
    """The bucket that holds the data: `bucket` itself unless it is a link.

    Errors: NoSuchBucket where the source is not there (any more); InvalidBucketState for a loop, or a chain of more than 8 links."""
    namespace, found = tenancy_namespace(bucket.namespace), bucket
    for _ in range(HOPS_MAX):
        path = found.settings.get(LINK)
        if path is None:
            return found
        volume, _, name = path.partition("/")
        next_one = await engine.catalog.bucket(namespace_of_volume(namespace, volume), name)
        if next_one is None:
            raise NoSuchBucket("The bucket is a link, and its source does not exist.", BucketName=bucket.name)
        found = next_one
    raise InvalidBucketState("The bucket is a link that leads back to itself, or through too many others.", BucketName=bucket.name)
