"""A client's HTTP/2 connection: frames to streams by h2, each stream to the same handler, with the bounds of the listener.

Source: RFC 9113. h2 keeps the protocol's state; what is ours is flow control by what handlers read, back-pressure, time limits, and
bounds on what costs a client nothing: streams opened and reset (CVE-2023-44487), PING, SETTINGS and empty frames.
"""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection as Protocol
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from holdfast.http.answer import BODILESS, BadResponse
from holdfast.http.h2_stream import Stream, body_of, empty_or, read_head, response_fields
from holdfast.http.head import HeadRefused
from holdfast.http.peer import peer_address, tls_version
from holdfast.http.service import Service
from holdfast.model.errors import IncompleteBody, InternalError, RequestTimeout
from holdfast.model.messages import Request, Response

STREAM_WINDOW_BYTES: Final = 1 << 20
CONNECTION_WINDOW_BYTES: Final = 8 << 20
"""What a client may have under way that nobody has read: the most that one connection buffers."""
STREAMS_MAX: Final = 100
CALM_BURST: Final = 400
"""Frames that cost a client nothing, in a burst; then `CALM_PER_S` a second. More ends the connection with ENHANCE_YOUR_CALM."""
CALM_PER_S: Final = 50.0
_CALM_PARTS = (StreamReset, PingReceived, RemoteSettingsChanged, PriorityUpdated)


