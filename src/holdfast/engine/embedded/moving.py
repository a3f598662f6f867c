"""Moving of the embedded engine: a file that says that the store is frozen, a cell that every commit looks at, and walks over its tables."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from holdfast.engine.api import AlreadyExists, Damaged, Unavailable
from holdfast.engine.embedded import bucket_steps, journal, rows
from holdfast.engine.embedded.generation import CommitLock, Generation
from holdfast.engine.embedded.registry import DOCUMENT
from holdfast.engine.embedded.rows import FULL, SEQ
from holdfast.engine.embedded.schema import sync_directory
from holdfast.engine.embedded.writer import Batch, Writer, engine_error
from holdfast.engine.moving import Change, Counters
from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Blob, Upload, Version
from holdfast.model.pars import ParUpload

T = TypeVar("T")

FROZEN = "frozen"
"""The file in the data directory that says why the store is frozen. It is the truth; the cells in memory follow it."""

_CURRENT = f"SELECT {FULL} FROM current WHERE bucket_id = ? AND (key, seq) > (?, ?) ORDER BY key LIMIT ?"
_HISTORY = f"SELECT {FULL} FROM history WHERE bucket_id = ? AND (key, seq) > (?, ?) ORDER BY key, seq LIMIT ?"
_GIVEN = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0)"


def is_frozen(path: Path) -> bool:
    """Whether the store in a directory is frozen."""
    return (path / FROZEN).exists()


class EmbeddedMoving:
    """`Moving` on one directory."""

    def __init__(
        self, path: Path, connections: Mapping[str, apsw.Connection], writers: Mapping[str, Writer], generations: Mapping[str, Generation]
    ) -> None:
        self._path = path
        self._connections = connections
        self._writers = writers
        self._generations = generations

    # ---- frozen ----

    async def freeze(self, reason: str) -> None:
        await self._in_thread(self._write, reason)
        await self._set(frozen=True, filling=False)

    async def fill(self, reason: str) -> None:
        await self._in_thread(self._write, reason)
        await self._set(frozen=True, filling=True)

    async def release(self) -> None:
        await self._in_thread(self._unlink)
        await self._set(frozen=False, filling=False)

    async def frozen(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self._path / FROZEN).read_text("utf-8").strip() or "unknown"
        return ""

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
        except OSError as error:
            raise Unavailable(f"{self._path / FROZEN}: {error.strerror}") from error
        except apsw.Error as error:
            raise engine_error(error) from error

    def _write(self, reason: str) -> None:
        new = self._path / f"{FROZEN}.new"
        with new.open("w", encoding="utf-8") as file:
            file.write(reason + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._path / FROZEN)
        sync_directory(self._path)

    def _unlink(self) -> None:
        (self._path / FROZEN).unlink(missing_ok=True)
        sync_directory(self._path)

    async def _set(self, *, frozen: bool, filling: bool) -> None:
        """Each cell while nobody commits: a commit that began before is done, and one that begins after sees it."""
        for name, writer in self._writers.items():
            await self._in_thread(self._set_one, name, frozen)
            writer.filling = filling

    def _set_one(self, name: str, frozen: bool) -> None:
        lock = CommitLock(self._path / f"{name}.lock")
        try:
            with lock:
                self._generations[name].set_frozen(frozen)
        finally:
            lock.close()

    # ---- the journal ----

    async def begin_journal(self, mark: str) -> None:
        await self._in_thread(journal.begin, self._path, mark)

    async def journal(self) -> str:
        return self._asked(lambda: journal.mark(self._connections["catalog"]))

    async def changes(self, *, after: int = 0, limit: int = 1000) -> list[Change]:
        return self._asked(lambda: journal.changes(self._connections["catalog"], after, limit))

    async def forget(self, mark: str, numbers: list[int]) -> None:
        await self._writers["catalog"].submit(lambda batch: journal.forget(batch, mark, numbers))

    async def end_journal(self) -> None:
        if self._asked(lambda: journal.is_there(self._connections["catalog"])):
            await self._in_thread(journal.end, self._path)

    # ---- reading ----

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except apsw.Error as error:
            raise engine_error(error) from error

    def _rows(self, database: str, statement: str, arguments: tuple[Any, ...], of: Callable[[Any], T]) -> list[T]:
        try:
            return [of(row) for row in self._connections[database].execute(statement, arguments).fetchall()]
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError, ValueError) as error:
            raise Damaged(f"the {database} is damaged: {error}") from error
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    async def upload(self, upload_id: str) -> Upload | None:
        found = self._rows("catalog", f"{bucket_steps.UPLOAD} WHERE upload_id = ?", (upload_id,), rows.upload_of)
        return found[0] if found else None

    async def documents(self, *, after: tuple[str, str] = ("", ""), limit: int = 1000) -> list[Document]:
        return self._rows("registry", f"{DOCUMENT} WHERE (kind, name) > (?, ?) ORDER BY kind, name LIMIT ?", (*after, limit), rows.document_of)

    async def buckets(self, *, after: int = 0, limit: int = 1000) -> list[Bucket]:
        return self._rows("catalog", f"{bucket_steps.BUCKET} WHERE id > ? ORDER BY id LIMIT ?", (after, limit), rows.bucket_of)

    async def versions(self, bucket_id: int, *, after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Version]:
        execute = self._connections["catalog"].execute
        arguments = (bucket_id, *after, limit)
        try:
            execute("BEGIN")  # one snapshot of both tables: a version moves between them
            try:
                some = [execute(statement, arguments).fetchall() for statement in (_CURRENT, _HISTORY)]
            finally:
                execute("COMMIT")
            return [_version_of(bucket_id, row) for row in islice(merge(*some, key=_place), limit)]
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError, ValueError) as error:
            raise Damaged(f"the catalog is damaged: {error}") from error
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    async def par_uploads(self, *, after: bytes = b"", limit: int = 1000) -> list[ParUpload]:
        statement = "SELECT digest, par, upload_id, created_ms, doc, row_check FROM par_uploads WHERE digest > ? ORDER BY digest LIMIT ?"
        return self._rows("catalog", statement, (after, limit), rows.par_upload_of)

    async def counters(self) -> Counters:
        bucket_id, par = (self._rows("catalog", _GIVEN, (table,), _first)[0] for table in ("buckets", "pars"))
        return Counters(bucket_id, par, self._rows("catalog", "SELECT value FROM counters WHERE name = 'seq'", (), _first)[0])

    # ---- writing ----

    async def raise_counters(self, counters: Counters) -> None:
        await self._writers["catalog"].submit(lambda batch: _raise_counters(batch, counters))

    async def place_document(self, document: Document) -> None:
        await self._writers["registry"].submit(lambda batch: _place_document(batch, document))

    async def place_bucket(self, bucket: Bucket) -> None:
        await self._writers["catalog"].submit(lambda batch: _place_bucket(batch, bucket))


def _first(row: Any) -> int:
    return int(row[0])


def _place(row: Any) -> tuple[str, int]:
    return row[0], row[SEQ]


def _version_of(bucket_id: int, row: Any) -> Version:
    version = rows.version_of(bucket_id, row, True)
    return msgspec.structs.replace(version, blobs=tuple([Blob(*extent) for extent in rows.extents_of(row)]))


def _require_filling(batch: Batch) -> None:
    if not batch.filling:
        raise Unavailable("the store is not being filled")


def _raise_counters(batch: Batch, counters: Counters) -> None:
    _require_filling(batch)
    for table, number in (("buckets", counters.bucket_id), ("pars", counters.par)):
        if not batch.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (table,)).fetchall():
            batch.execute("INSERT INTO sqlite_sequence VALUES (?, 0)", (table,))
        batch.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, table))
    batch.keep_seq(counters.seq)


def _place_document(batch: Batch, document: Document) -> None:
    _require_filling(batch)
    batch.changed = True
    batch.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)", rows.document_row(document))


def _place_bucket(batch: Batch, bucket: Bucket) -> None:
    _require_filling(batch)
    named = batch.execute(f"{bucket_steps.BUCKET} WHERE namespace = ? AND name = ?", (bucket.namespace, bucket.name)).fetchall()
    if named and named[0][0] != bucket.id:
        raise AlreadyExists(rows.bucket_of(named[0]))
    batch.changed = True
    known = batch.execute("SELECT has_history FROM buckets WHERE id = ?", (bucket.id,)).fetchall()
    has_history = known[0][0] if known else 0
    if not known:
        batch.execute("INSERT INTO buckets VALUES (?, ?, ?, 0, 0, x'', 0)", (bucket.id, bucket.namespace, bucket.name))
    row = rows.bucket_row(bucket, has_history)
    statement = "UPDATE buckets SET namespace = ?, name = ?, revision = ?, has_history = ?, doc = ?, row_check = ? WHERE id = ?"
    batch.execute(statement, (*row[1:], bucket.id))
    batch.buckets[bucket.id] = (bucket.revision, has_history)
