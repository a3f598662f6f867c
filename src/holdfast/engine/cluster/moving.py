"""Moving of the cluster engine: a row that says that the store is frozen, which every step looks at, and walks over its tables."""

from __future__ import annotations

from holdfast.engine.api import AlreadyExists, Gone
from holdfast.engine.cluster import documents, listing, statements, steps
from holdfast.engine.cluster.catalog import bucket_document, bucket_of
from holdfast.engine.cluster.database import Database
from holdfast.engine.cluster.pars import par_upload_of
from holdfast.engine.cluster.registry import document_of, seed_of
from holdfast.engine.cluster.watch import Watcher
from holdfast.engine.cluster.wire import int8, int8_array, text
from holdfast.engine.moving import Change, Counters
from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Blob, Upload, Version
from holdfast.model.pars import ParUpload


class ClusterMoving:
    """`Moving` on PostgreSQL."""

    def __init__(self, database: Database, watcher: Watcher) -> None:
        self._database = database
        self._watcher = watcher

    # ---- frozen ----

    async def freeze(self, reason: str) -> None:
        await self._database.step(statements.FREEZE, (text(reason),))

    async def fill(self, reason: str) -> None:
        await self.freeze(reason)
        await self._database.fill()

    async def release(self) -> None:
        await self._database.step(statements.THAW, ())
        self._database.filling = False
        await self._database.close()

    async def frozen(self) -> str:
        found = await self._database.page(statements.FROZEN)
        return str(found[0][0]) if found else ""

    # ---- the journal ----

    async def begin_journal(self, mark: str) -> None:
        await self._database.step(statements.BEGIN_JOURNAL, (text(mark),))

    async def journal(self) -> str:
        found = await self._database.page(statements.JOURNAL)
        return str(found[0][0]) if found else ""

    async def changes(self, *, after: int = 0, limit: int = 1000) -> list[Change]:
        found = await self._database.page(statements.CHANGES, int8(after), int8(limit))
        if found and found[0][0] is None:
            raise Gone("journal")
        return [Change(number, (kind, bucket_id, name.decode())) for number, kind, bucket_id, name in found]

    async def forget(self, mark: str, numbers: list[int]) -> None:
        steps.require((await self._database.step(statements.FORGET, (text(mark), int8_array(numbers))))[0][0])

    async def end_journal(self) -> None:
        await self._database.step(statements.END_JOURNAL, ())

    # ---- walking ----

    async def upload(self, upload_id: str) -> Upload | None:
        found = await self._database.page(statements.UPLOAD_OF_ID, text(upload_id))
        return listing.upload_of(found[0][0], upload_id) if found else None

    async def documents(self, *, after: tuple[str, str] = ("", ""), limit: int = 1000) -> list[Document]:
        found = await self._database.page(statements.ALL_DOCUMENTS, text(after[0]), text(after[1]), int8(limit))
        return [document_of(row) for row in found]

    async def buckets(self, *, after: int = 0, limit: int = 1000) -> list[Bucket]:
        return [bucket_of(row[1]) for row in await self._database.page(statements.ALL_BUCKETS, int8(after), int8(limit))]

    async def versions(self, bucket_id: int, *, after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Version]:
        found = await self._database.page(statements.ALL_VERSIONS, int8(bucket_id), after[0].encode(), int8(after[1]), int8(limit))
        return [
            documents.version_of(bucket_id, row, True, tuple([Blob(*extent) for extent in documents.extents_of(bucket_id, row)])) for row in found
        ]

    async def par_uploads(self, *, after: bytes = b"", limit: int = 1000) -> list[ParUpload]:
        return [par_upload_of(*row) for row in await self._database.page(statements.ALL_PAR_UPLOADS, after, int8(limit))]

    async def counters(self) -> Counters:
        return Counters(*(await self._database.page(statements.COUNTERS))[0])

    # ---- writing ----

    async def raise_counters(self, counters: Counters) -> None:
        numbers = (int8(counters.bucket_id), int8(counters.par), int8(counters.seq))
        steps.require((await self._database.step(statements.RAISE_COUNTERS, numbers))[0][0])

    async def place_document(self, document: Document) -> None:
        value = documents.sealed(document.value, seed_of(document.kind, document.name))
        parameters = (text(document.kind), text(document.name), value, int8(document.revision))
        status = (await self._database.step(statements.PLACE_DOCUMENT, parameters))[0][0]
        self._watcher.changed()
        steps.require(status)

    async def place_bucket(self, bucket: Bucket) -> None:
        parameters = (
            int8(bucket.id), text(bucket.namespace), text(bucket.name), text(bucket.owner), int8(bucket.revision), bucket_document(bucket)
        )  # fmt: skip
        status, existing = (await self._database.step(statements.PLACE_BUCKET, parameters))[0]
        if status == steps.TAKEN:
            raise AlreadyExists(bucket_of(existing))
        steps.require(status)


