"""The life of a server: start, replaced workers, refusal of a second server, signals, and the end of everything with the supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.serving import Server


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def pids(server: Server) -> list[int]:
    return list(server.facts()["processes"].values())


def test_a_killed_worker_is_replaced_and_the_server_stays_ready(serve: Callable[..., Server]) -> None:
    server = serve(workers=2)
    victim, other = server.worker_pids()
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in server.worker_pids() and server.get("/health/ready")[0] == 200)
    assert other in server.worker_pids()
    assert len(server.worker_pids()) == 2


def test_a_killed_steward_is_replaced_on_the_same_port(serve: Callable[..., Server]) -> None:
    server = serve(workers=1)
    victim = server.facts()["processes"]["steward"]
    os.kill(victim, signal.SIGKILL)
    until(lambda: server.facts()["processes"]["steward"] != victim)
    until(lambda: server.get("/health/live")[0] == 200)


def test_a_second_server_on_the_same_data_is_refused_and_names_the_first(serve: Callable[..., Server]) -> None:
    first = serve(workers=1)
    second = serve(start=False, workers=1, data_dir=first.data_dir)
    assert second.launch().wait(20) == 1
    said = second.log.read_text()
    assert f"pid {first.facts()['pid']}" in said
    assert "Traceback" not in said
    assert first.get("/health/ready")[0] == 200


def test_a_second_server_on_the_same_port_is_refused(serve: Callable[..., Server]) -> None:
    first = serve(workers=1)
    second = serve(start=False, workers=1, data_listen=first.endpoint.removeprefix("http://"))
    assert second.launch().wait(20) == 1
    assert "data_listen" in second.log.read_text() and "in use" in second.log.read_text()


def test_no_process_outlives_a_killed_supervisor_and_the_data_can_be_served_at_once(serve: Callable[..., Server]) -> None:
    server = serve(workers=2)
    children = pids(server)
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    until(lambda: not any(is_alive(pid) for pid in children), 3.0)
    again = serve(workers=1, data_dir=server.data_dir)
    assert again.get("/health/ready")[0] == 200


def test_sigterm_and_sigint_end_with_zero_and_take_the_note_away(serve: Callable[..., Server]) -> None:
    for signum in (signal.SIGTERM, signal.SIGINT):
        server = serve(workers=1)
        children = pids(server)
        assert server.process is not None
        server.process.send_signal(signum)
        assert server.process.wait(20) == 0
        assert not any(is_alive(pid) for pid in children)
        assert not (server.data_dir / "run.json").exists()


def test_the_supervisor_stays_without_threads_and_children_share_the_umask_and_no_core_dumps(serve: Callable[..., Server]) -> None:
    server = serve(workers=1)
    pid = server.facts()["pid"]
    assert len(os.listdir(f"/proc/{pid}/task")) == 1
    for child in pids(server):
        assert "Umask:\t0077" in Path(f"/proc/{child}/status").read_text()
        core = next(line for line in Path(f"/proc/{child}/limits").read_text().splitlines() if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
    assert (server.data_dir.stat().st_mode & 0o777) == 0o700


def test_there_is_one_ready_line_and_quiet_prints_nothing_else(serve: Callable[..., Server]) -> None:
    server = serve(start=False, workers=1)
    arguments = server.arguments
    server.arguments = lambda: [*arguments(), "--quiet"]  # type: ignore[method-assign]
    server.start()
    assert server.out.read_text().splitlines() == [f"holdfast: ready, S3 on {server.endpoint}, control on {server.control}"]


def test_a_data_directory_that_cannot_be_made_is_refused_in_words(serve: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = serve(start=False, data_dir=tmp_path / "file" / "data")
    process: subprocess.Popen[bytes] = server.launch()
    assert process.wait(20) == 1
    assert "cannot be used" in server.log.read_text() and "Traceback" not in server.log.read_text()
