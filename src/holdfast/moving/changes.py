"""The source's journal as one migration reads it, and a pass over the places that it names."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection

from holdfast.engine.api import Engine, EngineError, Frozen, Gone
from holdfast.engine.moving import KEY, PAR, UPLOAD, Place
from holdfast.model.buckets import Bucket
from holdfast.moving import walks
from holdfast.moving.comparison import Ledger
from holdfast.moving.passes import Outcome, Pass, Step
from holdfast.moving.totals import at

BEAT_S, ABANDONED_S = 600.0, 24 * 3600
_NOTE = "journal"
"""The name of the document in the source that says when a migration with a journal was last at work (seconds)."""


class JournalLost(Exception):
    """It is not this migration's journal any more, or not whole: what changed meanwhile is not known."""


class Journal:
    """A journal that this migration began, under a mark that only it knows: one that was there before, whoever began it, says nothing of
    what changed before it."""

    def __init__(self, source: Engine) -> None:
        self._source = source
        self._moving = source.moving
        self._mark = secrets.token_hex(16)
        self._beating: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        await self._say_alive()
        await self._moving.begin_journal(self._mark)
        self._beating = asyncio.create_task(self._beat())

    async def end(self) -> None:
        """That of another migration, which began later, goes on. Where this fails, the source's servers do it later."""
        if self._beating is not None:
            self._beating.cancel()
        with contextlib.suppress(EngineError):
            if await self._moving.journal() in ("", self._mark):
                await end_journal(self._source)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            with contextlib.suppress(EngineError):
                await self._say_alive()

    async def _say_alive(self) -> None:
        with contextlib.suppress(Frozen):  # nothing changes there, and nothing is left in the journal
            await self._source.registry.put(walks.OWN_KIND, _NOTE, str(int(time.time())).encode())

    async def take(self, *, frozen: bool = False) -> set[Place]:
        """The places of what it holds now, once; of a store that is frozen all that is left. Errors: JournalLost."""
        places: set[Place] = set()
        after, more = 0, True
        try:
            while more:
                some = await self._moving.changes(after=after, limit=walks.PAGE)
                places.update([change.place for change in some])
                more = len(some) == walks.PAGE
                after = some[-1].number if some else after
                if some and not frozen:
                    with contextlib.suppress(Frozen):  # for a backup, perhaps: they are read once more then
                        await self._moving.forget(self._mark, [change.number for change in some])
        except Gone:
            raise JournalLost from None
        if await self._moving.journal() != self._mark:  # asked after it was read: it was this one until now
            raise JournalLost
        return places


async def end_journal(source: Engine) -> None:
    """Whoever began it. Errors: Unavailable."""
    await source.moving.end_journal()
    with contextlib.suppress(Frozen):
        await source.registry.delete(walks.OWN_KIND, _NOTE)


async def end_abandoned(source: Engine, now_s: float) -> bool:
    """Ends the journal of a migration that was not heard of for ABANDONED_S; whether there was one. Errors: Unavailable."""
    note = await source.registry.get(walks.OWN_KIND, _NOTE)
    if note is None or int(note.value) > now_s - ABANDONED_S:
        return False
    await end_journal(source)
    return True


class Changes(Pass):
    """A pass over some places, and over the documents, buckets and tokens. The ledger follows it."""

    def __init__(self, source: Engine, target: Engine, ledger: Ledger, *, lanes: int, seen: Callable[[int, int], None] | None = None) -> None:
        super().__init__(source, target, lanes=lanes, seen=seen)
        self._ledger = ledger
        self._wanted: dict[int, Bucket] = {}
        self.again: set[Place] = set()
        """Places in buckets that are newer than this pass."""

    async def at(self, places: Collection[Place]) -> Outcome:
        """Errors: as `run`."""
        self.outcome.places = len(places)
        try:
            for place in places:
                await self._lanes.put(place, self._before(place))
            await self._lanes.drain()
            await self._documents()
            self._wanted = {bucket.id: bucket for bucket in await self._buckets()}
            for wanted in (KEY, UPLOAD, PAR):
                for place in places:
                    if place[0] == wanted:
                        await self._lanes.put(place, self._settle(place, self._wanted.get(place[1])))
                await self._lanes.drain()
            await self._tokens()
        finally:
            await self._lanes.cancel()
        return self.outcome

    async def _before(self, place: Place) -> None:
        if not self._ledger.knows(place):
            self._ledger.before(place, await at(self._target, place))

    async def _empty(self, bucket: Bucket) -> None:
        """A bucket that is gone, place by place."""
        places: set[Place] = {(KEY, bucket.id, version.key) async for version in walks.versions(self._target, bucket.id)}
        places |= {(UPLOAD, 0, upload.upload_id) async for upload in walks.uploads(self._target, bucket.id)}
        places |= {(PAR, bucket.id, par.id) async for par in walks.pars(self._target, bucket.id)}
        for place in places:
            await self._before(place)
            await self._settle(place, bucket)

    async def _settle(self, place: Place, bucket: Bucket | None) -> None:
        """Makes the target the source's there, and reads both again. `bucket` is the place's, None where it is gone, or newer than this pass."""
        kind, bucket_id, name = place
        source, target = self._source, self._target
        if kind == KEY and bucket is not None:
            await _one_by_one(self._of_versions(bucket, walks.versions_of(source, bucket_id, name), walks.versions_of(target, bucket_id, name)))
        elif kind == UPLOAD:
            upload = await source.moving.upload(name)
            bucket = None if upload is None else self._wanted.get(upload.bucket_id)
            if upload is None or bucket is not None:
                await _one_by_one(self._of_upload(bucket, upload, await target.moving.upload(name)))
        elif kind == PAR and bucket is not None:
            await self._par(await source.catalog.par(bucket_id, name), await target.catalog.par(bucket_id, name))
        one = await at(source, place)
        if one.counts and bucket is None:
            self.again.add(place)
        self._ledger.now(place, one, await at(target, place))


async def _one_by_one(steps: AsyncIterator[tuple[object, Step]]) -> None:
    async for _, step in steps:
        await step()
