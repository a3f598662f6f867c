"""Lanes: how calls share connections to PostgreSQL. Reads of one turn of the loop go out together; write steps share transactions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from holdfast.engine.api import Unavailable
from holdfast.engine.cluster.connection import Batch, Broken, Call, Connection, Parameters, Rows, Statement, refusal_of

log = logging.getLogger("holdfast.engine")

STEPS_MAX = 64
"""Write steps in one transaction at most."""
_TICK_S = 0.25
_OUTAGE_S = 2.0
"""Calls wait so long for a connection; once there has been none for that time, no more calls wait."""
_RETRY_S = 0.2
_TRIES = 4
_AGAIN = ("40001", "40P01", "55P03")
"""Serialization failure, deadlock, lock timeout: nothing was done, and the step may be tried again."""
_MOVED = ("57P01", "57P02", "57P03", "25006")
"""The server is going down, or is a replica: another connection is to be made."""


class Lane:
    """Up to `size` connections of one kind. Subclasses say how what waits becomes batches."""

    def __init__(self, open_one: Callable[[Callable[[Connection], None]], asyncio.Task[Connection]], size: int, timeout_s: float) -> None:
        self._open_one = open_one
        self._size = size
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._connections: list[Connection] = []
        self._opening: set[asyncio.Task[Connection]] = set()
        self._waiting: deque[tuple[float, Call, int]] = deque()
        self._scheduled = False
        self._ticking: asyncio.TimerHandle | None = None
        self._failed_since = 0.0
        self._failure = "no connection"
        self._retry_at = 0.0

    def call(self, statement: Statement, parameters: Parameters, order: tuple[int, int] = (0, 0)) -> asyncio.Future[Rows]:
        """Queues a call. The future's errors: Unavailable, Full, or Broken with a state that the caller may know."""
        future: asyncio.Future[Rows] = self._loop.create_future()
        self._queue(Call(statement, parameters, future, order), 1)
        return future

    def _queue(self, call: Call, tries: int) -> None:
        self._waiting.append((time.monotonic(), call, tries))
        self._wake()

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)
        if self._ticking is None:
            self._ticking = self._loop.call_later(_TICK_S, self._tick)

    def _flush(self) -> None:
        self._scheduled = False
        if self._waiting and not self._send():
            self._grow()

    def _send(self) -> bool:
        """Sends what waits; False when another connection would help."""
        raise NotImplementedError

    def _grow(self) -> None:
        if len(self._connections) + len(self._opening) >= self._size or time.monotonic() < self._retry_at:
            return
        task = self._open_one(self._lost)
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Connection]) -> None:
        self._opening.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._failed_since = 0.0
            self._connections.append(task.result())
            self._wake()
            return
        now = time.monotonic()
        self._failure = str(error)
        self._retry_at = now + _RETRY_S
        if not self._connections:
            self._failed_since = self._failed_since or now
            if now - self._failed_since > _OUTAGE_S:
                self._refuse(lambda _: True)

    def _lost(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
        self._wake()

    def _refuse(self, which: Callable[[float], bool]) -> None:
        for _ in range(len(self._waiting)):
            since, call, tries = self._waiting.popleft()
            if which(since):
                settle(call, Unavailable(self._failure))
            else:
                self._waiting.append((since, call, tries))

    def _tick(self) -> None:
        """Ends what takes too long, and tries again to connect."""
        self._ticking = None
        now = time.monotonic()
        for connection in list(self._connections):
            if connection.overdue(now - self._timeout_s):
                connection.fail(f"no answer within {self._timeout_s:g} s")
        wait_s = self._timeout_s if self._connections else _OUTAGE_S
        self._refuse(lambda since: since < now - wait_s)
        if self._waiting:
            self._flush()
        if self._waiting or self._opening or any(connection.load for connection in self._connections):
            self._ticking = self._ticking or self._loop.call_later(_TICK_S, self._tick)

    def _broken(self, batch: Batch, error: Broken, tries: int) -> None:
        raise NotImplementedError

    def _drop(self, error: Broken) -> None:
        """Where the server itself is leaving, so are its connections."""
        if error.state in _MOVED:
            for connection in list(self._connections):
                if not connection.load:
                    connection.close()
                    self._connections.remove(connection)

    def close(self) -> None:
        """Lets go of everything; what waits is refused."""
        self._failure = "the engine is closed"
        self._refuse(lambda _: True)
        if self._ticking is not None:
            self._ticking.cancel()
        for task in self._opening:
            task.cancel()
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    @property
    def busy(self) -> bool:
        return bool(self._waiting) or any(connection.load for connection in self._connections)


class ReadLane(Lane):
    """Reads: any number in flight on a connection; one that is broken off is asked again, since it changed nothing."""

    def _send(self) -> bool:
        free = min(self._connections, key=lambda connection: connection.load, default=None)
        if free is None:
            return False
        taken = list(self._waiting)
        self._waiting.clear()
        tries = max(entry[2] for entry in taken)
        free.send(Batch([entry[1] for entry in taken], lambda batch, error: self._done(batch, error, tries)))
        return free.load < 2

    def _flush(self) -> None:
        self._scheduled = False
        if self._waiting and not self._send():
            self._grow()

    def _done(self, batch: Batch, error: Broken | None, tries: int) -> None:
        if error is not None:
            self._broken(batch, error, tries)
            return
        for call in batch.calls:
            settle(call, None)

    def _broken(self, batch: Batch, error: Broken, tries: int) -> None:
        self._drop(error)
        alone = len(batch.calls) == 1
        if tries >= _TRIES or (alone and error.state and error.state not in (*_AGAIN, *_MOVED)):
            for call in batch.calls:
                settle(call, error)
        elif alone or not error.state:
            for call in batch.calls:
                self._queue(call, tries + 1)
        else:  # one of them is to blame: each on its own
            for call in batch.calls:
                single = Batch([call], lambda batch, error: self._done(batch, error, tries + 1))
                target = next(iter(self._connections), None)
                if target is None:
                    self._queue(call, tries + 1)
                else:
                    target.send(single)


class StepLane(Lane):
    """Write steps: a connection has one transaction in flight, and takes what has come meanwhile when that is durable.

    Within a transaction the steps go by their `order` (bucket, lock), so that two transactions never wait for each other. A step with
    the order `ALONE` has a transaction to itself.
    """

    told: Callable[[int, float], None] | None = None
    """Told of each durable transaction: steps and seconds."""

    def _send(self) -> bool:
        for connection in self._connections:
            if not self._waiting:
                return True
            if not connection.load:
                self._send_on(connection)
        return not self._waiting

    def _send_on(self, connection: Connection) -> None:
        taken: list[tuple[Call, int]] = []
        while self._waiting and len(taken) < STEPS_MAX:
            _, call, tries = self._waiting[0]
            if taken and (call.order == ALONE or tries > 1):
                break
            self._waiting.popleft()
            if call.future.cancelled():
                continue
            taken.append((call, tries))
            if call.order == ALONE or tries > 1:
                break
        if not taken:
            return
        tries = taken[0][1]
        calls = sorted([call for call, _ in taken], key=_order)
        connection.send(Batch(calls, lambda batch, error: self._done(batch, error, tries)))

    def _done(self, batch: Batch, error: Broken | None, tries: int) -> None:
        if error is not None:
            self._broken(batch, error, tries)
        else:
            for call in batch.calls:
                settle(call, None)
            if self.told is not None:
                self.told(len(batch.calls), time.monotonic() - batch.sent)
        if self._waiting:
            self._wake()

    def _broken(self, batch: Batch, error: Broken, tries: int) -> None:
        """A transaction that PostgreSQL refused did nothing: its steps are done again one by one. Where the connection was lost, nobody
        knows whether it was done."""
        self._drop(error)
        one = len(batch.calls) == 1
        if not error.state or tries >= _TRIES or (one and error.state not in _AGAIN):
            for call in batch.calls:
                settle(call, error)
            return
        log.info("a transaction of %d steps is done again one by one: %s", len(batch.calls), error)
        for call in batch.calls:
            self._queue(call, tries + 1)


ALONE = (-1, -1)


def _order(call: Call) -> tuple[int, int]:
    return call.order


def settle(call: Call, error: Unavailable | None) -> None:
    """Tells whoever waits."""
    if call.future.done():
        return
    if error is not None:
        call.future.set_exception(refusal_of(error) if isinstance(error, Broken) else error)
    else:
        call.future.set_result(call.rows or [])


class Lanes:
    """The lanes of one event loop: look-ups, pages, and write steps apart, so that none waits behind what takes longer."""

    def __init__(
        self, dsn: str, settings: dict[str, str], statements: Mapping[str, Sequence[Statement]], sizes: dict[str, int], timeout_s: float
    ) -> None:
        self.loop = asyncio.get_running_loop()

        def opener(kind: str) -> Callable[[Callable[[Connection], None]], asyncio.Task[Connection]]:
            def open_one(lost: Callable[[Connection], None]) -> asyncio.Task[Connection]:
                return self.loop.create_task(Connection.open(dsn, settings, statements[kind], lost))

            return open_one

        self.reads = ReadLane(opener("reads"), sizes["reads"], timeout_s)
        self.pages = ReadLane(opener("pages"), sizes["pages"], timeout_s)
        self.steps = StepLane(opener("steps"), sizes["steps"], timeout_s)

    async def drain(self, wait_s: float = 5.0) -> None:
        """Waits for the write steps in flight."""
        until = time.monotonic() + wait_s
        while self.steps.busy and time.monotonic() < until:  # noqa: ASYNC110 - at the end of a process, milliseconds
            await asyncio.sleep(0.005)

    def close(self) -> None:
        for lane in (self.reads, self.pages, self.steps):
            with contextlib.suppress(RuntimeError):  # the loop is closed
                lane.close()
