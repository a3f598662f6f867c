"""GetObjectTagging, PutObjectTagging, DeleteObjectTagging."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Version
from holdfast.objects.amend import amend
from holdfast.objects.read import read_version_id
from holdfast.objects.tags import tags_of_document
from holdfast.s3.access import find_allowed
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    tagging: dict[str, Any]
    version_id: str | None = None


@operation("GetObjectTagging", "s3:GetObjectTagging", judges=True)
async def get_object_tagging(call: Call[Input]) -> dict[str, Any]:
    """The tags of a version in order of their keys, none for one without.

    Errors: NoSuchKey, NoSuchVersion, MethodNotAllowed (a delete marker), InvalidArgument."""
    bucket = bucket_of(call)
    version = await find_allowed(call, bucket, call.input.key, call.input.version_id)
    rows = [{"key": key, "value": value} for key, value in sorted(version.facts.tags.items())]
    return {"tag_set": rows, "version_id": read_version_id(bucket, version)}


@operation("PutObjectTagging", "s3:PutObjectTagging", judges=True)
async def put_object_tagging(call: Call[PutInput]) -> dict[str, Any]:
    """Replaces all tags of a version. Errors: MalformedXML, InvalidTag; as GetObjectTagging."""
    bucket = bucket_of(call)
    tags = tags_of_document(call.input.tagging)
    version = await _set(call, bucket, tags)
    return {"version_id": read_version_id(bucket, version)}


@operation("DeleteObjectTagging", "s3:DeleteObjectTagging", judges=True)
async def delete_object_tagging(call: Call[Input]) -> dict[str, Any]:
    """Removes all tags of a version. Errors: as GetObjectTagging."""
    bucket = bucket_of(call)
    version = await _set(call, bucket, {})
    return {"version_id": read_version_id(bucket, version)}


async def _set(call: Call[Any], bucket: Bucket, tags: dict[str, str]) -> Version:
    """Replaces the tags of the version that is allowed at the moment of the change."""

    async def look() -> Version:
        return await find_allowed(call, bucket, call.input.key, call.input.version_id, tags=tags)

    async def tagged(version: Version) -> Facts:
        return msgspec.structs.replace(version.facts, tags=tags)

    return await amend(call.engine, bucket, look, tagged)
