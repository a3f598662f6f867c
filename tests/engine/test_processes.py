"""Several processes on one store: conditional writes stay atomic, changes are seen at once, a killed process holds nobody up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from holdfast.engine.api import Expect
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.embedded.generation import Generation
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Version
from tests.engine import worker
from tests.engine.conftest import INLINE


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[worker.Remote, worker.Remote]]:
    remotes = worker.Remote(tmp_path / "data", INLINE), worker.Remote(tmp_path / "data", INLINE)
    yield remotes
    for remote in remotes:
        if remote.process.is_alive():
            remote.stop()


def make_bucket(remote: worker.Remote) -> Bucket:
    ok, bucket = remote.call("catalog.create_bucket", Bucket(namespace="n", name="b", region="r", owner="o"))
    assert ok
    return bucket  # type: ignore[no-any-return]


def test_exactly_one_of_two_processes_creates_a_key(pair: tuple[worker.Remote, worker.Remote]) -> None:
    bucket = make_bucket(pair[0])
    winners = [0, 0]
    for number in range(60):
        for side, remote in enumerate(pair):
            remote.ask("catalog.commit", bucket, Version(key=f"k{number}", etag=str(side)), Expect(absent=True))
        answers = [remote.answer() for remote in pair]
        assert sorted(ok for ok, _ in answers) == [False, True]
        winner = answers.index(next(answer for answer in answers if answer[0]))
        winners[winner] += 1
        refused = answers[1 - winner][1]
        assert refused[0] == "Conflict" and refused[1].etag == str(winner)
        for remote in pair:
            assert remote.call("catalog.version", bucket.id, f"k{number}")[1].etag == str(winner)


def test_compare_and_set_counts_every_increment(pair: tuple[worker.Remote, worker.Remote]) -> None:
    bucket = make_bucket(pair[0])
    _, done = pair[0].call("catalog.commit", bucket, Version(key="k", etag="0"))
    seqs = [done.version.seq, done.version.seq]
    counts = [0, 0]
    while sum(counts) < 60:
        for side, remote in enumerate(pair):
            remote.ask("catalog.commit", bucket, Version(key="k", etag=str(sum(counts) + 1)), Expect(seq=seqs[side]))
        for side, remote in enumerate(pair):
            ok, result = remote.answer()
            counts[side] += ok
            seqs[side] = result.version.seq if ok else result[1].seq
    assert int(pair[0].call("catalog.version", bucket.id, "k")[1].etag) <= sum(counts)


def test_a_change_of_a_bucket_is_seen_at_once_by_the_other_process(pair: tuple[worker.Remote, worker.Remote]) -> None:
    bucket = make_bucket(pair[0])
    for number in range(40):
        writer, reader = pair[number % 2], pair[1 - number % 2]
        assert reader.call("catalog.bucket", "n", "b") == (True, bucket)
        ok, bucket = writer.call("catalog.change_bucket", msgspec.structs.replace(bucket, settings={"n": str(number)}))
        assert ok
        assert reader.call("catalog.bucket", "n", "b") == (True, bucket)
        stale = msgspec.structs.replace(bucket, revision=bucket.revision - 1)
        assert reader.call("catalog.commit", stale, Version(key="k")) == (False, ("Stale", None))


def test_the_registry_tells_the_other_process(pair: tuple[worker.Remote, worker.Remote]) -> None:
    for number in range(20):
        assert pair[0].call("registry.put", "key", "k", b"%d" % number)[0]
        assert pair[1].call("registry.get", "key", "k")[1].value == b"%d" % number


def test_a_killed_process_holds_nobody_up(pair: tuple[worker.Remote, worker.Remote]) -> None:
    bucket = make_bucket(pair[0])
    for number in range(10):
        pair[0].ask("catalog.change_bucket", bucket)
        pair[0].kill()
        assert pair[1].call("catalog.commit", bucket, Version(key=f"k{number}"))[0] or number == number
        ok, found = pair[1].call("catalog.bucket", "n", "b")
        assert ok and found.revision >= bucket.revision
        bucket = found
        assert pair[1].call("catalog.commit", bucket, Version(key=f"k{number}"))[0]
        pair[0].start()
        assert pair[0].call("catalog.bucket", "n", "b") == (True, bucket)


async def test_a_writer_that_died_between_commit_and_bump_cannot_leave_a_stale_cache(tmp_path: Path) -> None:
    """The argument of generation.py: odd means ask the database; the next holder of the lock makes it even."""
    one, two = EmbeddedEngine.open(tmp_path), EmbeddedEngine.open(tmp_path)
    bucket = await one.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    assert await two.catalog.bucket("n", "b") == bucket
    shared = Generation(tmp_path / "catalog.generation")
    end = Generation.end
    Generation.end = lambda self: None  # type: ignore[method-assign] # dies before the second bump
    try:
        changed = await one.catalog.change_bucket(bucket)
    finally:
        Generation.end = end  # type: ignore[method-assign]
    assert shared.value() & 1
    assert await two.catalog.bucket("n", "b") == changed
    asked = {two.registry.generation()}
    await one.catalog.commit(changed, Version(key="k"))
    assert not shared.value() & 1
    assert await two.catalog.bucket("n", "b") == changed
    assert asked == {two.registry.generation()}
    shared.close()
    await one.close()
    await two.close()


async def test_engines_of_one_store_in_one_process_take_turns(tmp_path: Path) -> None:
    engines = [EmbeddedEngine.open(tmp_path) for _ in range(3)]
    bucket = await engines[0].catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    results = await asyncio.gather(
        *[engine.catalog.commit(bucket, Version(key=f"k{n}"), Expect(absent=True)) for n in range(50) for engine in engines],
        return_exceptions=True,
    )
    done = [result.version.seq for result in results if not isinstance(result, BaseException) and result.version is not None]
    assert len(done) == len(set(done)) == 50
    for engine in engines:
        await engine.close()
