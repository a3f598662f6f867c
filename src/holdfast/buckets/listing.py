"""Which buckets a caller sees, page by page."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.engine.api import Engine
from holdfast.model.buckets import Bucket

_BATCH = 1000


async def list_buckets(
    engine: Engine,
    namespace: str,
    owner: str | None,
    *,
    prefix: str,
    after: str,
    region: str | None,
    limit: int,
    sees: Callable[[Bucket], bool] | None = None,
) -> tuple[list[Bucket], bool]:
    """At most `limit` buckets in order of name, strictly after `after`, and whether more follow.

    `owner` None means whoever owns them; `region` None means wherever they are; `sees` says which of them the caller is shown, None all."""
    found: list[Bucket] = []
    while True:
        batch = await engine.catalog.buckets(namespace, owner=owner, prefix=prefix, after=after, limit=min(_BATCH, limit + 1))
        found += [bucket for bucket in batch if (region is None or bucket.region == region) and (sees is None or sees(bucket))]
        if len(found) > limit:
            return found[:limit], True
        if not batch or len(batch) < min(_BATCH, limit + 1):
            return found, False
        after = batch[-1].name
