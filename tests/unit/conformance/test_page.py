"""The page of the conformance run: every failure is later work, explained or open, and none is lost on the way."""

from __future__ import annotations

import configparser
import re
import tomllib
from typing import Any

from tests.conformance.page import Verdict, area_of, load, page, verdict
from tests.conformance.run import BOOTSTRAP, PAGE, SECTIONS, configuration


def row(test: str, outcome: str = "failed", why: str = "", marks: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"test": f"test_s3.py::{test}", "outcome": outcome, "why": why, "marks": list(marks)}


def test_an_explanation_comes_before_later_work_and_what_is_neither_is_open() -> None:
    known = load()
    assert verdict(row("test_get_object_torrent", why="PutBucketAcl operation"), known).kind == "explained"
    assert verdict(row("test_anything", why="calling the PutBucketLifecycleConfiguration operation"), known) == Verdict("later", "lifecycle rules")
    assert verdict(row("test_anything", why="AssertionError: 500 | 200"), known) == Verdict("open", "AssertionError: 500 / 200")


def test_a_failure_of_the_server_is_never_taken_for_later_work_by_its_area_alone() -> None:
    known = load()
    broken = row("test_bucket_head", why="InternalError", marks=("bucket_policy",))
    assert area_of(broken, known) == "bucket policy"
    assert verdict(broken, known).kind == "open"


def test_the_counts_add_up() -> None:
    rows = [row("test_a", "passed"), row("test_b", "skipped"), row("test_c", why="?"), row("test_lifecycle_x"), row("test_get_object_torrent")]
    text = page({"commit": "abc", "select": "x", "rows": rows, "requests": 7, "broken": [500]})
    assert "| **all** | 5 | 1 | 1 | 1 | 1 | 1 |" in text
    assert "**1 of 5 pass.**" in text and "other than 501: 500." in text
    assert "## Open" in text and "| `c` | ? |" in text and "`lifecycle_x`" in text and "`get_object_torrent`" in text


def test_what_the_cluster_engine_fails_beyond_the_embedded_one_is_named() -> None:
    rows = [row("test_a", "passed"), row("test_b", "passed"), row("test_c", why="?")]
    found = {"commit": "abc", "select": "x", "rows": rows, "requests": 7, "broken": []}
    same = {"commit": "abc", "tests": 3, "passed": 2, "broken": [], "failed": ["test_s3.py::test_c"]}
    assert "**2 of 3** pass, each test with the same result; answers of 5xx other than 501: none." in page(found, cluster=same)
    other = same | {"passed": 1, "broken": [500], "failed": ["test_s3.py::test_b", "test_s3.py::test_c"]}
    assert "**1 of 3** pass, failing there: `b`; answers of 5xx other than 501: 500." in page(found, cluster=other)
    assert "cluster engine" not in page(found)


def test_the_committed_page_says_that_the_cluster_engine_passes_what_the_embedded_one_passes() -> None:
    counts = re.search(r"\*\*(\d+ of \d+) pass\.\*\*", PAGE.read_text())
    assert counts is not None
    assert f"**{counts[1]}** pass, each test with the same result; answers of 5xx other than 501: none." in PAGE.read_text()


CORE_MIN = 400
"""So many tests of the profile s3_core pass at least, of some 620."""


def test_the_page_that_is_committed_shows_what_was_promised_and_leaves_nothing_open() -> None:
    text = PAGE.read_text()
    core = re.search(r"profile s3_core\): \*\*(\d+) of (\d+)\*\*", text)
    assert core is not None and int(core[1]) >= CORE_MIN and int(core[2]) >= 620
    assert "## Open" not in text and "other than 501: none" in text


def test_every_user_of_the_suite_is_in_the_bootstrap_file() -> None:
    users = {user["name"]: user for user in tomllib.loads(BOOTSTRAP.read_text())["users"]}
    made: configparser.RawConfigParser = configuration("http://127.0.0.1:9", users)
    assert (made["DEFAULT"]["host"], made["DEFAULT"]["port"]) == ("127.0.0.1", "9")
    assert len({made[section]["access_key"] for section in SECTIONS}) == len(SECTIONS)
