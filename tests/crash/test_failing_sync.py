"""A sync that fails: the write is refused with 503 and never acknowledged, and the store stays consistent."""

from __future__ import annotations

import pytest

from tests.crash.conftest import Start
from tests.crash.faults import Syncs
from tests.crash.ledger import Ledger, audit
from tests.crash.storm import BUCKET
from tests.crash.workload import Writer


@pytest.mark.parametrize(("part", "large"), [("/blobs", True), ("-wal", False), ("-wal", True)], ids=["body", "log-small", "log-large"])
def test_a_failing_sync_refuses_the_write(launch: Start, syncs: Syncs, part: str, large: bool) -> None:
    server, ledger = launch(preload=syncs.preload, env=syncs.env), Ledger()
    client = server.client()
    client.create_bucket(BUCKET)
    writer = Writer("w0", client, BUCKET, ledger, 5)
    for n in range(4):
        assert writer.put(f"w0/k{n}", large).status == 200
    syncs.fail(part)
    for key in ("w0/k0", "w0/new"):
        answer = writer.put(key, large)
        assert (answer.status, answer.code) == (503, "SlowDown"), answer
    syncs.obey()
    assert writer.put("w0/k3", large).status == 200                  # from here on the refused writes are settled, one way or the other
    assert audit(client, BUCKET, ledger) == []
    server.kill()
    server.restart()
    writer.client = client = server.client()
    assert audit(client, BUCKET, ledger) == []
    assert writer.put("w0/k1", large).status == 200
    assert audit(client, BUCKET, ledger) == []


def test_what_a_failed_sync_left_in_the_log_does_not_come_back_after_a_crash(launch: Start, syncs: Syncs) -> None:
    """The frames of a commit whose sync failed are whole. Readers never saw them, so a recovery must not bring them back either."""
    server, ledger = launch(workers=1, preload=syncs.preload, env=syncs.env), Ledger()
    client = server.client()
    client.create_bucket(BUCKET)
    assert Writer("w0", client, BUCKET, ledger, 7).put("w0/k0", large=False).status == 200
    syncs.fail("-wal", "EIO-once")
    assert client.delete(BUCKET, "w0/k0").status == 503
    assert client.get(BUCKET, "w0/k0").status == 200
    server.kill()
    server.restart()
    assert server.client().get(BUCKET, "w0/k0").status == 200


def test_control_the_same_write_without_the_fault_is_taken(launch: Start, syncs: Syncs) -> None:
    """A fault for files that nobody syncs changes nothing: so it is the fault that is refused above, not the shim."""
    server, ledger = launch(preload=syncs.preload, env=syncs.env), Ledger()
    server.client().create_bucket(BUCKET)
    writer = Writer("w0", server.client(), BUCKET, ledger, 6)
    syncs.fail("/no-such-path")
    assert writer.put("w0/k0", large=True).status == 200
    assert writer.put("w0/k1", large=False).status == 200
