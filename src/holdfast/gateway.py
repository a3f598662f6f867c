"""One worker: the dialects on the HTTP server, with its access log and counters around them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any

from holdfast import http
from holdfast.config.settings import Settings
from holdfast.doors import ELSEWHERE, Doors
from holdfast.http.body import EMPTY
from holdfast.http.proxies import Proxies
from holdfast.model.errors import Refusal
from holdfast.model.messages import Request, Response
from holdfast.observe.access import FLUSH_INTERVAL_S, AccessLog, Seen, line_of, refused_line
from holdfast.observe.metrics import Metrics
from holdfast.s3.errors import refuse

log = logging.getLogger(__name__)
CLIENT_GONE = 499
"""Logged as the status of a request whose client hung up before its answer (nginx's number for it; never sent)."""

_REFUSALS: dict[str, type[Refusal]] = {refusal.__name__: refusal for refusal in Refusal.__subclasses__()}
# What the HTTP server counts, and the metric that it becomes.
_COUNTERS = {
    "connections_accepted": "connections",
    "connections_refused": "connections_refused",
    "refused": "requests_malformed",
    "timeouts": "timeouts",
    "hangups": "hangups",
    "failures": "exceptions",
    "bytes_in": "received_bytes",
    "bytes_out": "sent_bytes",
}


class Gateway:
    """What one worker runs. `handle` and `finished` are called for each request, in this order, on the hot path."""

    def __init__(self, doors: Doors, metrics: Metrics, access: AccessLog | None, proxies: Proxies | None = None) -> None:
        self._s3 = doors.s3
        self._alike = doors.alike
        self._choose = doors.handle
        self._by_host = doors.by_host
        self._proxies = proxies
        self._metrics = metrics
        self._access = access
        self._counted = dict.fromkeys(_COUNTERS, 0)
        self.server: http.Server | None = None

    def handle(self, request: Request) -> Coroutine[Any, Any, Response] | Response:
        """The answer, if it is there at once; else the dialect's own coroutine, so that the frame of this function is not in the way of
        every resumption."""
        request.seen = Seen(time.monotonic())
        if self._proxies is not None:
            self._proxies.apply(request)
        if request.path[:3] in ELSEWHERE:
            return self._choose(request)
        found = self._alike(request)
        if found is not None:
            return found
        if self._by_host or request.headers.get(b"authorization", b"")[:10] == b"Signature ":
            return self._choose(request)
        return self._s3(request)

    def finished(self, request: Request, response: Response | None, bytes_out: int) -> None:
        """Counts and logs a request whose answer was written or cut off."""
        seen = request.seen
        if not isinstance(seen, Seen):
            return
        total_s = time.monotonic() - seen.started
        status = CLIENT_GONE if response is None else response.status
        bytes_in = request.body.length or 0
        self._metrics.request(seen.operation, status, total_s, bytes_in, bytes_out, seen.error)
        if self._access is not None:
            first_s = seen.answered - seen.started if seen.answered else total_s
            self._access.add(line_of(request, status, bytes_in, bytes_out, first_s, total_s))

    def refuse(self, status: int, code: str, message: str, request_id: str) -> Response:
        """What the HTTP server refuses itself, in the words of S3."""
        if self._access is not None:
            self._access.add(refused_line(status, code, request_id, time.time()))
        refusal = _REFUSALS.get(code, Refusal)(message)
        response = refuse(refusal, Request("GET", b"/", {}, EMPTY, id=request_id))
        response.status, response.close = status, True
        return response

    def beat(self) -> None:
        """Carries what the HTTP server counted since the last beat over to the shared metrics."""
        if self.server is None:
            return
        counters = self.server.counters
        for name, metric in _COUNTERS.items():
            value = getattr(counters, name)
            self._metrics.add(metric, value - self._counted[name])
            self._counted[name] = value
        self._metrics.set("connections_open", counters.connections)

    async def flush(self) -> None:
        """Writes the access log on its beat, until cancelled."""
        access = self._access
        while access is not None:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            written, dropped = access.written, access.dropped
            access.flush()
            self._metrics.add("access_log_lines", access.written - written)
            self._metrics.add("access_log_dropped", access.dropped - dropped)

    def close(self) -> None:
        """The last numbers and lines."""
        self.beat()
        if self._access is not None:
            self._access.close()


def limits(settings: Settings) -> http.Limits:
    """The limits of the HTTP server as the settings want them."""
    return http.Limits(
        request_line_bytes_max=settings.header_bytes_max,
        header_section_bytes_max=settings.header_bytes_max,
        header_s=settings.header_timeout_s,
        idle_s=settings.idle_timeout_s,
        body_stall_s=settings.body_timeout_s,
        connections_max=settings.connections_max,
    )
