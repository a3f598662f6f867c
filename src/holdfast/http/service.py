"""What all connections of one listener share: the handler, the limits, the clock, and the tools that hold no state between two requests."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from holdfast.http.answer import Answers
from holdfast.http.counters import Counters
from holdfast.http.drive import Stage
from holdfast.http.head import HeadReader
from holdfast.http.limits import Limits
from holdfast.model.messages import Handler, Request, Response

AtOnce = Callable[[Request], Coroutine[Any, Any, Response] | Response]
"""A handler that may have an answer without a coroutine."""
Refuse = Callable[[int, str, str, str], Response]
"""(status, code, message, request id) -> the response in the dialect's words."""
Report = Callable[[BaseException, Request], None]
"""Told of each exception that a handler or a stream should not have raised."""
Finished = Callable[[Request, Response | None, int], None]
"""Told when an answer is written or cut off (None: the client was gone before), with the body bytes handed to the socket."""

_log = logging.getLogger("holdfast.http")
_BLOCK_MASK = (1 << 52) - 1
_GOLDEN = 0x9E3779B97F4A7  # odd: all 2**52 blocks come before one comes again
_ENDINGS = [f"{number:03X}" for number in range(4096)]


def refuse_plainly(status: int, code: str, message: str, request_id: str) -> Response:
    """A refusal in plain text, for listeners without a dialect."""
    text = f"{code}: {message}\n(request {request_id})\n".encode()
    return Response(status, [(b"Content-Type", b"text/plain; charset=utf-8")], text, close=True)


def report_to_log(error: BaseException, request: Request) -> None:
    """Logs the exception with its traceback; the target goes without its query, which may hold a signature."""
    _log.error("request %s failed: %s %r", request.id, request.method, request.path, exc_info=error)


class Held(Protocol):
    """A connection, as the service that counts it sees it. `deadline` is when the tick shall call `expired`, on the loop's clock."""

    peer: str
    deadline: float

    def expired(self) -> None:
        """It has taken too long."""

    def shut(self) -> None:
        """Closes it when its requests in work are answered, at once where there are none."""

    def cut(self) -> None:
        """Closes it now."""


class Service:
    """`now` is the loop's clock as of the last tick."""

    __slots__ = (
        "_block",
        "_ids",
        "_timer",
        "answers",
        "clock",
        "connections",
        "counters",
        "draining",
        "empty",
        "finished",
        "handler",
        "heads",
        "idle_until",
        "limits",
        "loop",
        "now",
        "peers",
        "refuse",
        "report",
        "secure",
        "stage",
    )

    def __init__(
        self,
        handler: Handler | AtOnce,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        *,
        secure: bool,
        server_name: str,
        refuse: Refuse,
        report: Report,
        finished: Finished | None,
    ) -> None:
        self.handler: Callable[[Request], Coroutine[Any, Any, Response] | Response] = handler
        self.limits = limits
        self.loop = loop
        self.secure = secure
        self.refuse = refuse
        self.report = report
        self.finished = finished
        self.counters = Counters()
        self.heads = HeadReader(limits)
        self.answers = Answers(server_name.encode())
        self.stage = Stage(loop)
        self.connections: set[Held] = set()
        self.peers: dict[str, int] = {}
        self.draining = False
        self.clock = time.time
        self.empty: asyncio.Future[None] | None = None
        self._block = secrets.randbits(52)
        self._ids: Iterator[str] = iter(())
        self._timer: asyncio.TimerHandle | None = None
        self.tick()

    def request_id(self) -> str:
        """16 upper-case hex digits that this process gives once; two processes start at random places of the same long cycle."""
        for id in self._ids:
            return id
        self._block = block = (self._block + _GOLDEN) & _BLOCK_MASK
        self._ids = map(f"{block:013X}".__add__, _ENDINGS)
        return next(self._ids)

    def add(self, connection: Held) -> int:
        """Counts a connection in; by how many there are too many, 0 if it is welcome."""
        counters = self.counters
        counters.connections_accepted += 1
        counters.connections += 1
        self.connections.add(connection)
        count = self.peers.get(connection.peer, 0) + 1
        self.peers[connection.peer] = count
        limits = self.limits
        excess = counters.connections - limits.connections_max
        if limits.connections_per_peer_max:
            excess = max(excess, count - limits.connections_per_peer_max)
        if excess > 0:
            counters.connections_refused += 1
            return excess
        return 0

    def remove(self, connection: Held) -> None:
        """Counts a connection out."""
        self.counters.connections -= 1
        self.connections.discard(connection)
        count = self.peers[connection.peer] - 1
        if count:
            self.peers[connection.peer] = count
        else:
            del self.peers[connection.peer]
        if not self.connections and self.empty is not None and not self.empty.done():
            self.empty.set_result(None)

    def tick(self) -> None:
        """Looks at the clock, renews the Date and ends what has taken too long."""
        self.now = now = self.loop.time()
        self.idle_until = now + self.limits.idle_s
        self.answers.renew()
        for connection in [each for each in self.connections if each.deadline <= now]:
            connection.expired()
        tick_s = self.limits.tick_s
        wait_s = tick_s if tick_s < 1.0 else 1.0 - time.time() % 1.0 + 0.001
        self._timer = self.loop.call_later(wait_s, self.tick)

    def close(self) -> None:
        """Ends the clock and the reserve task."""
        if self._timer is not None:
            self._timer.cancel()
        self.stage.close()
