"""The write steps on buckets, multipart uploads and parts."""

from __future__ import annotations

from collections import Counter

import msgspec

from holdfast.engine.api import AlreadyExists, Committed, Expect, Gone, NotEmpty, Stale
from holdfast.engine.embedded import par_steps, rows
from holdfast.engine.embedded.steps import Extents, check_shared, look, place, release, require_bucket, retain
from holdfast.engine.embedded.writer import Batch
from holdfast.engine.inline_ids import inline_number
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Part, Upload, Version

BUCKET = "SELECT id, namespace, name, revision, has_history, doc, row_check FROM buckets"
UPLOAD = "SELECT bucket_id, key, initiated_ms, upload_id, doc, row_check FROM uploads"
PART = "SELECT upload_id, number, doc, row_check FROM parts"


def create_bucket(batch: Batch, bucket: Bucket) -> Bucket:
    """`Catalog.create_bucket`."""
    found = batch.execute(f"{BUCKET} WHERE namespace = ? AND name = ?", (bucket.namespace, bucket.name)).fetchall()
    if found:
        raise AlreadyExists(rows.bucket_of(found[0]))
    batch.changed = True
    batch.execute("INSERT INTO buckets VALUES (NULL, ?, ?, 1, 0, x'', 0)", (bucket.namespace, bucket.name))
    stored = msgspec.structs.replace(bucket, id=batch.connection.last_insert_rowid(), revision=1)
    _store(batch, stored, 0)
    return stored


def change_bucket(batch: Batch, bucket: Bucket) -> Bucket:
    """`Catalog.change_bucket`."""
    found = batch.execute(f"{BUCKET} WHERE id = ?", (bucket.id,)).fetchall()
    if not found:
        raise Gone("bucket")
    old = rows.bucket_of(found[0])
    if old.revision != bucket.revision:
        raise Stale("bucket")
    batch.changed = True
    stored = msgspec.structs.replace(
        old, versioning=bucket.versioning, settings=bucket.settings, compartment=bucket.compartment, revision=old.revision + 1
    )  # fmt: skip
    _store(batch, stored, found[0][4])
    return stored


def _store(batch: Batch, bucket: Bucket, has_history: int) -> None:
    row = rows.bucket_row(bucket, has_history)
    batch.execute("UPDATE buckets SET revision = ?, has_history = ?, doc = ?, row_check = ? WHERE id = ?", (*row[3:], bucket.id))
    batch.buckets[bucket.id] = (bucket.revision, has_history)


def delete_bucket(batch: Batch, bucket_id: int) -> Committed:
    """`Catalog.delete_bucket`."""
    if not batch.execute("SELECT 1 FROM buckets WHERE id = ?", (bucket_id,)).fetchall():
        raise Gone("bucket")
    for table in ("current", "history"):
        if batch.execute(f"SELECT 1 FROM {table} WHERE bucket_id = ? LIMIT 1", (bucket_id,)).fetchall():
            raise NotEmpty(table)
    par_steps.require_none(batch, bucket_id)
    found = batch.execute(f"{UPLOAD} WHERE bucket_id = ?", (bucket_id,)).fetchall()
    uploads = [(upload, _parts(batch, upload.upload_id)) for upload in map(rows.upload_of, found)]
    unneeded = [blob for upload, parts in uploads for blob in _abort(batch, upload, parts)]
    batch.changed = True
    batch.execute("DELETE FROM buckets WHERE id = ?", (bucket_id,))
    batch.buckets[bucket_id] = None
    return Committed(unneeded=tuple(unneeded))


def start_upload(batch: Batch, bucket: Bucket, upload: Upload) -> None:
    """`Catalog.start_upload`."""
    require_bucket(batch, bucket)
    if batch.execute("SELECT 1 FROM uploads WHERE upload_id = ?", (upload.upload_id,)).fetchall():
        raise AlreadyExists(upload.upload_id)
    batch.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", rows.upload_row(upload))


def _require_upload(batch: Batch, upload: Upload) -> Upload:
    found = batch.execute(f"{UPLOAD} WHERE upload_id = ?", (upload.upload_id,)).fetchall()
    stored = rows.upload_of(found[0]) if found else None
    if stored is None or stored.key != upload.key or stored.bucket_id != upload.bucket_id:
        raise Gone("upload")
    return stored


def _extents(part: Part) -> Extents:
    return tuple([(blob.id, blob.size, blob.check) for blob in part.blobs])


def add_part(batch: Batch, upload: Upload, part: Part) -> Committed:
    """`Catalog.add_part`."""
    _require_upload(batch, upload)
    found = batch.execute(f"{PART} WHERE upload_id = ? AND number = ?", (upload.upload_id, part.number)).fetchall()
    old = rows.part_of(found[0]) if found else None
    check_shared(batch, part.blobs)
    extents = retain(batch, part.blobs)
    unneeded = release(batch, _extents(old)) if old is not None else ()
    batch.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", rows.part_row(upload.upload_id, part, extents))
    return Committed(unneeded=unneeded)


def _parts(batch: Batch, upload_id: str) -> list[Part]:
    return [rows.part_of(row) for row in batch.execute(f"{PART} WHERE upload_id = ? ORDER BY number", (upload_id,)).fetchall()]


def _end(batch: Batch, upload: Upload) -> None:
    batch.execute("DELETE FROM parts WHERE upload_id = ?", (upload.upload_id,))
    batch.execute("DELETE FROM uploads WHERE upload_id = ?", (upload.upload_id,))


def finish_upload(batch: Batch, bucket: Bucket, upload: Upload, new: Version, expect: Expect) -> Committed:
    """`Catalog.finish_upload`. The references that the parts hold pass to the new version; nothing is copied."""
    stored = _require_upload(batch, upload)
    situation = look(batch, bucket, new.key, new.version_id, expect)
    held: Counter[bytes] = Counter()
    extents_of: dict[bytes, tuple[bytes, int, int]] = {}
    for part in _parts(batch, stored.upload_id):
        for blob_id, size, check in _extents(part):
            held[blob_id] += 1
            extents_of[blob_id] = (blob_id, size, check)
    foreign: list[Blob] = []
    passed: list[tuple[bytes, int, int] | None] = []
    for blob in new.blobs:
        if blob.size == 0:
            continue
        if held[blob.id] > 0 and blob.inline is None and (not inline_number(blob.id) or extents_of[blob.id][1:] == (blob.size, blob.check)):
            held[blob.id] -= 1
            passed.append(extents_of[blob.id])
        else:
            foreign.append(blob)
            passed.append(None)
    check_shared(batch, tuple(foreign))
    others = iter(retain(batch, tuple(foreign)))
    extents = tuple([next(others) if extent is None else extent for extent in passed])
    unneeded = release(batch, tuple([extents_of[blob_id] for blob_id, count in held.items() for _ in range(count)]))
    _end(batch, stored)
    done = place(batch, bucket, new, extents, situation)
    return msgspec.structs.replace(done, unneeded=unneeded + done.unneeded)


def abort_upload(batch: Batch, upload: Upload) -> Committed:
    """`Catalog.abort_upload`."""
    stored = _require_upload(batch, upload)
    return Committed(unneeded=tuple(_abort(batch, stored, _parts(batch, stored.upload_id))))


def _abort(batch: Batch, upload: Upload, parts: list[Part]) -> list[Blob]:
    unneeded = [blob for part in parts for blob in release(batch, _extents(part))]
    _end(batch, upload)
    return unneeded
