"""The part of docs/performance.md on the cluster engine beside radosgw, from the results of one run of `bench.cluster`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.report import CLUSTER_HEADING, Results, Row, figures

TEXT = """
Written by `python -m bench.cluster` on {date}: {machine}. {mode}

PostgreSQL, Ceph (one monitor, one manager, one OSD on BlueStore, pools of one copy), radosgw and Holdfast (cluster engine, default
workers) on one machine and one disk, each workload run on both in turn, both spoken to over plain HTTP with presigned requests over the
same number of connections. "Gateway" is user and system time of the gateway's own processes (Holdfast: all of its processes; radosgw: its
one), "OSD" and "PostgreSQL" that of the servers behind it, while the run lasted. `nN` marks a run while N cores were busy with something else.
Since everything shares {cores} cores, a rate is what all of it together left over: the gateway's CPU and the sum over all servers say
what more machines would give.

"""

TAIL = """
- radosgw: Debian's package, beast with `tcp_nodelay=1` (without it each small GET waits 40 ms), usage and operations logs off, all else as it
  comes; its bucket index has 11 shards. Holdfast keeps bodies up to 8 KiB in PostgreSQL with the row, larger ones in RADOS; `get_64k` and
  `put_64k` show bodies that both keep in RADOS. PostgreSQL runs with `fsync` and `synchronous_commit` on; every PUT is durable when answered.
- Small bodies are 4 KiB, {connections} connections; HEAD and DELETE are of empty objects; DELETE is of keys that exist, each once. Pages of
  1,000 keys all over a bucket of {list_keys:,}. Large bodies are {large_mib} MiB, by `curl`, one or four at a time.
- Every result is checked, as above.

    apt install wrk curl postgresql ceph-mon ceph-mgr ceph-osd ceph-common radosgw python3-rados
    python -m bench.cluster                        # fills both, then about seven minutes
    python -m bench.cluster --quick                # a rough picture in two minutes
    python -m bench.cluster --keep /srv/b --workloads get,put   # keeps the servers' data for the next run
"""



def _rate(row: Row) -> str:
    noise = "" if row["quiet"] else f" (n{row['other_cores']:.1f})"
    return (f"{row['ops_s']:,.0f}/s, p99 {row['p99_ms']:.0f} ms" if "ops_s" in row else f"{row['mb_s']:,.0f} MB/s") + noise


def _spent(row: Row) -> tuple[float, float, float]:
    """CPU of the gateway, the OSD and PostgreSQL."""
    if "cpu_us" in row:
        return row["cpu_us"], row["osd_cpu_us"], row["postgresql_cpu_us"]
    return row["cpu_s_gib"], row["osd_cpu_s_gib"], row["postgresql_cpu_s_gib"]


def _table(rows: dict[tuple[str, str], Row], names: list[str], form: str, unit: str) -> str:
    text = f"| workload | rate: Holdfast / radosgw | gateway CPU: Holdfast / radosgw | Holdfast | radosgw | gateway, {unit} | OSD, {unit} |"
    text += f" PostgreSQL, {unit} | all servers, {unit} |\n|---|---|---|---|---|---|---|---|---|\n"
    for name in names:
        mine, peer = rows[name, "holdfast"], rows[name, "radosgw"]
        rate = "ops_s" if "ops_s" in mine else "mb_s"
        spent, theirs = _spent(mine), _spent(peer)
        text += f"| {name} | {mine[rate] / peer[rate]:.2f} | {spent[0] / (theirs[0] or 1):.2f} | {_rate(mine)} | {_rate(peer)} |"
        text += "".join(f" {a:{form}} / {b:{form}} |" for a, b in zip(spent, theirs, strict=True))
        text += f" {sum(spent):{form}} / {sum(theirs):{form}} |\n"
    return text


def text_of(results: Results) -> str:
    """The section, with its heading."""
    rows = figures(results)
    names = list(dict.fromkeys(row["workload"] for row in results["rows"]))
    mode = "A quick run: short, so take it as a rough picture." if results["quick"] else "Medians of the quietest runs."
    text = CLUSTER_HEADING + TEXT.format(**results, mode=mode, cores=results["machine"].split()[0])
    for large, form, unit in ((False, ",.0f", "µs"), (True, ".2f", "s/GiB")):
        chosen = [name for name in names if ("mb_s" in rows[name, "holdfast"]) == large]
        if chosen:
            text += _table(rows, chosen, form, unit) + "\n"
    return text.rstrip() + "\n" + TAIL.format(connections=32, **results)


def write(results: dict[str, Any], path: Path) -> None:
    """Puts the section at the end of the page, in the place of an older one."""
    page = path.read_text().split(CLUSTER_HEADING)[0].rstrip()
    path.write_text(page + "\n\n" + text_of(results))
