"""GetBucketLocation."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.buckets.creation import LEGACY_REGION
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@operation("GetBucketLocation", "s3:GetBucketLocation")
async def get_bucket_location(call: Call[Input]) -> dict[str, Any]:
    """The bucket's region; us-east-1 is an empty LocationConstraint (S3 API Reference, GetBucketLocation)."""
    region = bucket_of(call).region
    return {"location_constraint": "" if region == LEGACY_REGION else region}
