"""Reads the bytes of both sides back and compares them: all once, and later those of what changed since."""

from __future__ import annotations

from collections.abc import Collection

from holdfast.engine.api import Damaged, Engine, Gone
from holdfast.engine.moving import KEY, UPLOAD, Place
from holdfast.model.objects import Blob, Part, Upload
from holdfast.moving import bodies, walks
from holdfast.moving.lanes import Lanes
from holdfast.moving.progress import Progress
from holdfast.moving.totals import facts_of_part


class Unverified(Exception):
    """The bytes of a body are missing or differ; the message says which."""


class Verification:
    """What was verified so far: `bodies` and their `bytes`. What is read while the source is written to may vanish under it."""

    def __init__(self, source: Engine, target: Engine, *, lanes: int, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._lanes = Lanes(lanes)
        self._progress = progress
        self._seq = -1
        self._parts: set[tuple[str, int, int, str]] = set()
        self._frozen = False
        self.bodies = self.bytes = 0

    @property
    def begun(self) -> bool:
        return self._seq >= 0

    async def whole(self) -> None:
        """All bodies there are. Errors: Unverified; Unavailable of either side."""
        seq = (await self._source.moving.counters()).seq
        try:
            async for bucket in walks.buckets(self._source):
                pair = walks.beside(walks.versions(self._source, bucket.id), walks.versions(self._target, bucket.id), walks.place_of_version)
                async for one, other in pair:
                    if one is not None and other is not None:
                        await self._lanes.put(walks.place_of_version(one), self._same(one.blobs, other.blobs, f"{bucket.name}/{one.key}"))
                async for upload in walks.uploads(self._source, bucket.id):
                    await self._upload(upload)
            await self._lanes.drain()
        finally:
            await self._lanes.cancel()
        self._seq = seq

    async def at(self, places: Collection[Place], *, frozen: bool) -> None:
        """Bodies that came to these places after `whole` was begun. Errors: as `whole`."""
        self._frozen = frozen
        try:
            for kind, bucket_id, name in places:
                if kind == KEY:
                    pair = walks.beside(
                        walks.versions_of(self._source, bucket_id, name), walks.versions_of(self._target, bucket_id, name), walks.place_of_version
                    )
                    async for one, other in pair:
                        if one is not None and other is not None and one.seq > self._seq:
                            await self._lanes.put(walks.place_of_version(one), self._same(one.blobs, other.blobs, name))
                elif kind == UPLOAD:
                    upload = await self._source.moving.upload(name)
                    if upload is not None:
                        await self._upload(upload)
            await self._lanes.drain()
        finally:
            await self._lanes.cancel()

    async def _upload(self, upload: Upload) -> None:
        async for part, copied in walks.beside(walks.parts(self._source, upload), walks.parts(self._target, upload), lambda part: part.number):
            if part is None or copied is None or facts_of_part(part) != facts_of_part(copied):
                continue  # newer on one side: left for the next pass
            if self._is_new(upload.upload_id, part):
                await self._lanes.put((upload.upload_id, part.number), self._same(part.blobs, copied.blobs, upload.upload_id))

    def _is_new(self, upload_id: str, part: Part) -> bool:
        place = (upload_id, part.number, part.modified_ms, part.etag)
        if place in self._parts:
            return False
        self._parts.add(place)
        return True

    async def _same(self, one: tuple[Blob, ...], other: tuple[Blob, ...], name: str) -> None:
        try:
            size = await bodies.same_bytes(self._source, self._target, one, other)
        except Gone:
            if self._frozen:
                raise Unverified(f"{name}: its bytes are missing") from None
            return  # replaced meanwhile
        except Damaged as error:
            raise Unverified(f"{name}: {error}") from None
        self.bodies += 1
        self.bytes += size
        self._progress.add(1, size)
