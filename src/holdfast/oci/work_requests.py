"""Work requests: what takes longer than a request, how far it is and how it ended, for a week and for every process.

They are documents in a bucket that no door shows. Source: OCI, "Work Requests": WorkRequest, WorkRequestError, WorkRequestLogEntry.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from holdfast.engine.api import ANYTHING, AlreadyExists, Engine, Expect, ListQuery
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Version
from holdfast.objects.write import commit
from holdfast.wire.values import iso_date_ms

ACCEPTED, IN_PROGRESS, COMPLETED, FAILED, CANCELING, CANCELED = "ACCEPTED", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELING", "CANCELED"
ENDED = frozenset((COMPLETED, FAILED, CANCELED))
KEPT_MS = 7 * 24 * 3600 * 1000
SILENT_MS = 60_000
"""One that runs and was not heard of for so long has ended with its process."""

_BUCKET = "work-requests"
_SWEPT_MAX = 20


class Resource(msgspec.Struct, frozen=True, rename="camel"):
    """What a work request reads or writes."""

    action_type: str
    entity_type: str
    identifier: str
    entity_uri: str
    metadata: dict[str, str] = {}


class Line(msgspec.Struct, frozen=True):
    """An entry of the log, or with a `code` an error."""

    message: str
    at_ms: int
    code: str = ""


class WorkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One work request as it is stored. Times are milliseconds since the epoch, 0 for not yet; `bucket` is the one whose rights it needs."""

    id: str
    namespace: str
    compartment: str
    bucket: str
    operation: str
    status: str
    resources: tuple[Resource, ...] = ()
    percent: float = 0.0
    accepted_ms: int
    started_ms: int = 0
    finished_ms: int = 0
    heard_ms: int = 0
    log: tuple[Line, ...] = ()
    errors: tuple[Line, ...] = ()


_DOCUMENT = msgspec.json.Decoder(WorkRequest)


def new_id(now_ms: int) -> str:
    """Ids are in the order in which they were made, and cannot be guessed."""
    return f"{now_ms:012x}-{secrets.token_hex(24)}"


class WorkRequests:
    """The work requests of one namespace."""

    def __init__(self, engine: Engine, namespace: str, region: str) -> None:
        self._engine = engine
        self._place = Bucket(namespace=namespace + "/.system", name=_BUCKET, region=region, owner="")

    async def _bucket(self) -> Bucket:
        catalog = self._engine.catalog
        found = await catalog.bucket(self._place.namespace, _BUCKET)
        if found is None:
            try:
                found = await catalog.create_bucket(self._place)
            except AlreadyExists as taken:
                found = taken.existing if isinstance(taken.existing, Bucket) else None
        if found is None:
            raise LookupError(_BUCKET)
        return found

    async def store(self, request: WorkRequest, expect: Expect = ANYTHING) -> WorkRequest:
        """Errors: those of `commit`."""
        data = msgspec.json.encode(request)
        blobs = (self._engine.blobs.inline(data),)
        version = Version(key=request.id, modified_ms=request.heard_ms, size=len(data), etag="0" * 32, facts=Facts(), blobs=blobs)
        await commit(self._engine, await self._bucket(), version, expect)
        return request

    async def find(self, id: str, now_ms: int) -> WorkRequest | None:
        bucket = await self._engine.catalog.bucket(self._place.namespace, _BUCKET)
        version = None if bucket is None else await self._engine.catalog.version(bucket.id, id, body=True)
        if version is None or not version.blobs or version.blobs[0].inline is None:
            return None
        found = _DOCUMENT.decode(version.blobs[0].inline)
        if found.status not in ENDED and found.heard_ms + SILENT_MS < now_ms:
            line = Line("The server that ran it ended.", found.heard_ms, "InternalServerError")
            found = msgspec.structs.replace(found, status=FAILED, finished_ms=found.heard_ms, errors=(*found.errors, line))
        return found

    async def all(self, now_ms: int, *, after: str = "", limit: int = 1000) -> list[WorkRequest]:
        """Oldest first, strictly after an id."""
        bucket = await self._engine.catalog.bucket(self._place.namespace, _BUCKET)
        if bucket is None:
            return []
        page = await self._engine.catalog.list(ListQuery(bucket_id=bucket.id, after=after, limit=limit))
        found = [await self.find(entry.key, now_ms) for entry in page.entries]
        return [each for each in found if each is not None]

    async def forget(self, now_ms: int) -> None:
        """Removes a few of those that are older than a week."""
        bucket = await self._bucket()
        page = await self._engine.catalog.list(ListQuery(bucket_id=bucket.id, limit=_SWEPT_MAX))
        for entry in page.entries:
            if int(entry.key[:12], 16) + KEPT_MS < now_ms:
                await self._engine.catalog.expunge(bucket, entry.key, entry.version_id)


def told(request: WorkRequest, region: str) -> dict[str, Any]:
    """WorkRequest."""
    return {
        "operationType": request.operation,
        "status": request.status,
        "id": request.id,
        "compartmentId": request.compartment,
        "resources": msgspec.to_builtins(request.resources),
        "percentComplete": 100.0 if request.status == COMPLETED else request.percent,
        "timeAccepted": iso_date_ms(request.accepted_ms),
        "timeStarted": iso_date_ms(request.started_ms) if request.started_ms else None,
        "timeFinished": iso_date_ms(request.finished_ms) if request.finished_ms else None,
    }
