"""The databases on disk: their tables, their versions, and how a connection to them is opened."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from holdfast.engine.api import Unavailable

SQLITE_MIN = (3, 51, 3)
"""Older releases can corrupt a WAL database that several processes write (the WAL-reset bug)."""

PAGE_BYTES = 4096
CACHE_KIB = 8192
BUSY_MS = 10_000

_VERSION_COLUMNS = """
    bucket_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    version_id TEXT NOT NULL,
    modified_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    storage_class TEXT NOT NULL,
    owner TEXT NOT NULL,
    checksum TEXT NOT NULL,
    seq INTEGER NOT NULL,
    row_check INTEGER NOT NULL,
    is_delete_marker INTEGER NOT NULL,
    inline_id INTEGER NOT NULL,
    doc_check INTEGER NOT NULL,
    doc BLOB NOT NULL,
    extents BLOB NOT NULL"""

CATALOG: tuple[str, ...] = (
    f"""
CREATE TABLE buckets(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    has_history INTEGER NOT NULL,
    doc BLOB NOT NULL,
    row_check INTEGER NOT NULL,
    UNIQUE(namespace, name));
CREATE TABLE current({_VERSION_COLUMNS},
    PRIMARY KEY(bucket_id, key)) WITHOUT ROWID;
CREATE TABLE history({_VERSION_COLUMNS},
    PRIMARY KEY(bucket_id, key, seq DESC)) WITHOUT ROWID;
CREATE UNIQUE INDEX history_version ON history(bucket_id, key, version_id);
CREATE TABLE inline(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE blobs(id BLOB PRIMARY KEY, refs INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE uploads(
    bucket_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    initiated_ms INTEGER NOT NULL,
    upload_id TEXT NOT NULL,
    doc BLOB NOT NULL,
    row_check INTEGER NOT NULL,
    PRIMARY KEY(bucket_id, key, initiated_ms, upload_id)) WITHOUT ROWID;
CREATE UNIQUE INDEX uploads_id ON uploads(upload_id);
CREATE INDEX uploads_age ON uploads(initiated_ms);
CREATE TABLE parts(
    upload_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    doc BLOB NOT NULL,
    row_check INTEGER NOT NULL,
    PRIMARY KEY(upload_id, number)) WITHOUT ROWID;
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('seq', 0), ('check', 0);
""",
    """
CREATE TABLE pars(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    target TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    digest BLOB NOT NULL,
    doc BLOB NOT NULL,
    row_check INTEGER NOT NULL);
CREATE UNIQUE INDEX pars_digest ON pars(digest);
CREATE UNIQUE INDEX pars_id ON pars(bucket_id, id);
CREATE INDEX pars_place ON pars(bucket_id, target, number);
CREATE INDEX pars_expiry ON pars(expires_ms);
CREATE TABLE par_uploads(
    digest BLOB PRIMARY KEY,
    par INTEGER NOT NULL,
    upload_id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    doc BLOB NOT NULL,
    row_check INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX par_uploads_par ON par_uploads(par);
CREATE INDEX par_uploads_age ON par_uploads(created_ms);
""",
)
"""The catalog's migrations, in order. `current` holds the live latest versions and nothing else, so that a listing never
meets a delete marker or an old version; `history` holds all others. Both have the same columns, so a row moves as it is.
`pars` are pre-authenticated requests, `par_uploads` the tokens of uploads begun through one; a token is stored as its SHA-256 only."""

REGISTRY: tuple[str, ...] = (
    """
CREATE TABLE documents(
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    revision INTEGER NOT NULL,
    row_check INTEGER NOT NULL,
    PRIMARY KEY(kind, name)) WITHOUT ROWID;
""",
)


def require_sqlite() -> None:
    """Errors: Unavailable when the SQLite library is too old to be trusted with several processes."""
    found = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if found < SQLITE_MIN:
        raise Unavailable(f"SQLite {apsw.sqlite_lib_version()} is too old; {'.'.join(map(str, SQLITE_MIN))} or newer is needed")


def connect(path: Path, *, readonly: bool = False) -> apsw.Connection:
    """An open connection with the settings that durability needs (WAL, synchronous=FULL)."""
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(BUSY_MS)
    if not readonly:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}").fetchall()
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchall()[0][0]
        if mode != "wal":
            raise Unavailable(f"{path.name}: no write-ahead log on this file system (journal mode {mode})")
        connection.wal_autocheckpoint(0)
    for pragma in ("synchronous=FULL", f"cache_size=-{CACHE_KIB}", "temp_store=MEMORY", "trusted_schema=OFF", "cell_size_check=ON"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)  # else a range is planned anew for each bound value: 10 us of 17
    return connection


def migrate(path: Path, migrations: tuple[str, ...]) -> None:
    """Brings a database to the newest schema; the caller holds the store's lock. Errors: Unavailable when it is newer than this code."""
    fresh = not path.exists()
    if fresh:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = connect(path)
    try:
        version = int(connection.pragma("user_version"))
        if version > len(migrations):
            raise Unavailable(f"{path.name} was written by a newer release (schema {version}, this one knows {len(migrations)})")
        for number in range(version, len(migrations)):
            with connection:
                connection.execute(migrations[number])
                connection.pragma("user_version", number + 1)
    finally:
        connection.close()
    if fresh:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
