"""Writing a blob: small bodies stay in memory for the catalog, larger ones go out in objects of 4 MiB, several in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from awscrt.checksums import crc32c

from holdfast.engine.api import EngineError, Full, Unavailable
from holdfast.engine.blocks import BlockChecks
from holdfast.engine.cluster import stripes
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.session import FRESH, FreshBlob, Session
from holdfast.engine.cluster.stripes import STRIPE_BLOCKS, STRIPE_BYTES
from holdfast.model.objects import Blob

IN_FLIGHT_MAX = 4
"""Objects of one body that are on their way at the same time; with the one that is being filled, the most that a writer holds."""

Remove = Callable[[Pool, bytes, int], Awaitable[None]]


class StripeWriter:
    """`BlobWriter` on a pool. `remove(pool, blob id, objects)` lets go of the objects of a blob that is given up."""

    def __init__(self, pool: Pool, session: Session, inline_bytes_max: int, remove: Remove) -> None:
        self._pool = pool
        self._session = session
        self._inline_bytes_max = inline_bytes_max
        self._remove = remove
        self._id = b""
        self._counter = 0
        self._pieces: list[bytes | memoryview] = []
        self._pending_bytes = 0
        self._size = 0
        self._stripe = 0
        self._checks: BlockChecks | None = None
        self._flying: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def write(self, data: bytes) -> None:
        if self._closed:
            raise Unavailable("the writer is closed")
        length = len(data)
        if not length:
            return
        self._size += length
        checks = self._checks
        if checks is None and self._size > self._inline_bytes_max:
            checks = await self._begin()
        rest: bytes | memoryview = data
        while self._pending_bytes + length >= STRIPE_BYTES and checks is not None:
            take = STRIPE_BYTES - self._pending_bytes
            view = memoryview(rest)
            self._pieces.append(view[:take])
            checks.add(view[:take])
            self._pending_bytes += take
            await self._send()
            checks = self._checks
            rest = view[take:]
            length -= take
        if length:
            self._pieces.append(rest)
            self._pending_bytes += length
            if checks is not None:
                checks.add(rest)

    async def _begin(self) -> BlockChecks:
        """Gives the blob its id, once it is known that it will be stored."""
        number = self._pool.known_number or await self._pool.number()
        self._counter = self._session.open()
        self._id = stripes.blob_id(self._session.id, number, self._counter)
        checks = self._checks = BlockChecks(self._id)
        for piece in self._pieces:
            checks.add(piece)
        return checks

    async def _send(self) -> None:
        """Puts what is pending on its way as one object, once there is room among those in flight."""
        assert self._checks is not None
        while len(self._flying) >= IN_FLIGHT_MAX:
            await self._settle()
        pieces, size = self._pieces, self._pending_bytes
        pieces.insert(0, stripes.head(self._checks.finish(), size))
        self._flying.append(asyncio.ensure_future(self._pool.write(stripes.name_of(self._id, self._stripe), pieces, size + len(pieces[0]))))
        self._stripe += 1
        self._checks = BlockChecks(self._id, self._stripe * STRIPE_BLOCKS)
        self._pieces, self._pending_bytes = [], 0

    async def _settle(self) -> None:
        """Waits for the oldest object in flight. Errors: Full, Unavailable."""
        await asyncio.shield(self._flying[0])  # who is cancelled here leaves it to abort()
        self._flying.popleft()

    async def finish(self) -> tuple[Blob, ...]:
        if self._closed:
            raise Unavailable("the writer is closed")
        if self._checks is None:
            self._closed = True
            data = b"".join(self._pieces)
            self._pieces = []
            return (Blob(b"", len(data), crc32c(data), data),) if data else ()
        try:
            if self._pending_bytes:
                await self._send()
            while self._flying:
                await self._settle()
        except EngineError as error:
            if isinstance(error, Full):
                await self.abort()
            else:  # the pool does not answer: nobody waits for it a second time
                asyncio.get_running_loop().create_task(self.abort())
            raise
        self._closed = True
        return (self._session.keep(self._counter, FreshBlob(self._id, self._size, FRESH)),)

    async def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pieces = []
        flying, self._flying = self._flying, deque()
        try:
            if flying:  # what is on its way would come after its removal
                await asyncio.wait(flying)
                for job in flying:
                    job.exception()
            if self._stripe:
                await self._remove(self._pool, self._id, self._stripe)
        finally:
            if self._id:
                self._session.close(self._counter)

    def __del__(self) -> None:
        if self._id and not self._closed:
            self._session.close(self._counter)
