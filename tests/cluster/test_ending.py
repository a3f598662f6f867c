"""SIGTERM ends a gateway in bounded time, in order and with the right word, whatever PostgreSQL and Ceph do meanwhile (M149)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.processes.supervisor import KILL_GRACE_S, STOP_S
from tests.cluster.field import Field
from tests.cluster.seen import LARGE, made
from tests.crash.client import Client
from tests.serving import Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster-ending"), pytest.mark.timeout(300)]
BUCKET = "ending"
DRAIN_S = 1.0
SLACK_S = 2.0  # of a machine that does other work too


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    """PostgreSQL, Ceph, and a gateway that makes the bucket and is not touched."""
    yield from made(BUCKET, 1, replica=False, apart=False)


@pytest.fixture
def gateway(field: Field, tmp_path: Path) -> Iterator[Server]:
    """Another gateway of the same store, to be ended."""
    yield from started(field, tmp_path)


def started(field: Field, home: Path, **settings: float) -> Iterator[Server]:
    key = field.gateways[0].settings["master_key"]
    made = Server(home / "gateway", env={"HOLDFAST_ENGINE": field.engine}, workers=2, drain_timeout_s=DRAIN_S, master_key=key, **settings)
    yield made.start()
    made.kill()


def processes(field: Field, what: str) -> list[int]:
    """Those of PostgreSQL, of the OSD, or of all Ceph."""
    if what == "PostgreSQL":
        first = field.postgres.pid()
        return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
    names = ["osd.0"] if what == "OSD" else ["osd.0", "mon.a", "mgr.x"]
    return [int((field.ceph.folder / "run" / f"{name}.pid").read_text()) for name in names]


@contextmanager
def hanging(field: Field, what: str) -> Iterator[None]:
    """They are there, and answer nothing."""
    stopped = processes(field, what)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                assert pid != stopped[0], "it died"


def ended(gateway: Server, within_s: float) -> tuple[int, str]:
    """After SIGTERM: the exit code, and what it said. It took no longer than `within_s`, and nobody had to be killed."""
    process = gateway.process
    assert process is not None
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(within_s)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"it runs {within_s:g} s after SIGTERM:\n{gateway.tail()}") from None
    said = gateway.log.read_text()
    assert "Traceback" not in said and "killed" not in said, f"after {time.monotonic() - began:.1f} s:\n{said[-4000:]}"
    return code, said


def connected(gateway: Server, field: Field) -> None:
    """Every process has its connections to both backends."""
    assert gateway.get("/health/ready")[0] == 200
    for _ in range(8):
        assert put(gateway, "warm", LARGE) == 200


def put(gateway: Server, key: str, body: bytes) -> int | None:
    """The status, None if the connection was cut off."""
    client = Client(int(gateway.endpoint.rpartition(":")[2]), gateway.access_key, gateway.secret_key, timeout_s=30)
    try:
        return client.put(BUCKET, key, body).status
    except OSError:
        return None
    finally:
        client.close()


@pytest.mark.parametrize("what", ["nothing", "PostgreSQL", "OSD", "Ceph"])
def test_an_idle_gateway_whose_backend_hangs_ends_in_order(field: Field, gateway: Server, what: str) -> None:
    connected(gateway, field)
    if what == "nothing":
        assert ended(gateway, DRAIN_S + SLACK_S)[0] == 0
        return
    with hanging(field, what):
        code, said = ended(gateway, DRAIN_S + KILL_GRACE_S)
    assert code == 0 and "cut off" not in said, said[-3000:]


@pytest.mark.parametrize("what", ["PostgreSQL", "OSD"])
def test_requests_that_a_backend_keeps_waiting_are_cut_off_and_it_says_so(field: Field, gateway: Server, what: str) -> None:
    connected(gateway, field)
    with hanging(field, what):
        waiting = [threading.Thread(target=put, args=(gateway, f"late/{number}", LARGE)) for number in range(4)]
        for one in waiting:
            one.start()
        time.sleep(0.5)
        code, said = ended(gateway, DRAIN_S + KILL_GRACE_S)
        for one in waiting:
            one.join()
    assert code == 1 and said.rstrip().endswith(": requests in flight were cut off"), said[-3000:]


@pytest.mark.parametrize("what", ["PostgreSQL", "Ceph"])
def test_a_gateway_that_is_asked_for_its_health_while_a_backend_hangs(field: Field, gateway: Server, what: str) -> None:
    """The steward's question hangs, and so does the connection that it is only making; it is answered, one way or the other."""
    with hanging(field, what):
        said: list[tuple[int, str]] = []
        asking = threading.Thread(target=lambda: said.append(gateway.get("/health/ready")))
        asking.start()
        time.sleep(0.3)
        code, log = ended(gateway, DRAIN_S + KILL_GRACE_S)
        asking.join()
    assert said[0][0] == 503 and ("ending" in said[0][1] or "troubles" in said[0][1])
    assert (code == 1) == ("steward: requests in flight were cut off" in log)


def test_a_gateway_in_the_middle_of_a_sweep_whose_pool_hangs(field: Field, tmp_path: Path) -> None:
    """It walks a pool in threads that wait in librados; nobody waits for them."""
    connected(field.gateways[0], field)
    for gateway in started(field, tmp_path, sweep_interval_s=1, sweep_age_s=60):
        assert gateway.get("/health/ready")[0] == 200
        with hanging(field, "Ceph"):
            time.sleep(2.5)  # the next sweep has begun
            assert ended(gateway, DRAIN_S + SLACK_S)[0] == 0


def test_a_gateway_that_cannot_start_because_the_database_hangs_ends_when_told(field: Field, tmp_path: Path) -> None:
    with hanging(field, "PostgreSQL"):
        (tmp_path / "gateway").mkdir()
        one = Server(tmp_path / "gateway", env={"HOLDFAST_ENGINE": field.engine}, workers=2, master_key=field.gateways[0].settings["master_key"])
        one.launch()
        time.sleep(2)
        assert ended(one, STOP_S + 2 * SLACK_S)[0] in (0, 1)  # 1: it had found out by itself
        assert "ready" not in one.out.read_text()


@pytest.mark.parametrize("seed", range(3))
def test_a_gateway_that_is_told_at_any_moment_ends_in_order(field: Field, tmp_path: Path, seed: int) -> None:
    """While it connects, while jobs have their first runs, while clients write: SIGTERM lets requests finish, and nothing is left behind."""
    chance = random.Random(seed)
    for number in range(4):
        for gateway in started(field, tmp_path / str(number)):
            busy = chance.random() < 0.7
            writing = [threading.Thread(target=put, args=(gateway, f"any/{one}", LARGE)) for one in range(4 if busy else 0)]
            for one in writing:
                one.start()
            time.sleep(chance.choice([0.0, chance.random() * 0.2, chance.random() * 2.4]))
            code, said = ended(gateway, DRAIN_S + KILL_GRACE_S)
            for one in writing:
                one.join()
            assert code == 0 and "does not let go" not in said, said[-3000:]
