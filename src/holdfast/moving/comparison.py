"""Both sides compared and counted place by place: once whole, and kept right afterwards by what changed."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.engine.api import Engine
from holdfast.engine.moving import KEY, PAR, UPLOAD, Place
from holdfast.moving import walks
from holdfast.moving.totals import Tally, Totals, at, small


class Ledger:
    """What both sides hold at all places (versions, uploads, requests), each as it was read on that side itself.

    Of places that changed it remembers what it counted there. At any other both sides were equal when they were read, so what the target holds
    there before anything is done to it is what was counted for either side."""

    def __init__(self) -> None:
        self._source, self._target = Tally(), Tally()
        self._counted: dict[Place, tuple[Tally, Tally]] = {}

    def compared(self, place: Place, one: Tally, other: Tally) -> bool:
        """A place of the whole walk: whether both sides are equal there."""
        self._source.plus(one)
        self._target.plus(other)
        if one.same(other):
            return True
        self._counted[place] = one, other
        return False

    def knows(self, place: Place) -> bool:
        return place in self._counted

    def before(self, place: Place, other: Tally) -> None:
        """What the target holds at a place that is not known, before it is changed."""
        self._counted[place] = other, other

    def now(self, place: Place, one: Tally, other: Tally) -> None:
        """What both sides hold at a place that is known."""
        before = self._counted[place]
        self._source.plus(before[0], -1)
        self._target.plus(before[1], -1)
        self._source.plus(one)
        self._target.plus(other)
        self._counted[place] = one, other

    def unequal(self) -> list[Place]:
        """The places that are known to differ."""
        return [place for place, (one, other) in self._counted.items() if not one.same(other)]

    async def totals(self, source: Engine, target: Engine) -> tuple[Totals, Totals]:
        """All that both sides hold."""
        sides = []
        for engine, tally in ((source, self._source), (target, self._target)):
            whole = await small(engine)
            whole.plus(tally)
            sides.append(whole.totals())
        return sides[0], sides[1]


async def compare(source: Engine, target: Engine, ledger: Ledger, seen: Callable[[int, int], None]) -> set[Place]:
    """Walks both sides whole, changes nothing; where they differ. `seen` is told of versions and parts. Errors: Damaged, Unavailable."""
    differ: set[Place] = set()
    ids = {bucket.id async for bucket in walks.buckets(source)} | {bucket.id async for bucket in walks.buckets(target)}
    for bucket_id in sorted(ids):
        await _versions(source, target, bucket_id, ledger, seen, differ)
        places: set[Place] = set()
        for engine in (source, target):
            places |= {(UPLOAD, 0, upload.upload_id) async for upload in walks.uploads(engine, bucket_id)}
            places |= {(PAR, bucket_id, par.id) async for par in walks.pars(engine, bucket_id)}
        for place in sorted(places):
            if not ledger.compared(place, await at(source, place), await at(target, place)):
                differ.add(place)
    return differ


async def _versions(
    source: Engine, target: Engine, bucket_id: int, ledger: Ledger, seen: Callable[[int, int], None], differ: set[Place]
) -> None:
    key, one, other = "", Tally(), Tally()

    def end() -> None:
        place = (KEY, bucket_id, key)
        if not ledger.compared(place, one, other):
            differ.add(place)

    async for left, right in walks.beside(walks.versions(source, bucket_id), walks.versions(target, bucket_id), walks.place_of_version):
        either = left or right
        assert either is not None
        if either.key != key:
            end()
            key, one, other = either.key, Tally(), Tally()
        if left is not None:
            one.version(bucket_id, left)
            seen(1, 0)
        if right is not None:
            other.version(bucket_id, right)
    end()
