"""One pass over two stores: what the target lacks is copied, what the source has no more is removed, what changed is changed.

A pass may be cut off anywhere and done again. While the source is written to, what vanishes or is replaced under the pass is left for
the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from holdfast.engine.api import ANYTHING, Damaged, Engine, Gone
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Part, Upload, Version
from holdfast.model.pars import Par, ParUpload
from holdfast.moving import bodies, walks
from holdfast.moving.lanes import Lanes
from holdfast.moving.totals import facts_of, facts_of_part, stored

Step = Callable[[], Coroutine[Any, Any, None]]

DAMAGES_MAX = 1000
_SYSTEM = "/.system"
"""Namespaces that end so hold the server's own small records, which it expects in the row."""


class Outcome(msgspec.Struct, rename="kebab"):
    """What a pass did, over everything or over so many `places` where something had changed: things copied, changed and removed; bytes of
    bodies copied; how much was left for the next pass because it changed meanwhile; and what could not be read (one line each, at most
    DAMAGES_MAX)."""

    copied: int = 0
    changed: int = 0
    removed: int = 0
    bytes: int = 0
    left: int = 0
    places: int | None = None
    seconds: float = 0.0
    damages: list[str] = []

    @property
    def steps(self) -> int:
        """Everything that was different."""
        return self.copied + self.changed + self.removed + self.left + len(self.damages)


