"""How many objects a bucket holds, and how large they are together: counted, up to a bound, when somebody asks."""

from __future__ import annotations

from holdfast.engine.api import Engine, ListQuery

_COUNTED_MAX = 200_000


async def count(engine: Engine, bucket_id: int) -> tuple[int, int]:
    """(objects, bytes): exact up to 200,000 objects, and at least that many beyond."""
    objects = size = 0
    after = ""
    while objects < _COUNTED_MAX:
        page = await engine.catalog.list(ListQuery(bucket_id=bucket_id, after=after))
        objects += len(page.entries)
        size += sum([entry.size for entry in page.entries])
        if not page.truncated:
            break
        after = page.last
    return objects, size
