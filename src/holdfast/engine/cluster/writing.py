"""Writing a blob: small bodies stay in memory for the catalog, larger ones go out in objects of 4 MiB, several in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from awscrt.checksums import crc32c

from holdfast.engine.api import EngineError, Full, Unavailable
from holdfast.engine.blocks import BlockChecks
from holdfast.engine.cluster import stripes
from holdfast.engine.cluster.held import Held
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.session import FRESH, FreshBlob, Session
from holdfast.engine.cluster.stripes import STRIPE_BLOCKS, STRIPE_BYTES
from holdfast.model.objects import Blob

IN_FLIGHT_MAX = 4
"""Objects of one body that are on their way at the same time; with the one that is being filled, the most that a writer holds."""
SMALL_BYTES = 1 << 20
"""The blobs of a body, one of them in flight, while the uploads of the process hold much."""

Remove = Callable[[Pool, bytes, int], Awaitable[None]]


class _Stored:
    """A blob that is being written: its size in bytes and objects so far."""

    __slots__ = ("counter", "id", "objects", "size")

    def __init__(self, id: bytes, counter: int) -> None:
        self.id = id
        self.counter = counter
        self.size = 0
        self.objects = 0


class StripeWriter:
    """`BlobWriter` on a pool. `remove(pool, blob id, objects)` lets go of the objects of a blob that is given up."""

    def __init__(self, pool: Pool, session: Session, inline_bytes_max: int, remove: Remove, held: Held) -> None:
        self._pool = pool
        self._session = session
        self._inline_bytes_max = inline_bytes_max
        self._remove = remove
        self._held = held
        self._blobs: list[_Stored] = []
        self._pieces: list[bytes | memoryview] = []
        self._pending_bytes = 0
        self._checks: BlockChecks | None = None
        self._flying: deque[tuple[asyncio.Future[None], int]] = deque()
        self._closed = False

    async def write(self, data: bytes) -> None:
        if self._closed:
            raise Unavailable("the writer is closed")
        rest: bytes | memoryview = data
        while rest:
            checks = self._checks
            if checks is None and (self._blobs or self._pending_bytes + len(rest) > self._inline_bytes_max):
                checks = await self._begin()
            take = min(len(rest), STRIPE_BYTES - self._pending_bytes)
            piece = rest if take == len(rest) else memoryview(rest)[:take]
            self._pieces.append(piece)
            self._pending_bytes += take
            self._held.bytes += take
            if checks is None:
                return
            checks.add(piece)
            if self._pending_bytes == STRIPE_BYTES:
                await self._send()
            elif self._pending_bytes >= SMALL_BYTES and self._held.is_much():
                await self._send()
                self._checks = None  # what follows is another blob
            if take == len(rest):
                return
            rest = memoryview(rest)[take:]

    async def _begin(self) -> BlockChecks:
        """Gives the blob its id, once it is known that it will be stored."""
        number = self._pool.known_number or await self._pool.number()
        counter = self._session.open()
        self._blobs.append(_Stored(stripes.blob_id(self._session.id, number, counter), counter))
        checks = self._checks = BlockChecks(self._blobs[-1].id)
        for piece in self._pieces:
            checks.add(piece)
        return checks

    async def _send(self) -> None:
        """Puts what is pending on its way as one object, once there is room among those in flight."""
        assert self._checks is not None
        while self._flying and (len(self._flying) >= IN_FLIGHT_MAX or self._held.is_much()):
            await self._settle()
        blob, pieces, size = self._blobs[-1], self._pieces, self._pending_bytes
        pieces.insert(0, stripes.head(self._checks.finish(), size))
        job = asyncio.ensure_future(self._pool.write(stripes.name_of(blob.id, blob.objects), pieces, size + len(pieces[0])))
        self._flying.append((job, size))
        blob.objects += 1
        blob.size += size
        self._checks = BlockChecks(blob.id, blob.objects * STRIPE_BLOCKS)
        self._pieces, self._pending_bytes = [], 0

    async def _settle(self) -> None:
        """Waits for the oldest object in flight. Errors: Full, Unavailable; the writer is closed then."""
        job, size = self._flying[0]
        try:
            await asyncio.shield(job)  # who is cancelled here leaves it to abort()
        except Full:
            await self.abort()
            raise
        except EngineError:  # the pool does not answer: nobody waits for it a second time
            self._close()
            self._undoing = asyncio.get_running_loop().create_task(self._undo())
            raise
        self._flying.popleft()
        self._held.bytes -= size

    async def finish(self) -> tuple[Blob, ...]:
        if self._closed:
            raise Unavailable("the writer is closed")
        if not self._blobs:
            data = b"".join(self._pieces)
            self._close()
            return (Blob(b"", len(data), crc32c(data), data),) if data else ()
        if self._pending_bytes:
            await self._send()
        while self._flying:
            await self._settle()
        self._close()
        return tuple([self._session.keep(blob.counter, FreshBlob(blob.id, blob.size, FRESH)) for blob in self._blobs])

    def _close(self) -> None:
        self._closed = True
        self._held.bytes -= self._pending_bytes
        self._pieces, self._pending_bytes = [], 0

    async def abort(self) -> None:
        if self._closed:
            return
        self._close()
        await self._undo()

    async def _undo(self) -> None:
        """Removes what was written, and what is still on its way."""
        flying, self._flying = self._flying, deque()
        try:
            if flying:  # what is on its way would come after its removal
                await asyncio.wait([job for job, _ in flying])
            for job, _ in flying:
                job.exception()
            for blob in self._blobs:
                await self._remove(self._pool, blob.id, blob.objects)
        finally:
            self._held.bytes -= sum(size for _, size in flying)
            for blob in self._blobs:
                self._session.close(blob.counter)

    def __del__(self) -> None:
        if not self._closed:
            self._held.bytes -= self._pending_bytes + sum(size for _, size in self._flying)
            for blob in self._blobs:
                self._session.close(blob.counter)
