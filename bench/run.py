"""`make bench`: Holdfast beside nginx and the installed peers, interleaved in one run, checked, and written to docs/performance.md.

    python -m bench.run [--quick] [--workloads get,put,...] [--peer NAME=PORT,ACCESS,SECRET,PID...] [--no-report]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.limit import pipelined_put
from bench.load import require
from bench.machine import GIB, description, measured
from bench.report import write
from bench.targets import Target, external, holdfast, moto, nginx
from bench.workloads import BUCKET, LIST_BUCKET, WORKLOADS, List, Plan, Workload

QUIET_CORES = 0.3
"""A run counts as quiet while the rest of the machine uses less than this."""


def chosen(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The quietest `count` runs, by quietness alone and never by result, from slow to fast."""
    quietest = sorted(rows, key=lambda r: r["other_cores"])[:count]
    return sorted(quietest, key=lambda r: r["requests"] / r["seconds"])


def middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def summary(target: str, workload: str, large: bool, rows: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """One line of the results: medians of the chosen runs, and all runs as (rate, other cores)."""
    best = chosen(rows, count)
    rate_of_best = [r["bytes"] / r["seconds"] / 1e6 if large else r["requests"] / r["seconds"] for r in best]
    cpu = [r.get("own_cpu_s", r["server_cpu_s"]) / (r["bytes"] / GIB if large else r["requests"] / 1e6) for r in best]
    line: dict[str, Any] = {"target": target, "workload": workload, "mb_s" if large else "ops_s": round(middle(rate_of_best), 1)}
    line["cpu_s_gib" if large else "cpu_us"] = round(middle(cpu), 2)
    for name in best[0].get("backend_cpu_s", ()):
        spent = [r["backend_cpu_s"][name] / (r["bytes"] / GIB if large else r["requests"] / 1e6) for r in best]
        line[f"{name}_cpu_s_gib" if large else f"{name}_cpu_us"] = round(middle(spent), 2)
    for name in ("p50_ms", "p99_ms"):
        if name in best[0]:
            line[name] = middle([r[name] for r in best])
    line["other_cores"] = round(middle([r["other_cores"] for r in best]), 2)
    line["quiet"] = all(r["other_cores"] < QUIET_CORES for r in best)
    rates = [r["bytes"] / r["seconds"] / 1e6 if large else r["requests"] / r["seconds"] for r in rows]
    line["all_runs"] = [[round(rate, 1), round(r["other_cores"], 2)] for rate, r in zip(rates, rows, strict=True)]
    return line


def measure(workload: Workload, targets: list[Target], runs: int, tries: int) -> list[dict[str, Any]]:
    """Runs of all targets in turn, until each has `runs` quiet ones or `tries` in all."""
    able = [t for t in targets if workload.static or not t.web_root]
    for target in able:
        workload.prepare(target)
    rows: dict[str, list[dict[str, Any]]] = {t.name: [] for t in able}
    for number in range(tries):
        for target in able:
            have = rows[target.name]
            if sum(r["other_cores"] < QUIET_CORES for r in have) >= (1 if target.slow else runs) or (target.slow and number >= 2):
                continue
            arg = workload.fresh(target, number)
            have.append(measured(target.pids, lambda target=target, arg=arg: workload.run(target, arg), target.backends))  # type: ignore[misc]
    for target in able:
        workload.check(target)
    return [summary(t.name, workload.name, workload.large, rows[t.name], 1 if t.slow else runs) for t in able]


def fill_list_bucket(where: Path, keys: int) -> None:
    """A bucket of `keys` empty objects through the engine itself, with no server on the directory: HTTP would take many minutes."""
    from bench.fill import fill

    begin = time.monotonic()
    fill(where / "data", LIST_BUCKET, keys)
    print(f"filled {LIST_BUCKET} with {keys:,} keys in {time.monotonic() - begin:.0f} s", file=sys.stderr)


def start_targets(options: argparse.Namespace, where: Path, plan: Plan, stack: ExitStack) -> list[Target]:
    """Holdfast always; nginx and peers as they are found, with a line for each that is not."""
    server = holdfast(where, options.workers)
    try:
        for bucket in (BUCKET, LIST_BUCKET):
            server.endpoint.call("PUT", f"/{bucket}")
    finally:
        server.stop()
    if any(issubclass(WORKLOADS[name], List) for name in options.workloads):
        fill_list_bucket(where, plan.list_keys)
    targets = [holdfast(where, options.workers)]
    stack.callback(targets[0].stop)
    for name, starter in (("nginx", nginx), ("moto", moto)):
        if name in options.without:
            continue
        if (found := starter(where)) is None:
            print(f"{name}: not installed, left out", file=sys.stderr)
            continue
        stack.callback(found.stop)
        targets.append(found)
    targets += [external(text) for text in options.peer]
    for target in targets[1:]:
        if not target.web_root:
            target.endpoint.call("PUT", f"/{BUCKET}", ok=(200, 409))
    return targets


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under 90 s: one short run each, less data")
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help=f"of {','.join(WORKLOADS)}")
    parser.add_argument("--workers", type=int, help="gateway workers of Holdfast (default: its own default)")
    parser.add_argument("--seconds", type=float, help="length of a run of small requests")
    parser.add_argument("--runs", type=int, help="quiet runs wanted of each workload and target")
    parser.add_argument("--list-keys", type=int, help="keys of the bucket that is listed")
    parser.add_argument("--large-mib", type=int, help="size of the large object")
    parser.add_argument("--peer", action="append", default=[], help="a server that already runs: NAME=PORT,ACCESS,SECRET,PID[,PID...]")
    parser.add_argument("--without", action="append", default=[], help="leave out nginx or moto")
    parser.add_argument("--results", type=Path, help="where to write the results as JSON (default: build/bench.json)")
    parser.add_argument("--no-report", action="store_true", help="do not write docs/performance.md")
    options = parser.parse_args()
    options.workloads = options.workloads.split(",")
    if unknown := set(options.workloads) - set(WORKLOADS):
        parser.error(f"unknown workloads {sorted(unknown)}; there are {', '.join(WORKLOADS)}")
    return options


