"""PutBucketCors, GetBucketCors and DeleteBucketCors."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import NoSuchCORSConfiguration
from holdfast.model.messages import Response
from holdfast.s3.cors import SETTING, rows_of, stored
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of
from holdfast.s3.settings import change


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    cors_configuration: dict[str, Any]


@operation("PutBucketCors", "s3:PutBucketCORS")
async def put_bucket_cors(call: Call[PutInput]) -> Response:
    """Replaces all rules. Errors: MalformedXML, InvalidRequest, OperationAborted."""
    text = stored(call.input.cors_configuration)
    await change(call, lambda settings: {**settings, SETTING: text})
    return response(200)


@operation("GetBucketCors", "s3:GetBucketCORS")
async def get_bucket_cors(call: Call[Input]) -> dict[str, Any]:
    """The rules as they were given. Errors: NoSuchCORSConfiguration."""
    bucket = bucket_of(call)
    text = bucket.settings.get(SETTING)
    if text is None:
        raise NoSuchCORSConfiguration(BucketName=bucket.name)
    return {"cors_rules": rows_of(text)}


@operation("DeleteBucketCors", "s3:PutBucketCORS")
async def delete_bucket_cors(call: Call[Input]) -> None:
    """Removes all rules; there may be none. Errors: OperationAborted."""
    await change(call, lambda settings: {key: value for key, value in settings.items() if key != SETTING})
