"""GetObjectTagging, PutObjectTagging, DeleteObjectTagging."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.objects.amend import set_tags
from holdfast.objects.read import find, read_version_id
from holdfast.objects.tags import tags_of_document
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


@operation("GetObjectTagging", "s3:GetObjectTagging")
async def get_object_tagging(call: Call[Input]) -> dict[str, Any]:
    """The tags of a version in order of their keys, none for one without.

    Errors: NoSuchKey, NoSuchVersion, MethodNotAllowed (a delete marker), InvalidArgument."""
    bucket = bucket_of(call)
    version = await find(call.engine, bucket, call.input.key, call.input.version_id)
    rows = [{"key": key, "value": value} for key, value in sorted(version.facts.tags.items())]
    return {"tag_set": rows, "version_id": read_version_id(bucket, version)}


@operation("PutObjectTagging", "s3:PutObjectTagging")
async def put_object_tagging(call: Call[PutInput]) -> dict[str, Any]:
    """Replaces all tags of a version. Errors: MalformedXML, InvalidTag; as GetObjectTagging."""
    bucket = bucket_of(call)
    tags = tags_of_document(call.input.tagging)
    version = await set_tags(call.engine, bucket, call.input.key, call.input.version_id, tags)
    return {"version_id": read_version_id(bucket, version)}


@operation("DeleteObjectTagging", "s3:DeleteObjectTagging")
async def delete_object_tagging(call: Call[Input]) -> dict[str, Any]:
    """Removes all tags of a version. Errors: as GetObjectTagging."""
    bucket = bucket_of(call)
    version = await set_tags(call.engine, bucket, call.input.key, call.input.version_id, {})
    return {"version_id": read_version_id(bucket, version)}
