"""Pages of keys, versions and uploads in time that does not depend on the page's place: ranges of the primary key, and a
seek past each common prefix instead of a walk through it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from heapq import merge
from itertools import chain

import apsw

from holdfast.engine.api import ListPage, ListQuery, UploadPage
from holdfast.engine.embedded import rows
from holdfast.engine.embedded.bucket_steps import UPLOAD
from holdfast.engine.embedded.rows import COLUMNS, Row
from holdfast.model.objects import Entry, Upload

Bound = str | bytes
NO_END = b""
"""Greater than every text: SQLite orders blobs after texts."""

_RANGE = "WHERE bucket_id = ? AND key >= ? AND key < ?"
_LIVE_PAGE = f"SELECT {COLUMNS} FROM current {_RANGE} ORDER BY key LIMIT ?"
_LIVE = f"SELECT {COLUMNS}, is_delete_marker FROM current {_RANGE} ORDER BY key"
_OLD = f"SELECT {COLUMNS}, is_delete_marker FROM history {_RANGE} ORDER BY key, seq DESC"
_OLDER = f"SELECT {COLUMNS}, is_delete_marker FROM history WHERE bucket_id = ? AND key = ? AND seq < ? ORDER BY seq DESC"
_NAMED = "WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3"
_SEQ = f"SELECT seq FROM current {_NAMED} UNION ALL SELECT seq FROM history {_NAMED}"
_UPLOADS = f"{UPLOAD} WHERE bucket_id = ? AND (key, initiated_ms, upload_id) > (?, ?, ?) AND key < ? ORDER BY key, initiated_ms, upload_id"
_INITIATED = "SELECT initiated_ms FROM uploads WHERE upload_id = ? AND key = ?"

_PATIENCE = 6
"""Rows of one common prefix to walk over before seeking past it: a seek costs about as much."""


def successor(prefix: str) -> Bound:
    """The smallest bound above every key that starts with `prefix` (in the order of UTF-8 bytes)."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return NO_END


def is_common_prefix(key: str, prefix: str, delimiter: str) -> bool:
    """Whether `key` is what the keys of one common prefix roll up to."""
    return delimiter != "" and key.startswith(prefix) and key.find(delimiter, len(prefix)) == len(key) - len(delimiter) >= len(prefix)


def _begin(query: ListQuery) -> Bound:
    """The first key of a page, inclusive."""
    begin = max(query.prefix, query.start)
    if not query.after:
        return begin
    beyond = successor(query.after) if is_common_prefix(query.after, query.prefix, query.delimiter) else query.after + "\0"
    return beyond if isinstance(beyond, bytes) else max(begin, beyond)


def list_page(connection: apsw.Connection, query: ListQuery) -> ListPage:
    """`Catalog.list`. Errors: Damaged."""
    begin = _begin(query)
    if isinstance(begin, bytes):
        return ListPage(entries=[], prefixes=[])
    if query.delimiter or query.versions:
        connection.execute("BEGIN")  # one snapshot for all the reads of a page
        try:
            return _rolled_page(connection, query, begin) if query.delimiter else _versions_page(connection, query, begin)
        finally:
            connection.execute("COMMIT")
    found = connection.execute(_LIVE_PAGE, (query.bucket_id, begin, successor(query.prefix), query.limit + 1)).fetchall()
    truncated = len(found) > query.limit
    if truncated:
        found.pop()
    entries = rows.live_entries(query.bucket_id, found)
    return ListPage(entries=entries, prefixes=[], truncated=truncated, last=entries[-1].key if entries else "")


def _versions_page(connection: apsw.Connection, query: ListQuery, begin: str) -> ListPage:
    source = _Versions(connection, query, begin)
    found = source.first(begin, query.limit + 1)
    truncated = len(found) > query.limit
    entries = [source.entry(row) for row in found[: query.limit]]
    last = entries[-1] if entries else None
    return ListPage(
        entries=entries, prefixes=[], truncated=truncated, last=last.key if last else "", last_version=last.version_id if last else ""
    )


def _rolled_page(connection: apsw.Connection, query: ListQuery, begin: str) -> ListPage:
    entries: list[Entry] = []
    prefixes: list[str] = []
    last = last_version = ""
    truncated = False
    source = _Versions(connection, query, begin) if query.versions else _Live(connection, query)
    rolled = _roll_up(source.rows, begin, query.prefix, query.delimiter)
    try:
        for row, common in rolled:
            if len(entries) + len(prefixes) >= query.limit:
                truncated = True
                break
            entry = source.entry(row)
            if common:
                prefixes.append(common)
                last, last_version = common, ""
            else:
                entries.append(entry)
                last, last_version = entry.key, entry.version_id
    finally:
        rolled.close()
    return ListPage(entries=entries, prefixes=prefixes, truncated=truncated, last=last, last_version=last_version if query.versions else "")


