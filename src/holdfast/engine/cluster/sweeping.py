"""Finding strays: objects that no version names and that no living process may come to name."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from holdfast.engine.api import Gone, Unavailable
from holdfast.engine.cluster import stripes
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.removal import Unnamed

Alive = Callable[[], Awaitable[dict[bytes, int]]]
"""The sessions that live, each with its oldest open number."""

NAMED_MAX = 100_000
FOUND_MAX = 100_000


class Sweep:
    """One walk over one pool. Its memory does not grow with the pool: of the blobs that are named only the last ones are remembered (they
    are met again at their next object), and of the strays only those that wait out `linger_s`."""

    def __init__(self, pool: Pool, unnamed: Unnamed, alive: Alive, before: float, linger_s: float) -> None:
        self._pool = pool
        self._unnamed = unnamed
        self._alive = alive
        self._before = before  # seconds since the epoch
        self._linger_s = linger_s
        self._named: dict[bytes, None] = {}
        self._found: deque[tuple[float, str]] = deque()
        self._removed = 0

    async def run(self) -> int:
        """How many objects it removed. Errors: Unavailable."""
        async for names in self._pool.walk():
            await self._look_at(names)
            await self._remove(len(self._found) - FOUND_MAX)
        await self._remove(len(self._found))
        return self._removed

    async def _look_at(self, names: list[str]) -> None:
        objects: dict[bytes, list[str]] = {}
        for name in names:
            blob_id = stripes.blob_of(name)
            if blob_id is not None and blob_id not in self._named:
                objects.setdefault(blob_id, []).append(name)
        if not objects:
            return
        # The order matters: an object that was listed belongs to a session that began before; a number that was closed when `alive` looked
        # gets no name any more after that, so what `unnamed` says of it stays true.
        alive = await self._alive()
        closed = [found for found in objects if stripes.counter_of(found) < alive.get(stripes.session_of(found), 1 << 63)]
        unnamed = set(await self._unnamed(closed)) if closed else set()
        for blob_id in closed:
            if blob_id not in unnamed:
                self._named[blob_id] = None
        while len(self._named) > NAMED_MAX:
            del self._named[next(iter(self._named))]
        strays = [name for blob_id in closed if blob_id in unnamed for name in objects[blob_id]]
        now = time.monotonic()
        for name, old in zip(strays, await asyncio.gather(*[self._is_old(name) for name in strays]), strict=True):
            if old:
                self._found.append((now + self._linger_s, name))

    async def _is_old(self, name: str) -> bool:
        try:
            return (await self._pool.stat(name))[1] <= self._before
        except Gone:
            return False

    async def _remove(self, count: int) -> None:
        """Removes those whose time has come, and waits for it for the first `count`."""
        while self._found and (count > 0 or self._found[0][0] <= time.monotonic()):
            due, name = self._found.popleft()
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            await self._pool.remove(name)
            self._removed += 1
            count -= 1


async def sweep(pools: list[Pool], unnamed: Unnamed, alive: Alive, older_than_s: float, linger_s: float) -> int:
    """How many objects of these pools were removed. A pool that does not answer stops none of the others. Errors: Unavailable."""
    removed = 0
    failed: Unavailable | None = None
    for pool in pools:
        try:
            removed += await Sweep(pool, unnamed, alive, time.time() - older_than_s, linger_s).run()
        except Unavailable as error:
            failed = error
    if failed is not None:
        raise failed
    return removed
