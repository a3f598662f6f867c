"""Looking after a store: strays that crashes left, and damage that nobody has read yet."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import apsw

from holdfast.engine.api import Damaged
from holdfast.engine.embedded import bucket_steps, files, rows
from holdfast.engine.embedded.reading import PIECE_BYTES
from holdfast.engine.embedded.rows import FULL, Row
from holdfast.model.objects import Blob

_WALKS: tuple[tuple[str, str, tuple[int, ...], tuple[object, ...]], ...] = (
    ("buckets", f"{bucket_steps.BUCKET} WHERE id > ? ORDER BY id LIMIT ?", (0,), (0,)),
    ("current", f"SELECT {FULL}, bucket_id FROM current WHERE (bucket_id, key) > (?, ?) ORDER BY bucket_id, key LIMIT ?", (15, 0), (0, "")),
    (
        "history",
        f"SELECT {FULL}, bucket_id FROM history WHERE (bucket_id, key, version_id) > (?, ?, ?) ORDER BY bucket_id, key, version_id LIMIT ?",
        (15, 0, 1),
        (0, "", ""),
    ),
    ("uploads", f"{bucket_steps.UPLOAD} WHERE upload_id > ? ORDER BY upload_id LIMIT ?", (3,), ("",)),
    ("parts", f"{bucket_steps.PART} WHERE (upload_id, number) > (?, ?) ORDER BY upload_id, number LIMIT ?", (0, 1), ("", 0)),
)
"""Table, statement of a page, the columns that make its place, and the first place; in the order of the walk."""


def scrub(connection: apsw.Connection, root: Path, limit: int, after: str) -> tuple[list[str], str]:
    """`Engine.scrub`. `after` is JSON: [index of the table, place in it]. Runs in a thread with a connection of its own."""
    table, place = (0, list(_WALKS[0][3])) if not after else json.loads(after)
    damage: list[str] = []
    while limit > 0:
        name, statement, columns, _ = _WALKS[table]
        try:
            found = connection.execute(statement, (*place, limit)).fetchall()
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
            damage.append(f"{name} after {place!r}: {error}")
            found = []
        for row in found:
            damage.extend(_row_damage(connection, root, name, row))
        limit -= len(found)
        if limit > 0:
            table += 1
            if table == len(_WALKS):
                damage.extend(f"catalog: {line}" for (line,) in connection.execute("PRAGMA quick_check") if line != "ok")
                return damage, ""
            place = list(_WALKS[table][3])
        else:
            place = [found[-1][column] for column in columns]
    return damage, json.dumps([table, place])


def _row_damage(connection: apsw.Connection, root: Path, table: str, row: Row) -> Iterator[str]:
    try:
        blobs = _blobs_of(table, row)
    except (Damaged, ValueError) as error:
        yield f"{table}: {error}"
        return
    for blob in blobs:
        try:
            verify_body(connection, root, blob)
        except FileNotFoundError:
            if _still_named(connection, blob):
                yield f"{table}: the file of blob {blob.id.hex()} is missing (row {row[:2]!r})"
        except (Damaged, OSError) as error:
            yield f"{table}: {error} (row {row[:2]!r})"


def _blobs_of(table: str, row: Row) -> tuple[Blob, ...]:
    if table == "buckets":
        rows.bucket_of(row)
        return ()
    if table == "uploads":
        rows.upload_of(row)
        return ()
    if table == "parts":
        return rows.part_of(row).blobs
    rows.version_of(row[15], row, False)
    return tuple([Blob(*extent) for extent in rows.extents_of(row)])


def _still_named(connection: apsw.Connection, blob: Blob) -> bool:
    return bool(connection.execute("SELECT 1 FROM blobs WHERE id = ?", (blob.id,)).fetchall())


def verify_body(connection: apsw.Connection, root: Path, blob: Blob) -> None:
    """Errors: Damaged, FileNotFoundError, OSError."""
    rowid = rows.inline_rowid(blob.id)
    if rowid:
        found: Any = connection.execute("SELECT data FROM inline WHERE id = ?", (rowid,)).fetchall()
        if found and (len(found[0][0]) != blob.size or crc32(found[0][0]) != blob.check):
            raise Damaged("inline body: checksum mismatch")
        return
    descriptor = files.open_file(root, blob.id, blob.size)
    try:
        for at in range(0, blob.size, PIECE_BYTES):
            data = os.pread(descriptor, min(PIECE_BYTES, blob.size - at), at)
            checks = files.read_checks(descriptor, blob.size, at // files.BLOCK_BYTES, files.blocks(min(PIECE_BYTES, blob.size - at)))
            files.verify(blob.id, data, at // files.BLOCK_BYTES, checks)
    finally:
        os.close(descriptor)


def strays(root: Path, connection: apsw.Connection, older_than_s: float) -> Iterator[list[bytes]]:
    """Ids of files that no row names and that nobody wrote to for that long, a directory at a time."""
    before = time.time() - older_than_s
    for directory in sorted(root.iterdir()):
        old: list[bytes] = []
        with os.scandir(directory) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError, ValueError):
                    if entry.stat().st_mtime <= before:
                        old.append(bytes.fromhex(entry.name))
        unnamed = [blob_id for blob_id in old if not connection.execute("SELECT 1 FROM blobs WHERE id = ?", (blob_id,)).fetchall()]
        if unnamed:
            yield unnamed
