"""The twin of a RADOS pool in memory, for tests: with latency, faults on command, and bytes that can be changed behind its back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from holdfast.engine.api import Full, Gone, Unavailable

T = TypeVar("T")


class MemoryPool:
    """`Pool` in a dictionary: `objects[name]` is (bytes, time of writing).

    `plan[operation]` holds, for the next operations of that kind ("write", "read", "stat", "remove", "walk"), an error to raise or None to
    let it pass. While `lost` is true nothing answers: operations end as Unavailable after `timeout_s`. `quota_bytes` makes it full.
    """

    def __init__(self, number: int = 1, latency_s: float = 0.0) -> None:
        self.known_number = number
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.plan: dict[str, list[Exception | None]] = {}
        self.calls: list[tuple[str, str]] = []
        self.siblings: dict[int, MemoryPool] = {number: self}
        self.latency_s = latency_s
        self.timeout_s = 0.05
        self.lost = False
        self.quota_bytes = 1 << 62
        self.in_flight_most = 0
        self._in_flight = 0

    async def number(self) -> int:
        return self.known_number

    def sibling(self, number: int) -> MemoryPool:
        return self.siblings[number]

    def write(self, name: str, pieces: Sequence[bytes | memoryview], size: int) -> asyncio.Task[None]:
        return asyncio.ensure_future(self._later("write", name, lambda: self._write(name, b"".join(pieces))))

    def read(self, name: str, offset: int, length: int) -> asyncio.Task[bytes]:
        return asyncio.ensure_future(self._later("read", name, lambda: self._read(name, offset, length)))

    def stat(self, name: str) -> asyncio.Task[tuple[int, float]]:
        return asyncio.ensure_future(self._later("stat", name, lambda: self._stat(name)))

    def remove(self, name: str) -> asyncio.Task[None]:
        if not self.lost and not self.plan.get("remove"):
            self.objects.pop(name, None)
        return asyncio.ensure_future(self._later("remove", name, lambda: self._remove(name)))

    async def walk(self) -> AsyncIterator[list[str]]:
        self._strike("walk", "")
        names = list(self.objects)
        for at in range(0, len(names), 100):
            await asyncio.sleep(self.latency_s)
            yield names[at : at + 100]

    async def close(self) -> None:
        pass

    def _strike(self, operation: str, name: str) -> None:
        self.calls.append((operation, name))
        planned = self.plan.get(operation)
        error = planned.pop(0) if planned else None
        if error is not None:
            raise error

    async def _later(self, operation: str, name: str, done: Callable[[], T]) -> T:
        self._in_flight += 1
        self.in_flight_most = max(self.in_flight_most, self._in_flight)
        try:
            if self.lost:
                await asyncio.sleep(self.timeout_s)
                raise Unavailable("the pool does not answer")
            await asyncio.sleep(self.latency_s)
            self._strike(operation, name)
            return done()
        finally:
            self._in_flight -= 1

    def _write(self, name: str, data: bytes) -> None:
        if sum(len(found) for found, _ in self.objects.values()) + len(data) > self.quota_bytes:
            raise Full("the pool is full")
        self.objects[name] = (data, time.time())

    def _read(self, name: str, offset: int, length: int) -> bytes:
        return self._found(name)[0][offset : offset + length]

    def _stat(self, name: str) -> tuple[int, float]:
        data, written = self._found(name)
        return len(data), written

    def _remove(self, name: str) -> None:
        self.objects.pop(name, None)

    def _found(self, name: str) -> tuple[bytes, float]:
        found = self.objects.get(name)
        if found is None:
            raise Gone(f"object {name}")
        return found
