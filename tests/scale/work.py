"""What a read cost SQLite: instructions of its virtual machine, statements, and pages that were not in the cache. Work, not time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apsw

from holdfast.engine.api import ListPage, ListQuery
from holdfast.engine.embedded.listing import list_page


@dataclass
class Work:
    """Of one read."""

    steps: int = 0
    statements: int = 0
    pages: int = 0


def counted(connection: apsw.Connection, read: Callable[[], Any]) -> tuple[Any, Work]:
    """What `read` returns, and what it cost."""
    work = Work()

    def told(event: dict[str, Any]) -> None:
        work.statements += 1
        work.steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS, True)
    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, told)
    try:
        result = read()
    finally:
        connection.trace_v2(0)
    work.pages = connection.status(apsw.SQLITE_DBSTATUS_CACHE_MISS, True)[0]
    return result, work


def page(connection: apsw.Connection, query: ListQuery) -> tuple[ListPage, Work]:
    """One page of a listing, and its cost."""
    return counted(connection, lambda: list_page(connection, query))
