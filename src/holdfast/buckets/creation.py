"""Creating a bucket: its name, its region, and whose it is."""

from __future__ import annotations

import re

from holdfast.engine.api import AlreadyExists, Engine
from holdfast.model.buckets import Bucket, is_bucket_name
from holdfast.model.errors import (
    BucketAlreadyExists,
    BucketAlreadyOwnedByYou,
    IllegalLocationConstraintException,
    InvalidBucketName,
    InvalidLocationConstraint,
)

LEGACY_REGION = "us-east-1"
_REGION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+\Z")


def check_location(constraint: str | None, region: str) -> None:
    """Refuses a LocationConstraint that is not this deployment's region. None or "" is fine in every region.

    Errors: IllegalLocationConstraintException (another region's name), InvalidLocationConstraint (no region's name)."""
    if not constraint or constraint == region or (constraint == "EU" and region == "eu-west-1"):
        return
    if _REGION.match(constraint) or constraint == "EU":
        raise IllegalLocationConstraintException(
            f"The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
        )
    raise InvalidLocationConstraint(None, LocationConstraint=constraint)


async def create_bucket(engine: Engine, bucket: Bucket) -> Bucket:
    """The stored bucket. Creating one's own bucket again changes nothing: in us-east-1 it succeeds unless it asks for what the bucket
    is not, elsewhere it is refused (S3 API Reference, CreateBucket). There S3 would give an existing bucket the access control list of the
    request; we refuse another list as Ceph does, since a repeated creation must not lock anybody out, or let anybody in.

    Errors: InvalidBucketName, BucketAlreadyOwnedByYou, BucketAlreadyExists."""
    if not is_bucket_name(bucket.name):
        raise InvalidBucketName(None, BucketName=bucket.name)
    try:
        return await engine.catalog.create_bucket(bucket)
    except AlreadyExists as taken:
        existing = taken.existing
        if not isinstance(existing, Bucket) or existing.owner != bucket.owner:
            raise BucketAlreadyExists(None, BucketName=bucket.name) from None
        if existing.region == bucket.region == LEGACY_REGION and bucket.settings.get("acl") != existing.settings.get("acl"):
            raise BucketAlreadyExists(None, BucketName=bucket.name) from None
        if existing.region == bucket.region == LEGACY_REGION and bucket.settings.items() <= existing.settings.items():
            return existing
        raise BucketAlreadyOwnedByYou(None, BucketName=bucket.name) from None
