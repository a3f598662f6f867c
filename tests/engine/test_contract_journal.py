"""The contract of the journal: it names every place that changed since it was begun, whichever process changed it; off, it leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import psycopg
import pytest

from deploy.local.postgres import Postgres
from holdfast.engine.api import ANYTHING, Engine, Gone
from holdfast.engine.cluster import ClusterEngine
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.moving import KEY, PAR, UPLOAD, Change, Place
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Part, Upload, Version
from tests.engine.stored import mark, put
from tests.engine.test_contract_pars import par, token_of


async def places_of(engine: Engine) -> set[Place]:
    """Of all entries; they are forgotten."""
    found: list[Change] = []
    while some := await engine.moving.changes(after=found[-1].number if found else 0, limit=2):
        assert len(some) <= 2
        found += some
    assert [change.number for change in found] == sorted({change.number for change in found})
    await engine.moving.forget(await engine.moving.journal(), [change.number for change in found])
    assert await engine.moving.changes() == []
    return {change.place for change in found}


async def test_every_step_that_changes_something_leaves_its_place(engine: Engine, bucket: Bucket) -> None:
    catalog = engine.catalog
    await put(engine, bucket, "before", b"x")
    await engine.moving.begin_journal("t1")
    assert await engine.moving.journal() == "t1" and await engine.moving.changes() == []
    upload = Upload(upload_id="u", bucket_id=bucket.id, key="large", initiated_ms=1, owner="o", initiator="o")
    other = msgspec.structs.replace(upload, upload_id="v")
    part = Part(number=1, size=3, etag="e", modified_ms=1, blobs=(engine.blobs.inline(b"abc"),))
    key, of_upload = (KEY, bucket.id, "é/k"), (UPLOAD, 0, "u")
    request = par(bucket, "p", expires_ms=5)

    async def finish() -> object:
        blobs = (await catalog.parts(upload))[0].blobs
        return await catalog.finish_upload(bucket, upload, Version(key="large", etag="e-1", size=3, blobs=blobs))

    async def token() -> object:
        stored = await catalog.par(bucket.id, "p")
        assert stored is not None
        return await catalog.create_par_upload(token_of(stored, "v"))

    steps: list[tuple[Callable[[], Awaitable[object]], set[Place]]] = [
        (lambda: put(engine, bucket, "é/k", b"1"), {key}),
        (lambda: put(engine, bucket, "é/k", b"2"), {key}),
        (lambda: put(engine, bucket, "é/k", b"3" * 5000, version_id="v1"), {key}),
        (lambda: mark(engine, bucket, "é/k", "m"), {key}),
        (lambda: catalog.amend(bucket, "é/k", "v1", Facts(tags={"a": "b"}), ANYTHING), {key}),
        (lambda: catalog.amend(bucket, "before", None, Facts(tags={"a": "b"}), ANYTHING), {(KEY, bucket.id, "before")}),
        (lambda: catalog.expunge(bucket, "é/k", "m"), {key}),  # the next newest becomes the latest
        (lambda: catalog.expunge(bucket, "é/k", "null"), {key}),
        (lambda: catalog.expunge(bucket, "é/k", "v1"), {key}),
        (lambda: catalog.start_upload(bucket, upload), {of_upload}),
        (lambda: catalog.add_part(upload, part), {of_upload}),
        (lambda: catalog.add_part(upload, part), {of_upload}),
        (finish, {of_upload, (KEY, bucket.id, "large")}),
        (lambda: catalog.start_upload(bucket, other), {(UPLOAD, 0, "v")}),
        (lambda: catalog.create_par(request), {(PAR, bucket.id, "p")}),
        (token, set()),
        (lambda: catalog.purge_pars(100), {(PAR, bucket.id, "p")}),
        (lambda: catalog.create_par(request), {(PAR, bucket.id, "p")}),
        (lambda: catalog.delete_par(bucket.id, "p"), {(PAR, bucket.id, "p")}),
        (lambda: catalog.abort_upload(other), {(UPLOAD, 0, "v")}),
    ]
    for number, (step, wanted) in enumerate(steps):
        await step()
        assert await places_of(engine) == wanted, number
    with contextlib.suppress(Gone):
        await catalog.abort_upload(upload)
    await catalog.version(bucket.id, "before")
    assert await places_of(engine) == set(), "what changes nothing leaves nothing"


async def test_uploads_that_go_with_their_bucket_leave_their_places(engine: Engine) -> None:
    bucket = await engine.catalog.create_bucket(Bucket(namespace="ns", name="short", region="r", owner="o"))
    for upload_id in ("a", "b"):
        upload = Upload(upload_id=upload_id, bucket_id=bucket.id, key="k", initiated_ms=1, owner="o", initiator="o")
        await engine.catalog.start_upload(bucket, upload)
    assert await engine.moving.upload("a") == await engine.catalog.upload(bucket.id, "k", "a") is not None
    await engine.moving.begin_journal("t")
    await engine.catalog.delete_bucket(bucket.id)
    assert await places_of(engine) == {(UPLOAD, 0, "a"), (UPLOAD, 0, "b")}
    assert await engine.moving.upload("a") is None


async def test_a_journal_is_begun_ended_and_never_taken_for_another(engine: Engine, bucket: Bucket) -> None:
    moving = engine.moving
    assert await moving.journal() == ""
    with pytest.raises(Gone):
        await moving.changes()
    await moving.end_journal()
    await moving.forget("none", [1])
    await moving.begin_journal("one")
    await put(engine, bucket, "k", b"1")
    (change,) = {change.place: change for change in await moving.changes()}.values()
    await moving.forget("other", [change.number])
    assert await moving.changes() != [], "only whose it is forgets"
    await moving.begin_journal("two")
    assert await moving.journal() == "two" and await moving.changes() == []
    await put(engine, bucket, "l", b"1")
    await moving.freeze("for a while")
    assert {change.place for change in await moving.changes()} == {(KEY, bucket.id, "l")}
    await moving.begin_journal("three")  # by a migration that was cut off while its source was frozen
    assert await moving.changes() == []
    await moving.end_journal()
    assert await moving.journal() == ""
    await moving.release()
    await put(engine, bucket, "m", b"1")
    with pytest.raises(Gone):
        await moving.changes()


async def test_no_change_of_any_process_is_missed(tmp_path: Path) -> None:
    await storm([EmbeddedEngine.open(tmp_path) for _ in range(4)])


async def test_the_storm_would_notice_changes_that_are_missed(tmp_path: Path) -> None:
    """The same with a journal that begins only after `begin_journal` has returned: the tests above can fail."""
    mover, *others = (EmbeddedEngine.open(tmp_path) for _ in range(4))
    begin, changes = mover.moving.begin_journal, mover.moving.changes
    made: list[asyncio.Task[None]] = []

    async def later(mark: str) -> None:
        await asyncio.sleep(0.15)
        await begin(mark)

    async def begins_late(mark: str) -> None:
        made.append(asyncio.create_task(later(mark)))

    async def as_far_as_it_goes(**query: int) -> list[Change]:
        with contextlib.suppress(Gone):
            return await changes(**query)
        return []

    mover.moving.begin_journal, mover.moving.changes = begins_late, as_far_as_it_goes  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="missed"):
        await storm([mover, *others])


async def storm(handles: Sequence[Engine]) -> None:
    """Others commit while the journal is begun and read: what is not found by a look after it began is in the journal."""
    mover, *others = handles
    bucket = await mover.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    ended = asyncio.Event()
    acknowledged: set[str] = set()

    async def client(engine: Engine, name: str) -> None:
        number = 0
        while not ended.is_set():
            number += 1
            await put(engine, bucket, f"{name}/{number}", b"x")
            acknowledged.add(f"{name}/{number}")

    clients = [asyncio.create_task(client(engine, f"{at}{lane}")) for at, engine in enumerate(others) for lane in range(4)]
    try:
        for turn in range(6):
            await asyncio.sleep(0.1)
            await mover.moving.begin_journal(f"turn {turn}")
            after, seen = ("", 0), set()
            while page := await mover.moving.versions(bucket.id, after=after):
                seen |= {version.key for version in page}
                after = (page[-1].key, page[-1].seq)
            await asyncio.sleep(0.1)
            known = set(acknowledged)
            journaled = await names_so_far(mover)
            assert known <= seen | journaled, "missed"
    finally:
        ended.set()
        await asyncio.gather(*clients)
    await mover.moving.freeze("end")
    journaled = await names_so_far(mover)
    assert acknowledged <= seen | journaled and len(journaled) > 20
    await mover.moving.release()
    await mover.moving.end_journal()
    for engine in handles:
        await engine.close()


async def names_so_far(engine: Engine) -> set[str]:
    names: set[str] = set()
    after = 0
    while some := await engine.moving.changes(after=after):
        names |= {change.place[2] for change in some}
        after = some[-1].number
    return names


async def test_one_whose_triggers_are_not_whole_is_not_relied_on(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path)
    await engine.moving.begin_journal("t")
    with contextlib.closing(sqlite3.connect(tmp_path / "catalog.db")) as connection:
        connection.execute("DROP TRIGGER journal_history_delete")
    assert await engine.moving.journal() == ""
    await engine.moving.end_journal()
    with contextlib.closing(sqlite3.connect(tmp_path / "catalog.db")) as connection:
        left = "SELECT name FROM sqlite_schema WHERE name LIKE '%journal%' OR type = 'trigger'"
        assert connection.execute(left).fetchall() == [], "nothing of it is left"
    await engine.close()


async def test_it_outlives_its_process_and_a_new_one_forgets_it(tmp_path: Path) -> None:
    engine = EmbeddedEngine.open(tmp_path)
    bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    await engine.moving.begin_journal("t")
    await engine.close()
    again = EmbeddedEngine.open(tmp_path)
    await put(again, bucket, "k", b"1")
    assert {change.place for change in await again.moving.changes()} == {(KEY, bucket.id, "k")}
    await again.moving.begin_journal("u")
    assert await again.moving.changes() == [] and await again.moving.journal() == "u"
    await again.close()


async def test_on_postgresql_too_nothing_of_it_is_left_but_where_a_dump_is_in_the_way(cluster_url: str, schema: str, postgres: Postgres) -> None:
    engine = ClusterEngine.open(cluster_url)
    bucket = await engine.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    with psycopg.connect(postgres.dsn(), autocommit=True, options=f"-csearch_path={schema}") as own:

        def left() -> list[tuple[str, str]]:
            found = own.execute(
                "SELECT c.relname, t.tgenabled::text FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
                " WHERE c.relnamespace = current_schema()::regnamespace UNION ALL SELECT relname, 'table' FROM pg_class"
                " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname LIKE 'journal%' ORDER BY 1"
            )
            return [(str(name), str(state)) for name, state in found.fetchall()]

        assert left() == []
        await engine.moving.begin_journal("t")
        assert len(left()) == 7
        own.execute("DROP TRIGGER journal ON history")  # as a change of functions would
        assert await engine.moving.journal() == ""
        await engine.moving.begin_journal("u")
        assert await engine.moving.journal() == "u"
        await engine.moving.end_journal()
        assert left() == []
        await engine.moving.begin_journal("v")
        with psycopg.connect(postgres.dsn(), options=f"-csearch_path={schema}") as dump:
            dump.execute("SELECT count(*) FROM live").fetchall()  # and holds on to it
            await engine.moving.end_journal()
            assert left() == [("live", "D")]
            await put(engine, bucket, "k", b"x")
            await engine.moving.begin_journal("w")
            await put(engine, bucket, "l", b"x")
            assert {change.place for change in await engine.moving.changes()} == {(KEY, bucket.id, "l")}
        await engine.moving.end_journal()
        assert left() == []
    await engine.close()
