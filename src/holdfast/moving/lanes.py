"""Work done side by side, so much at a time, in order where it is about the same thing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Lanes:
    """At most `width` coroutines at once; those with the same name one after the other. The first error ends it all."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._running: dict[object, asyncio.Task[None]] = {}

    async def put(self, name: object, work: Coroutine[Any, Any, None]) -> None:
        """Begins it when there is room. Errors: what earlier work raised."""
        try:
            while name in self._running or len(self._running) >= self._width:
                waited = {self._running[name]} if name in self._running else set(self._running.values())
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                self._reap()
        except BaseException:
            work.close()
            raise
        self._running[name] = asyncio.create_task(work)

    def _reap(self) -> None:
        for name, task in list(self._running.items()):
            if task.done():
                del self._running[name]
                task.result()

    async def drain(self) -> None:
        """Waits for all of it. Errors: what it raised."""
        while self._running:
            await asyncio.wait(set(self._running.values()), return_when=asyncio.FIRST_COMPLETED)
            self._reap()

    async def cancel(self) -> None:
        """Ends what is under way."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        self._running.clear()
