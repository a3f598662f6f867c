"""HeadObject."""

from __future__ import annotations

from holdfast.model.messages import Response
from holdfast.objects.encryption import FACT
from holdfast.s3.access import find_allowed
from holdfast.s3.encryption import CUSTOMER_MEMBERS, SSE_C_HEADER, check_readable, encryption_headers
from holdfast.s3.object_answer import ReadInput, answer
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


@operation("HeadObject", "s3:GetObject", judges=True, ignores=CUSTOMER_MEMBERS)
async def head_object(call: Call[ReadInput]) -> Response:
    """What GetObject would answer, without the bytes (S3 API Reference, HeadObject). Errors: as GetObject."""
    given = call.input
    bucket = bucket_of(call)
    version = await find_allowed(call, bucket, given.key, given.version_id)
    response, _, length = answer(given, call.request, call.caller, bucket, version)
    if FACT in version.facts.extra or SSE_C_HEADER in call.request.headers:
        await check_readable(call, version.facts)
        response.headers = response.headers + encryption_headers(version.facts, call.request)
    response.length = length
    return response
