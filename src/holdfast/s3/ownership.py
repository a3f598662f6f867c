"""Who owns what is written into a bucket, and which ACLs that leaves room for (S3 User Guide, "Controlling ownership of objects")."""

from __future__ import annotations

from typing import Any

from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessControlListNotSupported, InvalidArgument, MalformedXML, NotImplemented

OWNERSHIP = "ownershipControls"
"""The bucket's setting: the ObjectOwnership that somebody asked for."""
ENFORCED = "BucketOwnerEnforced"
OWNERSHIPS = frozenset({ENFORCED, "BucketOwnerPreferred", "ObjectWriter"})

BUCKET_ACLS = frozenset({"private", "public-read", "public-read-write", "authenticated-read", "log-delivery-write"})
OBJECT_ACLS = frozenset(
    {"private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read", "bucket-owner-full-control"}
)
_AS_OWNED = frozenset({"private", "bucket-owner-full-control"})
"""Canned ACLs that say what is so anyway: the bucket's owner owns every object and is the only grantee."""


def check_ownership(asked: str) -> None:
    """The bucket's owner owns every object here, whoever wrote it; the other settings would promise what is not so.

    Errors: InvalidArgument, NotImplemented."""
    if asked not in OWNERSHIPS:
        raise InvalidArgument(None, ArgumentName="x-amz-object-ownership", ArgumentValue=asked)
    if asked != ENFORCED:
        raise NotImplemented(f"Object ownership other than {ENFORCED} is not implemented.")


def ownership_of(controls: dict[str, Any]) -> str:
    """The ObjectOwnership of an OwnershipControls document. Errors: MalformedXML, NotImplemented."""
    rules = controls.get("rules") or []
    if len(rules) != 1 or rules[0].get("object_ownership") not in OWNERSHIPS:
        raise MalformedXML
    asked: str = rules[0]["object_ownership"]
    check_ownership(asked)
    return asked


def check_acl(acl: str, bucket: Bucket, known: frozenset[str] = OBJECT_ACLS) -> None:
    """A canned ACL is honoured or refused, never dropped; where ownership is enforced by name, none but the bucket owner's may be given.

    Errors: InvalidArgument (no such ACL), AccessControlListNotSupported, NotImplemented."""
    if acl not in known:
        raise InvalidArgument(None, ArgumentName="x-amz-acl", ArgumentValue=acl)
    if bucket.settings.get(OWNERSHIP) == ENFORCED:
        if acl != "bucket-owner-full-control":
            raise AccessControlListNotSupported
    elif acl not in _AS_OWNED:
        raise NotImplemented("Canned ACLs that let others in are not implemented.", Header="x-amz-acl")
