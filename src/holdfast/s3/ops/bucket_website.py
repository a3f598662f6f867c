"""PutBucketWebsite, GetBucketWebsite and DeleteBucketWebsite."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.buckets.website import SETTING, given_of, stored
from holdfast.model.errors import NoSuchWebsiteConfiguration
from holdfast.model.messages import Response
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of
from holdfast.s3.settings import change


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    website_configuration: dict[str, Any]


@operation("PutBucketWebsite", "s3:PutBucketWebsite")
async def put_bucket_website(call: Call[PutInput]) -> Response:
    """Replaces the whole document. Errors: InvalidArgument, InvalidRequest, KeyTooLongError, MalformedXML, OperationAborted."""
    text = stored(call.input.website_configuration)
    await change(call, lambda settings: {**settings, SETTING: text})
    return response(200)


@operation("GetBucketWebsite", "s3:GetBucketWebsite")
async def get_bucket_website(call: Call[Input]) -> dict[str, Any]:
    """The document as it was given. Errors: NoSuchWebsiteConfiguration."""
    bucket = bucket_of(call)
    text = bucket.settings.get(SETTING)
    if text is None:
        raise NoSuchWebsiteConfiguration(BucketName=bucket.name)
    return given_of(text)


@operation("DeleteBucketWebsite", "s3:DeleteBucketWebsite")
async def delete_bucket_website(call: Call[Input]) -> None:
    """Removes it; there may be none. Errors: OperationAborted."""
    await change(call, lambda settings: {key: value for key, value in settings.items() if key != SETTING})