class Pass:
    """A pass from one engine to another, which is being filled. With `dry` nothing is written, only counted.

    `seen` is told of each version and part that is dealt with (1, 0), and of the bytes of its body (0, bytes)."""

    def __init__(self, source: Engine, target: Engine, *, lanes: int, dry: bool = False, seen: Callable[[int, int], None] | None = None) -> None:
        self._source = source
        self._target = target
        self._lanes = Lanes(lanes)
        self._dry = dry
        self._seen = seen or (lambda things, size: None)
        self._stuck: set[tuple[int, str]] = set()
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        """Errors: Full, Unavailable of either side; Damaged where a walk cannot go on."""
        try:
            await self._documents()
            for bucket in await self._buckets():
                await self._versions(bucket)
                await self._lanes.drain()
                await self._uploads(bucket)
                await self._lanes.drain()
                await self._pars(bucket)
            await self._tokens()
        finally:
            await self._lanes.cancel()
        return self.outcome

    def _damaged(self, what: str, error: Exception) -> None:
        if len(self.outcome.damages) < DAMAGES_MAX:
            self.outcome.damages.append(f"{what}: {error}")

    # ---- documents and buckets ----

    async def _documents(self) -> None:
        async for one, other in walks.beside(walks.documents(self._source), walks.documents(self._target), walks.place_of_document):
            if one == other:
                continue
            if one is None:
                assert other is not None
                self.outcome.removed += 1
                if not self._dry:
                    await self._target.registry.delete(other.kind, other.name)
                continue
            if other is None:
                self.outcome.copied += 1
            else:
                self.outcome.changed += 1
            if not self._dry:
                await self._target.moving.place_document(one)

    async def _buckets(self) -> list[Bucket]:
        """Removes buckets that are gone, then places the others (a name may have passed from one to another); the others."""
        wanted = {bucket.id: bucket async for bucket in walks.buckets(self._source)}
        present = {bucket.id: bucket async for bucket in walks.buckets(self._target)}
        for bucket in present.values():
            if bucket.id not in wanted:
                self.outcome.removed += 1
                if not self._dry:
                    await self._empty(bucket)
                    await self._target.catalog.delete_bucket(bucket.id)
        for bucket in sorted(wanted.values(), key=lambda bucket: _is_renamed(bucket, present.get(bucket.id))):
            if bucket != present.get(bucket.id):
                if bucket.id in present:
                    self.outcome.changed += 1
                else:
                    self.outcome.copied += 1
                if not self._dry:
                    await self._target.moving.place_bucket(bucket)
        return list(wanted.values())

    async def _empty(self, bucket: Bucket) -> None:
        """Everything in a bucket of the target, so that it can be deleted; its uploads go with it."""
        async for version in walks.versions(self._target, bucket.id):
            await self._lanes.put(version.key, self._expunge(bucket, version))
        await self._lanes.drain()
        for par in [par async for par in walks.pars(self._target, bucket.id)]:
            await self._target.catalog.delete_par(bucket.id, par.id)

    # ---- versions ----

    async def _versions(self, bucket: Bucket) -> None:
        async for key, step in self._of_versions(bucket, walks.versions(self._source, bucket.id), walks.versions(self._target, bucket.id)):
            await self._lanes.put(key, step())

    async def _of_versions(self, bucket: Bucket, source: AsyncIterator[Version], target: AsyncIterator[Version]) -> AsyncIterator[tuple[str, Step]]:
        """The steps that make the target's versions the source's, with the key of each; none for a dry run. Versions of a key are committed
        oldest first, each as the latest. So where an older one is missing, the newer ones that are there are removed and copied again, and
        where one cannot be read, the newer ones wait for it."""
        missing_of = ""
        async for one, other in walks.beside(source, target, walks.place_of_version):
            if one is None:
                assert other is not None
                self.outcome.removed += 1
                if not self._dry:
                    yield other.key, partial(self._expunge, bucket, other)
                continue
            size = stored(one.blobs)
            self._seen(1, 0)
            same_body = other is not None and _but_facts(one) == _but_facts(other) and size == stored(other.blobs)
            if other is not None and same_body and one.key != missing_of:
                self._seen(0, size)
                if one.facts != other.facts:
                    self.outcome.changed += 1
                    if not self._dry:
                        yield one.key, partial(self._amend, bucket, one)
                continue
            if other is not None:
                self.outcome.removed += 1
                if not self._dry:
                    yield other.key, partial(self._expunge, bucket, other)
            missing_of = one.key
            self.outcome.copied += 1
            if not self._dry:
                yield one.key, partial(self._copy, bucket, one)

    async def _expunge(self, bucket: Bucket, version: Version) -> None:
        done = await self._target.catalog.expunge(bucket, version.key, version.version_id)
        await self._target.blobs.discard(done.unneeded)

    async def _amend(self, bucket: Bucket, version: Version) -> None:
        await self._target.catalog.amend(bucket, version.key, version.version_id, version.facts, ANYTHING)

    async def _copy(self, bucket: Bucket, version: Version) -> None:
        place = (bucket.id, version.key)
        if place in self._stuck:
            self.outcome.left += 1
            return
        try:
            made = await self._body(bucket, version)
        except (Gone, Damaged) as error:
            still = await self._source.catalog.version(bucket.id, version.key, version.version_id)
            if still is None or still.seq != version.seq:
                self.outcome.left += 1
                return
            self._stuck.add(place)
            self._damaged(f"{bucket.namespace}/{bucket.name}/{version.key} version {version.version_id}", error)
            return
        done = await self._target.catalog.commit(bucket, msgspec.structs.replace(version, blobs=made))
        await self._target.blobs.discard(done.unneeded)

    async def _body(self, bucket: Bucket, of: Version) -> tuple[Blob, ...]:
        md5, inline = bodies.md5_of(of.etag, of.facts), bucket.namespace.endswith(_SYSTEM)
        return await bodies.copy(
            self._source, self._target, of.blobs, md5, self._counted, inline=inline, storage_class=of.storage_class
        )  # fmt: skip

    def _counted(self, size: int) -> None:
        self.outcome.bytes += size
        self._seen(0, size)

    # ---- uploads ----

    async def _uploads(self, bucket: Bucket) -> None:
        async for one, other in walks.beside(walks.uploads(self._source, bucket.id), walks.uploads(self._target, bucket.id), walks.place_of_upload):
            async for name, step in self._of_upload(bucket, one, other):
                await self._lanes.put(name, step())

    async def _of_upload(self, bucket: Bucket | None, one: Upload | None, other: Upload | None) -> AsyncIterator[tuple[object, Step]]:
        """Makes the target's upload the source's; the steps that do it to its parts, each with a name. `bucket` is the source's upload's."""
        if other is not None and one != other:
            self.outcome.removed += 1
            if not self._dry:
                await self._abort(other)
        if one is None:
            return
        assert bucket is not None
        if one != other:
            self.outcome.copied += 1
            if not self._dry:
                await self._target.catalog.start_upload(bucket, one)
        there = one == other or not self._dry
        present = {part.number: facts_of_part(part) async for part in walks.parts(self._target, one)} if there else {}
        async for part in walks.parts(self._source, one):
            self._seen(1, 0)
            if present.get(part.number) == facts_of_part(part):
                self._seen(0, stored(part.blobs))
                continue
            self.outcome.copied += 1
            if not self._dry:
                yield (one.upload_id, part.number), partial(self._copy_part, one, part)

    async def _abort(self, upload: Upload) -> None:
        done = await self._target.catalog.abort_upload(upload)
        await self._target.blobs.discard(done.unneeded)

    async def _copy_part(self, upload: Upload, part: Part) -> None:
        try:
            md5 = bodies.md5_of(part.etag, upload.facts)
            made = await bodies.copy(
                self._source, self._target, part.blobs, md5, self._counted, inline=False, storage_class=upload.storage_class
            )  # fmt: skip
        except (Gone, Damaged) as error:
            still = await self._source.catalog.parts(upload, after=part.number - 1, limit=1)
            if still != [part]:
                self.outcome.left += 1
                return
            self._damaged(f"part {part.number} of upload {upload.upload_id}", error)
            return
        done = await self._target.catalog.add_part(upload, msgspec.structs.replace(part, blobs=made))
        await self._target.blobs.discard(done.unneeded)

    # ---- pre-authenticated requests ----

    async def _pars(self, bucket: Bucket) -> None:
        async for one, other in walks.beside(walks.pars(self._source, bucket.id), walks.pars(self._target, bucket.id), walks.place_of_par):
            await self._par(one, other)

    async def _par(self, one: Par | None, other: Par | None) -> None:
        if one == other:
            return
        if other is not None:
            self.outcome.removed += 1
            if not self._dry:
                await self._target.catalog.delete_par(other.bucket_id, other.id)
        if one is not None:
            self.outcome.copied += 1
            if not self._dry:
                await self._target.catalog.create_par(one)

    async def _tokens(self) -> None:
        """A token alone cannot be removed, but its request can, and comes back with the tokens that it still has."""
        again = False
        async for one, other in walks.beside(walks.par_uploads(self._source), walks.par_uploads(self._target), lambda token: token.digest):
            if one == other:
                continue
            if other is not None:
                self.outcome.removed += 1
                if not self._dry:
                    await self._forget(other)
                again = True
            if one is not None:
                self.outcome.copied += 1
                if not self._dry:
                    await self._place(one)
        if again and not self._dry:
            await self._tokens()

    async def _forget(self, token: ParUpload) -> None:
        found = await self._target.catalog.par_upload_of_token(token.digest)
        if found is not None:
            await self._target.catalog.delete_par(found[1].bucket_id, found[1].id)
            await self._target.catalog.create_par(found[1])

    async def _place(self, token: ParUpload) -> None:
        try:
            await self._target.catalog.create_par_upload(token)
        except Gone:  # the request is newer than the walk over requests, or older than its removal
            self.outcome.left += 1


def _but_facts(version: Version) -> tuple[object, ...]:
    """What never changes of a version."""
    facts = facts_of(version)
    return (
        facts.version_id, facts.modified_ms, facts.size, facts.etag, facts.storage_class, facts.owner, facts.is_delete_marker
    )  # fmt: skip


def _is_renamed(bucket: Bucket, before: Bucket | None) -> bool:
    return before is not None and (before.namespace, before.name) != (bucket.namespace, bucket.name)
