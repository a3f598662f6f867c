"""Holdfast's cluster engine beside radosgw, on one Ceph cluster, interleaved in one run, checked, and written to docs/performance.md.

    python -m bench.cluster [--quick] [--workloads get,put,...] [--keep FOLDER] [--no-report]

Starts everything itself: PostgreSQL, Ceph (one OSD on BlueStore), radosgw (beast, tcp_nodelay=1) and Holdfast with its default workers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.load import request_file, require, wrk
from bench.machine import description
from bench.presign import Endpoint
from bench.report_cluster import write
from bench.run import measure
from bench.targets import ACCESS, SECRET, Target, holdfast
from bench.workloads import BUCKET, CLUSTER_WORKLOADS, LIST_BUCKET, Plan, list_key
from deploy.local.ceph import Ceph
from deploy.local.postgres import Postgres
from deploy.local.radosgw import Radosgw

POOL = "bodies"


def engine_url(postgres: Postgres, ceph: Ceph) -> str:
    """The cluster engine on these servers."""
    return "cluster://?" + urlencode({"postgres": postgres.dsn(), "ceph": str(ceph.conf), "pool": POOL, "user": "holdfast"})


def start_targets(options: argparse.Namespace, where: Path, stack: ExitStack) -> list[Target]:
    """Both gateways on servers of their own under `where`, and the buckets in each."""
    postgres, ceph = Postgres(where / "postgres"), Ceph(where / "ceph", osds=1, store="bluestore", gib=20)
    for server in (postgres, ceph):
        stack.callback(server.stop)
        server.start()
    ceph.pool(POOL)
    rgw = Radosgw(ceph)
    stack.callback(rgw.stop)
    rgw.start()
    assert rgw.process
    rgw.user("bench", ACCESS, SECRET)
    mine = holdfast(where, options.workers, engine_url(postgres, ceph))
    stack.callback(mine.stop)
    peer = Target("radosgw", Endpoint(rgw.port, ACCESS, SECRET), None, [rgw.process.pid])
    behind = {"osd": [ceph.pid("osd.0")], "postgresql": [postgres.pid()], "monitor": [ceph.pid("mon.a"), ceph.pid("mgr.x")]}
    for target in (mine, peer):
        target.backends = behind
        for bucket in (BUCKET, LIST_BUCKET):
            target.endpoint.call("PUT", f"/{bucket}", ok=(200, 409))
    return [mine, peer]


def fill_list_bucket(plan: Plan, targets: list[Target]) -> None:
    """The bucket that is listed: empty objects, made over HTTP in all targets at once, unless they are there since an earlier run."""

    def fill(target: Target) -> None:
        begin = time.monotonic()
        requests = request_file(plan.where, (target.endpoint.target("PUT", f"/{LIST_BUCKET}/{list_key(n)}") for n in range(plan.list_keys)))
        done = wrk(target.endpoint, "PUT", requests, 0, once=True, seconds=1200)
        if done["requests"] >= plan.list_keys:
            (plan.where / f"filled-{target.name}-{plan.list_keys}").touch()
        print(f"{target.name}: filled {LIST_BUCKET} with {done['requests']:,} keys in {time.monotonic() - begin:.0f} s", file=sys.stderr)

    waiting = [t for t in targets if not (plan.where / f"filled-{t.name}-{plan.list_keys}").exists()]
    threads = [threading.Thread(target=fill, args=(target,)) for target in waiting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short run each, less data")
    parser.add_argument("--workloads", default=",".join(CLUSTER_WORKLOADS), help=f"of {','.join(CLUSTER_WORKLOADS)}")
    parser.add_argument("--workers", type=int, help="gateway workers of Holdfast (default: its own default)")
    parser.add_argument("--seconds", type=float, help="length of a run of small requests")
    parser.add_argument("--runs", type=int, help="quiet runs wanted of each workload and target")
    parser.add_argument("--list-keys", type=int, help="keys of the bucket that is listed (default: 100,000)")
    parser.add_argument("--large-mib", type=int, default=256, help="size of the large object")
    parser.add_argument("--keep", type=Path, help="a folder for the servers' data, used again by the next run (default: one that goes away)")
    parser.add_argument("--fill-only", action="store_true", help="with --keep: start, fill the bucket that is listed, and stop")
    parser.add_argument("--results", type=Path, help="where to write the results as JSON (default: build/bench-cluster.json)")
    parser.add_argument("--no-report", action="store_true", help="do not write docs/performance.md")
    options = parser.parse_args()
    options.workloads = options.workloads.split(",")
    if unknown := set(options.workloads) - set(CLUSTER_WORKLOADS):
        parser.error(f"unknown workloads {sorted(unknown)}; there are {', '.join(CLUSTER_WORKLOADS)}")
    return options


def place(options: argparse.Namespace, stack: ExitStack) -> Path:
    """Where everything lies. Its parents are open, so that PostgreSQL's user gets there."""
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        return Path(options.keep).resolve()
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench.")))


def main() -> None:
    options = arguments()
    require("wrk", "curl")
    root, quick = Path(__file__).parents[1], options.quick
    lines: list[dict[str, Any]] = []
    with ExitStack() as stack:
        where = place(options, stack)
        plan = Plan(where, options.seconds or (1 if quick else 3), large_mib=options.large_mib)
        plan.list_keys = options.list_keys or (5_000 if quick else 100_000)
        plan.put_keys, plan.delete_keys = (6_000, 1_000) if quick else (15_000, 3_000)
        plan.tag = time.strftime("%H%M%S")
        runs = options.runs or (1 if quick else 3)
        targets = start_targets(options, where, stack)
        if "list" in options.workloads:
            fill_list_bucket(plan, targets)
        for name in options.workloads if not options.fill_only else []:
            for line in measure(CLUSTER_WORKLOADS[name](name, plan), targets, runs, runs if quick else runs + 1):
                print(json.dumps(line), flush=True)
                lines.append(line)
        result = {"machine": description(), "date": time.strftime("%Y-%m-%d", time.gmtime()), "quick": quick, "large_mib": plan.large_mib}
        result |= {"list_keys": plan.list_keys, "memory_mib": {t.name: round(t.memory_mib()) for t in targets}, "rows": lines}
    if options.fill_only:
        return
    path = options.results or root / "build" / "bench-cluster.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"results in {path}", file=sys.stderr)
    if not options.no_report:
        write(result, root / "docs" / "performance.md")


if __name__ == "__main__":
    main()
