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
_AGAIN = frozenset(("40001", "40P01", "55P03"))
"""Serialization failure, deadlock, lock timeout: nothing was done, and the step may be tried again."""
_ELSEWHERE = frozenset(("57P03", "25006", "42883", "0A000", "26000", "XX000"))
"""The server starts or is a replica, or the schema was brought forward under this connection: nothing was done, and it is to be tried on
another connection."""
_LEAVING = _ELSEWHERE | {"57P01", "57P02"}
"""As before, or the server is going down, which leaves open whether the step was done."""

Open = Callable[[Callable[[Connection], None]], asyncio.Task[Connection]]


class Lane:
    """Up to `size` connections of one kind. Subclasses say how what waits becomes batches, and what a broken one means."""

    def __init__(self, open_one: Open, size: int, timeout_s: float) -> None:
        self._open_one = open_one
        self._size = size
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._connections: list[Connection] = []
        self._opening: set[asyncio.Task[Connection]] = set()
        self._waiting: deque[Call] = deque()
        self._scheduled = False
        self._ticking: asyncio.TimerHandle | None = None
        self._failed_since = 0.0
        self._failure = ""
        self._retry_at = 0.0

    def call(self, statement: Statement, parameters: Parameters, order: tuple[int, int] = (0, 0)) -> asyncio.Future[Rows]:
        """Queues a call. The future's errors: Unavailable, Full."""
        future: asyncio.Future[Rows] = self._loop.create_future()
        self._queue(Call(statement, parameters, future, order))
        return future

    def _queue(self, call: Call) -> None:
        self._waiting.append(call)
        self._wake()

    def _again(self, call: Call) -> None:
        call.tries += 1
        self._queue(call)

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

    def _broken(self, batch: Batch, error: Broken) -> None:
        """Tells or tries again the calls of a batch that failed."""
        raise NotImplementedError

    def _done(self, batch: Batch, error: Broken | None) -> None:
        if error is None:
            for call in batch.calls:
                settle(call, None)
            return
        if error.state in _LEAVING:
            for connection in [connection for connection in self._connections if not connection.load]:
                connection.close()
                self._connections.remove(connection)
        self._broken(batch, error)

    # ---- connections ----

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
            self._failed_since, self._failure = 0.0, ""
            self._connections.append(task.result())
            self._wake()
            return
        now = time.monotonic()
        self._failure = str(error)
        self._retry_at = now + _RETRY_S
        if not self._connections:
            self._failed_since = self._failed_since or now
            if now - self._failed_since > _OUTAGE_S:
                self._refuse(now)

    def _lost(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
        self._wake()

    def _refuse(self, born_before: float, why: str = "") -> None:
        why = why or self._why()
        late = [call for call in self._waiting if call.born < born_before]
        self._waiting = deque(call for call in self._waiting if call.born >= born_before)
        for call in late:
            settle(call, Unavailable(why))

    def _why(self) -> str:
        """What keeps the calls waiting."""
        if self._connections:
            return f"PostgreSQL: more is asked than it answers in time ({len(self._waiting)} calls wait)"
        if self._failure:
            return self._failure
        many = f", and {len(self._waiting)} calls wait: more is asked at once than can be begun" if len(self._waiting) > STEPS_MAX else ""
        return f"PostgreSQL: no connection within {_OUTAGE_S:g} s{many}"

    def _tick(self) -> None:
        """Ends what takes too long, and tries again to connect."""
        self._ticking = None
        now = time.monotonic()
        for connection in list(self._connections):
            if connection.overdue(now - self._timeout_s):
                self._failure = f"PostgreSQL: no answer within {self._timeout_s:g} s"
                connection.fail(f"no answer within {self._timeout_s:g} s")
        if self._waiting and self._waiting[0].born < now - _OUTAGE_S:
            self._refuse(now - (self._timeout_s if self._connections else _OUTAGE_S))
        if self._waiting:
            self._flush()
        if self.busy or self._opening:
            self._ticking = self._ticking or self._loop.call_later(_TICK_S, self._tick)

    @property
    def busy(self) -> bool:
        """Whether anything waits or is in flight."""
        return bool(self._waiting) or any(connection.load for connection in self._connections)

    def close(self) -> None:
        """Lets go of everything; what waits is refused."""
        self._refuse(time.monotonic() + 1, "the engine is closed")
        if self._ticking is not None:
            self._ticking.cancel()
        for task in self._opening:
            task.cancel()
        for connection in self._connections:
            connection.close()
        self._connections.clear()


class ReadLane(Lane):
    """Reads: any number in flight on a connection; one that is broken off is asked again, since it changed nothing."""

    def _send(self) -> bool:
        free = min(self._connections, key=lambda connection: connection.load, default=None)
        if free is None:
            return False
        fresh = [call for call in self._waiting if call.tries == 1]
        others = [call for call in self._waiting if call.tries > 1]
        self._waiting.clear()
        if fresh:
            free.send(Batch(fresh, self._done))
        for call in others:  # one of them may be to blame: each on its own
            free.send(Batch([call], self._done))
        return free.load < 2

    def together(self, *asked: tuple[Statement, Parameters]) -> list[asyncio.Future[Rows]] | None:
        """Sends calls one after the other on one connection, not to be tried again; None while there is no connection."""
        free = min(self._connections, key=lambda connection: connection.load, default=None)
        if free is None:
            self._grow()
            return None
        calls = [Call(statement, parameters, self._loop.create_future()) for statement, parameters in asked]
        for call in calls:
            call.tries = _TRIES
        free.send(Batch(calls, self._done))
        self._wake()
        return [call.future for call in calls]

    def _broken(self, batch: Batch, error: Broken) -> None:
        """Where the connection was lost, or one of several statements failed, all are asked again."""
        may_help = len(batch.calls) > 1 or not error.state or error.state in _AGAIN or error.state in _LEAVING
        for call in batch.calls:
            if may_help and call.tries < _TRIES:
                self._again(call)
            else:
                settle(call, error)


class StepLane(Lane):
    """Write steps: a connection has one transaction in flight, and takes what has come meanwhile when that is durable.

    Within a transaction the steps go by their `order` (bucket, lock), so that two transactions never wait for each other. A step with
    the order `ALONE`, and one that is tried again, has a transaction to itself.
    """

    told: Callable[[int, float], None] | None = None
    """Told of each durable transaction: steps and seconds."""

    def _send(self) -> bool:
        for connection in self._connections:
            if not self._waiting:
                return True
            if not connection.load:
                calls = self._take()
                if calls:
                    connection.send(Batch(calls, self._done))
        return not self._waiting

    def _take(self) -> list[Call]:
        taken: list[Call] = []
        while self._waiting and len(taken) < STEPS_MAX:
            single = self._waiting[0].order == ALONE or self._waiting[0].tries > 1
            if taken and single:
                break
            call = self._waiting.popleft()
            if call.future.cancelled():
                continue
            taken.append(call)
            if single:
                break
        return sorted(taken, key=_order)

    def _done(self, batch: Batch, error: Broken | None) -> None:
        super()._done(batch, error)
        if error is None and self.told is not None:
            self.told(len(batch.calls), time.monotonic() - batch.sent)
        if self._waiting:
            self._wake()

    def _broken(self, batch: Batch, error: Broken) -> None:
        """A transaction that PostgreSQL refused did nothing: its steps are done again one by one. Where the connection was lost, nobody
        knows whether it was done."""
        undone = error.state != "" and error.state not in _LEAVING - _ELSEWHERE
        may_help = undone and (len(batch.calls) > 1 or error.state in _AGAIN or error.state in _ELSEWHERE)
        for call in batch.calls:
            if may_help and call.tries < _TRIES:
                self._again(call)
            else:
                settle(call, error)


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
    """The lanes of one event loop: look-ups, pages, and write steps apart, so that none waits behind what takes longer; and pages of a
    replica, where there is one."""

    def __init__(
        self,
        dsn: str,
        settings: dict[str, str],
        statements: Mapping[str, Sequence[Statement]],
        sizes: dict[str, int],
        timeout_s: float,
        replica: str = "",
    ) -> None:
        self.loop = asyncio.get_running_loop()

        def opener(kind: str, where: str) -> Open:
            def open_one(lost: Callable[[Connection], None]) -> asyncio.Task[Connection]:
                return self.loop.create_task(Connection.open(where, settings, statements[kind], lost))

            return open_one

        self.reads = ReadLane(opener("reads", dsn), sizes["reads"], timeout_s)
        self.pages = ReadLane(opener("pages", dsn), sizes["pages"], timeout_s)
        self.steps = StepLane(opener("steps", dsn), sizes["steps"], timeout_s)
        self.replica = ReadLane(opener("pages", replica), sizes["pages"], timeout_s) if replica else None

    async def drain(self, wait_s: float = 5.0) -> None:
        """Waits for the write steps in flight."""
        until = time.monotonic() + wait_s
        while self.steps.busy and time.monotonic() < until:  # noqa: ASYNC110 - at the end of a process, milliseconds
            await asyncio.sleep(0.005)

    def close(self) -> None:
        """Lets go of every connection."""
        for lane in (self.reads, self.pages, self.steps, self.replica):
            if lane is not None:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    lane.close()
