"""The servers that tests of the cluster engine stand on: what was asked of them holds, a gateway's user can do its work, and stopping is stopping."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import daemons
from deploy.local.ceph import Ceph
from deploy.local.postgres import Postgres
from tests.cluster_servers import started


def rados(ceph: Ceph, pool: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The rados command as a gateway's user."""
    command = ["rados", "-c", str(ceph.conf), "-n", "client.holdfast", "-p", pool, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_database_is_checksummed_durable_and_only_its_owners(postgres: Postgres) -> None:
    asked = {name: postgres.sql(f"SHOW {name}") for name in ("data_checksums", "fsync", "synchronous_commit", "server_encoding")}
    assert asked == {"data_checksums": "on", "fsync": "on", "synchronous_commit": "on", "server_encoding": "UTF8"}
    assert int(postgres.sql("SHOW server_version_num")) >= 150000
    assert postgres.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'holdfast'") == "f"
    assert os.stat(f"/proc/{postgres.pid()}").st_uid != 0


def test_gateways_user_writes_its_pools_and_no_other(ceph: Ceph, pool: str, tmp_path: Path) -> None:
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(os.urandom(100_000))
    assert rados(ceph, pool, "put", "one", str(sent)).returncode == 0
    assert rados(ceph, pool, "get", "one", str(got)).returncode == 0
    assert got.read_bytes() == sent.read_bytes()
    assert rados(ceph, pool, "rm", "one").returncode == 0
    foreign = f"{pool}-foreign"
    ceph.ask("osd", "pool", "create", foreign, "1", "1")
    try:
        assert "Operation not permitted" in rados(ceph, foreign, "put", "one", str(sent)).stderr
    finally:
        ceph.drop_pool(foreign)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short and closed to others, as a home is."""
    folder = Path(tempfile.mkdtemp(prefix="hf"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_replica_has_every_commit_when_the_primary_is_killed(short: Path) -> None:
    server = Postgres(short / "pg")
    started(server)
    try:
        server.add_replica()
        server.start()  # a second time changes nothing
        server.sql("CREATE TABLE acked (n int); INSERT INTO acked SELECT generate_series(1, 1000)")
        server.kill()
        with pytest.raises(daemons.Failed):
            server.sql("SELECT 1")
        server.promote()
        assert server.sql("SELECT count(*) FROM acked", "replica") == "1000"
        server.sql("INSERT INTO acked VALUES (0)", "replica")
    finally:
        server.purge()
    assert not server.folder.exists()
    assert not server.pid() and not server.pid("replica")


def test_stopping_ends_only_what_was_started(short: Path) -> None:
    """A pid file that was left behind names a process that is somebody else's by now."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        pid_file = short / "left.pid"
        pid_file.write_text(f"{other.pid}\n")
        daemons.stop(pid_file, str(short))
        assert other.poll() is None
        assert not pid_file.exists()
    finally:
        other.kill()
        other.wait()


def test_ceph_keeps_its_bytes_when_everything_is_killed(short: Path) -> None:
    server = Ceph(short / "ceph", gib=2)
    started(server)
    try:
        pool = server.pool("data")
        sent = short / "sent"
        sent.write_bytes(os.urandom(1_000_000))
        assert rados(server, pool, "put", "one", str(sent)).returncode == 0
        for which in ("osd.0", "mgr.x", "mon.a"):
            server.stop_daemon(which, 9)
        server.start()
        assert rados(server, pool, "get", "one", str(short / "got")).returncode == 0
        assert (short / "got").read_bytes() == sent.read_bytes()
    finally:
        server.purge()
