"""The registry of the reference engine: a dictionary of documents."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.engine.api import (
    AlreadyExists,
    Stale,
)
from holdfast.engine.memory.gate import Gate
from holdfast.model.document import Document


class MemoryRegistry:
    """`Registry` in a dictionary."""

    def __init__(self, gate: Gate | None = None) -> None:
        self._gate = gate or Gate()
        self.documents: dict[tuple[str, str], Document] = {}
        self._generation = 0

    def generation(self) -> int:
        return self._generation

    async def get(self, kind: str, name: str) -> Document | None:
        return self.documents.get((kind, name))

    async def put_all(self, puts: Sequence[tuple[str, str, bytes, int | None]]) -> None:
        self._gate.require()
        for kind, name, _, expect_revision in puts:
            self._expected(kind, name, expect_revision)
        for kind, name, value, _ in puts:
            self._store(kind, name, value)

    def _expected(self, kind: str, name: str, expect_revision: int | None) -> Document | None:
        old = self.documents.get((kind, name))
        if expect_revision == 0 and old is not None:
            raise AlreadyExists(old)
        if expect_revision and (old is None or old.revision != expect_revision):
            raise Stale(f"{kind}/{name}")
        return old

    async def put(self, kind: str, name: str, value: bytes, expect_revision: int | None = None) -> Document:
        self._gate.require()
        self._expected(kind, name, expect_revision)
        return self._store(kind, name, value)

    def _store(self, kind: str, name: str, value: bytes) -> Document:
        old = self.documents.get((kind, name))
        return self.place(Document(kind, name, value, old.revision + 1 if old else 1))

    def place(self, document: Document) -> Document:
        self.documents[document.kind, document.name] = document
        self._generation += 1
        return document

    async def delete(self, kind: str, name: str) -> bool:
        self._gate.require()
        if self.documents.pop((kind, name), None) is None:
            return False
        self._generation += 1
        return True

    async def all(self, kind: str, *, after: str = "", limit: int = 1000) -> list[Document]:
        return [self.documents[at] for at in sorted(self.documents) if at[0] == kind and at[1] > after][:limit]
