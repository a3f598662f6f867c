"""ListBuckets."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.authz.listing import visible
from holdfast.buckets.listing import list_buckets as list_page
from holdfast.model.errors import AccessDenied, InvalidArgument
from holdfast.objects.paging import continuation_place, continuation_token
from holdfast.s3.operation import Call, operation

MAX_BUCKETS = 10_000


class Input(msgspec.Struct, frozen=True, kw_only=True):
    max_buckets: int | None = None
    continuation_token: str | None = None
    prefix: str | None = None
    bucket_region: str | None = None


@operation("ListBuckets", "s3:ListAllMyBuckets")
async def list_buckets(call: Call[Input]) -> dict[str, Any]:
    """The caller's buckets in order of name; policies and roles show others of its tenancy.

    Errors: InvalidArgument (max-buckets outside 1..10000, a token that was not given out)."""
    given = call.input
    user = call.caller.user
    if user is None:
        raise AccessDenied
    if given.max_buckets is not None and not 1 <= given.max_buckets <= MAX_BUCKETS:
        raise InvalidArgument(
            "Argument max-buckets must be an integer between 1 and 10000", ArgumentName="max-buckets", ArgumentValue=str(given.max_buckets)
        )
    owner, sees = visible(call.caller, call.request)
    buckets, more = await list_page(
        call.engine,
        user.namespace,
        owner,
        prefix=given.prefix or "",
        after=continuation_place(given.continuation_token) if given.continuation_token else "",
        region=given.bucket_region,
        limit=given.max_buckets or MAX_BUCKETS,
        sees=sees,
    )
    return {
        "owner": {"id": user.canonical_id, "display_name": user.display_name},
        "buckets": [{"name": b.name, "creation_date": b.created_ms // 1000, "bucket_region": b.region} for b in buckets],
        "continuation_token": continuation_token(buckets[-1].name) if more else None,
        "prefix": given.prefix,
    }
