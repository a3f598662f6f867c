"""Each backend's plug is pulled: by kill -9 and by a full disk (by a lost network: test_nemesis).

The doors say so clearly and in bounded time, health says so, no worker dies; when the backend is back, all works again without a restart (M149).
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from deploy.local import daemons
from tests.cluster.field import POOL, Field
from tests.cluster.seen import BOUND_S, BUSY, LARGE, SMALL, WELL, Seen, made

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster-plugs"), pytest.mark.timeout(300)]
BUCKET = "plugs"


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    """A gateway of two workers on loopback."""
    yield from made(BUCKET, 1, replica=False, apart=False)


@pytest.fixture
def tight(field: Field) -> Iterator[Field]:
    """As `field`, its database on a small file system."""
    yield from made(BUCKET, 1, replica=False, apart=False, postgres_mib=400, ceph=field.ceph)


def back(field: Field, pids: list[int]) -> None:
    """All works again, in the same processes."""
    field.recovered(BUCKET)
    seen = Seen(field, BUCKET)
    assert seen.statuses == WELL
    deadline = time.monotonic() + 30
    while seen.troubles:  # who answers for health has connections of its own, which come back in their own time
        assert time.monotonic() < deadline, seen.troubles
        time.sleep(0.5)
        seen = Seen(field, BUCKET)
    assert seen.statuses == WELL
    assert field.gateways[0].worker_pids() == pids
    client = field.client(0)
    assert client.get(BUCKET, "small").body == SMALL
    assert client.get(BUCKET, "large").body == LARGE


def test_a_killed_database(field: Field) -> None:
    """Everything needs it: every door says that it is busy, and what was cached of identities lets nobody in."""
    pids = field.gateways[0].worker_pids()
    field.postgres.kill()
    for _ in range(2):
        seen = Seen(field, BUCKET)
        assert set(seen.statuses.values()) == {503}, seen.said
        assert {code for _, code in seen.said.values()} <= set(BUSY)
        assert "PostgreSQL" in " ".join(seen.troubles)
        assert field.gateways[0].get("/api/v1/users")[0] in (401, 403, 503)
    field.postgres.start()
    back(field, pids)


def test_a_killed_osd(field: Field) -> None:
    """Small bodies are the database's: they are read and written as before; large ones are not to be had."""
    pids = field.gateways[0].worker_pids()
    field.ceph.stop_daemon("osd.0", 9)
    try:
        seen = Seen(field, BUCKET)
        assert seen.statuses == {**WELL, "get large": 503, "put large": 503}, seen.said
        assert seen.said["put large"][1] in BUSY
        assert "Ceph" in " ".join(seen.troubles)
    finally:
        field.ceph.start_daemon("osd.0")
    back(field, pids)


def test_a_killed_monitor_and_manager(field: Field) -> None:
    """Who has a connection to the OSDs goes on."""
    pids = field.gateways[0].worker_pids()
    for _ in range(16):  # connections fall to both workers: each has been at the OSDs, by the newest map
        client = field.client(0)
        assert client.put(BUCKET, "new-large", LARGE).status == 200
        client.close()
    field.ceph.stop_daemon("mon.a", 9)
    field.ceph.stop_daemon("mgr.x", 9)
    try:
        seen = Seen(field, BUCKET)
        assert seen.statuses == WELL, seen.said
    finally:
        field.ceph.start_daemon("mon.a")
        field.ceph.start_daemon("mgr.x")
    back(field, pids)


def test_a_full_pool(field: Field) -> None:
    """What is there stays readable and can be removed; what does not fit is refused with 507, and nothing of it is there."""
    pids = field.gateways[0].worker_pids()
    field.ceph.ask("osd", "pool", "set-quota", POOL, "max_bytes", "4096")
    try:
        daemons.wait("the pool is full", lambda: "full_quota" in field.ceph.ask("osd", "pool", "ls", "detail"), seconds=60)
        time.sleep(1)
        seen = Seen(field, BUCKET)
        assert seen.statuses == {**WELL, "put large": 507}, seen.said
        assert "no space" in " ".join(seen.troubles)
    finally:
        field.ceph.ask("osd", "pool", "set-quota", POOL, "max_bytes", "0")
    daemons.wait("the pool is free", lambda: "full_quota" not in field.ceph.ask("osd", "pool", "ls", "detail"), seconds=60)
    back(field, pids)


@pytest.mark.root
def test_a_full_disk_below_the_database(tight: Field) -> None:
    """Nothing is half done: a refused write is not there, what was acknowledged is."""
    pids = tight.gateways[0].worker_pids()
    ballast = tight.folder / "disk" / "ballast"
    with ballast.open("wb") as out:
        try:
            while True:
                out.write(bytes(1 << 20))
                out.flush()
        except OSError:
            pass
    client = tight.client(0, BOUND_S)
    acknowledged, refused = [], []
    for number in range(2000):
        answer = client.put(BUCKET, f"filling/{number}", b"x" * 8000)
        if answer.status == 200:
            acknowledged.append(number)
            continue
        assert (answer.status, answer.code) in ((507, "InsufficientStorage"), *((503, code) for code in BUSY)), answer
        refused.append(number)
        if len(refused) == 3:
            break
    assert refused, "the disk was never full"
    seen = Seen(tight, BUCKET)
    assert seen.statuses["get small"] == 200 or seen.troubles
    assert seen.statuses["put small"] == 200 or seen.troubles, seen.said  # what is small enough may still find a place
    ballast.unlink()
    tight.postgres.start()  # where its log had no space either, the server has stopped itself
    back(tight, pids)
    there = {entry.key for entry in client.list(BUCKET, "filling/")}
    assert there == {f"filling/{number}" for number in acknowledged}
