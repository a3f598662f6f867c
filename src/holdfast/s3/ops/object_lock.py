"""Retention and legal hold of objects, and the lock of a bucket: no bucket has a lock, and these answer what S3 answers there."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.buckets import VERSIONING_ENABLED
from holdfast.model.errors import InvalidBucketState, InvalidRequest, NotImplemented
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None


class PutRetentionInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None
    retention: dict[str, Any] | None = None
    bypass_governance_retention: bool | None = None


class PutLegalHoldInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None
    legal_hold: dict[str, Any] | None = None


class PutLockInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    object_lock_configuration: dict[str, Any] | None = None
    token: str | None = None


def _no_lock(call: Call[Any]) -> InvalidRequest:
    return InvalidRequest("Bucket is missing Object Lock Configuration", BucketName=bucket_of(call).name)


@operation("GetObjectRetention", "s3:GetObjectRetention")
async def get_object_retention(call: Call[Input]) -> None:
    """Errors: InvalidRequest: the bucket has no lock."""
    raise _no_lock(call)


@operation("PutObjectRetention", "s3:PutObjectRetention")
async def put_object_retention(call: Call[PutRetentionInput]) -> None:
    """Errors: InvalidRequest: the bucket has no lock."""
    raise _no_lock(call)


@operation("GetObjectLegalHold", "s3:GetObjectLegalHold")
async def get_object_legal_hold(call: Call[Input]) -> None:
    """Errors: InvalidRequest: the bucket has no lock."""
    raise _no_lock(call)


@operation("PutObjectLegalHold", "s3:PutObjectLegalHold")
async def put_object_legal_hold(call: Call[PutLegalHoldInput]) -> None:
    """Errors: InvalidRequest: the bucket has no lock."""
    raise _no_lock(call)


@operation("PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration")
async def put_object_lock_configuration(call: Call[PutLockInput]) -> None:
    """Errors: InvalidBucketState without versioning (S3 User Guide, "Configuring S3 Object Lock"), NotImplemented with it."""
    if bucket_of(call).versioning != VERSIONING_ENABLED:
        raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    raise NotImplemented("Object Lock is not implemented.")
