"""What changes while a store moves is found by its journal, the checksums are kept right by it, and what it misses is noticed where it can be."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any

import msgspec
import pytest

from holdfast.engine.api import ANYTHING, Engine
from holdfast.engine.moving import KEY, Place
from holdfast.jobs.journals import end as end_journals
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Upload, Version
from holdfast.moving import migrate
from holdfast.moving.changes import Journal
from holdfast.moving.migrate import Migration, MigrationError
from holdfast.moving.progress import Progress
from holdfast.moving.totals import Tally, totals
from tests.moving.test_passes import OPTIONS, all_of, plain_of
from tests.moving.test_passes import engines as engines
from tests.moving.things import add_part, change, fill, par_of, store

KINDS = [("embedded", "embedded"), ("embedded", "memory"), ("memory", "embedded")]


Done = Callable[[], Awaitable[Any]]


def between(monkeypatch: pytest.MonkeyPatch, *, before: Done | None = None, after: Done | None = None) -> None:
    """Has something done before and after both sides are compared whole."""
    compare = migrate.compare

    async def hooked(*arguments: Any) -> set[Place]:
        if before is not None:
            await before()
        found = await compare(*arguments)
        if after is not None:
            await after()
        return found

    monkeypatch.setattr(migrate, "compare", hooked)


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
async def test_changes_of_everything_before_during_and_after_the_comparison_move(
    engines: Callable[..., Engine], kinds: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = (engines(kind) for kind in kinds)
    await fill(source)

    async def more() -> None:
        """Again of what `change` did, and what it does not do: a bucket that comes and goes, a request and an upload in it."""
        plain = await plain_of(source)
        for number in range(2, 60, 3):
            await source.catalog.amend(plain, f"small/{number:03}", None, Facts(tags={"n": "changed"}), ANYTHING)
        late = await source.catalog.create_bucket(Bucket(namespace="ns", name="came-late", region="r", owner="o", versioning="Enabled"))
        for number in range(1005):
            await store(source, late, "many", b"x", f"v{number}")
        upload = Upload(upload_id="late", bucket_id=late.id, key="u", initiated_ms=7, owner="o", initiator="o")
        await source.catalog.start_upload(late, upload)
        await add_part(source, upload, 1, os.urandom(6000))
        await source.catalog.create_par(par_of(late, "late"))

    async def again() -> None:
        late = await source.catalog.bucket("ns", "came-late")
        assert late is not None
        await store(source, late, "many", b"y", "v7")
        upload = await source.moving.upload("late")
        assert upload is not None
        await add_part(source, upload, 1, os.urandom(7000))
        gone = await source.catalog.bucket("ns/volume", "versions")
        assert gone is not None
        for version in await source.moving.versions(gone.id):
            await source.blobs.discard((await source.catalog.expunge(gone, version.key, version.version_id)).unneeded)
        upload = Upload(upload_id="in-gone", bucket_id=gone.id, key="u", initiated_ms=7, owner="o", initiator="o")
        await source.catalog.start_upload(gone, upload)
        await source.catalog.delete_bucket(gone.id)
        await source.catalog.create_bucket(msgspec.structs.replace(gone, owner="somebody"))

    def also(step: Callable[[], Awaitable[Any]], once: list[bool]) -> Callable[[], Awaitable[Any]]:
        async def done() -> None:
            if not once:
                once.append(True)
                await step()

        return done

    between(monkeypatch, before=also(lambda: change(source), []), after=also(more, []))
    freeze = source.moving.freeze

    async def last_changes_then_freeze(reason: str) -> None:
        await again()
        await freeze(reason)

    source.moving.freeze = last_changes_then_freeze  # type: ignore[method-assign]
    report = await Migration(source, target, OPTIONS).run()
    assert report.cut_over and await source.moving.journal() == ""
    assert [outcome.places is None for outcome in report.passes[:2]] == [True, False]
    assert report.source == report.target == await totals(source) == await totals(target), "kept is as counted"
    assert await all_of(source) == await all_of(target)


@pytest.mark.parametrize("seed", range(3))
async def test_random_changes_all_the_while_end_equal(engines: Callable[..., Engine], seed: int) -> None:
    await moved_under_random_changes(engines("embedded"), engines("embedded"), seed)


async def moved_under_random_changes(source: Engine, target: Engine, seed: int) -> None:
    """Writers go on until the moment before the source is frozen; the sums that were kept are those of all rows."""
    chance, ended = Random(seed), asyncio.Event()
    await fill(source)
    plain = await plain_of(source)

    async def writer(name: str) -> None:
        while not ended.is_set():
            key = f"{name}/{chance.randrange(9)}"
            version_id = chance.choice(("null", "v1", "v2"))
            dice = chance.random()
            if dice < 0.3:
                await source.blobs.discard((await source.catalog.expunge(plain, key, version_id)).unneeded)
            elif dice < 0.4:
                await source.catalog.commit(plain, Version(key=key, version_id=version_id, is_delete_marker=True))
            elif dice < 0.5:
                await _upload(source, plain, key, f"{name}{chance.random()}", chance.random() < 0.5)
            else:
                await store(source, plain, key, os.urandom(chance.choice((10, 6000))), version_id)
            await asyncio.sleep(0.001)

    freeze = source.moving.freeze

    async def stop_then_freeze(reason: str) -> None:
        await asyncio.sleep(0.05)
        ended.set()
        await asyncio.gather(*writers)
        await freeze(reason)

    source.moving.freeze = stop_then_freeze  # type: ignore[method-assign]
    writers = [asyncio.create_task(writer(f"w{number}")) for number in range(4)]
    report = await Migration(source, target, OPTIONS).run()
    assert report.cut_over and report.source == await totals(source) == await totals(target)
    assert await all_of(source) == await all_of(target)


async def _upload(engine: Engine, bucket: Bucket, key: str, upload_id: str, goes_on: bool) -> None:
    """Begun, with a part that is replaced, and ended unless it goes on; and a request that comes and perhaps goes."""
    upload = Upload(upload_id=upload_id, bucket_id=bucket.id, key=key, initiated_ms=7, owner="o", initiator="o")
    await engine.catalog.start_upload(bucket, upload)
    for size in (10, 5000):
        await add_part(engine, upload, 1, os.urandom(size))
    await engine.catalog.create_par(par_of(bucket, upload_id, key))
    if not goes_on:
        await engine.blobs.discard((await engine.catalog.abort_upload(upload)).unneeded)
        await engine.catalog.delete_par(bucket.id, upload_id)


def forgetful(source: Engine, key: str) -> None:
    """Its journal says nothing of a key."""
    changes = source.moving.changes

    async def some(**query: Any) -> Any:
        return [change for change in await changes(**query) if change.place[2] != key]

    source.moving.changes = some  # type: ignore[method-assign]


async def test_a_journal_that_misses_a_change_is_found_out_by_the_comparison(engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    plain = await plain_of(source)
    forgetful(source, "small/007")
    between(monkeypatch, before=lambda: store(source, plain, "small/007", b"new"))
    with pytest.raises(MigrationError, match=r"nothing is known to have changed \(key 'small/007' of bucket"):
        await Migration(source, target, OPTIONS).run()
    assert await source.moving.frozen() == "" and await source.moving.journal() == ""


async def test_one_that_misses_a_change_after_the_comparison_is_found_out_by_counting_all(
    engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    plain = await plain_of(source)
    forgetful(source, "small/007")
    between(monkeypatch, after=lambda: store(source, plain, "small/007", b"new"))
    with pytest.raises(MigrationError, match="all rows counted again, the two sides are"):
        await Migration(source, target, msgspec.structs.replace(OPTIONS, check_all=True)).run()
    assert await source.moving.frozen() == ""


async def test_a_target_that_was_altered_where_nothing_changed_is_found_by_counting_all(
    engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    plain = await plain_of(source)
    for when, told in (("before", "nothing is known to have changed"), ("after", "all rows counted again")):
        facts = Facts(tags={"altered": when})
        between(monkeypatch, **{when: partial(target.catalog.amend, plain, "small/007", None, facts, ANYTHING)})
        with pytest.raises(MigrationError, match=told):
            await Migration(source, target, msgspec.structs.replace(OPTIONS, check_all=True)).run()
        monkeypatch.undo()
    await Migration(source, target, msgspec.structs.replace(OPTIONS, cutover=False)).run()
    assert await all_of(source) == await all_of(target), "a new run copies it again"
    between(monkeypatch, after=partial(target.catalog.amend, plain, "small/007", None, Facts(tags={"a": "b"}), ANYTHING))
    assert (await Migration(source, target, OPTIONS).run()).cut_over, "not found, as docs/moving.md says"
    assert (await totals(source)).checksum != (await totals(target)).checksum
    _, outcome = await migrate.difference(source, target)
    assert outcome is not None and (outcome.changed, outcome.copied, outcome.removed) == (1, 0, 0), "by --dry-run it is"


async def test_a_change_that_does_not_come_to_the_target_makes_the_sides_unequal(
    engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checksum of the target is of what is read there, not of what was sent."""
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    plain = await plain_of(source)
    commit = target.catalog.commit

    async def loses(bucket: Bucket, new: Version, *rest: Any) -> Any:
        if new.key == "late":
            new = msgspec.structs.replace(new, modified_ms=new.modified_ms + 1)
        return await commit(bucket, new, *rest)

    target.catalog.commit = loses  # type: ignore[method-assign]
    between(monkeypatch, after=lambda: store(source, plain, "late", b"new"))
    with pytest.raises(MigrationError, match=r"the two sides differ \(key 'late' of bucket"):
        await Migration(source, target, OPTIONS).run()
    assert await source.moving.frozen() == "" and await source.moving.journal() == ""


