"""Writers who may make new keys only, or overwrite existing ones only: which of the two, and the condition that the commit then holds.

Source: OCI, "Details for Object Storage": PutObject needs OBJECT_CREATE where the name is new, and OBJECT_OVERWRITE where it is not. Who has
both, as nearly everybody does, is asked once and pays nothing.
"""

from __future__ import annotations

from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import Caller
from holdfast.model.messages import Request
from holdfast.s3.operation import HALVES, WRITE, Authorize


async def half_of_write(authorize: Authorize, caller: Caller, bucket: Bucket | None, key: str, request: Request, operation: str) -> str:
    """NEW or EXISTING for a caller who may not write at will but may write these; "" for one who may write nothing."""
    if caller.user is None:
        return ""
    for half, permissions in HALVES.items():
        try:
            await authorize(caller, WRITE, bucket, key, None, request, operation, permissions=permissions)
        except AccessDenied:
            continue
        return half
    return ""
