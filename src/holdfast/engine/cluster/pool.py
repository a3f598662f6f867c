"""What the cluster engine asks of a place that keeps immutable objects: one RADOS pool, or its twin in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Protocol


class Pool(Protocol):
    """Objects by name, each written once and as a whole. Every call ends in bounded time: what is not answered by then is Unavailable, and
    may still happen later, so a name is never used again."""

    @property
    def known_number(self) -> int:
        """`number`, or 0 while it is not known yet."""
        ...

    async def number(self) -> int:
        """What the cluster calls this pool for ever: 1 to 2^24 - 1. Errors: Unavailable."""
        ...

    def sibling(self, number: int) -> Pool:
        """The pool of that number in the same cluster; whether it exists shows when it is used."""
        ...

    def write(self, name: str, pieces: Sequence[bytes | memoryview], size: int) -> Awaitable[None]:
        """Stores an object of the `size` bytes of `pieces`, durable when it returns; it has begun when the call returns.

        Errors: Full, Unavailable."""
        ...

    def read(self, name: str, offset: int, length: int) -> Awaitable[bytes]:
        """The bytes [offset, offset + length) of an object, fewer where it ends before. Errors: Gone, Unavailable."""
        ...

    def stat(self, name: str) -> Awaitable[tuple[int, float]]:
        """Size in bytes, and when it was written, in seconds since the epoch. Errors: Gone, Unavailable."""
        ...

    def remove(self, name: str) -> Awaitable[None]:
        """Also when it is not there, and also in a full pool. A read asked for after this call no longer finds it. Errors: Unavailable."""
        ...

    def walk(self) -> AsyncIterator[list[str]]:
        """All names, some hundreds at a time, in no order; what comes and goes meanwhile may be among them. Errors: Unavailable."""
        ...

    async def close(self) -> None:
        """Lets go of the cluster, in bounded time."""
        ...
