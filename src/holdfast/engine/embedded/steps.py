"""The write steps on versions: each is a function of a batch that checks first and writes last."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from awscrt.checksums import crc32c

from holdfast.engine.api import Committed, Conflict, Expect, Gone, Stale
from holdfast.engine.embedded import rows
from holdfast.engine.embedded.rows import FULL, Row
from holdfast.engine.embedded.writer import Batch
from holdfast.engine.inline_ids import inline_number, inline_ref
from holdfast.engine.preconditions import holds
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Facts, Version

Extents = tuple[tuple[bytes, int, int], ...]

_CURRENT = f"SELECT {FULL} FROM current WHERE bucket_id = ? AND key = ?"
_NEWEST = f"SELECT {FULL} FROM history WHERE bucket_id = ? AND key = ? ORDER BY seq DESC LIMIT 1"
_NAMED = f"SELECT {FULL} FROM history WHERE bucket_id = ? AND key = ? AND version_id = ?"
_MARKS = ", ".join("?" * 16)
_PUT_CURRENT = f"INSERT OR REPLACE INTO current VALUES ({_MARKS})"
_PUT_HISTORY = f"INSERT INTO history VALUES ({_MARKS})"
_TO_HISTORY = "INSERT INTO history SELECT * FROM current WHERE bucket_id = ? AND key = ?"
_TO_CURRENT = "INSERT INTO current SELECT * FROM history WHERE bucket_id = ? AND key = ? AND seq = ?"
_DROP_CURRENT = "DELETE FROM current WHERE bucket_id = ? AND key = ?"
_DROP_HISTORY = "DELETE FROM history WHERE bucket_id = ? AND key = ? AND seq = ?"


def require_bucket(batch: Batch, bucket: Bucket) -> bool:
    """Whether the bucket has ever had a history. Errors: Gone, Stale."""
    try:
        known = batch.buckets[bucket.id]
    except KeyError:
        found = batch.execute("SELECT revision, has_history FROM buckets WHERE id = ?", (bucket.id,)).fetchall()
        known = batch.buckets[bucket.id] = found[0] if found else None
    if known is None:
        raise Gone("bucket")
    if known[0] != bucket.revision:
        raise Stale("bucket")
    return known[1] == 1


def current_row(batch: Batch, bucket_id: int, key: str) -> Row | None:
    found = batch.execute(_CURRENT, (bucket_id, key)).fetchall()
    return found[0] if found else None


def _begin_history(batch: Batch, bucket: Bucket) -> None:
    """Remembers, in the bucket's row, that its history is not empty any more."""
    batch.execute("UPDATE buckets SET has_history = 1 WHERE id = ?", (bucket.id,))
    row = batch.execute("SELECT id, namespace, name, revision, has_history, doc, row_check FROM buckets WHERE id = ?", (bucket.id,)).fetchall()[0]
    check = rows.bucket_check(row)
    batch.execute("UPDATE buckets SET row_check = ? WHERE id = ?", (check, bucket.id))
    batch.buckets[bucket.id] = (bucket.revision, 1)


# ---- bodies ----


def check_shared(batch: Batch, blobs: tuple[Blob, ...]) -> None:
    """Errors: Gone when a blob that another version shared is not there any more."""
    for blob in blobs:
        if blob.size == 0 or blob.inline is not None:
            continue
        rowid = inline_number(blob.id)
        if rowid:  # a row's number is given anew once the row is gone, so it is the bytes that tell
            found = batch.execute("SELECT data FROM inline WHERE id = ?", (rowid,)).fetchall()
            if found and (len(found[0][0]) != blob.size or crc32c(found[0][0]) != blob.check):
                raise Gone("blob")
        elif blob.check == rows.FRESH:
            continue
        else:
            found = batch.execute("SELECT 1 FROM blobs WHERE id = ?", (blob.id,)).fetchall()
        if not found:
            raise Gone("blob")


