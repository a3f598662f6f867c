"""Reading a run of bytes out of blobs: objects are asked for ahead, each piece is verified before it is given."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from awscrt.checksums import crc32c

from holdfast.engine.api import Damaged, Gone
from holdfast.engine.blocks import BLOCK_BYTES, blocks, verify
from holdfast.engine.cluster import stripes
from holdfast.engine.cluster.held import Held
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.stripes import STRIPE_BLOCKS, STRIPE_BYTES
from holdfast.engine.inline_ids import inline_number
from holdfast.engine.spans import spans_of
from holdfast.model.objects import Blob

PIECE_BYTES = 1 << 20
AHEAD_BYTES = 8 << 20
"""How much of one body is asked for before it is given: two objects of it; a single piece while all downloads hold much."""
AHEAD_MAX = 16
LOOK_MAX = 32
"""Blobs whose beginnings are looked for, and small bodies that are fetched, before the first piece."""
_FROM_START_BYTES = 2 * BLOCK_BYTES
"""A range that begins this near the beginning of an object is read from there, checks and all; else the checks are read beside it."""

InlineBody = Callable[[int], Awaitable[bytes | None]]
PoolOf = Callable[[int], Pool]


class _Object:
    """The object at hand: its checks, once they have come."""

    __slots__ = ("checks", "head", "size")

    def __init__(self, size: int, head: asyncio.Future[bytes] | None) -> None:
        self.size = size
        self.head = head
        self.checks: tuple[int, ...] | None = None


class _Piece:
    """Blocks [first, ...) of a stripe, asked for: `given` is what to give of them, [low, high)."""

    __slots__ = ("blob", "body", "first", "high", "length", "low", "offset", "source", "stripe")

    def __init__(
        self, blob: Blob, stripe: int, source: _Object, first: int, low: int, high: int, offset: int, length: int, body: asyncio.Future[bytes]
    ) -> None:
        self.blob = blob
        self.stripe = stripe
        self.source = source
        self.first = first
        self.low = low
        self.high = high
        self.offset = offset  # of the first block in what was read
        self.length = length  # of what was read
        self.body = body


class Reading:
    """An iterator of pieces of a run of blobs."""

    __slots__ = ("_ahead", "_ahead_bytes", "_all_ahead", "_held", "_inline_body", "_plan", "_pool_of", "_spans", "_started")

    def __init__(self, pool_of: PoolOf, inline_body: InlineBody, all_ahead: Held, blobs: tuple[Blob, ...], start: int, length: int) -> None:
        self._pool_of = pool_of
        self._inline_body = inline_body
        self._spans = spans_of(blobs, start, length)
        self._plan = _planned(pool_of, self._spans)
        self._ahead: deque[_Piece | tuple[Blob, int, int]] = deque()
        self._ahead_bytes = 0
        self._all_ahead = all_ahead
        self._held: dict[bytes, bytes] = {}
        self._started = False

    def __aiter__(self) -> Reading:
        return self

    async def __anext__(self) -> bytes:
        try:
            self._ask()
            if not self._started:
                self._started = True
                if len(self._spans) > 1 or (self._spans and self._spans[0][2] > STRIPE_BYTES):
                    await self._look()
            if not self._ahead:
                raise StopAsyncIteration
            piece = self._ahead.popleft()
            if isinstance(piece, tuple):
                return await self._inline(*piece)
            self._ahead_bytes -= piece.length
            self._all_ahead.bytes -= piece.length
            return await self._verified(piece)
        except BaseException:
            self.close()
            raise

    def _ask(self) -> None:
        """Keeps what is asked for ahead of what is given."""
        while not self._ahead or (self._ahead_bytes < AHEAD_BYTES and len(self._ahead) < AHEAD_MAX and not self._all_ahead.is_much()):
            piece = next(self._plan, None)
            if piece is None:
                return
            self._ahead.append(piece)
            if isinstance(piece, _Piece):
                self._ahead_bytes += piece.length
                self._all_ahead.bytes += piece.length

    async def _verified(self, piece: _Piece) -> bytes:
        blob, source = piece.blob, piece.source
        try:
            data = await piece.body
        except BaseException:
            if source.head is not None:
                _forget(source.head)
            raise
        if source.checks is None:
            head = data if source.head is None else await source.head
            source.checks = stripes.checks_of(blob.id, piece.stripe, head, source.size)
        if len(data) != piece.length:
            raise Damaged(f"blob {blob.id.hex()}: object {piece.stripe} is too short")
        body = memoryview(data)[piece.offset :] if piece.offset else data
        verify(blob.id, body, piece.stripe * STRIPE_BLOCKS + piece.first, source.checks[piece.first : piece.first + blocks(len(body))])
        if not piece.offset and piece.low == 0 and piece.high == len(data):
            return data
        return data[piece.offset + piece.low : piece.offset + piece.high]

    async def _inline(self, blob: Blob, begin: int, end: int) -> bytes:
        data = blob.inline if blob.inline is not None else self._held.pop(blob.id, None)
        if data is None:
            data = await self._inline_body(inline_number(blob.id))
        if data is None:
            raise Gone("blob")
        if len(data) != blob.size or crc32c(data) != blob.check:
            raise Damaged("inline body: checksum mismatch")
        return data if end - begin == len(data) else data[begin:end]

    async def _look(self) -> None:
        """Finds out early what is missing: the beginnings of the blobs to come, the last object, and the small bodies among them, which
        go with their rows when the object is replaced. Errors: Gone, Unavailable."""
        names = []
        for blob, begin, _ in self._spans[1:LOOK_MAX]:
            if blob.inline is None and not inline_number(blob.id):
                names.append((blob, begin // STRIPE_BYTES))
        for blob, _, _ in self._spans[-LOOK_MAX:]:  # only the last part of an upload is ever that small
            if blob.inline is None and (number := inline_number(blob.id)):
                body = await self._inline_body(number)
                if body is None:
                    raise Gone("blob")
                self._held[blob.id] = body
        blob, _, end = self._spans[-1]
        if not inline_number(blob.id) and blob.inline is None:
            names.append((blob, (end - 1) // STRIPE_BYTES))
        asked = [self._pool_of(stripes.pool_of(blob.id)).stat(stripes.name_of(blob.id, stripe)) for blob, stripe in dict.fromkeys(names)]
        if asked:
            await asyncio.gather(*asked)

    def close(self) -> None:
        """Lets go of what was asked for. Called by itself at the end, at an error, and when the iterator is dropped."""
        self._plan = iter(())
        self._all_ahead.bytes -= self._ahead_bytes
        self._ahead_bytes = 0
        while self._ahead:
            piece = self._ahead.popleft()
            if isinstance(piece, _Piece):
                _forget(piece.body)
                if piece.source.head is not None:
                    _forget(piece.source.head)

    async def aclose(self) -> None:
        """As an asynchronous generator's."""
        self.close()

    def __del__(self) -> None:
        self.close()


