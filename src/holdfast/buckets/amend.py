"""Amending a bucket: new settings, versioning or compartment, decided again when somebody else changed it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from holdfast.engine.api import Engine, Gone, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.errors import NoSuchBucket, OperationAborted

_TRIES = 8


async def amend_bucket(engine: Engine, bucket: Bucket, new: Callable[[Bucket], Bucket]) -> Bucket:
    """Stores what `new` makes of the bucket; nothing where that is what it was.

    Errors: those of `new`; NoSuchBucket; OperationAborted (it changes all the time)."""
    for _ in range(_TRIES):
        changed = new(bucket)
        if changed == bucket:
            return bucket
        try:
            return await engine.catalog.change_bucket(changed)
        except Stale:
            await asyncio.sleep(0)
            now = await engine.catalog.bucket(bucket.namespace, bucket.name)
            if now is None or now.id != bucket.id:
                raise NoSuchBucket(None, BucketName=bucket.name) from None
            bucket = now
        except Gone:
            raise NoSuchBucket(None, BucketName=bucket.name) from None
    raise OperationAborted
