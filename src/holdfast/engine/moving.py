"""The contract of moving a whole store to another engine: what the daily steps do not tell or would give anew.

A store is frozen, for all its processes at once, by `freeze`: from its return on every step that would change anything raises `Frozen`,
through any handle, until `release`; steps that only read or refuse go on. The one handle that called `fill` is excepted: its steps go
through, and keep what is given elsewhere - the `seq` of a version that is committed and the `number` of a request that is created, where
they are not 0.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from holdfast.engine.api import Document
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Version
from holdfast.model.pars import ParUpload


class Counters(msgspec.Struct, frozen=True):
    """The last numbers that were given, whether what has them is still there or not: none is ever given again."""

    bucket_id: int
    par: int
    seq: int


class Moving(Protocol):
    """A store as something to be moved. Errors of all: Unavailable, Damaged, and Full of those that write."""

    async def freeze(self, reason: str) -> None:
        """Returns when no step that changes anything can become visible any more, in any process. It outlives restarts. `reason` (one line)
        is what people are told; a store that is frozen keeps the newest one."""
        ...

    async def fill(self, reason: str) -> None:
        """As `freeze`, but for this handle, which is going to fill the store."""
        ...

    async def release(self) -> None:
        """The end of both, also in a store that is not frozen."""
        ...

    async def frozen(self) -> str:
        """The reason, or "" for a store that is not frozen."""
        ...

    async def documents(self, *, after: tuple[str, str] = ("", ""), limit: int = 1000) -> list[Document]:
        """The registry's documents of every kind, in order of (kind, name), strictly after `after`."""
        ...

    async def buckets(self, *, after: int = 0, limit: int = 1000) -> list[Bucket]:
        """The buckets of every namespace in order of id, strictly after `after`."""
        ...

    async def versions(self, bucket_id: int, *, after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Version]:
        """Every version and delete marker of a bucket in order of (key, seq) - the oldest of a key first -, strictly after `after`, each with
        its blobs, but for the bytes of inline ones (`Blobs.read` finds them). `is_latest` says nothing here."""
        ...

    async def par_uploads(self, *, after: bytes = b"", limit: int = 1000) -> list[ParUpload]:
        """The tokens of uploads in order of digest, strictly after `after`."""
        ...

    async def counters(self) -> Counters: ...

    async def raise_counters(self, counters: Counters) -> None:
        """What is given from now on is larger than these (and than what was given here)."""
        ...

    async def place_document(self, document: Document) -> None:
        """Stores a document as it is, its revision too. Only by the handle that fills."""
        ...

    async def place_bucket(self, bucket: Bucket) -> None:
        """Stores a bucket as it is, its id and revision too, or all that changed of the bucket with that id. Only by the handle that fills.

        Errors: AlreadyExists when another bucket has the name."""
        ...
