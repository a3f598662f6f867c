"""A traced server: before each answer to a PUT, body, directory and log were synced, in that order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.conftest import Start
from tests.crash.faults import Missing, Strace, Syncs
from tests.crash.ledger import Ledger
from tests.crash.order import TRACED, Call, broken_order, calls_of
from tests.crash.server import CrashServer
from tests.crash.storm import BUCKET
from tests.crash.workload import Writer

PUTS = 4


def traced_puts(server: CrashServer, trace: Path, large: bool) -> list[Call]:
    """The calls of the whole server while one client sends PUTs, one after the other."""
    writer = Writer("w0", server.client(), BUCKET, Ledger(), 9)
    assert writer.put("w0/first", large).status == 200               # connections, threads and directories exist from here on
    try:
        strace = Strace(server.pids(), "-yy", "-s", "24", "-e", f"trace={TRACED}", "-o", str(trace))
    except Missing as why:
        pytest.skip(str(why))
    for n in range(PUTS):
        assert writer.put(f"w0/k{n}", large).status == 200
    strace.detach()
    return calls_of(trace.read_text().splitlines())


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_every_answer_comes_after_its_syncs(launch: Start, tmp_path: Path, large: bool) -> None:
    server = launch(workers=1)
    server.client().create_bucket(BUCKET)
    calls = traced_puts(server, tmp_path / "trace", large)
    assert broken_order(calls, str(server.data_dir), large) == []

    # Negative control: the same trace with one kind of sync taken out must be refused.
    def without(what: str) -> list[str]:
        kept = [c for c in calls if not (c.name in ("fsync", "fdatasync") and what in c.path)]
        return broken_order(kept, str(server.data_dir), large)

    assert len(without("-wal")) >= PUTS
    if large:
        files = [c for c in calls if not (c.name in ("fsync", "fdatasync") and Path(c.path).is_file() and "/blobs/" in c.path)]
        folders = [c for c in calls if not (c.name == "fsync" and Path(c.path).is_dir())]
        assert any("body not synced" in fault for fault in broken_order(files, str(server.data_dir), large))
        assert any("directory was not synced" in fault for fault in broken_order(folders, str(server.data_dir), large))


def test_control_a_server_whose_syncs_lie_breaks_the_rule(launch: Start, syncs: Syncs, tmp_path: Path) -> None:
    server = launch(workers=1, preload=syncs.preload, env=syncs.env)
    server.client().create_bucket(BUCKET)
    syncs.lie()
    assert broken_order(traced_puts(server, tmp_path / "trace", large=True), str(server.data_dir), large=True)
