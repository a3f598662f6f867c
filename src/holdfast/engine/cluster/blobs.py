"""Bodies of the cluster engine: small ones for the catalog, others in objects of a RADOS pool that their storage class names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

from awscrt.checksums import crc32c

from holdfast.engine.api import EngineError
from holdfast.engine.cluster import stripes
from holdfast.engine.cluster.held import Held
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.reading import PIECE_BYTES, InlineBody, Reading
from holdfast.engine.cluster.removal import LINGER_S, Asker, Lingering, Unnamed, remove
from holdfast.engine.cluster.session import UNNEEDED, Session
from holdfast.engine.cluster.sweeping import Alive, sweep
from holdfast.engine.cluster.writing import StripeWriter
from holdfast.model.objects import Blob

DEFAULT_CLASS = ""
"""The pool of the storage classes that have none of their own."""


class ClusterBlobs:
    """`Blobs` on pools: `pools` by storage class, `DEFAULT_CLASS` for the rest.

    `inline_body(number)` fetches a small body from the catalog, `unnamed(ids)` tells which blobs no version or part names. `linger_s` is how
    long what may be read in several pieces outlives its last name.
    """

    def __init__(
        self,
        pools: Mapping[str, Pool],
        inline_bytes_max: int,
        inline_body: InlineBody,
        unnamed: Unnamed,
        session: Session,
        *,
        linger_s: float = LINGER_S,
    ) -> None:
        self._pools = dict(pools)
        self._default = self._pools[DEFAULT_CLASS]
        self._inline_bytes_max = inline_bytes_max
        self._inline_body = inline_body
        self._asker = Asker(unnamed)
        self._session = session
        self._lingering = Lingering(linger_s)
        self._numbered: dict[int, Pool] = {}
        self._held, self._ahead = Held(), Held()

    def inline_max(self) -> int:
        return self._inline_bytes_max

    def inline(self, data: bytes) -> Blob:
        return Blob(b"", len(data), crc32c(data), data)

    def writer(self, size: int | None, storage_class: str = "") -> StripeWriter:
        return StripeWriter(self._pools.get(storage_class, self._default), self._session, self._inline_bytes_max, remove, self._held)

    def belongs(self, blobs: tuple[Blob, ...], storage_class: str) -> bool:
        if len(self._pools) == 1:
            return True
        number = self._pools.get(storage_class, self._default).known_number  # 0 while that pool was not used: then a copy writes to it
        return all(len(blob.id) != stripes.ID_BYTES or stripes.pool_of(blob.id) == number for blob in blobs)

    def read(self, blobs: tuple[Blob, ...], start: int, length: int) -> AsyncIterator[bytes]:
        return Reading(self._pool_of, self._inline_body, self._ahead, blobs, start, length)

    def _pool_of(self, number: int) -> Pool:
        pool = self._numbered.get(number)
        if pool is None:
            known = [pool for pool in self._pools.values() if pool.known_number == number]
            pool = self._numbered[number] = known[0] if known else self._default.sibling(number)
        return pool

    async def discard(self, blobs: Iterable[Blob]) -> None:
        unneeded = [blob for blob in blobs if len(blob.id) == stripes.ID_BYTES]
        ids = [blob.id for blob in unneeded if blob.check != UNNEEDED]
        unnamed = set(await self._asker.ask(ids)) if ids else set()
        for blob in unneeded:
            if blob.check != UNNEEDED and blob.id not in unnamed:
                continue
            pool = self._pool_of(stripes.pool_of(blob.id))
            count = -(-blob.size // stripes.STRIPE_BYTES)
            if blob.size > PIECE_BYTES and self._lingering.linger_s > 0:
                self._lingering.add(pool, blob.id, count)
            else:
                await remove(pool, blob.id, count)

    async def sweep(self, older_than_s: float, alive: Alive) -> int:
        """Removes strays: how many objects. `alive` is asked again and again while the pools are walked; it must know every session that began
        to write before it is asked. Errors: Unavailable."""

        async def with_own() -> dict[bytes, int]:
            return await alive() | {self._session.id: self._session.oldest_open()}

        pools: list[Pool] = []
        for pool in self._pools.values():
            if pool not in pools:
                pools.append(pool)
        return await sweep(pools, self._asker.ask, with_own, older_than_s, self._lingering.linger_s)

    async def check(self) -> None:
        """Writes an object to each pool and removes it. Errors: Full, Unavailable."""
        for pool in dict.fromkeys(self._pools.values()):
            blob_id = stripes.blob_id(self._session.id, await pool.number(), self._session.open())
            try:
                await pool.write(stripes.name_of(blob_id, 0), [b"x"], 1)
                await pool.remove(stripes.name_of(blob_id, 0))
            finally:
                self._session.close(stripes.counter_of(blob_id))

    async def close(self) -> None:
        await self._lingering.close()
        for pool in self._pools.values():
            try:
                await pool.close()
            except EngineError:
                continue
