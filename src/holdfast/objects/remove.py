"""Removing: a delete marker, or one version for good."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import ANYTHING, Conflict, Engine, Expect, Gone, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.errors import NoSuchBucket, OperationAborted
from holdfast.objects.conditions import refuse_delete
from holdfast.objects.locks import SETTING as LOCK
from holdfast.objects.locks import check_removable
from holdfast.objects.read import check_version_id
from holdfast.objects.versioning import plan_deletion
from holdfast.objects.write import STALE_RETRIES, current, discard


class Removed(msgspec.Struct, frozen=True):
    """What a delete did: `version_id` is the marker it made or the version it removed ("" where there is nothing to say);
    `is_delete_marker` that this was, or is, a delete marker."""

    version_id: str = ""
    is_delete_marker: bool = False


NOTHING = Removed()


async def remove(
    engine: Engine, bucket: Bucket, key: str, version_id: str | None, expect: Expect = ANYTHING, *, now_ms: int, bypass: bool = False
) -> Removed:
    """What DeleteObject means. Deleting what is not there is a success. `bypass`: retention in GOVERNANCE mode does not count.

    Errors: AccessDenied (the version is locked), InvalidArgument (a malformed version id), PreconditionFailed, NoSuchKey (If-Match on a
    missing key), NoSuchBucket, OperationAborted (the bucket changes all the time)."""
    if version_id is not None:
        check_version_id(version_id)
    unlocked = expect
    for _ in range(STALE_RETRIES):
        plan = plan_deletion(bucket, key, version_id, bucket.owner, now_ms)
        try:
            if plan.commit is not None:
                done = await engine.catalog.commit(bucket, plan.commit, expect)
            else:
                unlocked = expect if LOCK not in bucket.settings else await _unlocked(engine, bucket, key, plan.expunge, expect, now_ms, bypass)
                done = await engine.catalog.expunge(bucket, key, plan.expunge or "", unlocked)
        except Conflict as conflict:
            if unlocked.facts is not None and conflict.current is not None and conflict.current.facts != unlocked.facts:
                continue  # it was locked, or unlocked, meanwhile: look again
            refusal = refuse_delete(expect, conflict)
            if refusal is not None:
                raise refusal from None
            return Removed(version_id or "")
        except Stale:
            bucket = await current(engine, bucket)
            continue
        except Gone:
            raise NoSuchBucket(None, BucketName=bucket.name) from None
        if done.unneeded:
            await discard(engine, done.unneeded)
        if plan.commit is not None:
            return Removed(plan.commit.version_id, True)
        if version_id is None:
            return NOTHING
        return Removed(version_id, done.replaced is not None and done.replaced.is_delete_marker)
    raise OperationAborted


async def _unlocked(engine: Engine, bucket: Bucket, key: str, version_id: str | None, expect: Expect, now_ms: int, bypass: bool) -> Expect:
    """The precondition that the version is still what was looked at here and found not to be locked. Errors: AccessDenied."""
    version = await engine.catalog.version(bucket.id, key, version_id)
    if version is None or version.is_delete_marker:
        return expect
    check_removable(version, now_ms, bypass=bypass)
    return msgspec.structs.replace(expect, facts=version.facts)
