"""The configurations of a bucket as one table: what reading, deleting or listing one answers while nobody has set it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from holdfast.engine.api import Gone, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.errors import (
    NoSuchBucket,
    NoSuchConfiguration,
    NoSuchLifecycleConfiguration,
    OperationAborted,
    Refusal,
    ReplicationConfigurationNotFoundError,
)
from holdfast.s3.operation import Call, Run, operation
from holdfast.s3.place import bucket_of
from holdfast.wire.model import service

_ATTEMPTS = 4

Unset = type[Refusal] | dict[str, Any]


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `unset` is what reading it answers while nobody set it: a refusal, or the members of an empty document.

    `delete` names the operation that removes it, which succeeds when there is nothing to remove (S3 API Reference, each DeleteBucket...).
    `listing` names the operation that lists configurations of the kind by id. Writing one is an operation of its own,
    or answers NotImplemented until its effect is built. `key` is its name among the bucket's settings.
    """

    key: str
    read: str
    read_action: str
    unset: Unset
    delete: str = ""
    delete_action: str = ""
    listing: str = ""


def _row(key: str, read: str, action: str, unset: Unset, delete: str = "", delete_action: str = "", listing: str = "") -> Configuration:
    return Configuration(key=key, read=read, read_action=action, unset=unset, delete=delete, delete_action=delete_action, listing=listing)


TABLE = (
    _row("lifecycle", "GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration", NoSuchLifecycleConfiguration,
         "DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
    _row("replication", "GetBucketReplication", "s3:GetReplicationConfiguration", ReplicationConfigurationNotFoundError,
         "DeleteBucketReplication", "s3:PutReplicationConfiguration"),
    _row("logging", "GetBucketLogging", "s3:GetBucketLogging", {}),
    _row("notification", "GetBucketNotificationConfiguration", "s3:GetBucketNotification", {}),
    _row("accelerate", "GetBucketAccelerateConfiguration", "s3:GetAccelerateConfiguration", {}),
    _row("requestPayment", "GetBucketRequestPayment", "s3:GetBucketRequestPayment", {"payer": "BucketOwner"}),
    _row("abac", "GetBucketAbac", "s3:GetBucketABAC", {"abac_status": {"status": "Disabled"}}),
    _row("analytics", "GetBucketAnalyticsConfiguration", "s3:GetAnalyticsConfiguration", NoSuchConfiguration,
         listing="ListBucketAnalyticsConfigurations"),
    _row("intelligent-tiering", "GetBucketIntelligentTieringConfiguration", "s3:GetIntelligentTieringConfiguration", NoSuchConfiguration,
         listing="ListBucketIntelligentTieringConfigurations"),
    _row("inventory", "GetBucketInventoryConfiguration", "s3:GetInventoryConfiguration", NoSuchConfiguration,
         listing="ListBucketInventoryConfigurations"),
    _row("metrics", "GetBucketMetricsConfiguration", "s3:GetMetricsConfiguration", NoSuchConfiguration, listing="ListBucketMetricsConfigurations"),
)  # fmt: skip


def input_of(name: str) -> type:
    """The Input of an operation that takes only what the model requires, and a continuation token where there is one."""
    fields: list[Any] = []
    for member in service().operation(name).input.members:
        if member.required:
            fields.append((member.name, str))
        elif member.name == "continuation_token":
            fields.append((member.name, str | None, None))
    return msgspec.defstruct("Input", fields, frozen=True, kw_only=True)


def _register(name: str, action: str, run: Run) -> None:
    run.__annotations__ = {"call": Call[input_of(name)]}  # type: ignore[misc]
    operation(name, action)(run)


def _reader(row: Configuration) -> Run:
    async def read(call: Call[Any]) -> dict[str, Any]:
        bucket = bucket_of(call)
        if isinstance(row.unset, dict):
            return row.unset
        raise row.unset(BucketName=bucket.name)

    return read


def _remover(row: Configuration) -> Run:
    async def remove(call: Call[Any]) -> None:
        await change(call, lambda settings: {key: value for key, value in settings.items() if key != row.key})

    return remove


async def _list_none(call: Call[Any]) -> dict[str, Any]:
    bucket_of(call)
    return {"is_truncated": False}


def register() -> None:
    """Registers the operations of every row."""
    for row in TABLE:
        _register(row.read, row.read_action, _reader(row))
        if row.delete:
            _register(row.delete, row.delete_action, _remover(row))
        if row.listing:

            async def listing(call: Call[Any]) -> dict[str, Any]:
                return await _list_none(call)

            _register(row.listing, row.read_action, listing)


async def change(call: Call[Any], new: Callable[[Mapping[str, str]], dict[str, str]]) -> Bucket:
    """Stores the settings that `new` makes of the bucket's, again from the start when somebody else changed the bucket meanwhile.

    Errors: NoSuchBucket, OperationAborted.
    """
    bucket = bucket_of(call)
    catalog = call.engine.catalog
    for _ in range(_ATTEMPTS):
        settings = new(bucket.settings)
        if settings == bucket.settings:
            return bucket
        try:
            return await catalog.change_bucket(msgspec.structs.replace(bucket, settings=settings))
        except Stale:
            await asyncio.sleep(0)
            current = await catalog.bucket(bucket.namespace, bucket.name)
            if current is None or current.id != bucket.id:
                raise NoSuchBucket(BucketName=bucket.name) from None
            bucket = current
        except Gone:
            raise NoSuchBucket(BucketName=bucket.name) from None
    raise OperationAborted()
