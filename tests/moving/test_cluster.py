"""Between the embedded and the cluster engine, both ways, on a real PostgreSQL and a real Ceph."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdfast import engines
from holdfast.engine.api import Engine, Frozen
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Version
from holdfast.moving.migrate import Migration, Options
from tests.cluster_servers import engine_url
from tests.moving import command
from tests.moving.test_changes import moved_under_random_changes
from tests.moving.test_online import Client, client_of, free_port
from tests.moving.test_online import fill as fill_by_client
from tests.moving.test_passes import all_of
from tests.moving.things import change, fill
from tests.serving import Server

OPTIONS = Options(source="SOURCE", target="TARGET", lanes=8, verify=True)


@pytest.fixture
def cluster_url(postgres: Any, schema: str, ceph: Any, shared_pool: str) -> str:
    url = engine_url(postgres.dsn(), ceph.conf, shared_pool, schema=schema)
    engines.prepare_url(url)
    return url


async def sides_of(*urls: str) -> list[dict[str, Any]]:
    found = []
    for url in urls:
        engine = engines.open_url(url)
        found.append(await all_of(engine))
        await engine.close()
    return found


async def test_everything_moves_there_and_back(cluster_url: str, tmp_path: Path) -> None:
    source, cluster, back = (engines.open_url(url) for url in (command.url(tmp_path / "a"), cluster_url, command.url(tmp_path / "b")))
    await fill(source)
    await Migration(source, cluster, msgspec.structs.replace(OPTIONS, cutover=False)).run()
    assert await all_of(source) == await all_of(cluster)
    await change(source)
    report = await Migration(source, cluster, OPTIONS).run()
    assert report.cut_over and report.source == report.target
    before = await all_of(source)
    assert before == await all_of(cluster)
    await cluster.registry.put("user", "late", b"there")
    assert (await Migration(cluster, back, OPTIONS).run()).cut_over
    assert await all_of(cluster) == await all_of(back) != before
    with pytest.raises(Frozen):
        await cluster.registry.put("user", "later", b"")
    for engine in (source, cluster, back):
        await engine.close()


@pytest.mark.parametrize("to_cluster", [True, False], ids=["to-a-cluster", "from-a-cluster"])
async def test_random_changes_all_the_while_end_equal(cluster_url: str, tmp_path: Path, to_cluster: bool) -> None:
    one, other = engines.open_url(command.url(tmp_path / "a")), engines.open_url(cluster_url)
    await moved_under_random_changes(*((one, other) if to_cluster else (other, one)), seed=1)
    for engine in (one, other):
        await engine.close()


async def test_a_store_is_frozen_for_all_its_processes_at_once(cluster_url: str) -> None:
    mover, *others = (engines.open_url(cluster_url) for _ in range(4))
    bucket = await mover.catalog.create_bucket(Bucket(namespace="n", name="b", region="r", owner="o"))
    acknowledged: list[str] = []
    begun = asyncio.Event()

    async def client(engine: Engine, name: str) -> None:
        for number in range(5000):
            try:
                await engine.catalog.commit(bucket, Version(key=f"{name}/{number}", size=1, blobs=(engine.blobs.inline(b"x"),)))
            except Frozen:
                return
            acknowledged.append(name)
            if len(acknowledged) == 200:
                begun.set()

    clients = [asyncio.create_task(client(engine, f"{at}{lane}")) for at, engine in enumerate(others) for lane in range(4)]
    await begun.wait()
    await mover.moving.freeze("moved to x")
    counts = []
    for wait_s in (0.0, 0.5):
        await asyncio.sleep(wait_s)
        counts.append(len(await mover.moving.versions(bucket.id, limit=100_000)))
    await asyncio.gather(*clients)
    assert counts[0] == counts[1] == len(acknowledged) >= 200
    for engine in (mover, *others):
        await engine.close()


@pytest.mark.slow
def test_a_migration_to_a_cluster_killed_anywhere_goes_on(cluster_url: str, tmp_path: Path) -> None:
    source = tmp_path / "source"

    async def made() -> None:
        engine = engines.open_url(command.url(source))
        await fill(engine)
        await engine.close()

    asyncio.run(made())
    arguments = ("migrate", "--from", command.url(source), "--to", cluster_url, "--jobs", "2")
    chance = random.Random()
    for turn in range(8):
        process = command.start(*arguments, *(("--no-cutover",) if turn < 3 else ()))
        try:
            process.wait(0.5 + chance.random() * 1.2)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    report, _ = command.run(*arguments)
    assert report["cut-over"]
    sides = asyncio.run(sides_of(command.url(source), cluster_url))
    assert sides[0] == sides[1]


@pytest.mark.slow
def test_clients_write_while_their_store_moves_to_a_cluster(serve: Callable[..., Server], cluster_url: str, tmp_path: Path) -> None:
    port = free_port()
    source = serve(data_listen=f"127.0.0.1:{port}")
    s3 = client_of(source.endpoint)
    fill_by_client(s3, 100)
    clients = [Client(source.endpoint, f"client{number}", pause_s=0.02) for number in range(3)]
    for client in clients:
        client.start()
    report, _ = command.run("migrate", "--from", command.url(source.data_dir), "--to", cluster_url, "--verify")
    assert report["cut-over"] and report["source"] == report["target"]
    sides = asyncio.run(sides_of(command.url(source.data_dir), cluster_url))
    assert sides[0] == sides[1]
    assert source.stop() == 0
    gateway = tmp_path / "gateway"
    gateway.mkdir(mode=0o700)
    shutil.copy(source.data_dir / "master.key", gateway / "master.key")
    serve(data_listen=f"127.0.0.1:{port}", data_dir=gateway, env={"HOLDFAST_ENGINE": cluster_url})
    time.sleep(2)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(60)
        assert client.error is None, client.error
        client.check(s3)
    assert s3.get_object(Bucket="plain", Key="sealed")["Body"].read() == b"secret" * 20_000


@pytest.mark.slow
def test_a_cluster_comes_back_from_a_dump_and_a_snapshot_of_its_pool(postgres: Any, schema: str, ceph: Any, pool: str, tmp_path: Path) -> None:
    """The way of docs/backup.md: frozen for a moment, both sides are snapshotted; later both are put back."""
    url = engine_url(postgres.dsn(), ceph.conf, pool, schema=schema)
    engines.prepare_url(url)
    rados = ("rados", "-c", str(ceph.conf), "-n", "client.admin", "-p", pool, "-N", schema)

    def done(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    async def changed(*steps: Callable[[Engine], Any]) -> None:
        engine = engines.open_url(url)
        for step in steps:
            await step(engine)
        await engine.close()

    async def all_blobs_go(engine: Engine) -> None:
        for bucket in await engine.moving.buckets():
            for version in await engine.moving.versions(bucket.id, limit=100_000):
                await engine.blobs.discard((await engine.catalog.expunge(bucket, version.key, version.version_id)).unneeded)

    asyncio.run(changed(fill))
    then = asyncio.run(sides_of(url))
    command.run("backup", "freeze", url)
    done("pg_dump", "-Fc", "-n", schema, "-f", str(tmp_path / "dump"), postgres.dsn())
    done(*rados, "mksnap", "backup")
    command.run("backup", "release", url)
    asyncio.run(changed(change, all_blobs_go))
    assert asyncio.run(sides_of(url)) != then
    done("psql", "-q", "-c", f"DROP SCHEMA {schema} CASCADE", postgres.dsn())
    done("pg_restore", "-d", postgres.dsn(), str(tmp_path / "dump"))
    for name in done(*rados, "ls").splitlines():
        done(*rados, "rollback", name, "backup")
    command.run("backup", "release", url)
    assert asyncio.run(sides_of(url)) == then
    done(*rados, "rmsnap", "backup")
