"""DeleteObjects."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec

from holdfast.engine.api import EngineError
from holdfast.model.buckets import Bucket
from holdfast.model.errors import MalformedXML, Refusal
from holdfast.objects.conditions import for_delete
from holdfast.objects.names import check_key
from holdfast.objects.remove import remove
from holdfast.s3.errors import refusal_of
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of
from holdfast.s3.times import milliseconds

log = logging.getLogger("holdfast.s3")

KEYS_MAX = 1000
TOGETHER = 100
"""So many keys are removed at once, so that the engine can commit them together."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    delete: dict[str, Any]
    bypass_governance_retention: bool | None = None


# The right is asked for key by key.
@operation("DeleteObjects", of_keys=("s3:DeleteObject", "s3:DeleteObjectVersion"))
async def delete_objects(call: Call[Input]) -> dict[str, Any]:
    """Deletes up to 1,000 keys or versions; what is refused for one key is told in its row (S3 API Reference, DeleteObjects).

    Errors: MalformedXML."""
    given = call.input.delete
    bucket = bucket_of(call)
    objects = given.get("objects") or []
    if not 1 <= len(objects) <= KEYS_MAX or not all(isinstance(row, dict) and row.get("key") for row in objects):
        raise MalformedXML
    rows: list[tuple[bool, dict[str, Any]]] = []
    for at in range(0, len(objects), TOGETHER):
        rows += await asyncio.gather(*(_delete(call, bucket, row) for row in objects[at : at + TOGETHER]))
    return {
        "deleted": [] if given.get("quiet") else [row for done, row in rows if done],
        "errors": [row for done, row in rows if not done],
    }


async def _delete(call: Call[Input], bucket: Bucket, row: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """(True, a row of Deleted) or (False, a row of Error)."""
    key: str = row["key"]
    version_id: str | None = row.get("version_id")
    try:
        check_key(key)
        await call.require("s3:DeleteObject" if version_id is None else "s3:DeleteObjectVersion", bucket, key)
        bypass = bool(call.input.bypass_governance_retention)
        if bypass:
            await call.require("s3:BypassGovernanceRetention", bucket, key)
        expect = for_delete(row.get("etag"), milliseconds(row.get("last_modified_time")), row.get("size"))
        removed = await remove(call.engine, bucket, key, version_id, expect, now_ms=call.now_ms, bypass=bypass)
    except (Refusal, EngineError) as error:
        refusal = error if isinstance(error, Refusal) else refusal_of(error)
        if refusal.status >= 500:
            log.error("delete: %s: %s", type(error).__name__, error, extra={"request_id": call.request.id})
        return False, {"key": key, "version_id": version_id, "code": refusal.code, "message": refusal.message}
    done: dict[str, Any] = {"key": key, "version_id": version_id}
    if removed.is_delete_marker:
        done["delete_marker"] = True
        done["delete_marker_version_id"] = removed.version_id
    return True, done
