"""A pytest plugin for a checkout of ceph/s3-tests: each test gets names of its own and a time limit, and its outcome becomes a line of JSON."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_RESULTS = Path(os.environ["CONFORMANCE_RESULTS"])
_TEST_S = float(os.environ.get("CONFORMANCE_TEST_S", "60"))
_seen: dict[str, dict[str, Any]] = {}


def pytest_runtest_setup(item: Any) -> None:
    """What an earlier test could not remove is not met by this one."""
    import s3tests.functional as suite

    suite.prefix = f"conf-{secrets.token_hex(6)}-"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: Any) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"the test ran longer than {_TEST_S:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, _TEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    name = item.nodeid.rpartition("/")[2]
    row = _seen.setdefault(item.nodeid, {"test": name, "marks": sorted({mark.name for mark in item.iter_markers()}), "outcome": "passed", "why": ""})
    if report.skipped:
        row["outcome"] = "skipped"
    elif report.failed and report.when != "teardown":  # what the suite cannot remove afterwards is no failure of the test
        row["outcome"] = "failed"
        row["why"] = f"{call.excinfo.typename}: {call.excinfo.value}"[:600]
    if report.when == "teardown":
        worker = os.environ.get("PYTEST_XDIST_WORKER", "all")
        with (_RESULTS / f"{worker}.jsonl").open("a") as file:
            file.write(json.dumps(_seen.pop(item.nodeid)) + "\n")
