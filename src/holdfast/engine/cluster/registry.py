"""The registry on PostgreSQL: small documents, and a generation that the watcher keeps up to date."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from holdfast.engine.api import AlreadyExists, Stale
from holdfast.engine.cluster import documents, statements, steps
from holdfast.engine.cluster.database import Database
from holdfast.engine.cluster.watch import Watcher
from holdfast.engine.cluster.wire import bytea_array, int8, int8_array, text, text_array
from holdfast.model.document import Document

_WHATEVER = -1


def seed_of(kind: str, name: str) -> int:
    return crc32(f"{kind}/{name}".encode())


def document_of(row: documents.Row) -> Document:
    kind, name, value, revision = row
    return Document(kind, name, documents.opened(value, seed_of(kind, name), f"document {kind}/{name}"), revision)


class ClusterRegistry:
    """`Registry` on PostgreSQL."""

    def __init__(self, database: Database, watcher: Watcher) -> None:
        self._database = database
        self._watcher = watcher
        self.generation = watcher.generation

    async def get(self, kind: str, name: str) -> Document | None:
        found = await self._database.read(statements.DOCUMENT, text(kind), text(name))
        return document_of(found[0]) if found else None

    async def all(self, kind: str, *, after: str = "", limit: int = 1000) -> list[Document]:
        found = await self._database.page(statements.DOCUMENTS, text(kind), text(after), int8(limit))
        return [document_of(row) for row in found]

    async def put(self, kind: str, name: str, value: bytes, expect_revision: int | None = None) -> Document:
        return Document(kind, name, value, await self._put(((kind, name, value, expect_revision),)))

    async def put_all(self, puts: Sequence[tuple[str, str, bytes, int | None]]) -> None:
        if puts:
            await self._put(puts)

    async def _put(self, puts: Sequence[tuple[str, str, bytes, int | None]]) -> int:
        parameters = (
            text_array(put[0] for put in puts),
            text_array(put[1] for put in puts),
            bytea_array(documents.sealed(value, seed_of(kind, name)) for kind, name, value, _ in puts),
            int8_array(_WHATEVER if put[3] is None else put[3] for put in puts),
        )
        try:
            status, at, revision = (await self._database.step(statements.PUT_DOCUMENTS, parameters))[0]
        finally:
            self._watcher.changed()
        if status == steps.TAKEN:
            raise AlreadyExists(await self.get(puts[at][0], puts[at][1]))
        if status == steps.BUCKET_CHANGED:
            raise Stale(f"{puts[at][0]}/{puts[at][1]}")
        steps.require(status)
        number: int = revision
        return number

    async def delete(self, kind: str, name: str) -> bool:
        try:
            status = (await self._database.step(statements.DELETE_DOCUMENT, (text(kind), text(name))))[0][0]
        finally:
            self._watcher.changed()
        if status == steps.VERSION_GONE:
            return False
        steps.require(status)
        return True
