"""The ACLs of buckets and objects: the bucket's owner has full control and nobody else has any, and a Put may only say so again."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import InvalidArgument, MethodNotAllowed, MissingSecurityHeader, NoSuchKey, NoSuchVersion, NotImplemented
from holdfast.model.messages import Response
from holdfast.objects.read import find, read_version_id
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.ownership import BUCKET_ACLS, check_acl
from holdfast.s3.place import bucket_of, display_names


class BucketInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class ObjectInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None


class PutBucketInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    acl: str | None = None
    access_control_policy: dict[str, Any] | None = None


class PutObjectInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None
    acl: str | None = None
    access_control_policy: dict[str, Any] | None = None


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


@operation("PutBucketAcl", "s3:PutBucketAcl")
async def put_bucket_acl(call: Call[PutBucketInput]) -> Response:
    """Takes the canned ACL "private", which changes nothing; grants and documents are refused with NotImplemented.

    Errors: MissingSecurityHeader (no ACL), InvalidArgument, AccessControlListNotSupported, NotImplemented."""
    check_acl(_canned(call.input), bucket_of(call), BUCKET_ACLS)
    return response(200)


@operation("PutObjectAcl", "s3:PutObjectAcl")
async def put_object_acl(call: Call[PutObjectInput]) -> Response:
    """As PutBucketAcl, for a version; "bucket-owner-full-control" says what is so, too. Errors: as PutBucketAcl and GetObjectAcl."""
    given = call.input
    bucket = bucket_of(call)
    check_acl(_canned(given), bucket)
    version = await find(call.engine, bucket, given.key, given.version_id)
    version_id = read_version_id(bucket, version)
    return response(200, *([] if version_id is None else [(b"x-amz-version-id", version_id.encode("ascii"))]))


def _canned(given: PutBucketInput | PutObjectInput) -> str:
    if given.access_control_policy is not None:
        raise NotImplemented("Access control policies are not implemented.")
    if given.acl is None:
        raise MissingSecurityHeader(None, MissingHeaderName="x-amz-acl")
    return given.acl