def _planned(pool_of: PoolOf, spans: list[tuple[Blob, int, int]]) -> Iterator[_Piece | tuple[Blob, int, int]]:
    """The pieces in order; each is asked for when it is taken from here."""
    for span in spans:
        blob, begin, end = span
        if blob.inline is not None or inline_number(blob.id):
            yield span
            continue
        pool = pool_of(stripes.pool_of(blob.id))
        for stripe in range(begin // STRIPE_BYTES, -(-end // STRIPE_BYTES)):
            base = stripe * STRIPE_BYTES
            size = min(STRIPE_BYTES, blob.size - base)
            yield from _pieces(pool, blob, stripe, size, max(begin - base, 0), min(end - base, size))


def _forget(future: asyncio.Future[bytes]) -> None:
    if not future.done():
        future.cancel()
    elif not future.cancelled():
        future.exception()


def _pieces(pool: Pool, blob: Blob, stripe: int, size: int, low: int, high: int) -> Iterator[_Piece]:
    """The pieces of [low, high) of an object that holds `size` bytes of the blob."""
    name = stripes.name_of(blob.id, stripe)
    head = stripes.head_bytes(size)
    at = low // BLOCK_BYTES * BLOCK_BYTES
    stop = min(-(-high // BLOCK_BYTES) * BLOCK_BYTES, size)
    if at <= _FROM_START_BYTES:
        at = 0
    source = _Object(size, asyncio.ensure_future(pool.read(name, 0, head)) if at else None)
    while at < stop:
        end = min(at + PIECE_BYTES, stop)
        skip = 0 if at else head
        length = end - at + skip
        body = asyncio.ensure_future(pool.read(name, head + at - skip, length))
        yield _Piece(blob, stripe, source, at // BLOCK_BYTES, max(low - at, 0), min(high, end) - at, skip, length, body)
        at = end
