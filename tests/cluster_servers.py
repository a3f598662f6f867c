"""A real PostgreSQL and a real Ceph for tests: one pair for a whole run, shared by its workers, gone when the run ends.

The first test that asks starts them (installing Debian's packages where that can be), under a lock; the process that started the run stops them.
HOLDFAST_TEST_CLUSTER names a folder whose servers are used and left running: tests start faster the second time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local import daemons
from deploy.local.ceph import Ceph
from deploy.local.gateways import engine_url
from deploy.local.postgres import Postgres

__all__ = ["engine_url"]

PLACE, OWNER = "HOLDFAST_TEST_CLUSTER", "HOLDFAST_TEST_CLUSTER_OWNER"


def announce(config: pytest.Config) -> None:
    """In the process that starts the run: names the folder, so that all workers find the same one. (Its path is short: Ceph's sockets live in it.)"""
    if not hasattr(config, "workerinput") and PLACE not in os.environ:
        os.environ[PLACE] = str(Path(tempfile.gettempdir()) / f"holdfast-cluster-{os.getpid()}")
        os.environ[OWNER] = str(os.getpid())


def end(config: pytest.Config) -> None:
    """In the process that started the run, after every worker: stops the servers and removes their folder."""
    if os.environ.get(OWNER) == str(os.getpid()) and Path(os.environ[PLACE]).exists():
        Ceph(Path(os.environ[PLACE]) / "ceph").purge()
        Postgres(Path(os.environ[PLACE]) / "postgres").purge()
        shutil.rmtree(os.environ[PLACE], ignore_errors=True)


@contextmanager
def locked() -> Iterator[Path]:
    """The run's folder, for one process at a time. (Python's files are closed in what it starts, so no daemon keeps the lock.)"""
    folder = Path(os.environ[PLACE])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def started(server: Postgres | Ceph) -> None:
    """Starts it, or skips the test with the reason why that cannot be."""
    if reason := _cannot.get(type(server).__name__):
        pytest.skip(reason)
    try:
        server.start()
    except daemons.Missing as error:
        _cannot[type(server).__name__] = str(error)
        pytest.skip(str(error))


_cannot: dict[str, str] = {}


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
    postgres.sql(f"\\connect holdfast\nSET client_min_messages = warning; DROP SCHEMA IF EXISTS {name} CASCADE")


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
