"""Back-pressure of answers: whether the client has fallen behind, who waits for it, and whether it takes too long."""

from __future__ import annotations

import asyncio

from holdfast.http.limits import Limits


class Outflow:
    """`held` from the moment that the socket's buffer is full until it is half empty; nothing is written meanwhile."""

    __slots__ = ("_since", "_size", "_waiter", "_window_since", "_window_size", "held")

    def __init__(self) -> None:
        self.held = False
        self._waiter: asyncio.Future[None] | None = None
        self._size = -1
        self._since = self._window_since = 0.0
        self._window_size = 0

    def hold(self) -> None:
        """The buffer is full."""
        self.held = True
        self._size = -1

    def release(self) -> None:
        """The buffer has room, or nobody needs it any more."""
        self.held = False
        self._size = -1
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def room(self) -> None:
        """Waits until there is room."""
        while self.held:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def is_too_slow(self, limits: Limits, now: float, size: int) -> bool:
        """To be asked now and then while the client is behind, `size` bytes waiting for it and none being added."""
        if self._size < 0:
            self._size = self._window_size = size
            self._since = self._window_since = now
            return False
        if size != self._size:
            self._size = size
            self._since = now
        elif now - self._since >= limits.write_stall_s:
            return True
        span_s = now - self._window_since
        if span_s >= limits.write_window_s:
            if self._window_size - size < limits.write_rate_min * span_s:
                return True
            self._window_since = now
            self._window_size = size
        return False
