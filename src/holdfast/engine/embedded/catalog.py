"""The embedded catalog: reads answered inline on one connection, writes handed to the committing thread."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

import apsw

from holdfast.engine.api import ANYTHING, Committed, Damaged, Expect, ListPage, ListQuery, Unavailable, UploadPage
from holdfast.engine.embedded import bucket_steps, listing, rows, steps
from holdfast.engine.embedded.generation import Generation, key_cell
from holdfast.engine.embedded.pars import EmbeddedPars
from holdfast.engine.embedded.recent import Recent
from holdfast.engine.embedded.room import Room
from holdfast.engine.embedded.rows import FULL, FULL_AND_BODY
from holdfast.engine.embedded.writer import Writer
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Part, Upload, Version

T = TypeVar("T")

_LIVE = f"SELECT {FULL} FROM current WHERE bucket_id = ? AND key = ?"
_LIVE_BODY = f"SELECT {FULL_AND_BODY} FROM current WHERE bucket_id = ? AND key = ?"
"""A subquery, not a join: measured at a quarter of the join's time."""
_HISTORY_BODY = f"SELECT {FULL_AND_BODY} FROM history WHERE bucket_id = ? AND key = ?"
_NEWEST_BODY = f"{_HISTORY_BODY} ORDER BY seq DESC LIMIT 1"
_NAMED_BODY = f"{_HISTORY_BODY} AND version_id = ?"
_NEWEST_SEQ = "SELECT max(seq) FROM history WHERE bucket_id = ? AND key = ?"


