"""What the handlers of bucket and listing operations share: the bucket that a request names, and the people in an answer."""

from __future__ import annotations

from typing import Any

from holdfast.identities.names import display_name
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied, NoSuchBucket
from holdfast.s3.operation import Call


def bucket_of(call: Call[Any]) -> Bucket:
    """The bucket that the request names. Errors: NoSuchBucket."""
    bucket = call.bucket
    if bucket is None:
        raise NoSuchBucket(None, BucketName=getattr(call.input, "bucket", ""))
    return bucket


async def display_names(call: Call[Any], canonical_ids: set[str]) -> dict[str, str]:
    """The display name of each canonical id; the id itself for one that nobody has (any more)."""
    user = call.caller.user
    names: dict[str, str] = {}
    for canonical_id in canonical_ids:
        if user is not None and canonical_id == user.canonical_id:
            names[canonical_id] = user.display_name
        else:
            names[canonical_id] = await display_name(call.engine.registry, canonical_id) or canonical_id
    return names


def writer_of(call: Call[Any]) -> str:
    """The canonical id of who does what this request does: the caller's, or the bucket owner's when the caller is anonymous."""
    user = call.caller.user
    return user.canonical_id if user is not None else bucket_of(call).owner


def person(names: dict[str, str], canonical_id: str) -> dict[str, str]:
    """An Owner or Initiator of an answer; `names` as display_names gives them."""
    return {"id": canonical_id, "display_name": names[canonical_id]}


def expect_owner(bucket: Bucket | None, owner: bytes) -> None:
    """S3 User Guide, "Verifying bucket ownership with bucket owner condition". Errors: AccessDenied."""
    if bucket is not None and bucket.owner.encode() != owner:
        raise AccessDenied()
