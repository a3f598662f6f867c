"""Blobs of the cluster engine on one pool, with a catalog that the test plays."""

from __future__ import annotations

import asyncio
import random

from holdfast.engine.cluster import reading
from holdfast.engine.cluster.blobs import ClusterBlobs
from holdfast.engine.cluster.pool import Pool
from holdfast.engine.cluster.session import Session
from holdfast.model.objects import Blob

INLINE = 1024
BODY = random.Random(7).randbytes(9 << 20)


class Store:
    """Blobs on one pool, and the catalog that the test plays: `named` blobs, `bodies` of small ones, `alive` sessions."""

    def __init__(self, pool: Pool, *others: tuple[str, Pool], linger_s: float = 0) -> None:
        self.pool = pool
        self.named: set[bytes] = set()
        self.bodies: dict[int, bytes] = {}
        self.alive: dict[bytes, int] = {}
        self.asked: list[int] = []
        self.session = Session()
        pools = {"": pool} | dict(others)
        self.blobs = ClusterBlobs(pools, INLINE, self._inline, self._unnamed, self.session, linger_s=linger_s)

    async def _inline(self, number: int) -> bytes | None:
        return self.bodies.get(number)

    async def _unnamed(self, ids: list[bytes]) -> list[bytes]:
        self.asked.append(len(ids))
        await asyncio.sleep(0.001)
        return [found for found in ids if found not in self.named]

    async def _alive(self) -> dict[bytes, int]:
        return self.alive

    async def put(self, data: bytes, storage_class: str = "", piece: int = 300_000) -> tuple[Blob, ...]:
        writer = self.blobs.writer(len(data), storage_class)
        for at in range(0, len(data), piece):
            await writer.write(data[at : at + piece])
        return await writer.finish()

    async def get(self, blobs: tuple[Blob, ...], start: int = 0, length: int | None = None) -> bytes:
        size = sum(blob.size for blob in blobs)
        pieces = [piece async for piece in self.blobs.read(blobs, start, size - start if length is None else length)]
        assert all(pieces) and max(map(len, pieces), default=0) <= reading.PIECE_BYTES + 1
        return b"".join(pieces)

    async def sweep(self, older_than_s: float = -100) -> int:
        return await self.blobs.sweep(older_than_s, self._alive)
