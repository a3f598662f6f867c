"""Amending: new tags on a version, and nothing else of it changed."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Conflict, Engine, Expect, Gone, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.errors import OperationAborted
from holdfast.model.objects import Version
from holdfast.objects.read import find
from holdfast.objects.write import STALE_RETRIES, current


async def set_tags(engine: Engine, bucket: Bucket, key: str, version_id: str | None, tags: dict[str, str]) -> Version:
    """Replaces the tags of the named version, or of the latest.

    Errors: as `find`; OperationAborted when the key is overwritten again and again meanwhile."""
    for _ in range(STALE_RETRIES):
        version = await find(engine, bucket, key, version_id)
        facts = msgspec.structs.replace(version.facts, tags=tags)
        try:
            return await engine.catalog.amend(bucket, key, version.version_id, facts, Expect(seq=version.seq))
        except (Conflict, Gone):
            continue
        except Stale:
            bucket = await current(engine, bucket)
    raise OperationAborted
