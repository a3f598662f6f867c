"""GetBucketVersioning and PutBucketVersioning."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.engine.api import Gone, Stale
from holdfast.model.buckets import VERSIONING_ENABLED
from holdfast.model.errors import InvalidBucketState, NoSuchBucket, NotImplemented, OperationAborted
from holdfast.model.messages import Response
from holdfast.objects.locks import SETTING as LOCK
from holdfast.objects.versioning import change_versioning
from holdfast.objects.write import STALE_RETRIES, current
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of


class GetInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@operation("GetBucketVersioning", "s3:GetBucketVersioning")
async def get_bucket_versioning(call: Call[GetInput]) -> dict[str, Any]:
    """Enabled, Suspended, or nothing for a bucket that never had versioning."""
    return {"status": bucket_of(call).versioning or None}


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    versioning_configuration: dict[str, Any]
    mfa: str | None = None


@operation("PutBucketVersioning", "s3:PutBucketVersioning")
async def put_bucket_versioning(call: Call[PutInput]) -> Response:
    """Switches versioning on or suspends it.

    Errors: IllegalVersioningConfigurationException, MalformedXML, NotImplemented (MFA), InvalidBucketState (a lock), OperationAborted
    (it changes all the time)."""
    if call.input.mfa is not None:
        raise NotImplemented("MFA delete is not implemented.")
    configuration = call.input.versioning_configuration
    status = change_versioning(configuration.get("status"), configuration.get("mfa_delete"))
    bucket = bucket_of(call)
    for _ in range(STALE_RETRIES):
        if LOCK in bucket.settings and status != VERSIONING_ENABLED:
            raise InvalidBucketState("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
        if status == bucket.versioning:
            return response(200)
        try:
            await call.engine.catalog.change_bucket(msgspec.structs.replace(bucket, versioning=status))
            return response(200)
        except Stale:
            bucket = await current(call.engine, bucket)
        except Gone:
            raise NoSuchBucket(None, BucketName=bucket.name) from None
    raise OperationAborted