def retain(batch: Batch, blobs: tuple[Blob, ...]) -> Extents:
    """Takes a reference to each blob that is a file and a copy of each that is inline; the extents to store."""
    extents: list[tuple[bytes, int, int]] = []
    for blob in blobs:
        if blob.size == 0:
            continue
        rowid = inline_number(blob.id)
        if blob.inline is not None:
            extents.append((_keep_inline(batch, "VALUES (?, ?)", blob.inline), blob.size, blob.check))
        elif rowid:
            extents.append((_keep_inline(batch, "SELECT ?, data FROM inline WHERE id = ?", rowid), blob.size, blob.check))
        else:
            batch.execute("INSERT INTO blobs VALUES (?, 1) ON CONFLICT(id) DO UPDATE SET refs = refs + 1", (blob.id,))
            extents.append((blob.id, blob.size, 0))
    return tuple(extents)


def _keep_inline(batch: Batch, source: str, value: bytes | int) -> bytes:
    """Stores a small body under a number that is never used again: a copy that is still on its way must not meet another body there."""
    number = batch.next_seq()
    batch.execute(f"INSERT INTO inline(id, data) {source}", (number, value))
    return inline_ref(number)


def release(batch: Batch, extents: Extents) -> tuple[Blob, ...]:
    """Gives the references back; the files that nobody refers to any more."""
    unneeded: list[Blob] = []
    for blob_id, size, check in extents:
        rowid = inline_number(blob_id)
        if rowid:
            batch.execute("DELETE FROM inline WHERE id = ?", (rowid,))
            continue
        left = batch.execute("UPDATE blobs SET refs = refs - 1 WHERE id = ? RETURNING refs", (blob_id,)).fetchall()
        if left and left[0][0] <= 0:
            batch.execute("DELETE FROM blobs WHERE id = ?", (blob_id,))
            unneeded.append(Blob(blob_id, size, check))
    return tuple(unneeded)


def _single_inline(extents: Extents) -> int:
    return inline_number(extents[0][0]) if len(extents) == 1 else 0


# ---- the steps ----


def commit(batch: Batch, bucket: Bucket, new: Version, expect: Expect) -> Committed:
    """`Catalog.commit`."""
    situation = look(batch, bucket, new.key, new.version_id, expect)
    check_shared(batch, new.blobs)
    return place(batch, bucket, new, retain(batch, new.blobs), situation)


class Situation(NamedTuple):
    """What stands at a key before a commit: the live version if any, and the row and version with the new version id if any."""

    live: Version | None
    same: tuple[Row, Version, str] | None
    has_history: bool


def look(batch: Batch, bucket: Bucket, key: str, version_id: str, expect: Expect) -> Situation:
    """Errors: Gone, Stale, Conflict, Damaged."""
    has_history = require_bucket(batch, bucket)
    row = current_row(batch, bucket.id, key)
    live = rows.version_of(bucket.id, row, True) if row else None
    if not holds(expect, live):
        raise Conflict(live)
    if row is not None and live is not None and live.version_id == version_id:
        return Situation(live, (row, live, "current"), has_history)
    return Situation(live, _in_history(batch, bucket.id, key, version_id, live is not None) if has_history else None, has_history)


def place(batch: Batch, bucket: Bucket, new: Version, extents: Extents, situation: Situation) -> Committed:
    """Writes `new` as the latest version of its key."""
    live, same, has_history = situation
    key = (bucket.id, new.key)
    batch.touch(*key)
    unneeded: tuple[Blob, ...] = ()
    replaced = None
    if same is not None:
        row, replaced, table = same
        unneeded = release(batch, rows.extents_of(row))
        if table == "history":
            batch.execute(_DROP_HISTORY, (*key, replaced.seq))
    moves = live is not None and live is not replaced
    if moves:
        batch.execute(_TO_HISTORY, key)
    seq = batch.keep_seq(new.seq) if batch.filling and new.seq else batch.next_seq()
    stored = msgspec.structs.replace(new, seq=seq, is_latest=True)
    columns = rows.version_row(bucket.id, stored, extents, _single_inline(extents))
    if stored.is_delete_marker:
        if live is not None:
            batch.execute(_DROP_CURRENT, key)
        batch.execute(_PUT_HISTORY, columns)
    else:
        batch.execute(_PUT_CURRENT, columns)
    if not has_history and (moves or stored.is_delete_marker):
        _begin_history(batch, bucket)
    return Committed(version=stored, replaced=replaced, unneeded=unneeded)


