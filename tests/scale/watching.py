"""What the processes of a server hold and have used, as the kernel tells it: memory, descriptors, threads, CPU time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.serving import Server

MIB, GIB = 1 << 20, 1 << 30
RSS_BYTES_MAX = 120 * MIB
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Held(NamedTuple):
    """Of one process. `rss_peak_bytes` since its start or the last `forget_peaks`."""

    rss_bytes: int
    rss_peak_bytes: int
    descriptors: int
    threads: int
    cpu_s: float


def held(pid: int) -> Held:
    """Errors: OSError when there is no such process."""
    proc = Path(f"/proc/{pid}")
    status = (proc / "status").read_text()
    rss, peak, threads = (int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1]) for name in ("VmRSS", "VmHWM", "Threads"))  # type: ignore[index]
    times = (proc / "stat").read_text().rpartition(")")[2].split()
    return Held(rss * 1024, peak * 1024, len(os.listdir(proc / "fd")), threads, (int(times[11]) + int(times[12])) * _TICK_S)


def forget_peaks(server: Server) -> None:
    """The kernel measures the peak of each worker's memory anew from here (proc(5), clear_refs)."""
    for pid in server.worker_pids():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def workers(server: Server) -> list[Held]:
    return [held(pid) for pid in server.worker_pids()]


def cpu_s(server: Server) -> float:
    """CPU seconds of all the workers until now."""
    return sum(one.cpu_s for one in workers(server))


def assert_memory(server: Server) -> str:
    """Each worker's peak is within its bound; says the peaks."""
    peaks = [one.rss_peak_bytes for one in workers(server)]
    text = "peak RSS " + ", ".join(f"{peak / MIB:.0f} MiB" for peak in peaks)
    assert max(peaks) <= RSS_BYTES_MAX, text
    return text


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits until `true()`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.05)
