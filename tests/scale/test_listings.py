"""Large buckets: a page costs what it holds, wherever in the bucket it lies and whatever lies around it. Work is asserted, times are printed."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from holdfast.engine.api import ListPage, ListQuery
from holdfast.engine.embedded import EmbeddedEngine, schema
from holdfast.model.buckets import VERSIONING_ENABLED, Bucket
from holdfast.model.objects import Version
from tests.crash.client import Client
from tests.scale.filling import KEYS_A_FOLDER, NAMESPACE, PILE, commit_all, fill, key, objects
from tests.scale.work import Work, page
from tests.serving import Server

SMALL, LARGE = 20_000, 1_000_000
LIMIT_SMALL, LIMIT_LARGE = 100, 1000
STEPS_A_SEEK = 40
STEPS_A_ROW = 20
"""SQLite needs 15 to 18 instructions for a row of a listing, and about as many to begin a statement."""


class Store(NamedTuple):
    """A store with one bucket "many" of `keys` keys below PILE, and one key after them; `limit` entries make a page."""

    data_dir: Path
    keys: int
    limit: int
    connection: apsw.Connection
    bucket_id: int


@pytest.fixture(scope="module", params=[SMALL, pytest.param(LARGE, marks=[pytest.mark.soak])])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    data_dir, keys = tmp_path_factory.mktemp("store"), request.param
    began = time.monotonic()
    asyncio.run(fill(data_dir, "many", [*objects(keys), Version(key="zzz", etag="e")]))
    print(f"\n{keys} keys committed in {time.monotonic() - began:.1f} s, {(data_dir / 'catalog.db').stat().st_size >> 20} MiB")
    connection = schema.connect(data_dir / "catalog.db", readonly=True)
    bucket_id = connection.execute("SELECT id FROM buckets").fetchall()[0][0]
    yield Store(data_dir, keys, LIMIT_SMALL if keys == SMALL else LIMIT_LARGE, connection, bucket_id)
    connection.close()


def walk(store: Store, **query: object) -> Iterator[tuple[ListPage, Work, float]]:
    """Every page of a listing with its work and its seconds."""
    after = version = ""
    while True:
        asked = ListQuery(bucket_id=store.bucket_id, after=after, after_version=version, limit=store.limit, **query)  # type: ignore[arg-type]
        began = time.perf_counter()
        found, work = page(store.connection, asked)
        yield found, work, time.perf_counter() - began
        if not found.truncated:
            return
        after, version = found.last, found.last_version


def said(name: str, costs: list[Work], times: list[float]) -> None:
    """Prints the medians of the first, middle and last tenth."""
    tenth = max(len(times) // 10, 1)
    middle = len(times) // 2 - tenth // 2
    parts = {"first": slice(0, tenth), "middle": slice(middle, middle + tenth), "last": slice(-tenth, None)}
    for part, which in parts.items():
        steps, pages = (statistics.median(getattr(cost, what) for cost in costs[which]) for what in ("steps", "pages"))
        print(f"{name}, {part}: {statistics.median(times[which]) * 1000:.2f} ms, {steps:.0f} steps, {pages:.0f} pages read")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["keys", "versions", "keys of the pile"])
def test_a_page_of_keys_costs_the_same_wherever_it_lies(store: Store, name: str) -> None:
    query = {"keys": {}, "versions": {"versions": True}, "keys of the pile": {"prefix": PILE}}[name]
    pages = list(walk(store, **query))
    listed = [entry.key for found, _, _ in pages for entry in found.entries]
    assert listed == [*map(key, range(store.keys)), *([] if "prefix" in query else ["zzz"])]
    said(name, [cost for _, cost, _ in pages], [seconds for _, _, seconds in pages])
    full = [cost for found, cost, _ in pages if len(found.entries) == store.limit]
    assert max(cost.steps for cost in full) < STEPS_A_ROW * store.limit + 10 * STEPS_A_SEEK
    assert max(cost.steps for cost in full) - min(cost.steps for cost in full) < 10 * STEPS_A_SEEK
    assert max(cost.statements for cost in full) <= 6


@pytest.mark.timeout(900)
@pytest.mark.parametrize("versions", [False, True])
def test_a_page_of_common_prefixes_costs_the_same_wherever_it_lies(store: Store, versions: bool) -> None:
    pages = list(walk(store, prefix=PILE, delimiter="/", versions=versions))
    folders = [prefix for found, _, _ in pages for prefix in found.prefixes]
    assert folders == [f"{PILE}{n:06d}/" for n in range(store.keys // KEYS_A_FOLDER)]
    said("common prefixes" + " of versions" * versions, [cost for _, cost, _ in pages], [seconds for _, _, seconds in pages])
    full = [cost for found, cost, _ in pages if len(found.prefixes) == store.limit]
    assert max(cost.statements for cost in full) <= (store.limit + 3) * (2 if versions else 1) + 3, "each common prefix is one seek"
    assert max(cost.steps for cost in full) < 4 * STEPS_A_SEEK * store.limit
    assert max(cost.steps for cost in full) < 1.1 * min(cost.steps for cost in full) + 10 * STEPS_A_SEEK


@pytest.mark.parametrize("versions", [False, True])
def test_one_common_prefix_of_all_keys_costs_one_seek(store: Store, versions: bool) -> None:
    began = time.perf_counter()
    found, work = page(store.connection, ListQuery(bucket_id=store.bucket_id, delimiter="/", versions=versions))
    print(f"{store.keys} keys below one prefix: {(time.perf_counter() - began) * 1000:.3f} ms, {work}")
    assert found.prefixes == [PILE]
    assert [entry.key for entry in found.entries] == ["zzz"]
    assert not found.truncated
    assert work.steps < 20 * STEPS_A_SEEK
    assert work.statements <= 8


def test_control_a_walk_through_the_prefix_would_be_noticed(store: Store) -> None:
    """A listing that reads every row: what the tests above must not take for a seek."""
    _, work = page(store.connection, ListQuery(bucket_id=store.bucket_id, limit=store.keys + 1))
    assert work.steps > store.keys * 5


HIDDEN = [2_000, pytest.param(100_000, marks=pytest.mark.soak)]
VERSIONS = [1_000, pytest.param(10_000, marks=pytest.mark.soak)]


def made(data_dir: Path, versions: Callable[[], list[Version]]) -> tuple[apsw.Connection, int]:
    """A versioned bucket with these versions, in order of their making."""

    async def make() -> int:
        engine = EmbeddedEngine.open(data_dir)
        try:
            wanted = Bucket(namespace=NAMESPACE, name="versions", region="us-east-1", owner="alice", versioning=VERSIONING_ENABLED)
            bucket = await engine.catalog.create_bucket(wanted)
            await commit_all(engine, bucket, versions())
            return bucket.id
        finally:
            await engine.close()

    bucket_id = asyncio.run(make())
    return schema.connect(data_dir / "catalog.db", readonly=True), bucket_id


@pytest.mark.timeout(300)
@pytest.mark.parametrize("count", HIDDEN)
def test_delete_markers_cost_a_listing_nothing(tmp_path: Path, count: int) -> None:
    """Keys that have nothing but a delete marker, and keys that have a version below one, between two that are alive."""

    def versions() -> list[Version]:
        ends = [Version(key=name, version_id="v", etag="e") for name in ("a", "z")]
        old = [Version(key=f"k/{n:06d}", version_id="v", etag="e") for n in range(0, count, 2)]
        return [*ends, *old, *(Version(key=f"k/{n:06d}", version_id="m", is_delete_marker=True) for n in range(count))]

    connection, bucket_id = made(tmp_path, versions)
    for delimiter, prefix in (("", ""), ("/", ""), ("/", "k/"), ("", "k/")):
        began = time.perf_counter()
        found, work = page(connection, ListQuery(bucket_id=bucket_id, delimiter=delimiter, prefix=prefix))
        print(f"{count} delete markers, {delimiter=} {prefix=}: {(time.perf_counter() - began) * 1000:.3f} ms, {work}")
        assert [entry.key for entry in found.entries] == ([] if prefix else ["a", "z"])
        assert not found.prefixes and not found.truncated
        assert work.steps < 10 * STEPS_A_SEEK
    rolled, work = page(connection, ListQuery(bucket_id=bucket_id, delimiter="/", versions=True))
    assert rolled.prefixes == ["k/"] and len(rolled.entries) == 2
    assert work.steps < 20 * STEPS_A_SEEK
    connection.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("count", VERSIONS)
def test_versions_of_one_key_cost_the_same_wherever_the_page_lies(tmp_path: Path, count: int) -> None:
    names = [f"{n:06d}" for n in range(count)]

    def versions() -> list[Version]:
        return [Version(key="a", version_id="v"), *(Version(key="k", version_id=name) for name in names), Version(key="z", version_id="v")]

    connection, bucket_id = made(tmp_path, versions)
    store = Store(tmp_path, count, count // 20, connection, bucket_id)
    pages = list(walk(store, versions=True))
    assert [entry.version_id for found, _, _ in pages for entry in found.entries] == ["v", *reversed(names), "v"]
    said(f"{count} versions of a key", [cost for _, cost, _ in pages], [seconds for _, _, seconds in pages])
    full = [cost for found, cost, _ in pages if len(found.entries) == store.limit]
    assert max(cost.steps for cost in full) < 2 * STEPS_A_ROW * store.limit + 10 * STEPS_A_SEEK
    found, work = page(connection, ListQuery(bucket_id=bucket_id))
    print(f"the live keys among {count} versions: {work}")
    assert [entry.key for entry in found.entries] == ["a", "k", "z"]
    assert work.steps < 10 * STEPS_A_SEEK
    found, work = page(connection, ListQuery(bucket_id=bucket_id, after="k", versions=True))
    assert [entry.key for entry in found.entries] == ["z"]
    assert work.steps < 10 * STEPS_A_SEEK, "past the last version of a key is one seek"
    connection.close()


SHAPES = {
    "V2": {"list-type": "2"},
    "V2, delimiter": {"list-type": "2", "delimiter": "/", "prefix": PILE},
    "V1": {},
    "V1, delimiter": {"delimiter": "/", "prefix": PILE},
    "versions": {"versions": ""},
    "versions, delimiter": {"versions": "", "delimiter": "/", "prefix": PILE},
}


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_every_page_of_a_million_keys_through_the_server(store: Store, tmp_path: Path) -> None:
    """Printed, not asserted: the time of a page by its place. Asserted: each key once, in order."""
    if store.keys != LARGE:
        pytest.skip("the large bucket is the one to look at")
    server = Server(tmp_path / "server", data_dir=store.data_dir, workers=1, access_log="off").start()
    try:
        client = Client(int(server.endpoint.rsplit(":", 1)[1]), server.access_key, server.secret_key, timeout_s=60)
        for name, query in SHAPES.items():
            times, count, last = [], 0, ""
            more: dict[str, str] = {}
            while True:
                began = time.perf_counter()
                answer = client.request("GET", "/many", {**query, **more})
                times.append(time.perf_counter() - began)
                assert answer.status == 200, answer
                found, more = read(answer.body)
                assert found == sorted(found) and found[0] > last
                count, last = count + len(found), found[-1]
                if not more:
                    break
            assert count == (store.keys // KEYS_A_FOLDER if "delimiter" in query else store.keys + 1)
            said(f"{name} through the server, {len(times)} pages", [Work()] * len(times), times)
    finally:
        try:
            server.finish()
        finally:
            server.kill()


def read(body: bytes) -> tuple[list[str], dict[str, str]]:
    """Keys or common prefixes of one page, and the parameters of the next."""

    def texts(name: bytes) -> list[str]:
        return [piece.split(b"<", 1)[0].decode() for piece in body.split(b"<" + name + b">")[1:]]

    found = texts(b"Key") or [text for text in texts(b"Prefix") if text != PILE]
    if texts(b"IsTruncated") == ["false"]:
        return found, {}
    if token := texts(b"NextContinuationToken"):
        return found, {"continuation-token": token[0]}
    if marker := texts(b"NextKeyMarker"):
        version = texts(b"NextVersionIdMarker")
        return found, {"key-marker": marker[0], **({"version-id-marker": version[0]} if version and version[0] else {})}
    marker = texts(b"NextMarker")
    return found, {"marker": marker[0] if marker else found[-1]}
