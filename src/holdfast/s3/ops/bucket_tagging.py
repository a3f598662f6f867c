"""PutBucketTagging, GetBucketTagging and DeleteBucketTagging."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import NoSuchTagSet
from holdfast.model.messages import Response
from holdfast.objects.tags import tags_of_document
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of
from holdfast.s3.settings import change

TAGS_MAX = 50
"""S3 User Guide, "Using cost allocation S3 bucket tags"."""

_SETTING = "tagging"


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    tagging: dict[str, Any]


@operation("PutBucketTagging", "s3:PutBucketTagging")
async def put_bucket_tagging(call: Call[PutInput]) -> Response:
    """Replaces the whole set. Errors: InvalidTag, MalformedXML, OperationAborted."""
    text = msgspec.json.encode(tags_of_document(call.input.tagging, TAGS_MAX)).decode()
    await change(call, lambda settings: {**settings, _SETTING: text})
    return response(204)


@operation("GetBucketTagging", "s3:GetBucketTagging")
async def get_bucket_tagging(call: Call[Input]) -> dict[str, Any]:
    """The tags in the order in which they were put. Errors: NoSuchTagSet."""
    bucket = bucket_of(call)
    tags = msgspec.json.decode(bucket.settings.get(_SETTING, "{}"), type=dict[str, str])
    if not tags:
        raise NoSuchTagSet(BucketName=bucket.name)
    return {"tag_set": [{"key": key, "value": value} for key, value in tags.items()]}


@operation("DeleteBucketTagging", "s3:PutBucketTagging")
async def delete_bucket_tagging(call: Call[Input]) -> None:
    """Removes every tag; there may be none."""
    await change(call, lambda settings: {key: value for key, value in settings.items() if key != _SETTING})
