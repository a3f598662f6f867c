"""The contract of moving a whole store to another engine: what the daily steps do not tell or would give anew.

A store is frozen, for all its processes at once, by `freeze`: from its return on every step that would change anything raises `Frozen`,
through any handle, until `release`; steps that only read or refuse go on. The one handle that called `fill` is excepted: its steps go
through, and keep what is given elsewhere - the `seq` of a version that is committed and the `number` of a request that is created, where
they are not 0.

A store whose journal is on leaves the place of each committed change in it, whichever process commits, so that what changed while it was
walked is found without walking it again. One that is off costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from holdfast.model.buckets import Bucket
from holdfast.model.document import Document
from holdfast.model.objects import Upload, Version
from holdfast.model.pars import ParUpload


class Counters(msgspec.Struct, frozen=True):
    """The last numbers that were given, whether what has them is still there or not: none is ever given again."""

    bucket_id: int
    par: int
    seq: int


KEY, UPLOAD, PAR = "key", "upload", "par"
"""What a change in the journal is about: the versions of a key, an upload with its parts, a pre-authenticated request."""

Place = tuple[str, int, str]
"""(KEY, bucket id, key), (UPLOAD, 0, upload id) or (PAR, bucket id, id)."""


class Change(NamedTuple):
    """An entry of the journal: something changed at that place; `number` names the entry."""

    number: int
    place: Place


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

    async def begin_journal(self, mark: str) -> None:
        """Returns when every change that becomes visible from now on leaves its place in the journal, in any process, whatever its beginning
        was; frozen or not. It outlives restarts. What an older one held is forgotten: `mark` tells this one from others, and is to be a new one."""
        ...

    async def journal(self) -> str:
        """The mark of the journal that is on, "" if none is, or if it cannot be relied on any more."""
        ...

    async def changes(self, *, after: int = 0, limit: int = 1000) -> list[Change]:
        """What the journal holds, in order of number, strictly after `after`; a place may come twice. An entry may appear behind one that was
        given already, so who read it to its end has seen everything only once the store is frozen. Errors: Gone when no journal is on."""
        ...

    async def forget(self, mark: str, numbers: list[int]) -> None:
        """Takes entries out of the journal, if it still is the one with that mark. Errors: Frozen."""
        ...

    async def end_journal(self) -> None:
        """No journal is on any more; frozen or not, and also if none was on."""
        ...

    async def upload(self, upload_id: str) -> Upload | None:
        """The upload with that id, in whichever bucket."""
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
