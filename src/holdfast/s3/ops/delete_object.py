"""DeleteObject."""

from __future__ import annotations

import msgspec

from holdfast.model.messages import Response
from holdfast.objects.conditions import for_delete
from holdfast.objects.remove import remove
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of
from holdfast.s3.times import milliseconds


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str
    version_id: str | None = None
    if_match: str | None = None
    if_match_last_modified_time: float | None = None
    if_match_size: int | None = None
    bypass_governance_retention: bool | None = None


@operation("DeleteObject", "s3:DeleteObject")
async def delete_object(call: Call[Input]) -> Response:
    """Removes a version, or hides the key behind a delete marker (S3 API Reference, DeleteObject).

    Errors: AccessDenied, InvalidArgument, PreconditionFailed, NoSuchKey (only with If-Match)."""
    given = call.input
    bypass = bool(given.bypass_governance_retention)
    if bypass:
        await call.require("s3:BypassGovernanceRetention", bucket_of(call), given.key)
    expect = for_delete(given.if_match, milliseconds(given.if_match_last_modified_time), given.if_match_size)
    removed = await remove(call.engine, bucket_of(call), given.key, given.version_id, expect, now_ms=call.now_ms, bypass=bypass)
    head = []
    if removed.is_delete_marker:
        head.append((b"x-amz-delete-marker", b"true"))
    if removed.version_id:
        head.append((b"x-amz-version-id", removed.version_id.encode("ascii")))
    return response(204, *head)
