"""CreateBucket."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.authz.grants import home_of
from holdfast.buckets.creation import check_location
from holdfast.buckets.creation import create_bucket as create
from holdfast.model import acl
from holdfast.model.buckets import VERSIONING_ENABLED, VERSIONING_OFF, Bucket
from holdfast.model.errors import AccessDenied, NotImplemented
from holdfast.model.messages import Response
from holdfast.model.ownership import OWNERSHIP
from holdfast.objects.locks import SETTING as LOCK
from holdfast.objects.locks import BucketLock
from holdfast.s3.acl_request import AclHeaders, acl_of_new_bucket
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.ownership import check_bucket_acl, check_ownership


class Input(AclHeaders, frozen=True, kw_only=True):
    bucket: str
    create_bucket_configuration: dict[str, Any] | None = None
    object_lock_enabled_for_bucket: bool | None = None
    object_ownership: str | None = None


@operation("CreateBucket", "s3:CreateBucket")
async def create_bucket(call: Call[Input]) -> Response:
    """A new bucket belongs to the caller, and is private unless its access control list says otherwise.

    Errors: InvalidBucketName, BucketAlreadyExists, BucketAlreadyOwnedByYou, IllegalLocationConstraintException,
    InvalidLocationConstraint, those of `acl_of_new_bucket`, InvalidBucketAclWithObjectOwnership, NotImplemented."""
    given = call.input
    user = call.caller.user
    if user is None:
        raise AccessDenied
    configuration = given.create_bucket_configuration or {}
    _refuse_unbuilt(given, configuration)
    check_location(configuration.get("location_constraint"), call.settings.region)
    settings = {OWNERSHIP: given.object_ownership} if given.object_ownership else {}
    if given.object_lock_enabled_for_bucket:
        settings[LOCK] = msgspec.json.encode(BucketLock()).decode()
    text = await acl_of_new_bucket(call, given, user.canonical_id)
    if text:
        check_bucket_acl(given.object_ownership, text, user.canonical_id)
        settings[acl.SETTING] = text
    await create(
        call.engine,
        Bucket(
            namespace=user.namespace,
            name=given.bucket,
            region=call.settings.region,
            owner=user.canonical_id,
            compartment=home_of(call.caller),
            created_ms=call.now_ms,
            versioning=VERSIONING_ENABLED if given.object_lock_enabled_for_bucket else VERSIONING_OFF,
            settings=settings,
        ),
    )
    return response(200, (b"location", b"/" + given.bucket.encode("ascii")))


def _refuse_unbuilt(given: Input, configuration: dict[str, Any]) -> None:
    if given.object_ownership is not None:
        check_ownership(given.object_ownership)
    for name in ("location", "bucket", "tags"):
        if configuration.get(name):
            raise NotImplemented(f"{name.capitalize()} in CreateBucketConfiguration is not implemented.")