async def test_a_journal_that_another_migration_began_is_not_relied_on(engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    other = Journal(source)
    between(monkeypatch, after=other.begin)
    with pytest.raises(MigrationError, match="not this migration's any more"):
        await Migration(source, target, OPTIONS).run()
    assert await other.take() == set(), "it goes on"
    await other.end()
    assert await source.moving.journal() == ""


async def test_one_that_a_killed_migration_left_is_not_relied_on(engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    """It was begun, read and ended by kill -9; what it has read is nowhere, and the next run looks at everything."""
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    await Migration(source, target, msgspec.structs.replace(OPTIONS, cutover=False)).run()
    await source.moving.begin_journal("of the one that was killed")
    await store(source, await plain_of(source), "late", b"new")
    await source.moving.forget("of the one that was killed", [change.number for change in await source.moving.changes()])
    report = await Migration(source, target, OPTIONS).run()
    assert report.cut_over and report.passes[0].copied == 1 and await all_of(source) == await all_of(target)
    assert await migrate.release(source) == "moved to TARGET"
    await source.moving.begin_journal("left over")
    assert await migrate.release(source) == "" and await source.moving.journal() == ""


async def test_the_cut_over_looks_only_at_what_changed(engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = engines("memory"), engines("memory")
    plain = await source.catalog.create_bucket(Bucket(namespace="n", name="plain", region="r", owner="o"))
    for number in range(3000):
        await store(source, plain, f"{number:05}", b"x")
    asked: list[tuple[str, int]] = []
    freeze, versions = source.moving.freeze, source.moving.versions

    async def froze(reason: str) -> None:
        await store(source, plain, "00007", b"last")
        asked.clear()
        await freeze(reason)

    async def listening(bucket_id: int, *, after: tuple[str, int] = ("", 0), limit: int = 1000) -> list[Version]:
        asked.append((after[0], limit))
        return await versions(bucket_id, after=after, limit=limit)

    source.moving.freeze, source.moving.versions = froze, listening  # type: ignore[method-assign]
    report = await Migration(source, target, msgspec.structs.replace(OPTIONS, verify=True)).run()
    assert report.cut_over and report.passes[-1].places == 1 and (KEY, plain.id, "00007") == (KEY, plain.id, asked[0][0])
    assert {key for key, _ in asked} == {"00007"} and max(limit for _, limit in asked) < 10, asked


def test_a_tally_is_the_same_in_any_order_and_after_taking_away() -> None:
    rows = [Version(key=f"k{number}", seq=number + 1) for number in range(9)]
    one, other, none = Tally(), Tally(), Tally()
    for row in rows:
        one.version(1, row)
    for row in reversed(rows[1:]):
        other.version(1, row)
    assert not one.same(other)
    rest = Tally()
    rest.version(1, rows[0])
    other.plus(rest)
    assert one.same(other)
    elsewhere = Tally()
    for row in rows:
        elsewhere.version(2, row)
    assert not one.same(elsewhere), "in another bucket it is another row"
    other.plus(one, -1)
    assert other.totals() == none.totals()


async def test_a_journal_that_nobody_goes_on_with_is_ended_a_day_later(engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = engines("embedded"), engines("embedded")
    await fill(source)
    now = time.time()
    await end_journals(source, now)  # there never was one
    killed = Journal(source)
    await killed.begin()
    for later_s, mark in ((3600.0, True), (25 * 3600.0, False)):
        await end_journals(source, now + later_s)
        assert bool(await source.moving.journal()) is mark
    await killed.end()
    between(monkeypatch, after=lambda: end_journals(source, time.time() + 25 * 3600.0))
    with pytest.raises(MigrationError, match="not this migration's any more"):
        await Migration(source, target, OPTIONS).run()
    monkeypatch.undo()
    assert (await Migration(source, target, OPTIONS).run()).cut_over
    assert [document.name for document in await source.registry.all("migration")] == ["journal", "store"], "frozen: it is not taken away any more"


async def test_where_passes_get_no_shorter_it_goes_on_to_the_cut_over(engines: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = engines("memory"), engines("memory")
    await fill(source)
    plain = await plain_of(source)
    take = Journal.take

    async def more(self: Journal, *, frozen: bool = False) -> set[Place]:
        if not frozen:
            await store(source, plain, "again", os.urandom(10))
        return await take(self, frozen=frozen)

    monkeypatch.setattr(Journal, "take", more)
    monkeypatch.setattr(migrate, "SHORT_PASS_S", -1.0)
    monkeypatch.setattr(migrate, "PATIENCE_S", 0.3)
    said: list[str] = []
    progress = Progress(quiet=True)
    monkeypatch.setattr(progress, "say", said.append)
    report = await Migration(source, target, OPTIONS, progress).run()
    assert report.cut_over and len([line for line in said if "get no shorter" in line]) == 2, said
    assert await all_of(source) == await all_of(target)
