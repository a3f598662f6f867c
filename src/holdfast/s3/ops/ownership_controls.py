"""GetBucketOwnershipControls, PutBucketOwnershipControls and DeleteBucketOwnershipControls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from holdfast.model import acl
from holdfast.model.errors import OwnershipControlsNotFoundError
from holdfast.model.messages import Response
from holdfast.model.ownership import OWNERSHIP
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.ownership import check_bucket_acl, ownership_of
from holdfast.s3.place import bucket_of
from holdfast.s3.settings import change


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    ownership_controls: dict[str, Any]


@operation("GetBucketOwnershipControls", "s3:GetBucketOwnershipControls")
async def get_bucket_ownership_controls(call: Call[Input]) -> dict[str, Any]:
    """What somebody asked for, at the creation or later. Errors: OwnershipControlsNotFoundError."""
    bucket = bucket_of(call)
    ownership = bucket.settings.get(OWNERSHIP)
    if ownership is None:
        raise OwnershipControlsNotFoundError(BucketName=bucket.name)
    return {"ownership_controls": {"rules": [{"object_ownership": ownership}]}}


@operation("PutBucketOwnershipControls", "s3:PutBucketOwnershipControls")
async def put_bucket_ownership_controls(call: Call[PutInput]) -> Response:
    """Who owns what is written from now on, and whether access control lists count.

    Errors: MalformedXML, InvalidBucketAclWithObjectOwnership (enforced, while the bucket's list lets others in), OperationAborted."""
    asked = ownership_of(call.input.ownership_controls)
    owner = bucket_of(call).owner

    def new(settings: Mapping[str, str]) -> dict[str, str]:
        check_bucket_acl(asked, settings.get(acl.SETTING, ""), owner)
        return {**settings, OWNERSHIP: asked}

    await change(call, new)
    return response(200)


@operation("DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls")
async def delete_bucket_ownership_controls(call: Call[Input]) -> None:
    """Forgets what was asked for; there may be nothing. Errors: OperationAborted."""
    await change(call, lambda settings: {key: value for key, value in settings.items() if key != OWNERSHIP})