class EmbeddedCatalog(EmbeddedPars):
    """`Catalog` on SQLite."""

    def __init__(self, connection: apsw.Connection, writer: Writer, generation: Generation, room: Room) -> None:
        super().__init__(connection, writer, generation, room)
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._buckets_at = -1
        self._recent = Recent()

    # ---- buckets ----

    async def bucket(self, namespace: str, name: str) -> Bucket | None:
        generation = self._generation.value()
        if generation == self._buckets_at:
            bucket = self._buckets.get((namespace, name))
            if bucket is not None:
                return bucket
        elif generation & 1 == 0:
            self._buckets.clear()
            self._buckets_at = generation
        found = self._read(self._rows, f"{bucket_steps.BUCKET} WHERE namespace = ? AND name = ?", (namespace, name))
        if not found:
            return None
        bucket = self._read(rows.bucket_of, found[0])
        if generation & 1 == 0:
            self._buckets[namespace, name] = bucket
        return bucket

    async def create_bucket(self, bucket: Bucket) -> Bucket:
        self._room.require(0)
        return await self._writer.submit(partial(bucket_steps.create_bucket, bucket=bucket))

    async def change_bucket(self, bucket: Bucket) -> Bucket:
        return await self._writer.submit(partial(bucket_steps.change_bucket, bucket=bucket))

    async def delete_bucket(self, bucket_id: int) -> Committed:
        return await self._writer.submit(partial(bucket_steps.delete_bucket, bucket_id=bucket_id))

    async def buckets(self, namespace: str, *, owner: str | None = None, prefix: str = "", after: str = "", limit: int = 1000) -> list[Bucket]:
        return self._read(self._list_buckets, namespace, owner, prefix, after, limit)

    def _list_buckets(self, namespace: str, owner: str | None, prefix: str, after: str, limit: int) -> list[Bucket]:
        found: list[Bucket] = []
        begin = max(prefix, after + "\0" if after else "")
        while True:
            some = self._rows(
                f"{bucket_steps.BUCKET} WHERE namespace = ? AND name >= ? AND name < ? ORDER BY name LIMIT 1000",
                (namespace, begin, listing.successor(prefix)),
            )
            for row in some:
                bucket = rows.bucket_of(row)
                if owner is None or bucket.owner == owner:
                    found.append(bucket)
                    if len(found) >= limit:
                        return found
            if len(some) < 1000:
                return found
            begin = some[-1][2] + "\0"

    # ---- versions ----

    async def version(self, bucket_id: int, key: str, version_id: str | None = None, *, body: bool = False) -> Version | None:
        try:
            generation = self._generation.keys[key_cell(bucket_id, key)]
            place = (bucket_id, key, body)
            known = self._recent.get(place) or self._recent.older(place)
            if known is not None and known[0] == generation and (version_id is None or known[1].version_id == version_id):
                return known[1]
            found = self._cursor.execute(_LIVE_BODY if body else _LIVE, (bucket_id, key)).fetchall()
            if found and (version_id is None or found[0][1] == version_id):
                row = found[0]
                version = rows.version_of(bucket_id, row, True, rows.blobs_of(row) if body else ())
                if generation & 1 == 0:
                    self._recent.put(place, (generation, version))
                return version
            return self._from_history(bucket_id, key, version_id, body)
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError, ValueError) as error:
            raise Damaged(f"the catalog is damaged: {error}") from error
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    def _from_history(self, bucket_id: int, key: str, version_id: str | None, body: bool) -> Version | None:
        """In one snapshot, so that a version that moves between the tables meanwhile is seen in one of them."""
        execute = self._cursor.execute
        execute("BEGIN")
        try:
            current = execute(_LIVE_BODY, (bucket_id, key)).fetchall()
            if current and (version_id is None or current[0][1] == version_id):
                row, is_latest = current[0], True
            else:
                named = (bucket_id, key, version_id)
                found = execute(_NAMED_BODY, named).fetchall() if version_id is not None else execute(_NEWEST_BODY, named[:2]).fetchall()
                if not found:
                    return None
                row = found[0]
                is_latest = not current and (version_id is None or execute(_NEWEST_SEQ, named[:2]).fetchall()[0][0] == row[rows.SEQ])
        finally:
            execute("COMMIT")
        return rows.version_of(bucket_id, row, is_latest, rows.blobs_of(row) if body else ())

    async def commit(self, bucket: Bucket, new: Version, expect: Expect = ANYTHING) -> Committed:
        if not new.is_delete_marker:
            self._room.require(new.size if new.blobs and new.blobs[0].inline is not None else 0)
        return await self._writer.submit(lambda batch: steps.commit(batch, bucket, new, expect))

    async def amend(self, bucket: Bucket, key: str, version_id: str | None, facts: Facts, expect: Expect) -> Version:
        return await self._writer.submit(lambda batch: steps.amend(batch, bucket, key, version_id, facts, expect))

    async def expunge(self, bucket: Bucket, key: str, version_id: str, expect: Expect = ANYTHING) -> Committed:
        return await self._writer.submit(lambda batch: steps.expunge(batch, bucket, key, version_id, expect))

    async def list(self, query: ListQuery) -> ListPage:
        return self._read(listing.list_page, self._connection, query)

    # ---- uploads ----

    async def start_upload(self, bucket: Bucket, upload: Upload) -> None:
        self._room.require(0)
        await self._writer.submit(lambda batch: bucket_steps.start_upload(batch, bucket, upload))

    async def upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        found = self._read(self._rows, f"{bucket_steps.UPLOAD} WHERE upload_id = ? AND bucket_id = ? AND key = ?", (upload_id, bucket_id, key))
        return self._read(rows.upload_of, found[0]) if found else None

    async def add_part(self, upload: Upload, part: Part) -> Committed:
        self._room.require(0)
        return await self._writer.submit(lambda batch: bucket_steps.add_part(batch, upload, part))

    async def parts(self, upload: Upload, *, after: int = 0, limit: int = 1000) -> list[Part]:  # type: ignore[valid-type]
        statement = f"{bucket_steps.PART} WHERE upload_id = ? AND number > ? ORDER BY number LIMIT ?"
        found = self._read(self._rows, statement, (upload.upload_id, after, limit))
        return [self._read(rows.part_of, row) for row in found]

    async def finish_upload(self, bucket: Bucket, upload: Upload, new: Version, expect: Expect = ANYTHING) -> Committed:
        return await self._writer.submit(lambda batch: bucket_steps.finish_upload(batch, bucket, upload, new, expect))

    async def abort_upload(self, upload: Upload) -> Committed:
        return await self._writer.submit(lambda batch: bucket_steps.abort_upload(batch, upload))

    async def uploads(
        self, bucket_id: int, *, prefix: str = "", delimiter: str = "", after_key: str = "", after_upload: str = "", limit: int = 1000
    ) -> UploadPage:
        return self._read(
            listing.uploads_page,
            self._connection,
            bucket_id,
            prefix=prefix,
            delimiter=delimiter,
            after_key=after_key,
            after_upload=after_upload,
            limit=limit,
        )

    async def stale_uploads(self, before_ms: int, limit: int = 1000) -> list[Upload]:  # type: ignore[valid-type]
        statement = f"{bucket_steps.UPLOAD} WHERE initiated_ms < ? ORDER BY initiated_ms, bucket_id, key, upload_id LIMIT ?"
        found = self._read(self._rows, statement, (before_ms, limit))
        return [self._read(rows.upload_of, row) for row in found]
