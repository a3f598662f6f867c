"""Counters that all processes share through one anonymous memory map, and their Prometheus text."""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from typing import cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

DURATION_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
GROUP_BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
TOTALS = {
    "connections": "Connections accepted.",
    "connections_refused": "Connections refused because of connections_max.",
    "requests_malformed": "Requests refused by the HTTP layer before they had an operation.",
    "timeouts": "Requests and answers given up because the client was too slow.",
    "hangups": "Clients that were gone before their answer was written.",
    "exceptions": "Unexpected exceptions.",
    "received_bytes": "Bytes read from clients, heads and framing included.",
    "sent_bytes": "Bytes written to clients, heads included.",
    "access_log_lines": "Lines of the access log.",
    "access_log_dropped": "Lines of the access log that could not be written.",
    "audit_lines": "Lines of the audit log.",
    "audit_dropped": "Events that the audit log counted without listing them.",
    "strays_removed": "Blobs that no object named, removed by the sweep.",
    "uploads_expired": "Multipart uploads aborted because of upload_expiry_s.",
    "pars_purged": "Pre-authenticated requests, and tokens of uploads, removed a day after they ended.",
}
GAUGES = {"connections_open": "Connections open now."}

# A row of one operation: requests by class, bytes in, bytes out, seconds, then one slot a duration bucket (the last: +Inf).
_IN, _OUT, _SUM, _BUCKETS = 5, 6, 7, 8
_ROW = _BUCKETS + len(DURATION_BOUNDS_S) + 1
_GROUP = 2 + len(GROUP_BOUNDS) + 1  # rows committed, seconds, then one slot a group-size bucket


class Metrics:
    """One block of 64-bit floats a process, written only by that process and read by the steward.

    Made before the fork; each child calls `use(slot)` once. A number is never torn (aligned 8-byte stores) and
    survives the death of its writer, so that counters do not go back when a worker is replaced.
    """

    def __init__(self, operations: Sequence[str], errors: Sequence[str], processes: int) -> None:
        self.operations = [*operations, "Unknown"]
        self.errors = [*errors, "Other"]
        self._totals_at = _GROUP
        self._errors_at = self._totals_at + len(TOTALS) + len(GAUGES)
        self._rows_at = self._errors_at + len(self.errors)
        self._size = self._rows_at + len(self.operations) * _ROW
        self.processes = processes
        self._map = mmap.mmap(-1, max(self._size * processes * 8, 8))
        self._all = cast("MutableSequence[float]", memoryview(self._map).cast("d"))
        self._total_index = {name: self._totals_at + place for place, name in enumerate([*TOTALS, *GAUGES])}
        self._error_index = {name: self._errors_at + place for place, name in enumerate(self.errors)}
        self._row_index = {name: self._rows_at + place * _ROW for place, name in enumerate(self.operations)}
        self._unknown_row = self._row_index["Unknown"]
        self._slots = self._block(0)

    def _block(self, slot: int) -> MutableSequence[float]:
        return self._all[slot * self._size : (slot + 1) * self._size]

    def use(self, slot: int) -> None:
        """From now on this process counts in block `slot`."""
        self._slots = self._block(slot)

    def request(self, operation: str, status: int, seconds: float, bytes_in: int, bytes_out: int, error: str = "") -> None:
        """Counts one finished request. About half a microsecond."""
        slots = self._slots
        row = self._row_index.get(operation, self._unknown_row)
        slots[row + status // 100 - 1] += 1.0
        slots[row + _BUCKETS + bisect_left(DURATION_BOUNDS_S, seconds)] += 1.0
        slots[row + _SUM] += seconds
        if bytes_in:
            slots[row + _IN] += bytes_in
        if bytes_out:
            slots[row + _OUT] += bytes_out
        if error:
            slots[self._error_index.get(error, self._rows_at - 1)] += 1.0

    def add(self, name: str, amount: float = 1.0) -> None:
        """Counts one of TOTALS."""
        self._slots[self._total_index[name]] += amount

    def set(self, name: str, value: float) -> None:
        """What this process has now of one of GAUGES."""
        self._slots[self._total_index[name]] = value

    def commit(self, writes: int, seconds: float) -> None:
        """Counts one durable transaction that carried `writes` writes and took so long."""
        slots = self._slots
        slots[0] += writes
        slots[1] += seconds
        slots[2 + bisect_left(GROUP_BOUNDS, writes)] += 1.0

    def sums(self) -> list[float]:
        """The blocks of all processes added up."""
        blocks = [self._block(slot) for slot in range(self.processes)]
        return [sum(column) for column in zip(*blocks, strict=True)]

    def total(self, name: str) -> float:
        """One of TOTALS, over all processes."""
        place = self._total_index[name]
        return sum(self._all[slot * self._size + place] for slot in range(self.processes))

    def families(self) -> Iterator[Metric]:
        """Everything as Prometheus metric families; operations and errors that never happened are left out."""
        sums = self.sums()
        requests = CounterMetricFamily("holdfast_requests", "Finished requests.", labels=["operation", "class"])
        received = CounterMetricFamily("holdfast_request_body_bytes", "Bytes of request bodies.", labels=["operation"])
        sent = CounterMetricFamily("holdfast_response_body_bytes", "Bytes of response bodies.", labels=["operation"])
        durations = HistogramMetricFamily("holdfast_request_duration_seconds", "Time from complete headers to the last byte.", labels=["operation"])
        for name, at in self._row_index.items():
            row = sums[at : at + _ROW]
            if not any(row[:5]):
                continue
            for place, label in enumerate(CLASSES):
                if row[place]:
                    requests.add_metric([name, label], row[place])
            received.add_metric([name], row[_IN])
            sent.add_metric([name], row[_OUT])
            durations.add_metric([name], _cumulative(DURATION_BOUNDS_S, row[_BUCKETS:]), row[_SUM])
        yield from (requests, received, sent, durations)
        errors = CounterMetricFamily("holdfast_errors", "Refused requests by error code.", labels=["code"])
        for name, at in self._error_index.items():
            if sums[at]:
                errors.add_metric([name], sums[at])
        yield errors
        commits = HistogramMetricFamily("holdfast_commit_writes", "Writes that shared one durable transaction.")
        commits.add_metric([], _cumulative(GROUP_BOUNDS, sums[2:_GROUP]), sums[0])
        yield commits
        yield _counter("holdfast_commit_seconds", "Time spent in durable transactions.", sums[1])
        for name, text in TOTALS.items():
            yield _counter(f"holdfast_{name}", text, sums[self._total_index[name]])
        for name, text in GAUGES.items():
            yield GaugeMetricFamily(f"holdfast_{name}", text, value=sums[self._total_index[name]])


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _cumulative(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    seen = 0.0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        seen += count
        buckets.append((bound, seen))
    return buckets


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(families: Iterable[Metric]) -> bytes:
    """The Prometheus text format (version 0.0.4) of the families."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(list(families)))
    return generate_latest(registry)
