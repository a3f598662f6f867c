"""AbortMultipartUpload."""

from __future__ import annotations

import msgspec

from holdfast.model.messages import Response
from holdfast.objects.uploads import abort_upload
from holdfast.s3.access import find_upload_allowed
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    upload_id: str


@operation("AbortMultipartUpload", "s3:AbortMultipartUpload", judges=True)
async def abort_multipart_upload(call: Call[Input]) -> Response:
    """Ends an upload and frees its parts. Errors: NoSuchUpload."""
    given = call.input
    await abort_upload(call.engine, await find_upload_allowed(call, bucket_of(call), given.key, given.upload_id))
    return response(204)
