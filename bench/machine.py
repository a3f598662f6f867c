"""What the machine did during a measurement: CPU of the servers, of the clients, of everybody else, and resident memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

MIB, GIB = 1 << 20, 1 << 30
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
LOCK = Path("/tmp/holdfast-bench.lock")
"""Held during every measured run, so that two benchmarks on one machine never overlap."""


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def family(pids: Iterable[int]) -> set[int]:
    """These processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            children.setdefault(int(_stat(int(entry))[1]), []).append(int(entry))
    todo, found = list(pids), set[int]()
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += children.get(pid, [])
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """User and system seconds of a family so far, threads that ended included; in ticks of 10 ms."""
    total = 0.0
    for pid in family(pids):
        with contextlib.suppress(OSError):
            fields = _stat(pid)
            total += (int(fields[11]) + int(fields[12])) * TICK_S
    return total


def rss_mib(pid: int) -> float:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024
    return 0.0


def _busy_s() -> float:
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) * TICK_S


def _client_s() -> float:
    return sum(r.ru_utime + r.ru_stime for r in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def measured(pids: Iterable[int], work: Callable[[], dict[str, Any]], backends: Mapping[str, list[int]] | None = None) -> dict[str, Any]:
    """The result of `work`, and what it cost: `server_cpu_s`, `client_cpu_s`, `backend_cpu_s` by name, and `other_cores` busy with none
    of them."""
    pids, behind = list(pids), dict(backends or {})
    with alone():
        server, client, busy, begin = cpu_s(pids), _client_s(), _busy_s(), time.perf_counter()
        before = {name: cpu_s(of) for name, of in behind.items()}
        result = work()
        wall = time.perf_counter() - begin
        result["server_cpu_s"] = cpu_s(pids) - server
        result["client_cpu_s"] = _client_s() - client
        result["backend_cpu_s"] = {name: cpu_s(of) - before[name] for name, of in behind.items()}
        used = result["client_cpu_s"] + (result["server_cpu_s"] if pids else 0) + sum(result["backend_cpu_s"].values())
        result["other_cores"] = max(0.0, (_busy_s() - busy - used) / wall)
    return result


def description() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
