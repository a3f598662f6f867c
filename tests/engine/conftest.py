"""Engines to test, and coroutine tests run to their end."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.ceph import Ceph
from deploy.local.postgres import Postgres
from holdfast.engine.api import Engine
from holdfast.engine.cluster import ClusterEngine
from holdfast.engine.cluster.engine import prepare
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.buckets import Bucket
from tests.cluster_servers import engine_url

INLINE = 1024


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(params=["memory", "embedded", "cluster"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine
    if request.param == "memory":
        made = MemoryEngine(INLINE)
    elif request.param == "embedded":
        made = EmbeddedEngine.open(tmp_path / "data", inline_bytes_max=INLINE)
    else:
        made = ClusterEngine.open(request.getfixturevalue("cluster_url"))
    yield made
    asyncio.run(made.close())


@pytest.fixture
def cluster_url(postgres: Postgres, ceph: Ceph, shared_pool: str, schema: str) -> str:
    """The URL of an empty store on the run's PostgreSQL and Ceph."""
    url = engine_url(postgres.dsn(), ceph.conf, shared_pool, schema=schema, inline=str(INLINE), linger="0")
    prepare(url)
    return url


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine.open(tmp_path / "data", inline_bytes_max=INLINE)
    yield made
    asyncio.run(made.close())


@pytest.fixture
def bucket(engine: Engine) -> Bucket:
    return asyncio.run(engine.catalog.create_bucket(Bucket(namespace="ns", name="first", region="r", owner="alice")))