def _in_history(batch: Batch, bucket_id: int, key: str, version_id: str, has_live: bool) -> tuple[Row, Version, str] | None:
    found = batch.execute(_NAMED, (bucket_id, key, version_id)).fetchall()
    if not found:
        return None
    newest = None if has_live else batch.execute(_NEWEST, (bucket_id, key)).fetchall()
    return found[0], rows.version_of(bucket_id, found[0], newest is not None and newest[0][8] == found[0][8]), "history"


def find(batch: Batch, bucket_id: int, key: str, version_id: str | None, has_history: bool) -> tuple[Row, Version, str] | None:
    """The row, the version and the table of the live latest (None) or of a named version. Errors: Damaged."""
    row = current_row(batch, bucket_id, key)
    if row is not None and (version_id is None or row[1] == version_id):
        return row, rows.version_of(bucket_id, row, True), "current"
    if version_id is None or not has_history:
        return None
    return _in_history(batch, bucket_id, key, version_id, row is not None)


def amend(batch: Batch, bucket: Bucket, key: str, version_id: str | None, facts: Facts, expect: Expect) -> Version:
    """`Catalog.amend`."""
    found = find(batch, bucket.id, key, version_id, require_bucket(batch, bucket))
    if not holds(expect, found[1] if found else None):
        raise Conflict(found[1] if found else None)
    if found is None:
        raise Gone("version")
    row, version, table = found
    batch.touch(bucket.id, key)
    changed = msgspec.structs.replace(version, facts=facts)
    columns = rows.version_row(bucket.id, changed, rows.extents_of(row), row[rows.INLINE_ID])
    batch.execute(
        f"UPDATE {table} SET checksum = ?, row_check = ?, doc_check = ?, doc = ? WHERE bucket_id = ? AND key = ? AND seq = ?",
        (columns[8], columns[10], columns[13], columns[14], bucket.id, key, version.seq),
    )
    return changed


def expunge(batch: Batch, bucket: Bucket, key: str, version_id: str, expect: Expect) -> Committed:
    """`Catalog.expunge`."""
    has_history = require_bucket(batch, bucket)
    found = find(batch, bucket.id, key, version_id, has_history)
    if not holds(expect, found[1] if found else None):
        raise Conflict(found[1] if found else None)
    if found is None:
        return Committed()
    row, version, table = found
    next_newest = None
    if version.is_latest and has_history:
        newer = batch.execute(
            f"SELECT {FULL} FROM history WHERE bucket_id = ? AND key = ? AND seq <> ? ORDER BY seq DESC LIMIT 1",
            (bucket.id, key, version.seq),
        ).fetchall()
        if newer:
            rows.version_of(bucket.id, newer[0], True)
            next_newest = newer[0]
    batch.touch(bucket.id, key)
    unneeded = release(batch, rows.extents_of(row))
    if table == "current":
        batch.execute(_DROP_CURRENT, (bucket.id, key))
    else:
        batch.execute(_DROP_HISTORY, (bucket.id, key, version.seq))
    if next_newest is not None and not next_newest[rows.MARKER]:
        batch.execute(_TO_CURRENT, (bucket.id, key, next_newest[8]))
        batch.execute(_DROP_HISTORY, (bucket.id, key, next_newest[8]))
    return Committed(replaced=version, unneeded=unneeded)
