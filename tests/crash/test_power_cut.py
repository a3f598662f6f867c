"""The power fails under load (ext4 shutdown, journal not flushed): every acknowledged write is there after the journal's replay."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest

from tests.crash.conftest import Start
from tests.crash.faults import Disk, Missing, Syncs
from tests.crash.ledger import Ledger
from tests.crash.server import CrashServer, ServerFailed
from tests.crash.storm import BUCKET, Disagreement, storm

pytestmark = pytest.mark.root
DISK_MIB = 256


def power_cut(disk: Disk, server: CrashServer, ledger: Ledger) -> None:
    ledger.ends_now()
    try:
        disk.cut()
    except Missing as why:
        pytest.skip(str(why))
    server.kill()
    disk.power_on()


@pytest.mark.parametrize("cuts", [8, pytest.param(200, marks=pytest.mark.soak)])
def test_power_cuts(disk: Callable[..., Disk], launch: Start, cuts: int) -> None:
    volume, ledger = disk(DISK_MIB), Ledger()
    server = launch(data_dir=volume.path / "data")
    server.client().create_bucket(BUCKET)
    restarts = storm(server, ledger, cuts, seed=cuts, end=lambda: power_cut(volume, server, ledger), longest_s=0.8, whole=False)
    print(f"{cuts} power cuts, {dict(ledger.counts)}, restart median {statistics.median(restarts):.2f} s, longest {max(restarts):.2f} s")
    assert {"put small", "put large", "delete", "copy"} <= ledger.counts.keys(), ledger.counts
    assert min(restarts) < 2.0, "even the quickest restart took longer"   # the others share the machine with whatever else runs


def test_control_without_fsync_power_cuts_lose_acknowledged_writes(disk: Callable[..., Disk], syncs: Syncs, launch: Start) -> None:
    volume, ledger = disk(DISK_MIB), Ledger()
    server = launch(data_dir=volume.path / "data", preload=syncs.preload, env=syncs.env)
    server.client().create_bucket(BUCKET)
    syncs.lie()
    with pytest.raises((Disagreement, ServerFailed)):
        storm(server, ledger, 4, seed=1, end=lambda: power_cut(volume, server, ledger), longest_s=1.2, whole=False)
