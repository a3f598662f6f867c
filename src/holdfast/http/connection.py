"""The reading half of a connection: bytes in, requests to the handler one at a time and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from holdfast.http.answering import CLOSED, EVERY_TICK, NEVER, OPEN, AnsweringSide
from holdfast.http.body import EMPTY, RequestBody
from holdfast.http.drive import SUSPENDED
from holdfast.http.head import CHUNKED, Head, HeadRefused
from holdfast.http.peer import peer_address, tls_version
from holdfast.model.errors import IncompleteBody
from holdfast.model.messages import Request, Response


class Connection(AnsweringSide, asyncio.Protocol):
    """A client's connection from its first byte to its last.

    While a request is in work the connection goes on reading, so that a client that hangs up is noticed, until the client
    has sent something ahead. At most one request is in work; what was sent ahead waits in `_tail`.
    """

    __slots__ = ()

    # -- callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        service = self.service
        limits = service.limits
        self.transport = transport  # type: ignore[assignment]
        self.peer = peer_address(transport.get_extra_info("peername"))
        if service.secure:
            self.tls = tls_version(transport)
        self.transport.set_write_buffer_limits(high=limits.write_buffer_bytes_max)
        self.deadline = service.now + limits.header_s
        excess = service.add(self)
        if excess:
            if excess > 64 + limits.connections_max // 8:
                self._abort()
            else:
                self._refuse(HeadRefused(503, "SlowDown", "Too many connections are open."))

    def data_received(self, data: bytes) -> None:
        self.service.counters.bytes_in += len(data)
        body = self._body
        if body is not None:
            self._feed(body, data)
        elif self._state != OPEN:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > self.service.limits.linger_bytes_max:
                self._abort()
        elif self._request is not None or self._next_planned or self._out.held:
            self._tail += data
            self.hold()
        else:
            if self._tail:
                data = self._tail + data
                self._tail = b""
            self._take_requests(data)

    def eof_received(self) -> bool:
        """The client sends no more, or is gone: the two look alike, so what it asked for is still answered."""
        self._eof = True
        if self._body is not None:
            self._body.fail(IncompleteBody())
        if self._request is not None:
            self._half_until = self.service.now + self.service.limits.half_closed_s
            self._watch()
            return True
        return self._next_planned or self._out.held

    def pause_writing(self) -> None:
        self._out.hold()
        self._watch()

    def resume_writing(self) -> None:
        self._out.release()
        self._watch()
        if self._request is None:
            self._plan_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._request is not None and self._state == OPEN:
            self.service.counters.hangups += 1
        self._state = CLOSED
        self.deadline = NEVER
        self._tail = b""
        if self._body is not None:
            self._body.fail(IncompleteBody())
            self._body = None
        self._cancel()
        self.service.remove(self)

    # -- requests

    def _take_requests(self, data: bytes) -> None:
        """Serves what `data` holds, until a request has to be waited for or nothing complete is left."""
        turns = self.service.limits.pipelined_per_turn
        while True:
            while data[:2] == b"\r\n":  # an empty line before a request line is passed over (RFC 9112, 2.2)
                data = data[2:]
            text, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                self._keep_partial(data)
                return
            if not turns or self._out.held:
                self._tail = data
                self.hold()
                if not self._out.held:
                    self._plan_next()
                return
            turns -= 1
            try:
                head = self.service.heads.read(text, text + end if rest else data)
            except HeadRefused as refused:
                self._refuse(refused)
                return
            data = self._begin(head, rest)
            if self._request is not None or self._body is not None or self._state != OPEN:
                if data and self._state == OPEN:
                    self._tail = data
                    self.hold()
                return
            if not data:
                if self._held or self._eof:
                    self._keep_partial(b"")
                return

    def _keep_partial(self, data: bytes) -> None:
        """Waits for the rest of a head, or for its start."""
        if self._eof:
            self._close()
            return
        if data:
            try:
                self.service.heads.check_partial(data)
            except HeadRefused as refused:
                self._refuse(refused)
                return
            self._tail = data
            if not self._heading:
                self._heading = True
                self.deadline = self.service.now + self.service.limits.header_s
        self.read_more()

    def _begin(self, head: Head, rest: bytes) -> bytes:
        """Starts the request whose head was just read, its body beginning with `rest`; what follows it."""
        service = self.service
        method, target, headers, framing = head
        self.deadline = NEVER
        self._heading = False
        self._framing = framing
        self._keep_alive = framing.keep_alive
        body: Any = EMPTY
        length = framing.length
        if length:
            body = RequestBody(self, service.limits, None if length == CHUNKED else length, framing.expects)
            if rest:
                rest = body.feed(rest) or b""
            if not body.complete:
                self._body = body
                self.deadline = EVERY_TICK
        service.counters.requests += 1
        self._request = request = Request(
            method, target, headers, body, peer=self.peer, secure=service.secure, received_at=service.clock(), id=service.request_id()
        )
        if service.secure:
            request.tls = self.tls
        handled = service.handler(request)
        try:
            response = handled if isinstance(handled, Response) else service.stage.step(handled)
        except (Exception, asyncio.CancelledError) as error:
            response = self._failure(error)
        if response is SUSPENDED:
            self._task = service.stage.adopt(handled, self._answer_later)  # type: ignore[arg-type]
        else:
            stream = self._send(response)
            if stream is None:
                self._sent()
            else:
                pump = self._send_stream(stream)
                if service.stage.step(pump) is SUSPENDED:
                    self._task = service.stage.adopt(pump, _await)
        return rest

    def _feed(self, body: RequestBody, data: bytes) -> None:
        rest = body.feed(data)
        if not body.complete:
            if self._request is None and (body.error is not None or body.discarded_bytes > self.service.limits.drain_bytes_max):
                self._linger()
            return
        self._body = None
        if self._request is not None:
            self._watch()
            if rest:
                self._tail = rest
                self.hold()
        else:
            self.deadline = self.service.idle_until
            self._take_requests(rest or b"")

    def _next(self) -> None:
        self._next_planned = False
        if self._state == OPEN and self._request is None and self._body is None and not self._out.held:
            data, self._tail = self._tail, b""
            self._take_requests(data)


async def _await(rest: Awaitable[None]) -> None:
    await rest
