"""GetPublicAccessBlock, PutPublicAccessBlock and DeletePublicAccessBlock.

The two switches about access control lists count from the next request on (`holdfast.s3.acl_request`, `holdfast.authz.acl`); the two
about bucket policies are kept for these.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import NoSuchPublicAccessBlockConfiguration
from holdfast.model.messages import Response
from holdfast.model.public_access import SETTING, stored, switches_of
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of
from holdfast.s3.settings import change


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    public_access_block_configuration: dict[str, Any]


@operation("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock")
async def get_public_access_block(call: Call[Input]) -> dict[str, Any]:
    """Every switch. Errors: NoSuchPublicAccessBlockConfiguration."""
    bucket = bucket_of(call)
    text = bucket.settings.get(SETTING)
    if text is None:
        raise NoSuchPublicAccessBlockConfiguration(BucketName=bucket.name)
    return {"public_access_block_configuration": switches_of(text)}


@operation("PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock")
async def put_public_access_block(call: Call[PutInput]) -> Response:
    """Sets all four switches; one that the document leaves out is off. Errors: MalformedXML, OperationAborted."""
    text = stored(call.input.public_access_block_configuration)
    await change(call, lambda settings: {**settings, SETTING: text})
    return response(200)


@operation("DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock")
async def delete_public_access_block(call: Call[Input]) -> None:
    """Switches all four off; there may be none. Errors: OperationAborted."""
    await change(call, lambda settings: {key: value for key, value in settings.items() if key != SETTING})
