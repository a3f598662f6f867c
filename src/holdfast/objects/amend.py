"""Amending: new tags or a new access control list on a version, and nothing else of it changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from holdfast.engine.api import Conflict, Engine, Expect, Gone, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.errors import OperationAborted
from holdfast.model.objects import Facts, Version
from holdfast.objects.read import find
from holdfast.objects.write import STALE_RETRIES, current


async def set_tags(engine: Engine, bucket: Bucket, key: str, version_id: str | None, tags: dict[str, str]) -> Version:
    """Replaces the tags of the named version, or of the latest.

    Errors: as `find`; OperationAborted when the key is overwritten again and again meanwhile."""

    async def tagged(version: Version) -> Facts:
        return msgspec.structs.replace(version.facts, tags=tags)

    return await amend(engine, bucket, lambda: find(engine, bucket, key, version_id), tagged)


async def amend(
    engine: Engine, bucket: Bucket, look: Callable[[], Awaitable[Version]], new: Callable[[Version], Awaitable[Facts]]
) -> Version:
    """Gives the version that `look` finds the facts that `new` makes of it; both run again when the key changed meanwhile, so
    that what they check is true of the version that is amended.

    Errors: those of `look` and `new`; OperationAborted when the key is overwritten again and again."""
    for _ in range(STALE_RETRIES):
        version = await look()
        facts = await new(version)
        try:
            return await engine.catalog.amend(bucket, version.key, version.version_id, facts, Expect(seq=version.seq, facts=version.facts))
        except (Conflict, Gone):
            continue
        except Stale:
            bucket = await current(engine, bucket)
    raise OperationAborted
