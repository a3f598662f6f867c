"""Where the CPU time of a workload goes: `python -m bench.cpu_profile get|put|head|list|...`

Prints Python functions by py-spy (with native frames, if it is installed) and shared libraries and symbols by perf (if installed),
sampled in one worker while the workload runs.
"""

from __future__ import annotations

import argparse
import collections
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from bench.load import require
from bench.machine import alone, cpu_s, family
from bench.run import fill_list_bucket
from bench.targets import Target, holdfast
from bench.workloads import BUCKET, LIST_BUCKET, WORKLOADS, List, Plan


def busiest(target: Target, before: dict[int, float]) -> int:
    """The process of the server that used most CPU since `before`."""
    return max(family(target.pids), key=lambda pid: cpu_of(pid) - before.get(pid, 0))


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return float(int(fields[11]) + int(fields[12]))


def by_function(pid: int, seconds: int, where: Path) -> str:
    """Shares of the samples in which a Python function was innermost ("own") and in which it was on the stack ("all")."""
    program = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if not program:
        return "py-spy is not installed (pip install py-spy): no shares by Python function\n"
    raw = where / "samples"
    argv = [program, "record", "-p", str(pid), "-d", str(seconds), "-r", "400", "-f", "raw", "-o", str(raw)]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        return f"py-spy: {done.stderr[-300:]}\n"
    own: collections.Counter[str] = collections.Counter()
    all_: collections.Counter[str] = collections.Counter()
    for line in raw.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        frames = [f.rsplit(":", 1)[0] for f in stack.split(";")]
        if frames[-1].startswith("Condition.wait "):       # a thread that sleeps
            continue
        own[frames[-1]] += int(count)
        for frame in set(frames):
            all_[frame] += int(count)
    total = sum(own.values()) or 1
    lines = [f"{100 * count / total:6.1f} {100 * own[name] / total:6.1f}  {name}" for name, count in all_.most_common(45)]
    return "   all    own  Python function (% of samples of the busiest worker)\n" + "\n".join(lines) + "\n"


def by_symbol(pid: int, seconds: int, where: Path) -> str:
    if not shutil.which("perf"):
        return "perf is not installed (apt install linux-perf): no shares by library\n"
    data = where / "perf.data"
    argv = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-p", str(pid), "-o", str(data), "--", "sleep", str(seconds)]
    subprocess.run(argv, capture_output=True)
    text = ""
    for keys, rows in (("comm", 8), ("dso", 12), ("dso,symbol", 40)):
        done = subprocess.run(["perf", "report", "-i", str(data), "--stdio", "--sort", keys, "-g", "none"], capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.strip() and not line.startswith("#")]
        text += f"perf by {keys}:\n" + "\n".join(lines[:rows]) + "\n\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("--seconds", type=int, default=4, help="of each sampler")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--list-keys", type=int, default=100_000)
    options = parser.parse_args()
    require("wrk", "curl")
    with tempfile.TemporaryDirectory(prefix="holdfast-profile.") as name:
        where = Path(name)
        plan = Plan(where, seconds=2 * options.seconds + 4, list_keys=options.list_keys)
        target = holdfast(where, options.workers)
        for bucket in (BUCKET, LIST_BUCKET):
            target.endpoint.call("PUT", f"/{bucket}")
        if issubclass(WORKLOADS[options.workload], List):
            target.stop()
            fill_list_bucket(where, plan.list_keys)
            target = holdfast(where, options.workers)
        try:
            profile(target, options.workload, plan, options.seconds)
        finally:
            target.stop()


def profile(target: Target, name: str, plan: Plan, seconds: int) -> None:
    workload = WORKLOADS[name](name, plan)
    workload.prepare(target)
    arg = workload.fresh(target, 0)
    with alone():
        before = {pid: cpu_of(pid) for pid in family(target.pids)}
        used = cpu_s(target.pids)
        results: list[dict[str, float]] = []
        load = threading.Thread(target=lambda: results.append(workload.run(target, arg)))
        load.start()
        load.join(1)
        pid = busiest(target, before)
        print(by_symbol(pid, seconds, plan.where))
        print(by_function(pid, seconds, plan.where))
        load.join()
    if results:
        print(f"{name}: {(cpu_s(target.pids) - used) / results[0]['requests'] * 1e6:.1f} µs of CPU a request, with the samplers at work")


if __name__ == "__main__":
    main()
