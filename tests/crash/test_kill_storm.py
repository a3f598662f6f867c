"""kill -9 of the whole server at random moments under load: nothing acknowledged is lost, nothing is torn, restart takes a moment."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import time
from pathlib import Path

import pytest

from tests.crash.conftest import Start
from tests.crash.ledger import Ledger, audit
from tests.crash.store import body_files, sweep
from tests.crash.storm import BUCKET, load_on, storm
from tests.crash.workload import Writer


@pytest.mark.parametrize("rounds", [15, pytest.param(2000, marks=pytest.mark.soak)])
def test_kill_9_storm(launch: Start, rounds: int) -> None:
    server, ledger = launch(), Ledger()
    server.client().create_bucket(BUCKET)
    restarts = storm(server, ledger, rounds, seed=rounds, end=server.kill)
    assert {"put small", "put large", "delete", "copy"} <= ledger.counts.keys(), ledger.counts
    print(f"{rounds} kills, {dict(ledger.counts)}, restart median {statistics.median(restarts):.2f} s, longest {max(restarts):.2f} s")
    assert min(restarts) < 2.0, "even the quickest restart took longer"   # the others share the machine with whatever else runs

    server.end()
    sweep(server.data_dir)
    server.restart()
    client = server.client()
    assert audit(client, BUCKET, ledger) == [], "the sweep took what was needed"
    for key in {entry.key for entry in client.list(BUCKET)}:
        assert client.delete(BUCKET, key).status == 204
    for key, upload in client.uploads(BUCKET):
        assert client.abort(BUCKET, key, upload).status == 204
    server.end()
    sweep(server.data_dir)
    assert body_files(server.data_dir) == [], "strays outlive the sweep"


def test_control_acknowledged_writes_that_are_lost_are_noticed(launch: Start, tmp_path: Path) -> None:
    """The data directory of a moment ago stands for a server that answers before it has written."""
    server, ledger = launch(), Ledger()
    server.client().create_bucket(BUCKET)
    writer = Writer("w0", server.client(), BUCKET, ledger, 1)
    for n in range(6):
        assert writer.put(f"w0/k{n}", large=n % 2 == 0).status == 200
    server.kill()
    shutil.copytree(server.data_dir, tmp_path / "before")
    server.restart()
    writer.client = server.client()
    assert writer.put("w0/k0", large=True).status == 200
    assert writer.put("w0/k1", large=False).status == 200
    assert writer.delete("w0/k2").status == 204
    assert writer.put("w0/k9", large=False).status == 200
    server.kill()
    shutil.rmtree(server.data_dir)
    shutil.copytree(tmp_path / "before", server.data_dir)
    server.restart()
    wrong = audit(server.client(), BUCKET, ledger)
    assert {line.split(":")[0] for line in wrong} == {"w0/k0", "w0/k1", "w0/k2", "w0/k9"}, wrong


def test_control_a_torn_body_is_noticed(launch: Start) -> None:
    server, ledger = launch(), Ledger()
    server.client().create_bucket(BUCKET)
    writer = Writer("w0", server.client(), BUCKET, ledger, 2)
    writer.put("w0/torn", large=True)
    server.kill()
    (body,) = body_files(server.data_dir)
    with body.open("r+b") as file:
        file.truncate(body.stat().st_size // 2)
    server.restart()
    wrong = audit(server.client(), BUCKET, ledger)
    assert len(wrong) == 1 and wrong[0].startswith("w0/torn"), wrong


def test_a_worker_killed_under_load_takes_nothing_with_it(launch: Start) -> None:
    """One process of several dies: the others serve on, and the store agrees with what was acknowledged without a restart of the whole."""
    server, ledger = launch(), Ledger()
    server.client().create_bucket(BUCKET)
    for number in range(4):
        load = load_on(server, ledger, 70 + number)
        time.sleep(0.2)
        victims = server.worker_pids()
        os.kill(victims[number % len(victims)], signal.SIGKILL)
        time.sleep(0.2)
        load.finish()
        deadline = time.monotonic() + 10
        while (gone := set(victims) - set(server.worker_pids())) == set() or server.get("/health/ready")[0] != 200:
            assert time.monotonic() < deadline, f"no new worker took the place of {gone}"
            time.sleep(0.02)
        assert audit(server.client(), BUCKET, ledger) == []