class H2Connection(asyncio.Protocol):
    """`deadline` is when the service's tick shall call `expired`."""

    transport: asyncio.Transport

    def __init__(self, service: Service) -> None:
        self.service = service
        self.peer = self.tls = ""
        self.deadline = service.now + service.limits.header_s
        self._streams: dict[int, Stream] = {}
        self._held = False
        self._closing = False
        self._draining = False
        self._refused_above = 0
        self._calm = float(CALM_BURST)
        self._calm_at = service.now
        self._h2 = Protocol(H2Configuration(client_side=False, header_encoding=None))
        self._h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_MAX,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
                SettingCodes.MAX_HEADER_LIST_SIZE: service.limits.header_section_bytes_max + service.limits.request_line_bytes_max,
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 0,
            },
        )

    # -- callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.peer, self.tls = peer_address(transport.get_extra_info("peername")), tls_version(transport)
        self.transport.set_write_buffer_limits(high=self.service.limits.write_buffer_bytes_max)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(CONNECTION_WINDOW_BYTES - 65535)
        excess = self.service.add(self)
        if excess:
            self._end(ErrorCodes.ENHANCE_YOUR_CALM)
        else:
            self._flush()

    def data_received(self, data: bytes) -> None:
        self.service.counters.bytes_in += len(data)
        if self._closing:
            return
        try:
            events = self._h2.receive_data(data)
        except H2Error:
            self.service.counters.refused += 1
            self._flush()  # h2 has put GOAWAY there
            self._close()
            return
        for event in events:
            self._happened(event)
            if self._closing:
                return
        self._flush()
        self._watch()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._held = True

    def resume_writing(self) -> None:
        self._held = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self.deadline = float("inf")
        for stream in list(self._streams.values()):
            self.service.counters.hangups += 1
            self._abandon(stream)
        self.service.remove(self)

    # -- events

    def _happened(self, event: Event) -> None:
        if isinstance(event, _CALM_PARTS) and not self._is_calm():
            self._end(ErrorCodes.ENHANCE_YOUR_CALM)
        elif isinstance(event, RequestReceived):
            self._begin(event)
        elif isinstance(event, DataReceived):
            self._data(event)
        elif isinstance(event, TrailersReceived):
            stream = self._streams.get(event.stream_id or 0)
            if stream is not None and stream.body is not None:
                stream.body.trailers.update({name: value for name, value in event.headers or () if name[:1] != b":"})
        elif isinstance(event, StreamEnded):
            stream = self._streams.get(event.stream_id or 0)
            if stream is not None and stream.body is not None:
                stream.body.end()
        elif isinstance(event, StreamReset):
            stream = self._streams.get(event.stream_id or 0)
            if stream is not None:
                self.service.counters.hangups += 1
                self._abandon(stream)
        elif isinstance(event, WindowUpdated | RemoteSettingsChanged):
            self._wake()
        elif isinstance(event, ConnectionTerminated):
            self._draining = True

    def _is_calm(self) -> bool:
        now = self.service.loop.time()
        self._calm = min(float(CALM_BURST), self._calm + (now - self._calm_at) * CALM_PER_S) - 1
        self._calm_at = now
        return self._calm >= 0

    def _begin(self, event: RequestReceived) -> None:
        service = self.service
        id = event.stream_id or 0
        if self._draining and id > self._refused_above:
            self._reset(id, ErrorCodes.REFUSED_STREAM)
            return
        stream = Stream(self, id)
        self._streams[id] = stream
        service.counters.requests += 1
        try:
            method, target, headers, length, expects = read_head(event.headers or [], service.heads, service.limits)
        except HeadRefused as refused:
            service.counters.refused += 1
            response = service.refuse(refused.status, refused.code, refused.message, service.request_id())
            stream.task = service.loop.create_task(self._answer(stream, response))
            return
        stream.body = body_of(stream, service.limits, length, expects, event.stream_ended is not None)
        request = Request(
            method, target, headers, empty_or(stream.body), peer=self.peer, secure=service.secure, received_at=service.clock(),  # type: ignore[arg-type]
            id=service.request_id(),
        )  # fmt: skip
        stream.request, request.tls = request, self.tls
        stream.task = service.loop.create_task(self._serve(stream, request))

    def _data(self, event: DataReceived) -> None:
        stream = self._streams.get(event.stream_id or 0)
        data = event.data or b""
        padding = (event.flow_controlled_length or 0) - len(data)
        if not data and event.stream_ended is None and not self._is_calm():
            self._end(ErrorCodes.ENHANCE_YOUR_CALM)
            return
        unread = len(data) if stream is None or stream.body is None else stream.body.take(data)
        self.acknowledge(event.stream_id or 0, unread + padding)

    # -- what streams ask

    def acknowledge(self, id: int, count: int) -> None:
        """Gives the client room for as much again."""
        if count and not self._closing:
            with suppress(H2Error):  # the stream is closed: the connection's window was given back all the same
                self._h2.acknowledge_received_data(count, id)
            self._flush()

    def allowance(self, id: int) -> int:
        """Bytes of content that may be sent on a stream now. Errors: H2Error for a stream that is closed."""
        if self._held:
            return 0
        return min(self._h2.local_flow_control_window(id), self._h2.max_outbound_frame_size)

    def send_continue(self, id: int) -> None:
        """100 Continue."""
        if not self._closing:
            self._h2.send_headers(id, [(b":status", b"100")])
            self._flush()

    # -- answers

    async def _serve(self, stream: Stream, request: Request) -> None:
        service = self.service
        try:
            handled = service.handler(request)
            response = handled if isinstance(handled, Response) else await handled
        except (Exception, asyncio.CancelledError) as error:
            if stream.id not in self._streams:
                self._finish(stream)
                return
            response = self._failure(error, request)
        await self._answer(stream, response)

    async def _answer(self, stream: Stream, response: Response) -> None:
        """Sends head and body. Whatever happens, the stream ends and what it held is given back."""
        try:
            if stream.id in self._streams and not self._closing:
                await self._send(stream, response)
        except asyncio.CancelledError:
            self._reset(stream.id, ErrorCodes.CANCEL)
        except H2Error:
            pass  # the stream or the connection ended meanwhile
        except Exception as error:
            self._failure(error, stream.request)
            self._reset(stream.id, ErrorCodes.INTERNAL_ERROR)
        finally:
            try:
                await _release(response.body)
            except Exception as error:
                self._failure(error, stream.request)
            self._finish(stream)

    async def _send(self, stream: Stream, response: Response) -> None:
        request, content = stream.request, response.body
        fields = response_fields(response, self.service.answers.own_fields())
        head_only = content is None or response.status in BODILESS or (request is not None and request.method == "HEAD")
        if not head_only:
            head_only = (len(content) if isinstance(content, bytes) else content.length) == 0  # type: ignore[union-attr]
        stream.started = True
        stream.response = response
        self._h2.send_headers(stream.id, fields, end_stream=head_only)
        self._flush()
        if not head_only and content is not None:
            left = len(content) if isinstance(content, bytes) else content.length
            if isinstance(content, bytes):
                await self._send_piece(stream, content, True)
                left = 0
            else:
                pieces = content.__aiter__()
                try:
                    async for piece in pieces:
                        left -= len(piece)
                        if left < 0:
                            raise BadResponse("a stream is longer than its length")
                        await self._send_piece(stream, piece, left == 0)
                finally:
                    await _release(pieces)
            if left:
                raise BadResponse("a stream is shorter than its length")
        if stream.body is not None and not stream.body.complete:
            stream.body.discard()
            self._reset(stream.id, ErrorCodes.NO_ERROR)  # the answer is complete, the rest is not wanted (RFC 9113, 8.1)

    async def _send_piece(self, stream: Stream, piece: bytes, last: bool) -> None:
        view = memoryview(piece)
        while view:
            size = await stream.room()
            part, view = view[:size], view[size:]
            self._h2.send_data(stream.id, bytes(part), end_stream=last and not view)
            stream.sent_bytes += len(part)
            self._flush()

    def _failure(self, error: BaseException, request: Request | None) -> Response:
        service = self.service
        service.counters.failures += 1
        if request is not None:
            service.report(error, request)
        return service.refuse(500, "InternalError", InternalError.message, "" if request is None else request.id)

    def _finish(self, stream: Stream) -> None:
        self._streams.pop(stream.id, None)
        service = self.service
        request, stream.request = stream.request, None
        if service.finished is not None and request is not None:
            try:
                service.finished(request, stream.response, stream.sent_bytes)
            except Exception as error:
                self._failure(error, request)
        if not self._closing:
            self._watch()
            if self._draining and not self._streams:
                self._close()

    def _abandon(self, stream: Stream) -> None:
        """The client does not want the answer any more."""
        self._streams.pop(stream.id, None)
        if stream.body is not None:
            stream.body.fail(IncompleteBody())
        if stream.task is not None:
            self.service.loop.call_soon(stream.task.cancel)

    # -- the connection

    def _wake(self) -> None:
        for stream in list(self._streams.values()):
            stream.wake()

    def _reset(self, id: int, code: ErrorCodes) -> None:
        if not self._closing:
            try:
                self._h2.reset_stream(id, code)
            except H2Error:
                return
            self._flush()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self.transport.is_closing():
            self.service.counters.bytes_out += len(data)
            self.transport.write(data)
            if self.transport.get_write_buffer_size() > 4 * self.service.limits.write_buffer_bytes_max:
                self.cut()  # it makes us answer and reads nothing

    def _end(self, code: ErrorCodes) -> None:
        self.service.counters.refused += 1
        self._h2.close_connection(code)
        self._flush()
        self._close()

    def _close(self) -> None:
        self._closing = True
        self.deadline = self.service.now + self.service.limits.linger_s
        for stream in list(self._streams.values()):
            self._abandon(stream)
        self.transport.close()

    def _watch(self) -> None:
        if not self._closing:
            self.deadline = float("-inf") if self._streams else self.service.idle_until

    def shut(self) -> None:
        """Takes no new stream; closes once those in work are answered."""
        if self._closing:
            return
        self._draining = True
        self._refused_above = self._h2.highest_inbound_stream_id
        goaway = struct.pack(">I", 8)[1:] + b"\x07\x00\x00\x00\x00\x00" + struct.pack(">II", self._refused_above, int(ErrorCodes.NO_ERROR))
        self.transport.write(goaway)  # by hand: h2 would take the streams in work for closed
        if not self._streams:
            self._close()

    def cut(self) -> None:
        """Ends the connection at once, and the handlers with it."""
        self._closing = True
        for stream in list(self._streams.values()):
            self._abandon(stream)
        self.transport.abort()

    def expired(self) -> None:
        """The deadline has passed."""
        service, limits = self.service, self.service.limits
        if self._closing:
            self.transport.abort()
            return
        if not self._streams:
            self._h2.close_connection(ErrorCodes.NO_ERROR)
            self._flush()
            self._close()
            return
        for stream in list(self._streams.values()):
            if stream.body is not None and stream.body.is_too_slow(limits):
                service.counters.timeouts += 1
                stream.body.fail(RequestTimeout())
            if stream.blocked_since is not None and service.now - stream.blocked_since >= limits.write_stall_s:
                service.counters.timeouts += 1
                self._reset(stream.id, ErrorCodes.CANCEL)
                self._abandon(stream)


async def _release(source: Any) -> None:
    """Lets what ends early give back what it holds."""
    aclose = getattr(source, "aclose", None)
    if aclose is not None:
        await aclose()
