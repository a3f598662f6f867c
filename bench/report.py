"""docs/performance.md from the results of one run: ratios first, since absolute figures are those of one machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Results = dict[str, Any]

CLUSTER_HEADING = "## The cluster engine beside radosgw\n"
"""Where the part begins that `bench.cluster` writes, and that stays when the rest is written again."""

HEAD = """# Performance

Written by `make bench` on {date}: {machine}. {mode}

Servers and load generators share the machine, so CPU of all server processes per operation is the figure that holds; a rate is
what was left over. Ratios were measured side by side in one run, target after target, so they carry over to other machines;
absolute figures do not.
`nN` marks a figure that was measured while N cores were busy with something else.

"""

TAIL = """
## How it is measured

- Small requests are presigned beforehand and replayed by `wrk` over {connections} connections (`get_c1`: one): the load generator
  neither signs nor builds anything. Large bodies ({large_mib} MiB) go through `curl`. Multipart is 8 MiB parts, eight at a time.
- Holdfast runs with its default settings and workers, and every PUT is durable before it is answered. nginx (a worker a core,
  open files cached) serves the same bytes as static files, with no signature to check and nothing to look up: the limit.
  `limit` is MD5 in one thread beside write and fsync in another, with no network. moto keeps everything in memory.
- CPU is user and system time of the server's processes, from /proc. Each figure is the median of the quietest runs, chosen by
  quietness and never by result. Memory is the largest process, at the end.
- Every result is checked: each status, the size of each body, bytes read back, keys gone after DELETE, pages full.
- Listings walk pages of 1,000 all over a bucket of {list_keys:,} keys (slow peers: 2,000); `list_begin` and `list_end` keep to its first
  and last hundredth, `list_delimiter` lists its folders of 500 keys.

- `get` and `head` ask for 1,000 objects again and again, so a worker finds them in its memory of versions; one that is not there
  costs about 30 µs more. Their URLs were presigned within a few seconds by one key, so most of each query was verified before with
  another signature; a URL that is like no other costs about 15 µs more.

Where a goal is missed, decisions [8](decisions/0008-where-the-time-goes.md) and [12](decisions/0012-reads-that-are-alike.md)
say what was tried and where the time goes.

## How to repeat it

    apt install wrk nginx-light curl
    make bench                                  # under ten minutes
    python -m bench.run --quick                 # under 90 s
    python -m bench.run --workloads get,put     # some of it
    python -m bench.run --peer rgw=7480,ACCESS,SECRET,PID,PID   # beside a server that already runs
    python -m bench.cpu_profile get             # where the CPU time goes

All runs, with what else the machine did meanwhile, are in `build/bench.json`.
"""


def figures(results: Results) -> dict[tuple[str, str], Row]:
    return {(row["workload"], row["target"]): row for row in results["rows"]}


def _noise(row: Row) -> str:
    return "" if row["quiet"] else f" (n{row['other_cores']:.1f})"


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    if "cpu_us" in row:
        return f"{row['cpu_us']:,.0f} µs, {row['ops_s']:,.0f}/s, p99 {row['p99_ms']:.1f} ms{_noise(row)}"
    return f"{row['mb_s']:,.0f} MB/s, {row['cpu_s_gib']:.1f} s/GiB{_noise(row)}"


def _ratio(mine: Row, other: Row | None) -> str:
    """CPU of Holdfast over CPU of the other (small), or rate over rate (large)."""
    if other is None:
        return "-"
    name = "cpu_us" if "cpu_us" in mine else "mb_s"
    return f"{mine[name] / other[name]:.2f}" if other[name] else "-"


def _tables(results: Results) -> str:
    rows = figures(results)
    targets = list(dict.fromkeys(row["target"] for row in results["rows"] if row["target"] != "holdfast"))
    text = ""
    for title, large, what in (("Small requests", False, "CPU of Holdfast over CPU of"), ("Large bodies", True, "rate of Holdfast over rate of")):
        names = [w for w, t in rows if t == "holdfast" and ("mb_s" in rows[w, t]) == large]
        shown = [t for t in targets if any((w, t) in rows for w in names)]
        if not names:
            continue
        text += f"## {title}\n\n| workload | Holdfast |" + "".join(f" {what} {t} |" for t in shown) + "".join(f" {t} |" for t in shown)
        text += "\n|---|---|" + "---|" * (2 * len(shown)) + "\n"
        for name in names:
            mine = rows[name, "holdfast"]
            ratios = "".join(f" {_ratio(mine, rows.get((name, t)))} |" for t in shown)
            text += f"| {name} | {_cell(mine)} |{ratios}" + "".join(f" {_cell(rows.get((name, t)))} |" for t in shown) + "\n"
        text += "\n"
    return text


def goals(results: Results) -> list[tuple[str, float, float, bool]]:
    """(goal, measured, bound, met) of every goal whose workloads were run."""
    rows = figures(results)
    found: list[tuple[str, float, float, bool]] = []

    def most(text: str, bound: float, value: Callable[[], float], *, least: bool = False) -> None:
        try:
            measured = value()
        except (KeyError, ZeroDivisionError):
            return
        found.append((text, measured, bound, measured >= bound if least else measured <= bound))

    def of(workload: str, name: str, target: str = "holdfast") -> float:
        return float(rows[workload, target][name])

    for workload in ("get", "head"):
        text = f"small {workload.upper()}: CPU at most 5 x nginx's"
        most(text, 5, lambda w=workload: of(w, "cpu_us") / of(w, "cpu_us", "nginx"))  # type: ignore[misc]
    most("durable PUT of 4 KiB: at most 130 µs of CPU", 130, lambda: of("put", "cpu_us"))
    most("durable PUT of 4 KiB: at least 5,000/s", 5000, lambda: of("put", "ops_s"), least=True)
    most("a page of 1,000 keys: at most 3 ms of CPU", 3, lambda: of("list", "cpu_us") / 1000)
    most("a page at the bucket's end: at most 1.3 x one at its beginning", 1.3, lambda: of("list_end", "cpu_us") / of("list_begin", "cpu_us"))
    most("large GET: at least 0.9 x nginx's rate", 0.9, lambda: of("get_large_1", "mb_s") / of("get_large_1", "mb_s", "nginx"), least=True)
    most("large PUT: at least 0.45 x the pipelined limit", 0.45, lambda: of("put_large", "mb_s") / of("put_large", "mb_s", "limit"), least=True)
    most("large PUT: at most 4 CPU s/GiB", 4, lambda: of("put_large", "cpu_s_gib"))
    most("memory: less than 120 MiB in each process after all of it", 120, lambda: float(results["memory_mib"]["holdfast"]))
    return found


def text_of(results: Results) -> str:
    mode = "A quick run: short, so take it as a rough picture." if results["quick"] else "Medians of a full run."
    text = HEAD.format(**results, mode=mode)
    if reached := goals(results):
        text += "## Goals\n\n| goal | measured | |\n|---|---|---|\n"
        text += "".join(f"| {goal} | {value:,.2f} | {'met' if met else '**missed**'} |\n" for goal, value, _, met in reached) + "\n"
    return text + _tables(results) + TAIL.format(connections=32, **{k: results[k] for k in ("large_mib", "list_keys")}).lstrip()


def write(results: Results, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    kept = path.read_text().partition(CLUSTER_HEADING)[1:] if path.exists() else ()
    path.write_text(text_of(results) + ("\n" + "".join(kept) if any(kept) else ""))
