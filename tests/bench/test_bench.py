"""The harness chooses runs by quietness, signs as botocore does, and says which goal was missed."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench.machine import cpu_s
from bench.presign import Endpoint
from bench.report import CLUSTER_HEADING, goals, text_of, write
from bench.report_cluster import write as write_cluster
from bench.run import chosen, summary


def row(rate: float, other_cores: float, cpu: float = 1.0) -> dict[str, Any]:
    return {"requests": rate, "seconds": 1.0, "bytes": 0, "server_cpu_s": cpu, "other_cores": other_cores, "p50_ms": 1.0, "p99_ms": 2.0}


def test_runs_are_chosen_by_quietness_and_never_by_result() -> None:
    rows = [row(9000, 0.9), row(100, 0.0), row(200, 0.1), row(5000, 0.5), row(150, 0.2)]
    assert [r["requests"] for r in chosen(rows, 3)] == [100, 150, 200]
    line = summary("x", "get", False, rows, 3)
    assert (line["ops_s"], line["quiet"], len(line["all_runs"])) == (150, True, 5)
    assert not summary("x", "get", False, rows, 5)["quiet"]


def test_presigned_urls_are_those_of_botocore() -> None:
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    endpoint = Endpoint(9000, "AK", "secret")
    mine = endpoint.target("GET", "/bucket/a key/ü", {"list-type": "2", "start-after": "x/y z"})
    theirs = S3SigV4QueryAuth(Credentials("AK", "secret"), "s3", "us-east-1", expires=6 * 3600)
    bare = "http://127.0.0.1:9000/bucket/a%20key/%C3%BC?list-type=2&start-after=x%2Fy%20z"
    request = AWSRequest("GET", bare)
    request.context["timestamp"] = parse_qs(urlsplit(mine).query)["X-Amz-Date"][0]
    theirs._modify_request_before_signing(request)
    canonical = theirs.canonical_request(request)
    signature = theirs.signature(theirs.string_to_sign(request, canonical), request)
    assert parse_qs(urlsplit(mine).query)["X-Amz-Signature"] == [signature]


def test_cpu_of_a_family_counts_threads_that_ended() -> None:
    import os

    before = cpu_s([os.getpid()])
    until = time.process_time() + 0.15

    def burn() -> None:
        while time.process_time() < until:
            pass

    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    assert cpu_s([os.getpid()]) - before >= 0.1


def test_a_missed_goal_is_said() -> None:
    rows = [
        {"target": "holdfast", "workload": "get", "ops_s": 1000.0, "cpu_us": 60.0, "p50_ms": 1.0, "p99_ms": 2.0, "quiet": True, "other_cores": 0.0},
        {"target": "nginx", "workload": "get", "ops_s": 9000.0, "cpu_us": 10.0, "p50_ms": 1.0, "p99_ms": 2.0, "quiet": False, "other_cores": 0.7},
    ]
    results = {"machine": "m", "date": "d", "quick": False, "large_mib": 1, "list_keys": 1000, "memory_mib": {"holdfast": 90}, "rows": rows}
    assert [(round(value), met) for _, value, _, met in goals(results)] == [(6, False), (90, True)]
    text = text_of(results)
    assert "**missed**" in text and "| get | 60 µs" in text and "(n0.7)" in text


def test_the_page_has_a_part_on_the_cluster_that_the_other_report_leaves_as_it_is(tmp_path: Path) -> None:
    common = {"machine": "2 cores (x)", "date": "2026-01-01", "quick": False, "large_mib": 256, "list_keys": 10, "memory_mib": {"holdfast": 1}}

    def lines(mine: float, theirs: float) -> list[dict[str, Any]]:
        behind = {"backend_cpu_s": {"osd": 0.5, "postgresql": 0.25}}
        found = []
        for target, rate in (("holdfast", mine), ("radosgw", theirs)):
            found.append(summary(target, "get", False, [{**row(rate, 0.0, rate / mine), **behind}], 1))
            found.append(summary(target, "put_large", True, [{**row(1, 0.0), "bytes": 1 << 30, **behind}], 1))
        return found

    page = tmp_path / "performance.md"
    write({**common, "rows": [summary("holdfast", "get", False, [row(100, 0.0)], 1)]}, page)
    write_cluster({**common, "rows": lines(100, 50)}, page)
    write_cluster({**common, "rows": lines(300, 100)}, page)
    write({**common, "rows": [summary("holdfast", "get", False, [row(200, 0.0)], 1)]}, page)
    text = page.read_text()
    assert text.count(CLUSTER_HEADING) == 1 and "200/s" in text and "100/s, p99 2.0 ms" not in text
    assert "| get | 3.00 | 1.00 |" in text.split(CLUSTER_HEADING)[1]
