"""DeleteBucket."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Gone, HasPars, NotEmpty
from holdfast.model.errors import BucketNotEmpty, NoSuchBucket
from holdfast.model.messages import Response
from holdfast.objects.write import discard
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@operation("DeleteBucket", "s3:DeleteBucket", success=204)
async def delete_bucket(call: Call[Input]) -> Response:
    """Removes a bucket without versions and delete markers. Uploads that nobody completed end with it: S3 deletes a general
    purpose bucket in spite of them. Pre-authenticated requests, expired ones too, must be deleted first. Errors: BucketNotEmpty, NoSuchBucket."""
    bucket = bucket_of(call)
    try:
        committed = await call.engine.catalog.delete_bucket(bucket.id)
    except HasPars as held:
        raise BucketNotEmpty(has_pars(held.count), BucketName=bucket.name) from None
    except NotEmpty:
        raise BucketNotEmpty(None, BucketName=bucket.name) from None
    except Gone:
        raise NoSuchBucket(None, BucketName=bucket.name) from None
    if committed.unneeded:
        await discard(call.engine, committed.unneeded)
    return response(204)


def has_pars(count: int) -> str:
    """Why a bucket without objects is not deleted (OCI, "Using Pre-Authenticated Requests", "Scope and Constraints")."""
    are = "request leads" if count == 1 else "requests lead"
    return f"The bucket you tried to delete has no objects, but {count} pre-authenticated {are} to it. Delete them first."
