"""The embedded registry: small documents in a database of their own, with a counter that tells every process of a change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from holdfast.engine.api import AlreadyExists, Damaged, Stale, Unavailable
from holdfast.engine.embedded import rows
from holdfast.engine.embedded.generation import Generation
from holdfast.engine.embedded.writer import Batch, Writer
from holdfast.model.document import Document

DOCUMENT = "SELECT kind, name, value, revision, row_check FROM documents"
_ODD_SPAN = 1 << 32


class EmbeddedRegistry:
    """`Registry` on SQLite."""

    def __init__(self, connection: apsw.Connection, writer: Writer, generation: Generation) -> None:
        self._connection = connection
        self._writer = writer
        self._generation = generation
        self._asked = 0

    def generation(self) -> int:
        """While a change is being committed (or its process died at it) every call gives another value, so that nothing is cached."""
        value = self._generation.value()
        if value & 1:
            self._asked += 1
            return value * _ODD_SPAN + self._asked
        return value * _ODD_SPAN

    def _rows(self, where: str, arguments: tuple[Any, ...]) -> list[Document]:
        try:
            return [rows.document_of(row) for row in self._connection.execute(f"{DOCUMENT} {where}", arguments).fetchall()]
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
            raise Damaged(f"the registry is damaged: {error}") from error
        except apsw.Error as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error

    async def get(self, kind: str, name: str) -> Document | None:
        found = self._rows("WHERE kind = ? AND name = ?", (kind, name))
        return found[0] if found else None

    async def all(self, kind: str, *, after: str = "", limit: int = 1000) -> list[Document]:
        return self._rows("WHERE kind = ? AND name > ? ORDER BY name LIMIT ?", (kind, after, limit))

    async def put(self, kind: str, name: str, value: bytes, expect_revision: int | None = None) -> Document:
        return await self._writer.submit(lambda batch: _put(batch, kind, name, value, expect_revision))

    async def put_all(self, puts: Sequence[tuple[str, str, bytes, int | None]]) -> None:
        await self._writer.submit(lambda batch: _put_all(batch, puts))

    async def delete(self, kind: str, name: str) -> bool:
        return await self._writer.submit(lambda batch: _delete(batch, kind, name))


def _find(batch: Batch, kind: str, name: str) -> Document | None:
    found = batch.execute(f"{DOCUMENT} WHERE kind = ? AND name = ?", (kind, name)).fetchall()
    return rows.document_of(found[0]) if found else None


def _put_all(batch: Batch, puts: Sequence[tuple[str, str, bytes, int | None]]) -> None:
    for kind, name, _, expect_revision in puts:  # a step writes nothing before it refuses
        _expected(batch, kind, name, expect_revision)
    for put in puts:
        _put(batch, *put)


def _expected(batch: Batch, kind: str, name: str, expect_revision: int | None) -> Document | None:
    old = _find(batch, kind, name)
    if expect_revision == 0 and old is not None:
        raise AlreadyExists(old)
    if expect_revision and (old is None or old.revision != expect_revision):
        raise Stale(f"{kind}/{name}")
    return old


def _put(batch: Batch, kind: str, name: str, value: bytes, expect_revision: int | None) -> Document:
    old = _expected(batch, kind, name, expect_revision)
    document = Document(kind, name, value, old.revision + 1 if old is not None else 1)
    batch.changed = True
    batch.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)", rows.document_row(document))
    return document


def _delete(batch: Batch, kind: str, name: str) -> bool:
    if _find(batch, kind, name) is None:
        return False
    batch.changed = True
    batch.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name))
    return True
