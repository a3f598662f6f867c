"""A full disk: writes are refused whole and clearly, reads and the server live on, and deleting makes room again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.conftest import Start
from tests.crash.faults import Disk
from tests.crash.ledger import Ledger, audit
from tests.crash.storm import BUCKET
from tests.crash.workload import Writer

pytestmark = pytest.mark.root
PUTS_MAX = 30_000


def fill(writer: Writer, name: str, large: bool) -> int:
    """PUTs until one is refused; how many were taken."""
    for number in range(PUTS_MAX):
        answer = writer.put(f"w0/{name}{number:05d}", large)
        if answer.status != 200:
            assert (answer.status, answer.code) == (507, "InsufficientStorage"), answer
            return number
    raise AssertionError("the disk does not fill")


@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_full_disk(disk: Callable[..., Disk], launch: Start, kind: str) -> None:
    volume, ledger = disk(40, kind), Ledger()
    server = launch(data_dir=volume.path / "data")
    processes = server.pids()
    client = server.client()
    client.create_bucket(BUCKET)
    writer = Writer("w0", client, BUCKET, ledger, 3)
    large = fill(writer, "large", large=True)
    small = fill(writer, "small", large=False)
    assert large > 10, "the disk was full from the start"
    assert writer.multipart("w0/multi", [writer.body(large=True)]) is None
    assert server.pids() == processes, "a process died of the full disk"
    assert audit(client, BUCKET, ledger) == []

    for number in range(large // 2):
        answer = writer.delete(f"w0/large{number:05d}")
        assert answer.status == 204, f"cannot delete on a full disk ({large} large, {small} small objects): {answer}"
    assert writer.put("w0/again", large=True).status == 200
    assert writer.put("w0/again-small", large=False).status == 200
    assert audit(client, BUCKET, ledger) == []

    server.kill()
    server.restart()
    assert audit(server.client(), BUCKET, ledger) == []
