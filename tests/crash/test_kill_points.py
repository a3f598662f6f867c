"""kill -9 exactly before the n-th persistence call of one request, for every n until the request comes through."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from tests.crash.conftest import Start
from tests.crash.faults import Missing, Strace
from tests.crash.ledger import Ledger, audit
from tests.crash.server import CrashServer
from tests.crash.storm import BUCKET
from tests.crash.workload import UNKNOWN, Writer

SYNC = "fsync,fdatasync,sync_file_range"
NAMES = "rename,renameat,renameat2,link,linkat"
CALLS = (SYNC, "pwrite64,pwritev,pwritev2", "write,writev", NAMES, "unlink,unlinkat", "ftruncate,fallocate", "openat")
POINTS_MAX = 60


def put_small(writer: Writer) -> object:
    return writer.put("w0/small", large=False)


def put_large(writer: Writer) -> object:
    return writer.put("w0/large", large=True)


def put_small_over_large(writer: Writer) -> object:
    return writer.put("w0/large", large=False)


def delete_large(writer: Writer) -> object:
    return writer.delete("w0/large")


def copy_large(writer: Writer) -> object:
    return writer.copy("w0/source", "w0/copy")


def complete(writer: Writer) -> object:
    return writer.multipart("w0/large", [writer.body(large=True)])


REQUESTS: tuple[Callable[[Writer], object], ...] = (put_small, put_large, put_small_over_large, delete_large, copy_large, complete)


def prepare(server: CrashServer, ledger: Ledger, seed: int) -> Writer:
    writer = Writer("w0", server.client(), BUCKET, ledger, seed)
    for key, large in (("w0/small", False), ("w0/large", True), ("w0/source", True)):
        assert writer.put(key, large).status == 200
    return writer


def killed_at(server: CrashServer, writer: Writer, request: Callable[[Writer], object], calls: str, when: int) -> bool:
    """Sends the request while strace waits for the n-th of the calls in any thread; True when it came and the process died by it."""
    before = set(server.pids())
    try:
        strace = Strace(sorted(before), "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={when}")
    except Missing as why:
        pytest.skip(str(why))
    with contextlib.suppress(*UNKNOWN):
        request(writer)
    time.sleep(0.05)                                   # what the server does after its answer (a discard) counts too
    hit = bool(before - set(server.pids()))
    strace.detach()
    return hit


def sweep_points(server: CrashServer, request: Callable[[Writer], object], calls: str, points: list[int]) -> int:
    """Kills at each of the points until one is not reached; how many were."""
    ledger = Ledger()
    for done, when in enumerate(points):
        writer = prepare(server, ledger, when)
        hit = killed_at(server, writer, request, calls, when)
        server.kill()
        server.restart()
        wrong = audit(server.client(), BUCKET, ledger)
        assert wrong == [], f"{request.__name__}, killed at call {when} of {calls}: {wrong}"
        if not hit:
            return done
    return len(points)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: r.__name__)
def test_kill_at_the_first_sync(launch: Start, request_: Callable[[Writer], object]) -> None:
    server = launch(workers=1)
    server.client().create_bucket(BUCKET)
    assert sweep_points(server, request_, SYNC, [1]) == 1, "a write was acknowledged without any sync"


@pytest.mark.soak
@pytest.mark.parametrize("calls", CALLS)
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: r.__name__)
def test_kill_at_every_persistence_call(launch: Start, request_: Callable[[Writer], object], calls: str) -> None:
    server = launch(workers=1)
    server.client().create_bucket(BUCKET)
    reached = sweep_points(server, request_, calls, list(range(1, POINTS_MAX + 1)))
    print(f"{request_.__name__}: {reached} kills at {calls}")
    assert reached < POINTS_MAX, "the request never came through"