def main() -> None:
    options = arguments()
    require("wrk", "curl")
    root = Path(__file__).parents[1]
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="holdfast-bench.") as name, ExitStack() as stack:
        where = Path(name)
        quick = options.quick
        plan = Plan(where, options.seconds or (1 if quick else 3), large_mib=options.large_mib or (64 if quick else 256))
        plan.list_keys = options.list_keys or (20_000 if quick else 1_000_000)
        plan.put_keys, plan.delete_keys = (8_000, 2_000) if quick else (plan.put_keys, plan.delete_keys)
        runs = options.runs or (1 if quick else 3)
        targets = start_targets(options, where, plan, stack)
        for workload_name in options.workloads:
            fresh = measure(WORKLOADS[workload_name](workload_name, plan), targets, runs, runs if quick else runs + 2)
            if workload_name == "put_large":
                limits = [measured([], lambda: pipelined_put(where, plan.large_mib)) for _ in range(runs)]
                fresh.append(summary("limit", workload_name, True, limits, runs))
            for line in fresh:
                print(json.dumps(line), flush=True)
            lines += fresh
        result = {"machine": description(), "date": time.strftime("%Y-%m-%d", time.gmtime()), "quick": quick, "large_mib": plan.large_mib}
        result |= {"list_keys": plan.list_keys, "memory_mib": {t.name: round(t.memory_mib()) for t in targets if t.pids}, "rows": lines}
    path = options.results or root / "build" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"results in {path}", file=sys.stderr)
    if not options.no_report:
        write(result, root / "docs" / "performance.md")


if __name__ == "__main__":
    main()
