"""A hundred thousand objects of mixed sizes move while clients write: run by `make soak`, prints its figures."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ceph import Ceph
from holdfast import engines
from holdfast.engine.api import Engine
from tests.cluster_servers import engine_url, started
from tests.moving import command
from tests.moving.test_online import Client, client_of, free_port
from tests.moving.things import store
from tests.serving import Server

OBJECTS = int(os.environ.get("HOLDFAST_SOAK_OBJECTS", "100000"))
SIZES = ((0.70, 0, 4 << 10), (0.97, 4 << 10, 64 << 10), (0.999, 64 << 10, 512 << 10), (1.0, 1 << 20, 16 << 20))
"""Share of the objects up to here, and their sizes from and to."""


async def fill(url: str, objects: int) -> int:
    """So many objects in a bucket that is there already; their bytes."""
    engine = engines.open_url(url)
    bucket = next(bucket for bucket in await engine.moving.buckets() if bucket.name == "plain")
    chance, lane = random.Random(7), asyncio.Semaphore(64)
    size = 0

    async def one(number: int, length: int) -> None:
        async with lane:
            await store(engine, bucket, f"{number % 97:02}/{number:07}", random.Random(number).randbytes(length))

    for begin in range(0, objects, 1000):
        some = []
        for number in range(begin, min(begin + 1000, objects)):
            dice = chance.random()
            _, low, high = next(row for row in SIZES if dice <= row[0])
            length = chance.randrange(low, high)
            size += length
            some.append(one(number, length))
        await asyncio.gather(*some)
    await engine.close()
    return size


async def keys_of(engine: Engine) -> dict[str, int]:
    found: dict[str, int] = {}
    for bucket in await engine.moving.buckets():
        if bucket.name == "plain":
            after = ("", 0)
            while page := await engine.moving.versions(bucket.id, after=after):
                found |= {version.key: version.size for version in page}
                after = (page[-1].key, page[-1].seq)
    return found


def move(serve: Callable[..., Server], tmp_path: Path, target: str, started: Callable[[int], Server]) -> dict[str, Any]:
    """Fills a store, moves it to `target` under three clients that go on on the server that `started` starts there."""
    port = free_port()
    source = serve(data_listen=f"127.0.0.1:{port}")
    s3 = client_of(source.endpoint)
    for bucket in ("plain", "versioned"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    url = command.url(source.data_dir)
    begun = time.monotonic()
    size = asyncio.run(fill(url, OBJECTS))
    filled_s = time.monotonic() - begun
    clients = [Client(source.endpoint, f"client{number}", pause_s=0.1) for number in range(3)]
    for client in clients:
        client.start()
    begun = time.monotonic()
    process = command.start("migrate", "--from", url, "--to", target, "--verify")
    out, said = process.communicate()
    assert process.returncode == 0, said
    report = json.loads(out)
    assert report["cut-over"] and report["source"] == report["target"], report
    moved_s = time.monotonic() - begun
    requests = sum(client.requests for client in clients)
    assert source.stop() == 0
    running = started(port)
    time.sleep(2)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(90)
        assert client.error is None, client.error
        client.check(client_of(running.endpoint))
    failures = {line["status"] for line in source.access_log() + running.access_log() if line["status"] >= 500}
    assert failures <= {503}
    figures = {
        "objects": OBJECTS, "bytes": size, "filled-s": round(filled_s, 1), "moved-s": round(moved_s, 1), "requests-meanwhile": requests,
        "slowest-request-s": round(max(client.slowest for client in clients), 2), "said": said.splitlines(), "report": report,
    }  # fmt: skip
    print(json.dumps(figures, indent=1))
    return figures


@pytest.mark.soak
def test_a_hundred_thousand_objects_move_to_another_directory(serve: Callable[..., Server], tmp_path: Path) -> None:
    new = tmp_path / "new"

    def started(port: int) -> Server:
        shutil.copy(tmp_path / "server0" / "data" / "master.key", new / "master.key")
        return serve(data_listen=f"127.0.0.1:{port}", data_dir=new)

    figures = move(serve, tmp_path, command.url(new), started)
    assert figures["report"]["frozen-s"] < 10


@pytest.fixture
def roomy_ceph() -> Iterator[Ceph]:
    """On disk, and with room for everything twice: what the run's Ceph has in memory is too little."""
    folder = Path(tempfile.mkdtemp(prefix="hf-", dir="/tmp"))
    server = Ceph(folder / "c", gib=24)
    try:
        started(server)
        yield server
    finally:
        server.purge()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.soak
def test_a_hundred_thousand_objects_move_to_a_cluster(
    serve: Callable[..., Server], tmp_path: Path, postgres: Any, schema: str, roomy_ceph: Ceph
) -> None:
    url = engine_url(postgres.dsn(), roomy_ceph.conf, roomy_ceph.pool("bodies"), schema=schema)

    def gateway(port: int) -> Server:
        (tmp_path / "gateway").mkdir(mode=0o700)
        shutil.copy(tmp_path / "server0" / "data" / "master.key", tmp_path / "gateway" / "master.key")
        return serve(data_listen=f"127.0.0.1:{port}", data_dir=tmp_path / "gateway", env={"HOLDFAST_ENGINE": url})

    figures = move(serve, tmp_path, url, gateway)
    assert figures["report"]["frozen-s"] < 30
