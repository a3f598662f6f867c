"""The catalog on PostgreSQL: each step of the contract is one round trip."""

from __future__ import annotations

import asyncio
from zlib import crc32

import msgspec

from holdfast.engine.api import ANYTHING, AlreadyExists, Committed, Expect, Gone, HasPars, ListPage, ListQuery, UploadPage
from holdfast.engine.cluster import documents, listing, statements, steps
from holdfast.engine.cluster.database import Database, lock_of
from holdfast.engine.cluster.pars import ClusterPars
from holdfast.engine.cluster.wire import int8, text
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Part, Upload, Version

_bucket_of = msgspec.msgpack.Decoder(Bucket).decode


def bucket_document(bucket: Bucket) -> bytes:
    """The `doc` column of a bucket."""
    return documents.sealed(documents.pack(bucket), crc32(bucket.name.encode()))


def bucket_of(stored: bytes) -> Bucket:
    """Errors: Damaged."""
    bucket = _bucket_of(stored[:-4])
    documents.opened(stored, crc32(bucket.name.encode()), f"bucket {bucket.name!r}")
    return bucket


class ClusterCatalog(ClusterPars):
    """`Catalog` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._asked: dict[tuple[str, str], asyncio.Future[list[tuple[object, ...]]]] = {}
        self._buckets: dict[bytes, Bucket] = {}

    # ---- buckets ----

    async def bucket(self, namespace: str, name: str) -> Bucket | None:
        """Asked each time, so that no gateway ever works in a bucket that another one removed; those that ask in one turn ask together."""
        place = (namespace, name)
        asked = self._asked.get(place)
        if asked is None or asked.get_loop() is not asyncio.get_running_loop():
            asked = self._asked[place] = self._database.read(statements.BUCKET, text(namespace), text(name))
            asked.get_loop().call_soon(self._asked.pop, place, None)
        found = await asyncio.shield(asked)
        return self._known(found[0][1]) if found else None  # type: ignore[arg-type]

    def _known(self, stored: bytes) -> Bucket:
        """The bucket of a document, which is read once."""
        bucket = self._buckets.get(stored)
        if bucket is None:
            if len(self._buckets) > 1024:
                self._buckets.clear()
            bucket = self._buckets[stored] = bucket_of(stored)
        return bucket

    async def create_bucket(self, bucket: Bucket) -> Bucket:
        number = (await self._database.read(statements.BUCKET_ID))[0][0]
        stored = msgspec.structs.replace(bucket, id=number, revision=1)
        parameters = (int8(number), text(bucket.namespace), text(bucket.name), text(bucket.owner), bucket_document(stored))
        status, existing = (await self._database.step(statements.CREATE_BUCKET, parameters))[0]
        if status == steps.TAKEN:
            raise AlreadyExists(bucket_of(existing) if existing else None)
        steps.require(status)
        return stored

    async def change_bucket(self, bucket: Bucket) -> Bucket:
        found = await self._database.read(statements.BUCKET_OF_ID, int8(bucket.id))
        if not found:
            raise Gone("bucket")
        stored = msgspec.structs.replace(
            bucket_of(found[0][1]),
            versioning=bucket.versioning,
            settings=bucket.settings,
            compartment=bucket.compartment,
            revision=bucket.revision + 1,
        )
        status = (await self._database.step(statements.CHANGE_BUCKET, (int8(bucket.id), int8(bucket.revision), bucket_document(stored))))[0][0]
        steps.require(status)
        return stored

    async def delete_bucket(self, bucket_id: int) -> Committed:
        status, pars, unneeded, sizes = (await self._database.step(statements.DELETE_BUCKET, (int8(bucket_id),)))[0]
        if status == steps.HOLDS_PARS:
            raise HasPars(pars)
        steps.require(status)
        return Committed(unneeded=steps.unneeded_blobs(unneeded, sizes))

    async def buckets(self, namespace: str, *, owner: str | None = None, prefix: str = "", after: str = "", limit: int = 1000) -> list[Bucket]:
        wanted = None if owner is None else text(owner)
        found = await self._database.page(statements.BUCKETS, text(namespace), text(after), text(prefix), wanted, int8(limit))
        return [bucket_of(row[1]) for row in found]

    # ---- versions ----

    async def version(self, bucket_id: int, key: str, version_id: str | None = None, *, body: bool = False) -> Version | None:
        place = (int8(bucket_id), key.encode())
        if version_id is None:
            found = await self._database.read(statements.LATEST_BODY if body else statements.LATEST, *place)
        else:
            found = await self._database.read(statements.NAMED_BODY if body else statements.NAMED, *place, text(version_id))
        if not found:
            return None
        is_latest, data, *row = found[0]
        columns = tuple(row)
        return documents.version_of(bucket_id, columns, is_latest, documents.blobs_of(bucket_id, columns, data) if body else ())

    async def commit(self, bucket: Bucket, new: Version, expect: Expect = ANYTHING) -> Committed:
        key = new.key.encode()
        lock = lock_of(bucket.id, key)
        kept = documents.keep(new.blobs, await self._database.numbers())
        parameters = (
            *steps.version_parameters(bucket.id, bucket.revision, lock, key, new, kept),
            None,
            None,
            int8(new.seq),
            *steps.expectation(expect, bucket.id, key),
        )
        answer = await self._database.step(statements.COMMIT, parameters, (bucket.id, lock))
        return steps.committed(bucket.id, answer[0], new)

    async def amend(self, bucket: Bucket, key: str, version_id: str | None, facts: Facts, expect: Expect) -> Version:
        place = key.encode()
        lock = lock_of(bucket.id, place)
        parameters = (
            int8(bucket.id),
            int8(bucket.revision),
            int8(lock),
            place,
            None if version_id is None else text(version_id),
            text(facts.checksum_label()),
            documents.facts_document(bucket.id, place, facts),
            *steps.expectation(expect, bucket.id, place),
        )
        return steps.amended(bucket.id, (await self._database.step(statements.AMEND, parameters, (bucket.id, lock)))[0])

    async def expunge(self, bucket: Bucket, key: str, version_id: str, expect: Expect = ANYTHING) -> Committed:
        place = key.encode()
        lock = lock_of(bucket.id, place)
        parameters = (
            int8(bucket.id), int8(bucket.revision), int8(lock), place, text(version_id), *steps.expectation(expect, bucket.id, place)
        )  # fmt: skip
        return steps.committed(bucket.id, (await self._database.step(statements.EXPUNGE, parameters, (bucket.id, lock)))[0], None)

    async def list(self, query: ListQuery) -> ListPage:
        return await listing.list_page(self._database, query)

    # ---- uploads ----

    async def start_upload(self, bucket: Bucket, upload: Upload) -> None:
        parameters = (
            int8(bucket.id), int8(bucket.revision), upload.key.encode(), int8(upload.initiated_ms), text(upload.upload_id),
            listing.upload_document(upload),
        )  # fmt: skip
        order = (bucket.id, lock_of(bucket.id, upload.upload_id.encode()))
        status = (await self._database.step(statements.START_UPLOAD, parameters, order))[0][0]
        if status == steps.TAKEN:
            raise AlreadyExists(upload.upload_id)
        steps.require(status)

    async def upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        found = await self._database.read(statements.UPLOAD, text(upload_id), int8(bucket_id), key.encode())
        return listing.upload_of(found[0][0], upload_id) if found else None

    async def add_part(self, upload: Upload, part: Part) -> Committed:
        kept = documents.keep(part.blobs, await self._database.numbers(), single=False)
        lock = lock_of(upload.bucket_id, upload.upload_id.encode())
        parameters = (
            int8(upload.bucket_id),
            upload.key.encode(),
            text(upload.upload_id),
            int8(lock),
            int8(part.number),
            documents.part_document(upload.upload_id, part, kept.extents),
            *steps.kept(kept),
        )
        status, unneeded, sizes = (await self._database.step(statements.ADD_PART, parameters, (upload.bucket_id, lock)))[0]
        steps.require(status)
        return Committed(unneeded=steps.unneeded_blobs(unneeded, sizes))

    async def parts(self, upload: Upload, *, after: int = 0, limit: int = 1000) -> list[Part]:  # type: ignore[valid-type]
        found = await self._database.page(statements.PARTS, text(upload.upload_id), int8(after), int8(limit))
        return [documents.part_of(upload.upload_id, *row) for row in found]

    async def finish_upload(self, bucket: Bucket, upload: Upload, new: Version, expect: Expect = ANYTHING) -> Committed:
        """The references that the parts hold pass to the new version; nothing is copied."""
        key = new.key.encode()
        kept = documents.passed_on(new.blobs, await self._database.numbers())
        parameters = (
            *steps.version_parameters(bucket.id, bucket.revision, lock_of(bucket.id, key), key, new, kept),
            text(upload.upload_id),
            int8(lock_of(upload.bucket_id, upload.upload_id.encode())),
            int8(new.seq),
            *steps.expectation(expect, bucket.id, key),
        )
        return steps.committed(bucket.id, (await self._database.step(statements.COMMIT, parameters))[0], new)

    async def abort_upload(self, upload: Upload) -> Committed:
        lock = lock_of(upload.bucket_id, upload.upload_id.encode())
        parameters = (int8(upload.bucket_id), upload.key.encode(), text(upload.upload_id), int8(lock))
        status, unneeded, sizes = (await self._database.step(statements.ABORT_UPLOAD, parameters, (upload.bucket_id, lock)))[0]
        steps.require(status)
        return Committed(unneeded=steps.unneeded_blobs(unneeded, sizes))

    async def uploads(
        self, bucket_id: int, *, prefix: str = "", delimiter: str = "", after_key: str = "", after_upload: str = "", limit: int = 1000
    ) -> UploadPage:
        return await listing.uploads_page(
            self._database, bucket_id, prefix=prefix, delimiter=delimiter, after_key=after_key, after_upload=after_upload, limit=limit
        )

    async def stale_uploads(self, before_ms: int, limit: int = 1000) -> list[Upload]:  # type: ignore[valid-type]
        found = await self._database.page(statements.STALE_UPLOADS, int8(before_ms), int8(limit))
        return [listing.upload_of(*row) for row in found]
