"""What versioning means: the version id of a new object, what a delete does, and which states a bucket may go to."""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec

from holdfast.model.buckets import VERSIONING_ENABLED, VERSIONING_OFF, VERSIONING_SUSPENDED, Bucket
from holdfast.model.errors import IllegalVersioningConfigurationException, MalformedXML, NotImplemented
from holdfast.model.objects import NULL_VERSION, Version


def new_version_id(bucket: Bucket) -> str:
    """The version id of the next object (or delete marker) written to `bucket`: fresh and opaque while versioning is enabled, else "null"."""
    if bucket.versioning == VERSIONING_ENABLED:
        return secrets.token_hex(16)
    return NULL_VERSION


def shown_version_id(version_id: str) -> str | None:
    """The `x-amz-version-id` of an answer that wrote the version; None (no header) where S3 sends none.

    A bucket that never had versioning and a suspended one write "null", which is not shown. What was written tells, and not the
    bucket as the request found it: versioning may have been switched on meanwhile."""
    return None if version_id == NULL_VERSION else version_id


class Deletion(msgspec.Struct, frozen=True):
    """What a delete does: `expunge` this version for good, or `commit` this delete marker as the new latest version.

    Exactly one of the two is set."""

    expunge: str | None = None
    commit: Version | None = None


def plan_deletion(bucket: Bucket, key: str, version_id: str | None, owner: str, now_ms: int) -> Deletion:
    """What DeleteObject means (S3 User Guide, "Deleting object versions").

    With a version id: that version goes for good, in every state. Without: off, the only version ("null") goes; enabled, a
    delete marker with an id of its own becomes the latest; suspended, a delete marker "null" replaces the version "null"."""
    if version_id:
        return Deletion(expunge=version_id)
    if bucket.versioning == VERSIONING_OFF:
        return Deletion(expunge=NULL_VERSION)
    return Deletion(commit=Version(key=key, version_id=new_version_id(bucket), modified_ms=now_ms, owner=owner, is_delete_marker=True))


def change_versioning(status: str | None, mfa_delete: str | None) -> Literal["Enabled", "Suspended"]:
    """The state that PutBucketVersioning asks for. Versioning that was on once can be suspended but never switched off.

    Errors: IllegalVersioningConfigurationException (no Status), MalformedXML (a value that is not in the schema),
    NotImplemented (MfaDelete Enabled)."""
    if mfa_delete is not None and mfa_delete not in ("Enabled", "Disabled"):
        raise MalformedXML
    if mfa_delete == "Enabled":
        raise NotImplemented("MFA delete is not implemented.")
    if status is None:
        raise IllegalVersioningConfigurationException("The Versioning element must be specified")
    if status == VERSIONING_ENABLED:
        return "Enabled"
    if status == VERSIONING_SUSPENDED:
        return "Suspended"
    raise MalformedXML
