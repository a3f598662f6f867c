"""GetObject."""

from __future__ import annotations

from holdfast.engine.api import Gone
from holdfast.model.errors import InternalError
from holdfast.model.messages import Response
from holdfast.objects.read import open_bytes
from holdfast.s3.access import find_allowed
from holdfast.s3.damage import Attempts
from holdfast.s3.object_answer import ReadInput, answer
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of

_READS = 3


@operation("GetObject", "s3:GetObject", judges=True)
async def get_object(call: Call[ReadInput]) -> Response:
    """The bytes of a version, or a range of them (S3 API Reference, GetObject).

    Errors: NoSuchKey, NoSuchVersion, MethodNotAllowed (a delete marker), InvalidRange, InvalidPartNumber, InvalidArgument, InvalidRequest,
    PreconditionFailed, NotModified."""
    given = call.input
    bucket = bucket_of(call)
    attempts = None
    for _ in range(_READS):
        version = await find_allowed(call, bucket, given.key, given.version_id, body=True)
        response, start, length = answer(given, call.request, call.caller, bucket, version)
        try:
            response.body = await open_bytes(call.engine, version, start, length)
            return response
        except Gone:  # overwritten or deleted between the look-up and the read: what is there now is the answer
            attempts = attempts or Attempts(call)
            attempts.failed(bucket, version)
    raise InternalError
