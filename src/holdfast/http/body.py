"""The body of a request as its handler reads it: buffered within bounds, framed by length or by chunks, watched for slowness."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

from holdfast.http.chunked import BrokenFraming, ChunkedDecoder
from holdfast.http.limits import Limits
from holdfast.model.errors import EntityTooLarge, IncompleteBody, Refusal

_PIECE_COST: Final = 64
"""Bytes that a buffered piece costs beside its content, so that many tiny ones count too."""


class Source(Protocol):
    """What a body asks of its connection."""

    def send_continue(self) -> None: ...
    def read_more(self) -> None: ...
    def hold(self) -> None: ...
    def now(self) -> float: ...


class EmptyBody:
    """The body of a request that has none; one object serves them all."""

    __slots__ = ()
    length: int | None = 0

    @property
    def trailers(self) -> dict[bytes, bytes]:
        return {}

    @trailers.setter
    def trailers(self, value: dict[bytes, bytes]) -> None:
        raise AttributeError("trailers")

    async def read(self) -> bytes:
        return b""

    async def read_all(self, limit: int) -> bytes:
        return b""


EMPTY = EmptyBody()


class RequestBody:
    """A body that is on its way. The connection feeds it; one coroutine at a time reads it."""

    __slots__ = (
        "_buffer_max",
        "_buffered",
        "_chunks",
        "_discarding",
        "_pieces",
        "_source",
        "_waited_s",
        "_waiter",
        "_waiting_since",
        "_window_bytes",
        "complete",  # all bytes are here, or were read
        "discarded_bytes",
        "error",  # why there will be no more
        "expects",  # the client waits for 100 Continue
        "left",  # bytes to come, None while unknown
        "length",
        "trailers",
    )

    def __init__(self, source: Source, limits: Limits, length: int | None, expects: bool = False) -> None:
        self.length = length
        self.trailers: dict[bytes, bytes] = {}
        self.left = length
        self.expects = expects
        self.complete = False
        self.error: Refusal | None = None
        self._source = source
        self._chunks = ChunkedDecoder(limits, self.trailers) if length is None else None
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._buffer_max = limits.body_buffer_bytes_max
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_since = 0.0
        self._waited_s = 0.0
        self._window_bytes = 0
        self._discarding = False
        self.discarded_bytes = 0

    # -- for the connection

    def feed(self, data: bytes) -> bytes | None:
        """Takes bytes of the connection; what follows the body once it is complete, else None."""
        if self.error is not None:
            return None
        rest: bytes | None = None
        if self._chunks is None:
            assert self.left is not None
            size = len(data)
            if size >= self.left:
                if size > self.left:
                    rest = data[self.left :]
                    data = data[: self.left]
                else:
                    rest = b""
                self.left = 0
                self.complete = True
            else:
                self.left -= size
        else:
            try:
                data = self._chunks.feed(data)
            except BrokenFraming:
                self.fail(IncompleteBody("The chunks of the request body are malformed."))
                return None
            if self._chunks.done:
                rest = self._chunks.rest
                self.left = 0
                self.complete = True
        self._take(data)
        return rest

    def _take(self, data: bytes) -> None:
        size = len(data)
        self.expects = False
        if self._discarding:
            self.discarded_bytes += size
            return
        if size:
            self._pieces.append(data)
            self._buffered += size + _PIECE_COST
            self._window_bytes += size
            if self._buffered > self._buffer_max and not self.complete:
                self._source.hold()
        if self._waiter is not None and (size or self.complete):
            self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self._waited_s += self._source.now() - self._waiting_since
            if not waiter.done():
                waiter.set_result(None)

    def fail(self, error: Refusal) -> None:
        """Nothing more comes; `read` raises `error` once what is buffered was read."""
        if not self.complete and self.error is None:
            self.error = error
            self._wake()

    def may_be_drained(self, bytes_max: int) -> bool:
        """Is it worth while to read the rest of it only to keep the connection? Not if the client has yet to be told to send it."""
        return self.error is None and not self.expects and (self.left is None or self.left <= bytes_max)

    def discard(self) -> None:
        """Nobody wants the rest."""
        self._discarding = True
        self._pieces.clear()
        self._buffered = 0
        self._source.read_more()

    def is_too_slow(self, limits: Limits) -> bool:
        """To be asked now and then: has the client kept the handler waiting for longer than the limits allow?"""
        now = self._source.now()
        waiting_s = now - self._waiting_since if self._waiter is not None else 0.0
        if waiting_s >= limits.body_stall_s:
            return True
        waited_s = self._waited_s + waiting_s
        if waited_s < limits.body_window_s:
            return False
        if self._window_bytes < limits.body_rate_min * waited_s:
            return True
        self._waited_s = -waiting_s
        self._window_bytes = 0
        return False

    # -- for the handler

    async def read(self) -> bytes:
        """See `holdfast.model.messages.Body.read`."""
        while True:
            if self._pieces:
                piece = self._pieces.popleft()
                before = self._buffered
                self._buffered = after = before - len(piece) - _PIECE_COST
                if after <= self._buffer_max // 2 < before:
                    self._source.read_more()
                return piece
            if self.complete:
                return b""
            if self.error is not None:
                raise self.error
            if self._discarding:
                raise IncompleteBody("The request body was read after the response.")
            if self._waiter is not None:
                raise RuntimeError("two coroutines read one request body")
            if self.expects:
                self.expects = False
                self._source.send_continue()
            self._source.read_more()
            self._waiter = waiter = asyncio.get_running_loop().create_future()
            self._waiting_since = self._source.now()
            try:
                await waiter
            finally:
                if self._waiter is waiter:
                    self._waiter = None

    async def read_all(self, limit: int) -> bytes:
        """See `holdfast.model.messages.Body.read_all`."""
        if self.length is not None and self.length > limit:
            raise EntityTooLarge()
        first = await self.read()
        if len(first) > limit:
            raise EntityTooLarge()
        if not first or (self.complete and not self._pieces):
            return first
        pieces = [first]
        size = len(first)
        while piece := await self.read():
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise EntityTooLarge()
        return b"".join(pieces)

