"""The journal of an embedded store that is being moved: triggers that write the place of each change, there only while it is on.

They are part of the change's own transaction, so the journal says neither more nor less than the store. SQLite itself prepares the statements
of all processes anew when triggers come or go.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import apsw

from holdfast.engine.api import Gone
from holdfast.engine.embedded.generation import CommitLock
from holdfast.engine.embedded.schema import connect
from holdfast.engine.embedded.writer import Batch
from holdfast.engine.moving import KEY, PAR, UPLOAD, Change

_PLACES = {
    "current": (KEY, "{0}.bucket_id", "{0}.key"),
    "history": (KEY, "{0}.bucket_id", "{0}.key"),
    "uploads": (UPLOAD, "0", "{0}.upload_id"),
    "parts": (UPLOAD, "0", "{0}.upload_id"),
    "pars": (PAR, "{0}.bucket_id", "{0}.id"),
}
"""By table: the kind of the place, its bucket and its name."""

_TABLES = """
CREATE TABLE journal(number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, bucket_id INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE journal_mark(mark TEXT NOT NULL);
"""
_TRIGGERS = {
    f"journal_{table}_{event.lower()}": f"CREATE TRIGGER journal_{table}_{event.lower()} AFTER {event} ON {table} BEGIN"
    f" INSERT INTO journal(kind, bucket_id, name) VALUES ('{kind}', {bucket.format(row)}, {name.format(row)}); END"
    for table, (kind, bucket, name) in _PLACES.items()
    for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
}
_MADE = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'journal_*'"


def begin(path: Path, mark: str) -> None:
    """Switches it on, empty, for every process: from the return on nothing can be committed past it. Errors: apsw.Error, OSError."""
    _alter(path, mark)


def end(path: Path) -> None:
    """Switches it off. Errors: apsw.Error, OSError."""
    _alter(path, "")


def _alter(path: Path, mark: str) -> None:
    """While nobody commits, and past the look whether the store is frozen."""
    lock = CommitLock(path / "catalog.lock")
    try:
        with lock, contextlib.closing(connect(path / "catalog.db")) as connection, connection:
            drop(connection)
            if mark:
                connection.execute(_TABLES)
                connection.execute("INSERT INTO journal_mark VALUES (?)", (mark,))
                for trigger in _TRIGGERS.values():
                    connection.execute(trigger)
    finally:
        lock.close()


def drop(connection: apsw.Connection) -> None:
    """Removes all of it from a catalog, in the caller's transaction."""
    for name in _TRIGGERS:
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")
    for table in ("journal", "journal_mark"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def is_there(connection: apsw.Connection) -> bool:
    """Whether anything of one is in the catalog. Errors: apsw.Error."""
    return bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE name GLOB 'journal*' LIMIT 1").fetchall())


def mark(connection: apsw.Connection) -> str:
    """The mark of the one that is on; "" if none is, or if its triggers are not as they were made. Errors: apsw.Error."""
    if {str(name): str(made) for name, made in connection.execute(_MADE).fetchall()} != _TRIGGERS:
        return ""
    found = connection.execute("SELECT mark FROM journal_mark").fetchall()
    return str(found[0][0]) if found else ""


def changes(connection: apsw.Connection, after: int, limit: int) -> list[Change]:
    """Errors: Gone, apsw.Error."""
    statement = "SELECT number, kind, bucket_id, name FROM journal WHERE number > ? ORDER BY number LIMIT ?"
    try:
        rows: list[Any] = connection.execute(statement, (after, limit)).fetchall()
    except apsw.SQLError as error:
        raise Gone("journal") from error
    return [Change(row[0], (row[1], row[2], row[3])) for row in rows]


def forget(batch: Batch, mark: str, numbers: list[int]) -> None:
    """A write step."""
    if is_there(batch.connection) and batch.execute("SELECT mark FROM journal_mark").fetchall() == [(mark,)]:
        batch.connection.executemany("DELETE FROM journal WHERE number = ?", ((number,) for number in numbers))
