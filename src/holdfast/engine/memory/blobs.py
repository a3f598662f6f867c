"""The bodies of the reference engine: bytes in a dictionary, with the references counted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from zlib import crc32

from holdfast.engine.api import Gone, Unavailable
from holdfast.model.objects import Blob

INLINE_BYTES_MAX = 32 * 1024


class MemoryBlobs:
    """Bodies in a dictionary by a random id; `refs` counts the versions and parts that name each."""

    def __init__(self, inline_bytes_max: int) -> None:
        self._inline_bytes_max = inline_bytes_max
        self.bodies: dict[bytes, bytes] = {}
        self.refs: Counter[bytes] = Counter()
        self.ended: set[bytes] = set()  # named once, by nobody any more: must not be named again

    def inline_max(self) -> int:
        return self._inline_bytes_max

    def inline(self, data: bytes) -> Blob:
        return Blob(b"", len(data), crc32(data), data)

    def writer(self, size: int | None, storage_class: str = "") -> MemoryWriter:
        return MemoryWriter(self)

    def belongs(self, blobs: tuple[Blob, ...], storage_class: str) -> bool:
        return True

    async def read(self, blobs: tuple[Blob, ...], start: int, length: int) -> AsyncIterator[bytes]:
        data = b""
        for blob in blobs:
            body = blob.inline if blob.inline is not None else self.bodies.get(blob.id)
            if body is None:
                raise Gone("blob")
            data += body
        data = data[start : start + length]
        for at in range(0, len(data), 1 << 20):
            yield data[at : at + (1 << 20)]

    async def discard(self, blobs: Iterable[Blob]) -> None:
        for blob in blobs:
            if not self.refs[blob.id]:
                self.bodies.pop(blob.id, None)

    def retain(self, blobs: tuple[Blob, ...]) -> tuple[Blob, ...]:
        """One more reference to each. Errors: Gone, before any was taken."""
        kept = tuple([blob for blob in blobs if blob.size])
        if any(blob.inline is None and (blob.id not in self.bodies or blob.id in self.ended) for blob in kept):
            raise Gone("blob")
        self.refs.update(blob.id for blob in kept if blob.inline is None)
        return kept

    def release(self, blobs: tuple[Blob, ...]) -> tuple[Blob, ...]:
        """One reference less to each; those that have none left."""
        unneeded = []
        for blob in blobs:
            if blob.inline is None:
                self.refs[blob.id] -= 1
                if not self.refs[blob.id]:
                    self.ended.add(blob.id)
                    unneeded.append(blob)
        return tuple(unneeded)


class MemoryWriter:
    """`BlobWriter` that collects pieces."""

    def __init__(self, blobs: MemoryBlobs) -> None:
        self._blobs = blobs
        self._pieces: list[bytes] | None = []

    async def write(self, data: bytes) -> None:
        if self._pieces is None:
            raise Unavailable("the writer is closed")
        self._pieces.append(data)

    async def finish(self) -> tuple[Blob, ...]:
        if self._pieces is None:
            raise Unavailable("the writer is closed")
        data, self._pieces = b"".join(self._pieces), None
        if not data:
            return ()
        if len(data) <= self._blobs.inline_max():
            return (self._blobs.inline(data),)
        blob = Blob(os.urandom(16), len(data))
        self._blobs.bodies[blob.id] = data
        return (blob,)

    async def abort(self) -> None:
        self._pieces = None
