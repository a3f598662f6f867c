"""GetBucketVersioning and PutBucketVersioning."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.engine.api import Gone, Stale
from holdfast.model.errors import NoSuchBucket, NotImplemented, OperationAborted
from holdfast.model.messages import Response
from holdfast.objects.versioning import change_versioning
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

    Errors: IllegalVersioningConfigurationException, MalformedXML, NotImplemented (MFA), OperationAborted (changed meanwhile)."""
    if call.input.mfa is not None:
        raise NotImplemented("MFA delete is not implemented.")
    configuration = call.input.versioning_configuration
    bucket = bucket_of(call)
    status = change_versioning(configuration.get("status"), configuration.get("mfa_delete"))
    if status != bucket.versioning:
        try:
            await call.engine.catalog.change_bucket(msgspec.structs.replace(bucket, versioning=status))
        except Stale:
            raise OperationAborted from None
        except Gone:
            raise NoSuchBucket(None, BucketName=bucket.name) from None
    return response(200)
