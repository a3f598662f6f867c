"""Letting go of blobs: a single object at once, a larger blob after a while, so that who is reading it comes to its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from holdfast.engine.api import EngineError
from holdfast.engine.cluster import stripes
from holdfast.engine.cluster.pool import Pool

LINGER_S = 120.0
IN_FLIGHT_MAX = 32
LINGERING_MAX = 100_000
"""Blobs that wait for their removal, at most; more are left to the sweep."""
ASK_MAX = 1000

Unnamed = Callable[[list[bytes]], Awaitable[list[bytes]]]


class Asker:
    """Asks the catalog which blobs nobody names, for many callers in one question: while one is under way the next is gathered."""

    def __init__(self, unnamed: Unnamed) -> None:
        self._unnamed = unnamed
        self._waiting: list[tuple[list[bytes], asyncio.Future[list[bytes]]]] = []
        self._asking = False

    async def ask(self, ids: list[bytes]) -> list[bytes]:
        """Those of `ids` that no version or part names. Errors: Unavailable."""
        if self._asking:
            answer: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
            self._waiting.append((ids, answer))
            return await answer
        self._asking = True
        try:
            return await self._unnamed(ids)
        finally:
            self._asking = False
            if self._waiting:
                self._asking = True
                self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def _go_on(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:ASK_MAX], self._waiting[ASK_MAX:]
            try:
                unnamed = set(await self._unnamed([blob_id for ids, _ in taken for blob_id in ids]))
            except BaseException as error:
                for _, answer in taken:
                    if not answer.done():
                        answer.set_exception(error if isinstance(error, EngineError) else EngineError("the question was given up"))
                if not isinstance(error, EngineError):
                    self._asking = False
                    raise
                continue
            for ids, answer in taken:
                if not answer.done():
                    answer.set_result([blob_id for blob_id in ids if blob_id in unnamed])
        self._asking = False


async def remove(pool: Pool, blob_id: bytes, count: int) -> None:
    """Removes objects [0, count) of a blob, several at a time. What cannot be removed now is left to the sweep."""
    flying: deque[Awaitable[None]] = deque()
    for stripe in range(count):
        if len(flying) >= IN_FLIGHT_MAX:
            with contextlib.suppress(EngineError):
                await flying.popleft()
        flying.append(pool.remove(stripes.name_of(blob_id, stripe)))
    for job in flying:
        with contextlib.suppress(EngineError):
            await job


class Lingering:
    """Blobs that are removed after `linger_s`, by one task that runs while there are any."""

    def __init__(self, linger_s: float) -> None:
        self.linger_s = linger_s
        self._queue: deque[tuple[float, Pool, bytes, int]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, pool: Pool, blob_id: bytes, count: int) -> None:
        if len(self._queue) >= LINGERING_MAX:
            return
        loop = asyncio.get_running_loop()
        self._queue.append((loop.time() + self.linger_s, pool, blob_id, count))
        if self._task is None:
            self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                due, pool, blob_id, count = self._queue[0]
                await asyncio.sleep(due - loop.time())
                self._queue.popleft()
                await remove(pool, blob_id, count)
        finally:
            self._task = None

    async def close(self) -> None:
        """What still waits is left to the sweep."""
        task = self._task
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
