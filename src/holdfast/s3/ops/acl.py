"""GetBucketAcl and GetObjectAcl: while ACLs cannot be changed, the owner has full control and nobody else has any."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import InvalidArgument, MethodNotAllowed, NoSuchKey, NoSuchVersion
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of, display_names


class BucketInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class ObjectInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None


@operation("GetBucketAcl", "s3:GetBucketAcl")
async def get_bucket_acl(call: Call[BucketInput]) -> dict[str, Any]:
    return await _full_control(call, bucket_of(call).owner)


@operation("GetObjectAcl", "s3:GetObjectAcl")
async def get_object_acl(call: Call[ObjectInput]) -> dict[str, Any]:
    """Errors: NoSuchKey, NoSuchVersion; MethodNotAllowed for a version that is a delete marker."""
    bucket = bucket_of(call)
    given = call.input
    if given.version_id == "":
        raise InvalidArgument("Version id cannot be the empty string", ArgumentName="versionId", ArgumentValue="")
    version = await call.engine.catalog.version(bucket.id, given.key, given.version_id)
    if version is None:
        if given.version_id is not None:
            raise NoSuchVersion(Key=given.key, VersionId=given.version_id)
        raise NoSuchKey(Key=given.key)
    if version.is_delete_marker:
        headers = ((b"x-amz-delete-marker", b"true"), (b"x-amz-version-id", version.version_id.encode()))
        if given.version_id is not None:
            raise MethodNotAllowed(headers=headers, Method="GET", ResourceType="DeleteMarker")
        raise NoSuchKey(headers=headers, Key=given.key)
    return await _full_control(call, version.owner or bucket.owner)


async def _full_control(call: Call[Any], owner: str) -> dict[str, Any]:
    names = await display_names(call, {owner})
    person = {"id": owner, "display_name": names[owner]}
    return {"owner": person, "grants": [{"grantee": {**person, "type": "CanonicalUser"}, "permission": "FULL_CONTROL"}]}
