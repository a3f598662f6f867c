"""Moving of the reference engine: walks over its dictionaries, and the gate."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import AlreadyExists, Gone
from holdfast.engine.memory.catalog import MemoryCatalog
from holdfast.engine.memory.gate import Gate
from holdfast.engine.memory.registry import MemoryRegistry
from holdfast.engine.moving import Change, Counters
from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Upload, Version
from holdfast.model.pars import ParUpload


class MemoryMoving:
    """`Moving` in dictionaries. The one handle there is fills once it was asked to, until it is frozen or released."""

    def __init__(self, gate: Gate, catalog: MemoryCatalog, registry: MemoryRegistry) -> None:
        self._gate = gate
        self._catalog = catalog
        self._registry = registry

    async def freeze(self, reason: str) -> None:
        self._gate.reason, self._gate.filling = reason, False

    async def fill(self, reason: str) -> None:
        self._gate.reason, self._gate.filling = reason, True

    async def release(self) -> None:
        self._gate.reason, self._gate.filling = "", False

    async def frozen(self) -> str:
        return self._gate.reason

    async def begin_journal(self, mark: str) -> None:
        self._gate.begin(mark)

    async def journal(self) -> str:
        return self._gate.mark

    async def changes(self, *, after: int = 0, limit: int = 1000) -> list[Change]:
        if not self._gate.mark:
            raise Gone("journal")
        return [Change(number, place) for number, place in self._gate.changes.items() if number > after][:limit]

    async def forget(self, mark: str, numbers: list[int]) -> None:
        self._gate.require()
        if mark == self._gate.mark:
            for number in numbers:
                self._gate.changes.pop(number, None)

    async def end_journal(self) -> None:
        self._gate.begin("")

    async def upload(self, upload_id: str) -> Upload | None:
        return self._catalog.all_uploads.get(upload_id)

    async def documents(self, *, after: tuple[str, str] = ("", ""), limit: int = 1000) -> list[Document]:
        return [document for place, document in sorted(self._registry.documents.items()) if place > after][:limit]

    async def buckets(self, *, after: int = 0, limit: int = 1000) -> list[Bucket]:
        return [bucket for id, bucket in sorted(self._catalog.all_buckets.items()) if id > after][:limit]

    async def versions(self, bucket_id: int, *, after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Version]:
        found = [version for versions in self._catalog.all_versions.get(bucket_id, {}).values() for version in versions]
        return sorted((version for version in found if (version.key, version.seq) > after), key=lambda version: (version.key, version.seq))[:limit]

    async def par_uploads(self, *, after: bytes = b"", limit: int = 1000) -> list[ParUpload]:
        return [token for digest, token in sorted(self._catalog.all_tokens.items()) if digest > after][:limit]

    async def counters(self) -> Counters:
        return self._catalog.counters

    async def raise_counters(self, counters: Counters) -> None:
        self._gate.require_filling()
        self._catalog.raise_counters(counters)

    async def place_document(self, document: Document) -> None:
        self._gate.require_filling()
        self._registry.place(document)

    async def place_bucket(self, bucket: Bucket) -> None:
        self._gate.require_filling()
        existing = await self._catalog.bucket(bucket.namespace, bucket.name)
        if existing is not None and existing.id != bucket.id:
            raise AlreadyExists(existing)
        self._catalog.all_buckets[bucket.id] = msgspec.structs.replace(bucket)
        self._catalog.all_versions.setdefault(bucket.id, {})
        self._catalog.raise_counters(Counters(bucket.id, 0, 0))
