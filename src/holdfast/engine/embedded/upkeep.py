"""Looking after a store: strays that crashes left, and damage that nobody has read yet."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
from awscrt.checksums import crc32c

from holdfast.engine.api import Damaged
from holdfast.engine.embedded import bucket_steps, files, par_steps, rows
from holdfast.engine.embedded.reading import PIECE_BYTES
from holdfast.engine.embedded.rows import FULL, Row
from holdfast.engine.inline_ids import inline_number
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
    ("pars", f"{par_steps.PAR} WHERE number > ? ORDER BY number LIMIT ?", (0,), (0,)),
    ("par_uploads", f"{par_steps.TOKEN} WHERE hex(digest) > ? ORDER BY hex(digest) LIMIT ?", (6,), ("",)),
)
"""Table, statement of a page, the columns that make its place, and the first place; in the order of the walk."""


def scrub(connection: apsw.Connection, root: Path, limit: int, after: str) -> tuple[list[str], str]:
    """`Engine.scrub`. `after` is JSON: [index of the table, place in it]. Runs in a thread with a connection of its own."""
    table, place = (0, list(_WALKS[0][3])) if not after else json.loads(after)
    damage: list[str] = []
    while limit > 0:
        name, statement, columns, _ = _WALKS[table]
        found: list[Row] = []
        named: list[tuple[Row, Blob]] = []
        connection.execute("BEGIN")  # a row and its inline body from one snapshot
        try:
            found = connection.execute(statement, (*place, limit)).fetchall()
            for row in found:
                damage.extend(f"{name}: {line}" for line in _row_damage(connection, name, row, named))
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
            damage.append(f"{name} after {place!r}: {error}")
        finally:
            connection.execute("COMMIT")
        damage.extend(f"{name}: {line}" for line in _file_damage(connection, root, named))
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


def _row_damage(connection: apsw.Connection, table: str, row: Row, named: list[tuple[Row, Blob]]) -> Iterator[str]:
    """What is wrong with a row and its inline bodies; its files are added to `named`."""
    try:
        blobs = _blobs_of(table, row)
    except (Damaged, ValueError) as error:
        yield str(error)
        return
    for blob in blobs:
        rowid = inline_number(blob.id)
        if not rowid:
            named.append((row, blob))
            continue
        body: Any = connection.execute("SELECT data FROM inline WHERE id = ?", (rowid,)).fetchall()
        if not body or len(body[0][0]) != blob.size or crc32c(body[0][0]) != blob.check:
            yield f"the inline body of {row[:2]!r} is missing or does not match its checksum"


def _file_damage(connection: apsw.Connection, root: Path, named: list[tuple[Row, Blob]]) -> Iterator[str]:
    for row, blob in named:
        try:
            verify_file(root, blob)
        except FileNotFoundError:
            if connection.execute("SELECT 1 FROM blobs WHERE id = ?", (blob.id,)).fetchall():  # else it was removed meanwhile
                yield f"the file of blob {blob.id.hex()} is missing (row {row[:2]!r})"
        except (Damaged, OSError) as error:
            yield f"{error} (row {row[:2]!r})"


def _blobs_of(table: str, row: Row) -> tuple[Blob, ...]:
    if table == "buckets":
        rows.bucket_of(row)
        return ()
    if table == "uploads":
        rows.upload_of(row)
        return ()
    if table == "parts":
        return rows.part_of(row).blobs
    if table == "pars":
        rows.par_of(row)
        return ()
    if table == "par_uploads":
        rows.par_upload_of(row)
        return ()
    rows.version_of(row[15], row, False)
    extents = rows.extents_of(row)
    if row[rows.INLINE_ID] != (inline_number(extents[0][0]) if len(extents) == 1 else 0):
        raise Damaged(f"row {row[:2]!r} points to the inline body of another")
    return tuple([Blob(*extent) for extent in extents])


def verify_file(root: Path, blob: Blob) -> None:
    """Errors: Damaged, FileNotFoundError, OSError."""
    descriptor = files.open_file(root, blob.id, blob.size)
    try:
        for at in range(0, blob.size, PIECE_BYTES):
            data = os.pread(descriptor, min(PIECE_BYTES, blob.size - at), at)
            checks = files.read_checks(descriptor, blob.size, at // files.BLOCK_BYTES, files.blocks(min(PIECE_BYTES, blob.size - at)))
            files.verify(blob.id, data, at // files.BLOCK_BYTES, checks)
    finally:
        os.close(descriptor)


def strays(root: Path, connection: apsw.Connection, before: float) -> Iterator[list[bytes]]:
    """Ids of files that no row names and that nobody wrote to since `before` (seconds since the epoch), a directory at a time."""
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
