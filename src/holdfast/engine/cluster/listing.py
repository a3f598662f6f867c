"""Pages of keys, versions and uploads: where a page begins, and what its rows become."""

from __future__ import annotations

from zlib import crc32

import msgspec

from holdfast.engine.api import ListPage, ListQuery, UploadPage
from holdfast.engine.cluster import documents, statements
from holdfast.engine.cluster.database import Database
from holdfast.engine.cluster.documents import Row
from holdfast.engine.cluster.wire import flag, int8, text
from holdfast.model.objects import Entry, Upload

NO_END = b"\xff"
_COMMON, _RESUMED = 9, 10

_upload_of = msgspec.msgpack.Decoder(Upload).decode


def successor(prefix: bytes) -> bytes:
    """The smallest bytes above every key that starts with `prefix` (UTF-8 never holds 0xff)."""
    return prefix[:-1] + bytes((prefix[-1] + 1,)) if prefix else NO_END


def is_common_prefix(key: str, prefix: str, delimiter: str) -> bool:
    """Whether `key` is what the keys of one common prefix roll up to."""
    return delimiter != "" and key.startswith(prefix) and key.find(delimiter, len(prefix)) == len(key) - len(delimiter) >= len(prefix)


async def list_page(database: Database, query: ListQuery) -> ListPage:
    """`Catalog.list`."""
    prefix, after = query.prefix.encode(), query.after.encode()
    begin = max(prefix, query.start.encode())
    if after:
        begin = max(begin, successor(after) if is_common_prefix(query.after, query.prefix, query.delimiter) else after + b"\0")
    if not query.delimiter and not query.versions:
        return await _live_page(database, query, prefix, begin)
    resume: bytes | None = None
    if query.versions and query.after_version and begin == after + b"\0" and query.after >= query.start and query.after.startswith(query.prefix):
        resume = after
    found = await database.listing(
        statements.LIST_PAGE,
        int8(query.bucket_id),
        prefix,
        query.delimiter.encode(),
        begin,
        flag(query.versions),
        resume,
        text(query.after_version),
        int8(query.limit + 1),
    )
    return _rolled(query, found)


async def _live_page(database: Database, query: ListQuery, prefix: bytes, begin: bytes) -> ListPage:
    found = await database.listing(statements.LIVE_PAGE, int8(query.bucket_id), begin, successor(prefix), int8(query.limit + 1))
    truncated = len(found) > query.limit
    if truncated:
        found.pop()
    entries = [documents.entry_of(row, True) for row in found]
    return ListPage(entries=entries, prefixes=[], truncated=truncated, last=entries[-1].key if entries else "")


def _rolled(query: ListQuery, found: list[Row]) -> ListPage:
    entries: list[Entry] = []
    prefixes: list[str] = []
    last = last_version = ""
    last_key = query.after.encode() if query.versions and found and found[0][_RESUMED] else b""
    for row in found[: query.limit]:
        is_latest = not query.versions or row[documents.KEY] != last_key
        last_key = row[documents.KEY]
        if row[_COMMON] is not None:
            last, last_version = row[_COMMON].decode(), ""
            prefixes.append(last)
        else:
            entry = documents.entry_of(row, is_latest)
            entries.append(entry)
            last, last_version = entry.key, entry.version_id
    return ListPage(
        entries=entries,
        prefixes=prefixes,
        truncated=len(found) > query.limit,
        last=last,
        last_version=last_version if query.versions else "",
    )


def upload_document(upload: Upload) -> bytes:
    """The `doc` column of an upload."""
    return documents.sealed(documents.pack(upload), crc32(upload.upload_id.encode()))


def upload_of(stored: bytes, upload_id: str) -> Upload:
    """Errors: Damaged."""
    return _upload_of(documents.opened(stored, crc32(upload_id.encode()), f"upload {upload_id!r}"))


async def uploads_page(
    database: Database, bucket_id: int, *, prefix: str, delimiter: str, after_key: str, after_upload: str, limit: int
) -> UploadPage:
    """`Catalog.uploads`."""
    begin = max(prefix, after_key).encode()
    resume: bytes | None = None
    if after_key and after_key >= prefix:
        if is_common_prefix(after_key, prefix, delimiter):
            begin = successor(after_key.encode())
        elif after_upload:
            resume = after_key.encode()
        else:
            begin = after_key.encode() + b"\0"
    found = await database.page(
        statements.UPLOADS_PAGE, int8(bucket_id), prefix.encode(), delimiter.encode(), begin, resume, text(after_upload), int8(limit + 1)
    )
    uploads: list[Upload] = []
    prefixes: list[str] = []
    for _, stored, upload_id, common in found[:limit]:
        if common is not None:
            prefixes.append(common.decode())
        else:
            uploads.append(upload_of(stored, upload_id))
    return UploadPage(uploads=uploads, prefixes=prefixes, truncated=len(found) > limit)