def _roll_up(
    rows_from: Callable[[str], Generator[Row, None, None]], begin: Bound, prefix: str, delimiter: str, key_at: int = 0
) -> Generator[tuple[Row, str], None, None]:
    """Rows from `begin` on, each with "", or with the common prefix that it is the first of; the others of that prefix are left out."""
    patience = _PATIENCE
    while not isinstance(begin, bytes):
        found = rows_from(begin)
        common, passed = "", 0
        try:
            for row in found:
                key: str = row[key_at]
                if common and key.startswith(common):
                    passed += 1
                    if passed > patience:
                        begin = successor(common)
                        patience = 1  # where one prefix holds many keys, the next most likely does
                        break
                    continue
                place = key.find(delimiter, len(prefix)) if delimiter else -1
                common, passed = (key[: place + len(delimiter)], 0) if place >= 0 else ("", 0)
                yield row, common
            else:
                return
        finally:
            found.close()


def _scan(connection: apsw.Connection, statement: str, arguments: Row) -> Generator[Row, None, None]:
    """The rows of a statement, one at a time; the statement ends with the generator (an open one would hold its snapshot)."""
    cursor = connection.cursor()
    try:
        yield from cursor.execute(statement, arguments)
    finally:
        cursor.close(True)


class _Live:
    """The live versions of a bucket."""

    def __init__(self, connection: apsw.Connection, query: ListQuery) -> None:
        self._connection = connection
        self._bucket_id = query.bucket_id
        self._end = successor(query.prefix)

    def rows(self, begin: str) -> Generator[Row, None, None]:
        return _scan(self._connection, _LIVE, (self._bucket_id, begin, self._end))

    def entry(self, row: Row) -> Entry:
        return rows.entry_of(self._bucket_id, row, True)


class _Versions:
    """All versions and delete markers of a bucket, by key, newest first."""

    def __init__(self, connection: apsw.Connection, query: ListQuery, begin: str) -> None:
        self._connection = connection
        self._bucket_id = query.bucket_id
        self._end = successor(query.prefix)
        self._last_key: str | None = None
        self._resume: tuple[str, int] | None = None
        self._inclusive = ""
        if query.after_version and begin == query.after + "\0" and query.after >= query.start and query.after.startswith(query.prefix):
            found: list[Row] = connection.execute(_SEQ, (query.bucket_id, query.after, query.after_version)).fetchall()
            if found:
                self._resume = (query.after, found[0][0])
                self._last_key = query.after
            else:  # that version is gone since: rather give a version twice than leave one out
                self._inclusive = query.after

    def rows(self, begin: str) -> Generator[Row, None, None]:
        rest: Iterator[Row] = iter(())
        resume, self._resume = self._resume, None
        if self._inclusive:
            begin, self._inclusive = self._inclusive, ""
        sources = [_scan(self._connection, statement, (self._bucket_id, begin, self._end)) for statement in (_LIVE, _OLD)]
        if resume is not None:
            sources.append(_scan(self._connection, _OLDER, (self._bucket_id, *resume)))
            rest = sources[2]
        try:
            yield from chain(rest, merge(sources[0], sources[1], key=_newest_first))
        finally:
            for source in sources:
                source.close()

    def first(self, begin: str, limit: int) -> list[Row]:
        """The first rows from `begin` on, in order."""
        found: list[Row] = []
        if self._resume is not None:
            found = self._connection.execute(f"{_OLDER} LIMIT ?", (self._bucket_id, *self._resume, limit)).fetchall()
        arguments = (self._bucket_id, self._inclusive or begin, self._end, limit - len(found))
        live: list[Row] = self._connection.execute(f"{_LIVE} LIMIT ?", arguments).fetchall()
        old: list[Row] = self._connection.execute(f"{_OLD} LIMIT ?", arguments).fetchall()
        return found + (sorted(live + old, key=_newest_first)[: arguments[3]] if old else live)

    def entry(self, row: Row) -> Entry:
        is_latest = row[0] != self._last_key
        self._last_key = row[0]
        return rows.entry_of(self._bucket_id, row, is_latest)


def _newest_first(row: Row) -> tuple[str, int]:
    return row[0], -row[8]


def uploads_page(
    connection: apsw.Connection, bucket_id: int, *, prefix: str, delimiter: str, after_key: str, after_upload: str, limit: int
) -> UploadPage:
    """`Catalog.uploads`. Errors: Damaged."""
    begin: Bound = max(prefix, after_key)
    position: tuple[int, str] = (-1, "")
    if after_key >= prefix and after_key:
        if is_common_prefix(after_key, prefix, delimiter):
            begin = successor(after_key)
        elif after_upload:
            found: list[Row] = connection.execute(_INITIATED, (after_upload, after_key)).fetchall()
            position = (found[0][0], after_upload) if found else position
        else:
            begin = after_key + "\0"
    end = successor(prefix)
    uploads: list[Upload] = []
    prefixes: list[str] = []
    truncated = False

    def source(begin: str) -> Generator[Row, None, None]:
        nonlocal position
        where, position = position, (-1, "")
        return _scan(connection, _UPLOADS, (bucket_id, begin, *where, end))

    rolled = _roll_up(source, begin, prefix, delimiter, key_at=1)
    connection.execute("BEGIN")
    try:
        for row, common in rolled:
            if len(uploads) + len(prefixes) >= limit:
                truncated = True
                break
            upload = rows.upload_of(row)
            if common:
                prefixes.append(common)
            else:
                uploads.append(upload)
    finally:
        rolled.close()
        connection.execute("COMMIT")
    return UploadPage(uploads=uploads, prefixes=prefixes, truncated=truncated)
