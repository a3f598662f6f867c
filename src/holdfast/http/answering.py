"""The writing half of a connection: answers in order, streams at the client's pace, and an end that the client can read."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final

from holdfast.http.answer import BODILESS, CONTINUE, BadResponse
from holdfast.http.body import RequestBody
from holdfast.http.head import PLAIN, HeadRefused
from holdfast.http.outflow import Outflow
from holdfast.http.service import Service
from holdfast.model.errors import InternalError, Refusal, RequestTimeout
from holdfast.model.messages import Request, Response, Stream

NEVER: Final = math.inf
EVERY_TICK: Final = -math.inf
OPEN, LINGERING, CLOSING, CLOSED = range(4)


class AnsweringSide:
    """What is known of a connection, and what is done with an answer. `deadline` is when the service's tick shall call `expired`."""

    __slots__ = (
        "_body",  # a body that is not here completely, wanted or not
        "_eof",  # the client sends no more
        "_framing",  # of the request in work
        "_half_until",  # when a handler whose client sends no more is cancelled
        "_heading",  # a head is awaited and the deadline is for it
        "_held",  # reading is paused
        "_keep_alive",  # after its answer
        "_lingered_bytes",
        "_next_planned",
        "_out",
        "_request",  # in work
        "_response",  # to it, once its head is written
        "_sent_bytes",  # of its body
        "_state",
        "_tail",  # bytes read but not yet served: the start of a head, or what was sent ahead
        "_task",  # of its handler, if it has suspended
        "deadline",
        "peer",
        "service",
        "tls",  # its version, "" without
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, service: Service) -> None:
        self.service = service
        self.peer = ""
        self.tls = ""
        self.deadline = NEVER
        self._state = OPEN
        self._tail = b""
        self._body: RequestBody | None = None
        self._request: Request | None = None
        self._framing = PLAIN
        self._keep_alive = True
        self._response: Response | None = None
        self._sent_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._out = Outflow()
        self._held = False
        self._eof = False
        self._half_until = NEVER
        self._heading = True
        self._lingered_bytes = 0
        self._next_planned = False

    # -- what a body asks

    def now(self) -> float:
        return self.service.now

    def send_continue(self) -> None:
        if self._state == OPEN and self._response is None:
            self.transport.write(CONTINUE)

    def hold(self) -> None:
        """Pauses reading."""
        if not self._held and self._state == OPEN:
            self._held = True
            self.transport.pause_reading()

    def read_more(self) -> None:
        """Resumes reading."""
        if self._held and self._state != CLOSED:
            self._held = False
            self.transport.resume_reading()

    # -- answers

    async def _answer_later(self, rest: Awaitable[Response]) -> None:
        """The handler of the request in work has suspended: from there to the end of its answer, within its task."""
        try:
            response = await rest
        except (Exception, asyncio.CancelledError) as error:
            if self._state != OPEN:
                if not isinstance(error, (Refusal, asyncio.CancelledError)):
                    self._failure(error)
                self._sent()
                return
            response = self._failure(error)
        if self._state != OPEN:
            await self._release(response.body)
            self._sent()
            return
        stream = self._send(response)
        if stream is None:
            self._sent()
        else:
            await self._send_stream(stream)

    def _send(self, response: Response) -> Stream | None:
        """Writes the head, and the body unless it is a stream: `_send_stream` has to follow then."""
        service = self.service
        request = self._request
        assert request is not None
        framing = self._framing
        body = self._body
        if service.draining or (body is not None and not body.may_be_drained(service.limits.drain_bytes_max)):
            self._keep_alive = False
        try:
            if response.close:
                self._keep_alive = False
            text, size = service.answers.text(response, request.method, self._keep_alive, framing.http10)
        except (BadResponse, TypeError, ValueError, AttributeError) as error:
            service.loop.create_task(self._release(getattr(response, "body", None)))
            response = self._failure(error)
            self._keep_alive = False
            text, size = service.answers.text(response, request.method, False, framing.http10)
        self._response = response
        content = response.body
        stream = None
        self.transport.write(text)
        if not size and content is not None:
            if not isinstance(content, bytes):
                stream = content
            elif request.method != "HEAD" and response.status not in BODILESS:
                size = len(content)
                self.transport.write(content)
                service.counters.bytes_out += size
        service.counters.bytes_out += len(text)
        self._sent_bytes = size
        return stream

    async def _send_stream(self, stream: Stream) -> None:
        """Writes a body piece by piece, each after the client has taken most of what was written before."""
        request, response, service, out = self._request, self._response, self.service, self._out
        assert request is not None and response is not None
        left = 0 if request.method == "HEAD" or response.status in BODILESS else stream.length
        pieces: AsyncIterator[bytes] | None = None
        try:
            if left:
                pieces = stream.__aiter__()
                async for piece in pieces:
                    size = len(piece)
                    left -= size
                    if left < 0:
                        raise BadResponse("a stream is longer than its length")
                    self.transport.write(piece)
                    self._sent_bytes += size
                    service.counters.bytes_out += size
                    if out.held:
                        await out.room()
                if left:
                    raise BadResponse("a stream is shorter than its length")
        except (Exception, asyncio.CancelledError) as error:
            if self._state == OPEN:
                self._failure(error)
                self._abort()
        try:
            await self._release(pieces)
            await self._release(stream)
        finally:
            self._sent()

    async def _release(self, source: Any) -> None:
        """Lets a stream that ends early give back what it holds."""
        aclose = getattr(source, "aclose", None)
        if aclose is not None:
            try:
                await aclose()
            except Exception as error:
                self._failure(error)

    def _sent(self) -> None:
        """The answer is written, or never will be: what next?"""
        service = self.service
        request = self._request
        if service.finished is not None and request is not None:
            try:
                service.finished(request, self._response, self._sent_bytes)
            except Exception as error:
                self._failure(error)
        self._request = self._response = self._task = None
        body = self._body
        if self._state != OPEN:
            pass
        elif body is not None:
            if self._keep_alive:
                self.deadline = service.now + service.limits.drain_s
                body.discard()
            else:
                self._linger()
        elif self._keep_alive:
            self.deadline = service.idle_until
            if self._tail or self._held or self._eof:
                self._plan_next()
        else:
            self._close()

    def _failure(self, error: BaseException) -> Response:
        """Counts and reports what should not have been raised; the answer in its place."""
        service = self.service
        service.counters.failures += 1
        request = self._request
        if request is not None:
            service.report(error, request)
        return service.refuse(500, "InternalError", InternalError.message, "" if request is None else request.id)

    def _plan_next(self) -> None:
        """Goes on with what was sent ahead, in a turn of its own."""
        if not self._next_planned and self._state == OPEN:
            self._next_planned = True
            self.service.loop.call_soon(self._next)

    def _next(self) -> None:
        """Serves what was sent ahead."""
        raise NotImplementedError

    # -- ends

    def _refuse(self, refused: HeadRefused) -> None:
        """Answers what cannot become a request, and closes."""
        service = self.service
        service.counters.refused += 1
        response = service.refuse(refused.status, refused.code, refused.message, service.request_id())
        text, _ = service.answers.text(response, "GET", False, False)
        service.counters.bytes_out += len(text)
        self.transport.write(text)
        self._linger()

    def _linger(self) -> None:
        """Ends the connection so that the client, which may be sending, reads the answer before its own bytes are refused (RFC 9112, 9.6)."""
        if self._body is not None:
            self._body.discard()
            self._body = None
        self._tail = b""
        if self._eof:
            self._close()
            return
        self._state = LINGERING
        self.deadline = self.service.now + self.service.limits.linger_s
        self.read_more()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _close(self) -> None:
        """Ends the connection once all is written."""
        self._state = CLOSING
        self.deadline = self.service.now + self.service.limits.linger_s
        self.transport.close()

    def _abort(self) -> None:
        self._state = CLOSING
        self.deadline = NEVER
        self.transport.abort()

    def _cancel(self) -> None:
        task, self._task = self._task, None
        if task is not None:  # once only: a second time would hit the handler's own clearing up
            self.service.loop.call_soon(task.cancel)

    def _watch(self) -> None:
        """The deadline of a request in work follows from what is waited for."""
        if self._request is not None:
            self.deadline = EVERY_TICK if self._body is not None or self._out.held else self._half_until
        elif self._out.held:
            self.deadline = EVERY_TICK
        elif self._state == OPEN and self._body is None:
            self.deadline = self.service.idle_until

    def shut(self) -> None:
        """Closes the connection if nothing is in work; else it closes after the answer, as the service drains."""
        if self._request is None and self._body is None and self._state == OPEN:
            self._close()

    def cut(self) -> None:
        """Ends the connection at once, and the handler with it."""
        self._abort()
        self._cancel()

    def expired(self) -> None:
        """The deadline has passed."""
        service = self.service
        limits = service.limits
        now = service.now
        body = self._body
        size = self.transport.get_write_buffer_size()
        if self._request is not None:
            if body is not None and body.is_too_slow(limits):
                service.counters.timeouts += 1
                body.fail(RequestTimeout())
            if now >= self._half_until:
                self.cut()
                return
        if size and (self._out.held or self._request is None):
            if self._out.is_too_slow(limits, now, size):
                service.counters.timeouts += 1
                self.cut()
            elif self._request is None:
                self.deadline = now + limits.linger_s
        elif self._request is not None:
            return
        elif self._state != OPEN:
            self._abort()
        elif body is not None:
            service.counters.timeouts += 1
            self._linger()
        elif self._heading and self._tail:
            service.counters.timeouts += 1
            self._refuse(HeadRefused(408, "RequestTimeout", RequestTimeout.message))
        else:
            self._close()
