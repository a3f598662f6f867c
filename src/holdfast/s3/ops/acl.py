"""GetBucketAcl, PutBucketAcl, GetObjectAcl and PutObjectAcl."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from holdfast.model import acl
from holdfast.model.messages import Response
from holdfast.model.objects import Facts, Version
from holdfast.model.ownership import acls_count, owner_of
from holdfast.objects.amend import amend
from holdfast.objects.read import read_version_id
from holdfast.s3.access import find_allowed
from holdfast.s3.acl_request import AclHeaders, replacing_acl
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of, display_names, person
from holdfast.s3.settings import change


class BucketInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class ObjectInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None


class PutBucketInput(AclHeaders, frozen=True, kw_only=True):
    bucket: str
    access_control_policy: dict[str, Any] | None = None


class PutObjectInput(AclHeaders, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None
    access_control_policy: dict[str, Any] | None = None


@operation("GetBucketAcl", "s3:GetBucketAcl")
async def get_bucket_acl(call: Call[BucketInput]) -> dict[str, Any]:
    """The owner of the bucket, and who else may do what."""
    bucket = bucket_of(call)
    return await _document(call, bucket.settings.get(acl.SETTING, "") if acls_count(bucket) else "", bucket.owner)


@operation("GetObjectAcl", "s3:GetObjectAcl", judges=True)
async def get_object_acl(call: Call[ObjectInput]) -> dict[str, Any]:
    """The owner of a version, and who else may do what. Errors: NoSuchKey, NoSuchVersion; MethodNotAllowed for a delete marker by its id."""
    bucket = bucket_of(call)
    version = await find_allowed(call, bucket, call.input.key, call.input.version_id)
    text = version.facts.extra.get(acl.SETTING, "") if acls_count(bucket) else ""
    return await _document(call, text, owner_of(bucket, version.owner))


async def _document(call: Call[Any], text: str, owner: str) -> dict[str, Any]:
    grants = acl.grants_of(text, owner)
    names = await display_names(call, {owner, *(grant.canonical_id for grant in grants if grant.canonical_id)})
    return {
        "owner": person(names, owner),
        "grants": [
            {
                "grantee": {"type": "CanonicalUser", **person(names, grant.canonical_id)}
                if grant.canonical_id
                else {"type": "Group", "uri": grant.grantee},
                "permission": grant.permission,
            }
            for grant in grants
        ],
    }


@operation("PutBucketAcl", "s3:PutBucketAcl")
async def put_bucket_acl(call: Call[PutBucketInput]) -> Response:
    """Replaces the list of the bucket. Errors: those of `replacing_acl`, OperationAborted."""
    given, bucket = call.input, bucket_of(call)
    text = await replacing_acl(call, given, given.access_control_policy, bucket, bucket.owner, of_bucket=True)

    def new(settings: Mapping[str, str]) -> dict[str, str]:
        others = {name: value for name, value in settings.items() if name != acl.SETTING}
        return {**others, acl.SETTING: text} if text else others

    await change(call, new)
    return response(200)


@operation("PutObjectAcl", "s3:PutObjectAcl", judges=True)
async def put_object_acl(call: Call[PutObjectInput]) -> Response:
    """Replaces the list of a version, and nothing else of it. Errors: those of `replacing_acl` and of GetObjectAcl, OperationAborted."""
    given, bucket = call.input, bucket_of(call)

    async def look() -> Version:
        return await find_allowed(call, bucket, given.key, given.version_id)

    async def listed(version: Version) -> Facts:
        owner = owner_of(bucket, version.owner)
        text = await replacing_acl(call, given, given.access_control_policy, bucket, owner, of_bucket=False)
        others = {name: value for name, value in version.facts.extra.items() if name != acl.SETTING}
        return msgspec.structs.replace(version.facts, extra={**others, acl.SETTING: text} if text else others)

    version = await amend(call.engine, bucket, look, listed)
    version_id = read_version_id(bucket, version)
    return response(200, *([] if version_id is None else [(b"x-amz-version-id", version_id.encode("ascii"))]))
