"""Metrics: counts of several processes add up, survive a dead process, and come out as Prometheus text."""

from __future__ import annotations

import os
import re

from prometheus_client.parser import text_string_to_metric_families

from holdfast.observe.metrics import TOTALS, Metrics, exposition


def test_counts_of_forked_processes_add_up_and_survive_them() -> None:
    metrics = Metrics(["GetObject", "PutObject"], ["NoSuchKey"], 3)
    for slot in (1, 2):
        pid = os.fork()
        if pid == 0:
            metrics.use(slot)
            for _ in range(10):
                metrics.request("GetObject", 200, 0.003, 0, 4096)
            metrics.request("PutObject", 404, 0.2, 10, 0, "NoSuchKey")
            metrics.commit(5, 0.001)
            os._exit(0)
        os.waitpid(pid, 0)
    text = exposition(metrics.families()).decode()
    samples = {(s.name, *sorted(s.labels.values())): s.value for family in text_string_to_metric_families(text) for s in family.samples}
    assert samples["holdfast_requests_total", "2xx", "GetObject"] == 20
    assert samples["holdfast_requests_total", "4xx", "PutObject"] == 2
    assert samples["holdfast_response_body_bytes_total", "GetObject"] == 20 * 4096
    assert samples["holdfast_errors_total", "NoSuchKey"] == 2
    assert samples["holdfast_request_duration_seconds_bucket", "0.0025", "GetObject"] == 0
    assert samples["holdfast_request_duration_seconds_bucket", "0.005", "GetObject"] == 20
    assert samples["holdfast_request_duration_seconds_count", "GetObject"] == 20
    assert samples["holdfast_commit_writes_sum",] == 10


def test_what_is_not_known_is_counted_as_unknown_and_other() -> None:
    metrics = Metrics(["GetObject"], ["NoSuchKey"], 1)
    metrics.request("Nonsense", 503, 1e9, 1, 1, "Nonsense")
    text = exposition(metrics.families()).decode()
    assert 'holdfast_requests_total{class="5xx",operation="Unknown"} 1.0' in text
    assert 'holdfast_errors_total{code="Other"} 1.0' in text


def test_every_total_has_a_name_and_a_help_text() -> None:
    metrics = Metrics([], [], 2)
    for name in TOTALS:
        metrics.use(1)
        metrics.add(name)
        assert metrics.total(name) == 1
    text = exposition(metrics.families()).decode()
    for name, help_text in TOTALS.items():
        assert re.search(rf"# HELP holdfast_{name}_total {re.escape(help_text)}\n", text)
