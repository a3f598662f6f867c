"""A real PostgreSQL and a real Ceph for tests: one pair for a whole run, shared by its workers, gone when the run ends.

The first test that asks starts them (installing Debian's packages where that can be), under a lock; the process that started the run stops them.
HOLDFAST_TEST_CLUSTER names a folder whose servers are used and left running: tests start faster the second time.
HOLDFAST_TEST_ENGINE=cluster puts every server that tests start on the cluster engine, each in a schema of its own.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local import daemons
from deploy.local.ceph import Ceph, install
from deploy.local.gateways import engine_url
from deploy.local.postgres import Postgres
from holdfast.engine.api import Unavailable
from holdfast.engine.cluster import librados

__all__ = ["engine_url"]

PLACE, OWNER, ENGINE = "HOLDFAST_TEST_CLUSTER", "HOLDFAST_TEST_CLUSTER_OWNER", "HOLDFAST_TEST_ENGINE"
LINGER_S = 10  # how long bodies outlive their names: the pool is in memory


def announce() -> None:
    """In the process that starts the run: names the folder, so that all workers find the same one. (Its path is short: Ceph's sockets live in it.)"""
    if not os.environ.get(PLACE):
        os.environ[PLACE] = str(Path(tempfile.gettempdir()) / f"holdfast-cluster-{os.getpid()}")
        os.environ[OWNER] = str(os.getpid())


def end() -> None:
    """In every process of the run: drops the schemas that it made; in the one that started the run, after every worker: stops the servers and
    removes their folder."""
    if _schemas:
        drop_schemas(_servers()[0], *_schemas)
        _schemas.clear()
    if os.environ.get(OWNER) == str(os.getpid()) and Path(os.environ[PLACE]).exists():
        Ceph(Path(os.environ[PLACE]) / "ceph").purge()
        Postgres(Path(os.environ[PLACE]) / "postgres").purge()
        shutil.rmtree(os.environ[PLACE], ignore_errors=True)


def on_cluster() -> bool:
    """Whether servers of tests are to run on the cluster engine."""
    named = os.environ.get(ENGINE, "")
    assert named in ("", "embedded", "cluster"), f"{ENGINE} is embedded or cluster, not {named!r}"
    return named == "cluster"


@contextmanager
def locked() -> Iterator[Path]:
    """The run's folder, for one process at a time. (Python's files are closed in what it starts, so no daemon keeps the lock.)"""
    folder = Path(os.environ[PLACE])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def loadable() -> None:
    """Installs Ceph, and sees that this Python can speak to it: the distribution's module is for the distribution's. Errors: daemons.Missing."""
    install()
    try:
        librados.load()
    except Unavailable as why:
        raise daemons.Missing(str(why)) from why


def started(server: Postgres | Ceph) -> None:
    """Starts it, or skips the test with the reason why that cannot be."""
    if reason := _cannot.get(type(server).__name__):
        pytest.skip(reason)
    try:
        if isinstance(server, Ceph):
            loadable()
        server.start()
    except daemons.Missing as error:
        _cannot[type(server).__name__] = str(error)
        pytest.skip(str(error))


_cannot: dict[str, str] = {}


def store_url(data_dir: Path, **options: str) -> str:
    """The URL of a server's own store on the run's PostgreSQL and Ceph; the same one for the same data directory."""
    database, objects, shared = _servers()
    name = "s" + hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:20]
    if name not in _schemas:
        _schemas.append(name)
    return engine_url(database.dsn(), objects.conf, shared, schema=name, **{"linger": str(LINGER_S), **options})


_schemas: list[str] = []


@functools.cache
def _servers() -> tuple[Postgres, Ceph, str]:
    with locked() as folder:
        database, objects = Postgres(folder / "postgres"), Ceph(folder / "ceph", store="memstore", gib=4)
        started(database)
        started(objects)
        return database, objects, objects.pool("shared-servers")


def stored_bytes(url: str) -> bytes:
    """All that a store holds in its tables and in its pool, one after another."""
    import psycopg

    from holdfast.engine.cluster import librados
    from holdfast.engine.cluster.place import place_of

    place = place_of(url)
    found: list[bytes] = []
    with psycopg.connect(place.postgres) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (place.schema,)).fetchall()
        for (table,) in tables:
            for row in connection.execute(psycopg.sql.SQL("SELECT * FROM {}").format(psycopg.sql.Identifier(place.schema, table))):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    with librados.load().Rados(conffile=place.ceph, rados_id=place.user) as cluster, cluster.open_ioctx(place.pool) as pool:
        pool.set_namespace(place.schema)
        for one in pool.list_objects():
            found.append(one.read(one.stat()[0]))
    return b"".join(found)


def drop_schemas(database: Postgres, *names: str) -> None:
    """Takes stores away, all but what lies in the pool."""
    drops = "".join(f"DROP SCHEMA IF EXISTS {name} CASCADE;" for name in names)
    database.sql(f"\\connect holdfast\nSET client_min_messages = warning; {drops}")


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The run's PostgreSQL: `.dsn()` is a connection URL of the owner of its database. A test takes a schema of its own (`schema`)."""
    with locked() as folder:
        server = Postgres(folder / "postgres")
        started(server)
    return server


@pytest.fixture
def schema(postgres: Postgres) -> Iterator[str]:
    """The name of a schema that nobody else uses; what is in it is dropped afterwards."""
    name = f"t{uuid.uuid4().hex[:16]}"
    yield name
    drop_schemas(postgres, name)


@pytest.fixture(scope="session")
def ceph() -> Ceph:
    """The run's Ceph (one OSD in memory): `.conf` is its ceph.conf, `.pool(name)` makes a pool; gateways are its user `holdfast`."""
    with locked() as folder:
        server = Ceph(folder / "ceph", store="memstore", gib=4)
        started(server)
    return server


@pytest.fixture(scope="session")
def shared_pool(ceph: Ceph) -> str:
    """A pool for all tests of this process; making one takes two seconds, so only tests that look at whole pools take their own (`pool`)."""
    with locked():
        return ceph.pool(f"shared-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")


@pytest.fixture
def pool(ceph: Ceph) -> Iterator[str]:
    """A pool of the test's own, removed afterwards."""
    name = f"t{uuid.uuid4().hex[:16]}"
    with locked():
        ceph.pool(name)
    yield name
    ceph.drop_pool(name)
