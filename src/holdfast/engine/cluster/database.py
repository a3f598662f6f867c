"""The catalog's database as the rest of the engine asks it: look-ups, pages and write steps, on whichever event loop asks."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from zlib import crc32

from holdfast.engine.cluster.connection import Parameters, Rows, Statement
from holdfast.engine.cluster.lanes import ALONE, Lanes
from holdfast.engine.cluster.statements import BLOCK, DURABLE, REPLAYED, STATEMENTS
from holdfast.engine.cluster.wire import text

_INLINE_BLOCK_BITS = 24
_INLINE_LEFT_MIN = 4096


def lock_of(bucket_id: int, key: bytes) -> int:
    """The number of a key's lock; never that of a bucket, which is its id. Two keys may share one."""
    return -1 - ((bucket_id & 0x3FFFFFFF) << 32 | crc32(key))


class Database:
    """PostgreSQL behind lanes. `sizes` are connections by kind of call: reads, pages, steps."""

    def __init__(self, dsn: str, schema: str, sizes: dict[str, int], timeout_s: float, replica: str = "") -> None:
        self.dsn = dsn
        self.replica = replica
        self.from_replica = 0
        """Listings that the replica answered."""
        self.schema = schema
        self.timeout_s = timeout_s
        self.on_commit: Callable[[int, float], None] | None = None
        self.filling = False
        self._sizes = sizes
        self._lanes: Lanes | None = None
        self._inline_numbers = itertools.count()
        self._inline_left = 0

    @property
    def settings(self) -> dict[str, str]:
        """The settings of each session. What is acknowledged is durable whatever the server's own defaults are."""
        filling = {"holdfast.filling": "on"} if self.filling else {}
        return filling | {"search_path": self.schema, "synchronous_commit": "on", "lock_timeout": f"{int(self.timeout_s * 800)}", "jit": "off"}

    def lanes(self) -> Lanes:
        """Those of the running event loop; a loop that is over takes its connections along."""
        lanes = self._lanes
        if lanes is None or lanes.loop is not asyncio.get_running_loop():
            if lanes is not None:
                lanes.close()
            lanes = self._lanes = Lanes(self.dsn, self.settings, STATEMENTS, self._sizes, self.timeout_s, self.replica)
            lanes.steps.told = self._told
        return lanes

    def _told(self, steps: int, seconds: float) -> None:
        if self.on_commit is not None:
            self.on_commit(steps, seconds)

    def read(self, statement: Statement, *parameters: bytes | None) -> asyncio.Future[Rows]:
        """A look-up. Errors: Unavailable."""
        return self.lanes().reads.call(statement, parameters)

    def page(self, statement: Statement, *parameters: bytes | None) -> asyncio.Future[Rows]:
        """A page of a listing. Errors: Unavailable."""
        return self.lanes().pages.call(statement, parameters)

    async def listing(self, statement: Statement, *parameters: bytes | None) -> Rows:
        """A page of keys: of the replica, if it has everything by now that was acknowledged anywhere before this call, else of the primary.

        The primary is asked how far its log is durable; what is acknowledged lies before that place. The replica is asked first how far it
        has replayed, then, on the same connection, for the page, which it sees no earlier than that. Errors: Unavailable."""
        lanes = self.lanes()
        if lanes.replica is not None:
            durable = (await lanes.reads.call(DURABLE, ()))[0][0]
            asked = lanes.replica.together((REPLAYED, (text(durable),)), (statement, parameters))
            if asked is not None:
                replayed, found = await asyncio.gather(*asked, return_exceptions=True)
                if isinstance(replayed, list) and isinstance(found, list) and replayed[0][0]:
                    self.from_replica += 1
                    return found
        return await lanes.pages.call(statement, parameters)

    def step(self, statement: Statement, parameters: Parameters, order: tuple[int, int] = ALONE) -> asyncio.Future[Rows]:
        """A write step; the rows come when it is durable. Errors: Unavailable, Full."""
        return self.lanes().steps.call(statement, parameters, order)

    async def numbers(self) -> Callable[[], int]:
        """What gives small bodies their numbers: each a new one, whoever asks in whichever process. Errors: Unavailable."""
        if self._inline_left < _INLINE_LEFT_MIN:
            block = (await self.read(BLOCK))[0][0]
            self._inline_numbers = itertools.count(block << _INLINE_BLOCK_BITS)
            self._inline_left = 1 << _INLINE_BLOCK_BITS
        return self._next_inline

    def _next_inline(self) -> int:
        self._inline_left -= 1
        return next(self._inline_numbers)

    async def fill(self) -> None:
        """From now on the steps of this process go through although the store is frozen, and keep numbers that are given elsewhere."""
        self.filling = True
        await self.close()

    async def close(self) -> None:
        """Waits for the write steps in flight, and lets go."""
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            if lanes.loop is asyncio.get_running_loop():
                await lanes.drain()
            lanes.close()

