"""GetObject."""

from __future__ import annotations

from holdfast.engine.api import Gone
from holdfast.model.errors import InternalError
from holdfast.model.messages import Response
from holdfast.objects.encryption import FACT
from holdfast.objects.read import open_bytes
from holdfast.s3.access import find_allowed
from holdfast.s3.damage import Attempts
from holdfast.s3.encryption import CUSTOMER_MEMBERS, SSE_C_HEADER, check_readable, encryption_headers
from holdfast.s3.object_answer import ReadInput, answer
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of

_READS = 3


@operation("GetObject", "s3:GetObject", judges=True, ignores=CUSTOMER_MEMBERS)
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
            key = b""
            if FACT in version.facts.extra or SSE_C_HEADER in call.request.headers:
                key = await check_readable(call, version.facts)
                response.headers = response.headers + encryption_headers(version.facts, call.request)
            response.body = await open_bytes(call.engine, version, start, length, key)
            return response
        except Gone:  # overwritten or deleted between the look-up and the read: what is there now is the answer
            attempts = attempts or Attempts(call)
            attempts.failed(bucket, version)
    raise InternalError
