"""The lock of a bucket, and retention and legal hold of its objects (S3 User Guide, "Locking objects with Object Lock")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from holdfast.model.buckets import VERSIONING_ENABLED, Bucket
from holdfast.model.errors import (
    AccessDenied,
    InvalidBucketState,
    InvalidRequest,
    MalformedXML,
    NoSuchObjectLockConfiguration,
    ObjectLockConfigurationNotFoundError,
)
from holdfast.model.messages import Response
from holdfast.model.objects import Facts, Version
from holdfast.objects.amend import amend
from holdfast.objects.locks import SETTING, BucketLock, Lock, bucket_lock, changed_retention, lock_of, lock_of_bucket, with_lock
from holdfast.s3.access import find_allowed
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of
from holdfast.s3.settings import change


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


class BucketInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class PutLockInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    object_lock_configuration: dict[str, Any] | None = None
    token: str | None = None


def _locked_bucket(call: Call[Any]) -> Bucket:
    """The bucket that the request names. Errors: InvalidRequest where it has no lock; AccessDenied for whom nothing allows it so far."""
    bucket = bucket_of(call)
    if SETTING not in bucket.settings:
        if call.pending:
            raise AccessDenied
        raise InvalidRequest("Bucket is missing Object Lock Configuration", BucketName=bucket.name)
    return bucket


@operation("GetObjectRetention", "s3:GetObjectRetention", judges=True)
async def get_object_retention(call: Call[Input]) -> dict[str, Any]:
    """Errors: InvalidRequest (the bucket has no lock), NoSuchObjectLockConfiguration; as GetObject."""
    bucket = _locked_bucket(call)
    lock = lock_of((await find_allowed(call, bucket, call.input.key, call.input.version_id)).facts)
    if not lock.mode:
        raise NoSuchObjectLockConfiguration
    return {"retention": {"mode": lock.mode, "retain_until_date": lock.until_ms / 1000}}


@operation("PutObjectRetention", "s3:PutObjectRetention", judges=True)
async def put_object_retention(call: Call[PutRetentionInput]) -> Response:
    """Retains a version, or prolongs it; who may bypass governance may also shorten that.

    Errors: InvalidRequest, MalformedXML, InvalidArgument (a date that is past), AccessDenied; as GetObject."""
    given = call.input
    bucket = _locked_bucket(call)
    wanted = given.retention or {}
    until = wanted.get("retain_until_date")
    bypass = bool(given.bypass_governance_retention)
    if bypass:
        await call.require("s3:BypassGovernanceRetention", bucket, given.key)

    def new(old: Lock) -> Lock:
        return changed_retention(old, wanted.get("mode"), None if until is None else int(until * 1000), call.now_ms, bypass=bypass)

    await _amend(call, bucket, new)
    return response(200)


async def _amend(call: Call[Any], bucket: Bucket, new: Any) -> None:
    given = call.input

    async def look() -> Version:
        return await find_allowed(call, bucket, given.key, given.version_id)

    async def changed(version: Version) -> Facts:
        return with_lock(version.facts, new(lock_of(version.facts)))

    await amend(call.engine, bucket, look, changed)


@operation("GetObjectLegalHold", "s3:GetObjectLegalHold", judges=True)
async def get_object_legal_hold(call: Call[Input]) -> dict[str, Any]:
    """Errors: InvalidRequest (the bucket has no lock), NoSuchObjectLockConfiguration (nobody ever said); as GetObject."""
    bucket = _locked_bucket(call)
    lock = lock_of((await find_allowed(call, bucket, call.input.key, call.input.version_id)).facts)
    if not lock.hold:
        raise NoSuchObjectLockConfiguration
    return {"legal_hold": {"status": lock.hold}}


@operation("PutObjectLegalHold", "s3:PutObjectLegalHold", judges=True)
async def put_object_legal_hold(call: Call[PutLegalHoldInput]) -> Response:
    """Errors: InvalidRequest, MalformedXML; as GetObject."""
    bucket = _locked_bucket(call)
    status = (call.input.legal_hold or {}).get("status")
    if status not in ("ON", "OFF"):
        raise MalformedXML
    await _amend(call, bucket, lambda old: msgspec.structs.replace(old, hold=status))
    return response(200)


@operation("GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration")
async def get_object_lock_configuration(call: Call[BucketInput]) -> dict[str, Any]:
    """Errors: ObjectLockConfigurationNotFoundError."""
    lock = lock_of_bucket(bucket_of(call).settings)
    if lock is None:
        raise ObjectLockConfigurationNotFoundError
    found: dict[str, Any] = {"object_lock_enabled": "Enabled"}
    if lock.mode:
        length = {"days": lock.days} if lock.days else {"years": lock.years}
        found["rule"] = {"default_retention": {"mode": lock.mode, **length}}
    return {"object_lock_configuration": found}


@operation("PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration", ignores=("request_payer",))
async def put_object_lock_configuration(call: Call[PutLockInput]) -> Response:
    """Gives a bucket with versioning a lock, for ever, and sets its default retention.

    Errors: InvalidBucketState (no versioning), MalformedXML, InvalidRetentionPeriod, OperationAborted."""
    configuration = call.input.object_lock_configuration or {}
    if configuration.get("object_lock_enabled") != "Enabled":
        raise MalformedXML
    rule = configuration.get("rule")
    default = (rule or {}).get("default_retention")
    if rule is not None and default is None:
        raise MalformedXML
    lock = BucketLock() if default is None else bucket_lock(default.get("mode"), default.get("days"), default.get("years"))
    if bucket_of(call).versioning != VERSIONING_ENABLED:
        raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    text = msgspec.json.encode(lock).decode()

    def new(settings: Mapping[str, str]) -> dict[str, str]:
        return {**settings, SETTING: text}

    await change(call, new)
    return response(200)
