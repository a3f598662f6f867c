"""Operations in flight: librados' threads say what is done, the event loop is woken once for many of them, and each has its deadline."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from holdfast.engine.api import EngineError, Unavailable

LOOK_S = 0.5
"""How often the deadlines are looked at."""
SMALL_BYTES = 256 << 10
"""An operation of at most this size never waits for others."""
PATIENCE = 4
"""How many deadlines long an operation may wait for its turn, since others are served meanwhile."""

Start = Callable[[Callable[..., None]], object]
"""Begins an operation in librados; what it is given must be called once, from any thread, with the completion (and the bytes)."""


class Operations:
    """All operations of one process with one cluster, large ones of at most `bytes_max` together in flight; the rest wait in order.

    A place is given back when librados is done with the operation, or at its deadline: by then librados, which has the same deadline, has
    given it up too.
    """

    def __init__(self, bytes_max: int, timeout_s: float) -> None:
        self._bytes_max = bytes_max
        self._timeout_s = timeout_s
        self._bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: deque[tuple[int, Any]] = deque()
        self._woken = False
        self._flying: dict[int, tuple[float, asyncio.Future[Any], int, Callable[[Any], Any]]] = {}  # in the order of their deadlines
        self._waiting: deque[tuple[float, asyncio.Future[Any], int, Start, Callable[[Any], Any]]] = deque()
        self._next = 0
        self._watch: asyncio.TimerHandle | None = None

    def submit(self, cost: int, start: Start, value: Callable[[Any], Any]) -> asyncio.Future[Any]:
        """The outcome of an operation of `cost` bytes: `value` of what the callback was given, in the loop's thread."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._begin_anew(loop)
        future: asyncio.Future[Any] = loop.create_future()
        if cost > SMALL_BYTES and (self._waiting or (self._bytes and self._bytes + cost > self._bytes_max)):
            self._waiting.append((loop.time() + PATIENCE * self._timeout_s, future, cost, start, value))
        else:
            self._start(loop.time() + self._timeout_s, future, cost, start, value)
        if self._watch is None:
            self._watch = loop.call_later(LOOK_S, self._look)
        return future

    def _begin_anew(self, loop: asyncio.AbstractEventLoop) -> None:
        """Another event loop asks: whoever waits in one that ended waits no more."""
        self._flying.clear()
        self._waiting.clear()
        self._bytes = 0
        self._watch = None
        self._woken = False
        self._loop = loop

    def _start(self, due: float, future: asyncio.Future[Any], cost: int, start: Start, value: Callable[[Any], Any]) -> None:
        number = self._next
        self._next = number + 1
        self._flying[number] = (due, future, cost, value)
        self._bytes += cost
        done = self._done

        def completed(*outcome: Any) -> None:  # in a thread of librados
            done.append((number, outcome))
            if not self._woken:
                self._woken = True
                loop = self._loop
                if loop is not None and not loop.is_closed():
                    loop.call_soon_threadsafe(self._drain)

        try:
            start(completed)
        except Exception as error:
            self._flying.pop(number, None)
            self._bytes -= cost
            future.set_exception(error if isinstance(error, EngineError) else Unavailable(f"{type(error).__name__}: {error}"))

    def _drain(self) -> None:
        self._woken = False  # first: who comes after this wakes the loop again
        done, flying = self._done, self._flying
        while done:
            number, outcome = done.popleft()
            found = flying.pop(number, None)
            if found is None:
                continue
            _, future, cost, value = found
            self._bytes -= cost
            if future.done():
                continue
            try:
                future.set_result(value(outcome))
            except EngineError as error:
                future.set_exception(error)
        self._start_waiting()

    def _start_waiting(self) -> None:
        if not self._waiting:
            return
        assert self._loop is not None
        due = self._loop.time() + self._timeout_s
        while self._waiting and (not self._bytes or self._bytes + self._waiting[0][2] <= self._bytes_max):
            _, future, cost, start, value = self._waiting.popleft()
            if not future.done():
                self._start(due, future, cost, start, value)

    def _look(self) -> None:
        """Gives up what is late."""
        assert self._loop is not None
        now = self._loop.time()
        for number, (due, future, cost, _) in list(self._flying.items()):
            if due > now:
                break
            del self._flying[number]
            self._bytes -= cost
            _late(future)
        while self._waiting and self._waiting[0][0] <= now:
            _late(self._waiting.popleft()[1])
        self._start_waiting()
        self._watch = self._loop.call_later(LOOK_S, self._look) if self._flying or self._waiting else None

    def end(self) -> None:
        """Gives up everything: nothing of this is answered any more."""
        for _, future, _, _ in self._flying.values():
            _late(future)
        for _, future, _, _, _ in self._waiting:
            _late(future)
        self._flying.clear()
        self._waiting.clear()
        self._bytes = 0
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def _late(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(Unavailable("Ceph does not answer"))
