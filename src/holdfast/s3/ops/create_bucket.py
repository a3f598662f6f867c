"""CreateBucket."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.buckets.creation import check_location
from holdfast.buckets.creation import create_bucket as create
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied, InvalidArgument, InvalidBucketAclWithObjectOwnership, NotImplemented
from holdfast.model.messages import Response
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.ownership import OWNERSHIP, check_ownership

_ACLS = ("private", "public-read", "public-read-write", "authenticated-read")


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    create_bucket_configuration: dict[str, Any] | None = None
    acl: str | None = None
    object_lock_enabled_for_bucket: bool | None = None
    object_ownership: str | None = None


@operation("CreateBucket", "s3:CreateBucket")
async def create_bucket(call: Call[Input]) -> Response:
    """A new bucket is private and belongs to the caller. What would make it otherwise is refused, never dropped.

    Errors: InvalidBucketName, BucketAlreadyExists, BucketAlreadyOwnedByYou, IllegalLocationConstraintException,
    InvalidLocationConstraint, InvalidArgument, NotImplemented."""
    given = call.input
    user = call.caller.user
    if user is None:
        raise AccessDenied
    configuration = given.create_bucket_configuration or {}
    _refuse_unbuilt(given, configuration)
    check_location(configuration.get("location_constraint"), call.settings.region)
    await create(
        call.engine,
        Bucket(
            namespace=user.namespace,
            name=given.bucket,
            region=call.settings.region,
            owner=user.canonical_id,
            created_ms=call.now_ms,
            settings={OWNERSHIP: given.object_ownership} if given.object_ownership else {},
        ),
    )
    return response(200, (b"location", b"/" + given.bucket.encode("ascii")))


def _refuse_unbuilt(given: Input, configuration: dict[str, Any]) -> None:
    if given.acl is not None and given.acl not in _ACLS:
        raise InvalidArgument(None, ArgumentName="x-amz-acl", ArgumentValue=given.acl)
    if given.object_ownership is not None:
        check_ownership(given.object_ownership)
        if given.acl not in (None, "private"):
            raise InvalidBucketAclWithObjectOwnership
    if given.acl not in (None, "private"):
        raise NotImplemented("Canned ACLs other than private are not implemented.")
    if given.object_lock_enabled_for_bucket:
        raise NotImplemented("Object Lock is not implemented.")
    for name in ("location", "bucket", "tags"):
        if configuration.get(name):
            raise NotImplemented(f"{name.capitalize()} in CreateBucketConfiguration is not implemented.")
