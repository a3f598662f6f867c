"""Verifies what is stored, a page at a time: documents and small bodies by their checksums, larger bodies by reading them."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.engine.api import Blobs, Damaged, EngineError, Unavailable
from holdfast.engine.cluster import documents, statements
from holdfast.engine.cluster.database import Database
from holdfast.engine.cluster.documents import Row
from holdfast.engine.cluster.wire import int8, text
from holdfast.model.objects import Blob

_TABLES = ("live", "history", "parts")
_FIRST = ("live", -1, b"", -1)

Position = tuple[str, int, bytes, int]


def _position(after: str) -> Position:
    if not after:
        return _FIRST
    table, bucket_id, key, number = after.split(":")
    return table, int(bucket_id), bytes.fromhex(key), int(number)


def _text_of(position: Position) -> str:
    table, bucket_id, key, number = position
    return f"{table}:{bucket_id}:{key.hex()}:{number}"


async def scrub(database: Database, blobs: Blobs, limit: int, after: str) -> tuple[list[str], str]:
    """`Engine.scrub`. Errors: Unavailable."""
    damage: list[str] = []
    position = _position(after)
    left = limit
    while True:
        found = await _page(database, position, left)
        for row in found:
            position = await _verify_row(damage, position[0], row, blobs)
        left -= len(found)
        if left <= 0:
            return damage, _text_of(position)
        rest = _TABLES[_TABLES.index(position[0]) + 1 :]
        if not rest:
            return damage, ""
        position = (rest[0], -1, b"", -1)


async def _verify_row(damage: list[str], table: str, row: Row, blobs: Blobs) -> Position:
    """The place of the row; what is wrong with it is added to `damage`."""
    if table == "parts":
        upload_id, number, stored = row
        await _verify(damage, f"part {number} of upload {upload_id!r}", blobs, _part_blobs(upload_id, number, stored))
        return table, 0, upload_id.encode(), number
    bucket_id, data, columns = row[0], row[1], row[2:]
    key, version_id = columns[documents.KEY], columns[documents.VERSION_ID]
    what = f"bucket {bucket_id}, key {key.decode(errors='replace')!r}, version {version_id!r}"
    await _verify(damage, what, blobs, _version_blobs(bucket_id, columns, data))
    return table, bucket_id, key, columns[documents.SEQ]


async def _page(database: Database, position: Position, limit: int) -> list[Row]:
    table, bucket_id, key, number = position
    if table == "parts":
        return await database.page(statements.SCRUB_PARTS, text(key.decode()), int8(number), int8(limit))
    statement = statements.SCRUB_LIVE if table == "live" else statements.SCRUB_HISTORY
    return await database.page(statement, int8(bucket_id), key, int8(number), int8(limit))


def _version_blobs(bucket_id: int, columns: Row, data: bytes | None) -> tuple[Blob, ...] | Damaged:
    try:
        documents.version_of(bucket_id, columns, True)
        return documents.blobs_of(bucket_id, columns, data)
    except Damaged as error:
        return error


def _part_blobs(upload_id: str, number: int, stored: bytes) -> tuple[Blob, ...] | Damaged:
    try:
        return documents.part_of(upload_id, number, stored).blobs
    except Damaged as error:
        return error


async def _verify(damage: list[str], what: str, blobs: Blobs, found: Sequence[Blob] | Damaged) -> None:
    if isinstance(found, Damaged):
        damage.append(f"{what}: {found}")
        return
    try:
        async for _ in blobs.read(tuple(found), 0, sum(blob.size for blob in found)):
            pass
    except Unavailable:
        raise
    except EngineError as error:
        damage.append(f"{what}: {error or type(error).__name__}")
