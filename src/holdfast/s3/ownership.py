"""Ownership controls as requests give them (S3 User Guide, "Controlling ownership of objects"); `holdfast.model.ownership` says what they mean."""

from __future__ import annotations

from typing import Any

from holdfast.model import acl
from holdfast.model.errors import InvalidArgument, InvalidBucketAclWithObjectOwnership, MalformedXML
from holdfast.model.ownership import ENFORCED, OWNERSHIPS


def check_ownership(asked: str) -> None:
    """The header of CreateBucket. Errors: InvalidArgument."""
    if asked not in OWNERSHIPS:
        raise InvalidArgument(None, ArgumentName="x-amz-object-ownership", ArgumentValue=asked)


def ownership_of(controls: dict[str, Any]) -> str:
    """The ObjectOwnership of an OwnershipControls document. Errors: MalformedXML."""
    rules = controls.get("rules") or []
    if len(rules) != 1 or rules[0].get("object_ownership") not in OWNERSHIPS:
        raise MalformedXML
    asked: str = rules[0]["object_ownership"]
    return asked


def check_bucket_acl(ownership: str | None, text: str, owner: str) -> None:
    """A bucket whose list lets anybody but its owner in cannot switch lists off. Errors: InvalidBucketAclWithObjectOwnership."""
    if ownership == ENFORCED and any(grant.grantee != "=" + owner for grant in acl.grants_of(text, owner)):
        raise InvalidBucketAclWithObjectOwnership
