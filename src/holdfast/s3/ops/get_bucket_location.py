"""GetBucketLocation."""

from __future__ import annotations

import msgspec

from holdfast.buckets.creation import LEGACY_REGION
from holdfast.model.messages import Response
from holdfast.s3.listing_text import HEAD, listing_response, xml_text
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@operation("GetBucketLocation", "s3:GetBucketLocation")
async def get_bucket_location(call: Call[Input]) -> Response:
    """The bucket's region as the text of the root element; us-east-1 is an empty one (S3 API Reference, GetBucketLocation)."""
    region = bucket_of(call).region
    text = "" if region == LEGACY_REGION else xml_text(region)
    return listing_response(HEAD % "LocationConstraint" + text + "</LocationConstraint>")
